// Locks.
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_trylock(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Mutex* m = mutex(f, i);
  if (m == nullptr) return next;
  const bool got = model::mutex_trylock(f.context, *m);
  set_local(f, i, got ? 1 : 0);
  return got ? next : otherwise(f, i, next);
}

template <model::SpinlockOff off> std::uint32_t do_spin_lock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Spinlock* s = spinlock(f, i)) model::spin_lock(f.context, *s, off);
  return next;
}
template <model::SpinlockOff off> std::uint32_t do_spin_unlock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Spinlock* s = spinlock(f, i)) model::spin_unlock(f.context, *s, off);
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

std::vector<Verb> lock_verbs() {
  constexpr std::string_view mutex_c = "kernel/locking/mutex.c, v6.18", rwsem_c = "kernel/locking/rwsem.c, v6.18",
                             spinlock_c = "kernel/locking/spinlock.c, v6.18";
  constexpr auto spin = EntityKind::spinlock;
  using enum model::SpinlockOff;
  Verb trylock = lock("mutex_trylock", EntityKind::mutex, do_trylock, "takes a mutex if it is free", mutex_c);
  trylock.keys = {{"to", KeyKind::to, false, "local that receives 1 or 0"},
                  {"else", KeyKind::otherwise, false, "where to go if it is taken"}};
  return {
      lock("mutex_init", EntityKind::mutex, do_init, "declares a mutex", mutex_c, true),
      lock("mutex_lock", EntityKind::mutex, on<mutex, model::mutex_lock>, "takes a mutex, sleeping until it is free", mutex_c),
      trylock,
      lock("mutex_unlock", EntityKind::mutex, on<mutex, model::mutex_unlock>, "releases a mutex", mutex_c),
      lock("init_rwsem", EntityKind::rwsem, do_init, "declares a rw_semaphore", rwsem_c, true),
      lock("down_read", EntityKind::rwsem, on<rwsem, model::down_read>, "takes a rw_semaphore for reading; a waiting writer keeps it out",
           rwsem_c),
      lock("up_read", EntityKind::rwsem, on<rwsem, model::up_read>, "releases it", rwsem_c),
      lock("down_write", EntityKind::rwsem, on<rwsem, model::down_write>, "takes it for writing", rwsem_c),
      lock("up_write", EntityKind::rwsem, on<rwsem, model::up_write>, "releases it", rwsem_c),
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
