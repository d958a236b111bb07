// Sleeping locks.
#include "unplug/model/kernel/locking/locks.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto mutex = EntityKind::mutex, rwsem = EntityKind::rwsem;
constexpr VerbFamily mutexes{mutex, "fairness, spinning, hand-over, wound/wait"},
    rwsems{rwsem, "optimistic spinning, readers that queued before a waiting writer going in at a downgrade"};
constexpr std::string_view mutex_c = "kernel/locking/mutex.c, v6.18", rwsem_c = "kernel/locking/rwsem.c, v6.18";

constexpr KeySpec tried{"to", KeyKind::to, false, "local that receives 1 or 0"},
    taken{"else", KeyKind::otherwise, false, "where to go if it is taken"},
    error{"to", KeyKind::to, false, "local that receives 0, or -4 (-EINTR)"},
    interrupted{"else", KeyKind::otherwise, false, "where to go if a signal comes first"};

// Taking a lock is not yet acting on the device: a refusal after it is not torn.
Verb lock(const VerbFamily& family, std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view summary) {
  Verb v = family.on_thing(name, execute, std::move(keys), family.entity == mutex ? mutex_c : rwsem_c, summary);
  v.lock = lock_effect(name);
  v.acts = false;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<mutex>() {
  return things<mutex>([](model::Mutex& m, const ThingSetup& s) { model::init_mutex(s.kernel, m, s.unique, s.declared, s.home); });
}
template <> std::unique_ptr<ThingList> make_things<rwsem>() {
  return things<rwsem>([](model::Rwsem& r, const ThingSetup& s) { model::init_rwsem(s.kernel, r, s.unique, s.declared, s.home); });
}

std::vector<Verb> lock_verbs() {
  return {
      mutexes.sets_up("mutex_init", {}, mutex_c, "declares a mutex"),
      lock(mutexes, "mutex_lock", on<mutex, model::mutex_lock>, {}, "takes a mutex, sleeping until it is free"),
      lock(mutexes, "mutex_lock_interruptible", try_or_error<mutex, model::mutex_lock_interruptible, model::eintr>, {error, interrupted},
           "the same, or until a signal comes"),
      lock(mutexes, "mutex_lock_killable", try_or_error<mutex, model::mutex_lock_killable, model::eintr>, {error, interrupted},
           "the same, or until a fatal signal comes"),
      lock(mutexes, "mutex_trylock", try_on<mutex, model::mutex_trylock>, {tried, taken}, "takes a mutex if it is free"),
      lock(mutexes, "mutex_unlock", on<mutex, model::mutex_unlock>, {}, "releases a mutex"),
      rwsems.sets_up("init_rwsem", {}, rwsem_c, "declares a rw_semaphore"),
      lock(rwsems, "down_read", on<rwsem, model::down_read>, {}, "takes a rw_semaphore for reading; a waiting writer keeps it out"),
      lock(rwsems, "down_read_interruptible", try_or_error<rwsem, model::down_read_interruptible, model::eintr>, {error, interrupted},
           "the same, or until a signal comes"),
      lock(rwsems, "down_read_killable", try_or_error<rwsem, model::down_read_killable, model::eintr>, {error, interrupted},
           "the same, or until a fatal signal comes"),
      lock(rwsems, "down_read_trylock", try_on<rwsem, model::down_read_trylock>, {tried, taken},
           "takes it for reading unless a writer has it, or waits"),
      lock(rwsems, "up_read", on<rwsem, model::up_read>, {}, "releases it"),
      lock(rwsems, "down_write", on<rwsem, model::down_write>, {}, "takes it for writing"),
      lock(rwsems, "down_write_killable", try_or_error<rwsem, model::down_write_killable, model::eintr>, {error, interrupted},
           "the same, or until a fatal signal comes"),
      lock(rwsems, "down_write_trylock", try_on<rwsem, model::down_write_trylock>, {tried, taken},
           "takes it for writing unless somebody has it, or a writer waits"),
      lock(rwsems, "up_write", on<rwsem, model::up_write>, {}, "releases it"),
      lock(rwsems, "downgrade_write", on<rwsem, model::downgrade_write>, {}, "goes on holding it for reading; nobody writes in between"),
  };
}

}  // namespace unplug::scenarios
