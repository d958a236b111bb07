// Locks.
#include "unplug/model/kernel/locks.hpp"
#include "unplug/model/kernel/spinlock.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

template <model::SpinlockOff off> std::uint32_t do_spin_lock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Spinlock* s = thing<EntityKind::spinlock>(f, i)) model::spin_lock(f.context, *s, off);
  return next;
}
template <model::SpinlockOff off> std::uint32_t do_spin_unlock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Spinlock* s = thing<EntityKind::spinlock>(f, i)) model::spin_unlock(f.context, *s, off);
  return next;
}

// Initialising is memory the allocation covers: no step of its own.
std::uint32_t do_init(Frame&, const Instruction&, std::uint32_t next) { return next; }

Verb lock(std::string_view name, EntityKind kind, Execute execute, std::string_view summary, std::string_view models,
          bool declares = false) {
  Verb v;
  v.name = name;
  v.operand = declares ? OperandKind::declaration : OperandKind::entity;
  v.entity = kind;
  v.execute = execute;
  v.acts = false;
  v.models = models;
  v.leaves_out = kind == EntityKind::mutex   ? "fairness, spinning, hand-over, wound/wait"
                 : kind == EntityKind::rwsem ? "downgrade, optimistic spinning"
                                             : "ticket order, raw spinlocks, PREEMPT_RT";
  v.summary = summary;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::mutex>() {
  return things<EntityKind::mutex>(
      [](model::Mutex& m, const ThingSetup& s) { model::init_mutex(s.kernel, m, s.unique, s.declared, s.home); });
}
template <> std::unique_ptr<ThingList> make_things<EntityKind::rwsem>() {
  return things<EntityKind::rwsem>(
      [](model::Rwsem& r, const ThingSetup& s) { model::init_rwsem(s.kernel, r, s.unique, s.declared, s.home); });
}
template <> std::unique_ptr<ThingList> make_things<EntityKind::spinlock>() {
  return things<EntityKind::spinlock>(
      [](model::Spinlock& l, const ThingSetup& s) { model::init_spinlock(s.kernel, l, s.unique, s.declared, s.home); });
}

std::vector<Verb> lock_verbs() {
  constexpr std::string_view mutex_c = "kernel/locking/mutex.c, v6.18", rwsem_c = "kernel/locking/rwsem.c, v6.18",
                             spinlock_c = "kernel/locking/spinlock.c, v6.18";
  constexpr auto spin = EntityKind::spinlock;
  using enum model::SpinlockOff;
  Verb trylock =
      lock("mutex_trylock", EntityKind::mutex, try_on<EntityKind::mutex, model::mutex_trylock>, "takes a mutex if it is free", mutex_c);
  trylock.keys = {{"to", KeyKind::to, false, "local that receives 1 or 0"},
                  {"else", KeyKind::otherwise, false, "where to go if it is taken"}};
  return {
      lock("mutex_init", EntityKind::mutex, do_init, "declares a mutex", mutex_c, true),
      lock("mutex_lock", EntityKind::mutex, on<EntityKind::mutex, model::mutex_lock>, "takes a mutex, sleeping until it is free", mutex_c),
      trylock,
      lock("mutex_unlock", EntityKind::mutex, on<EntityKind::mutex, model::mutex_unlock>, "releases a mutex", mutex_c),
      lock("init_rwsem", EntityKind::rwsem, do_init, "declares a rw_semaphore", rwsem_c, true),
      lock("down_read", EntityKind::rwsem, on<EntityKind::rwsem, model::down_read>,
           "takes a rw_semaphore for reading; a waiting writer keeps it out", rwsem_c),
      lock("up_read", EntityKind::rwsem, on<EntityKind::rwsem, model::up_read>, "releases it", rwsem_c),
      lock("down_write", EntityKind::rwsem, on<EntityKind::rwsem, model::down_write>, "takes it for writing", rwsem_c),
      lock("up_write", EntityKind::rwsem, on<EntityKind::rwsem, model::up_write>, "releases it", rwsem_c),
      lock("spin_lock_init", spin, do_init, "declares a spinlock", spinlock_c, true),
      lock("spin_lock", spin, do_spin_lock<nothing>, "takes a spinlock: no sleeping until it is released", spinlock_c),
      lock("spin_unlock", spin, do_spin_unlock<nothing>, "releases it", spinlock_c),
      lock("spin_lock_bh", spin, do_spin_lock<softirqs>, "takes it with softirqs off, as a lock needs that a timer takes too", spinlock_c),
      lock("spin_unlock_bh", spin, do_spin_unlock<softirqs>, "releases it", spinlock_c),
      lock("spin_lock_irqsave", spin, do_spin_lock<interrupts>, "takes it with interrupts off, as a lock needs that a handler takes too",
           spinlock_c),
      lock("spin_unlock_irqrestore", spin, do_spin_unlock<interrupts>, "releases it", spinlock_c),
  };
}

}  // namespace unplug::scenarios
