// Spinlocks: mutual exclusion in any context, and atomic context for who holds one.
//
// kernel/locking/spinlock.c, v6.18, not PREEMPT_RT. Holding one forbids sleeping (sleep-in-atomic). A lock that an interrupt takes has to
// be taken with interrupts off everywhere else (spin_lock_irqsave), one that a softirq takes with softirqs off (spin_lock_bh): or the
// interrupt may hit the CPU that holds it and spin for ever. Tasks run on CPUs of their own here, so that no execution shows it unless the
// task was given interrupts of its CPU (cpu_irq.hpp); the checker tells it from who took the lock how, as lockdep does
// (irq_lock_rule.cpp): an interrupt that only tries does not spin. Left out: ticket order, raw spinlocks, nesting annotations.
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct Spinlock {
  ObjectId object;  // word: 0 free, else task index + 1
  NameId name;
  LifetimeId home;  // memory it lives in; none: static
};
void init_spinlock(Kernel& kernel, Spinlock& s, NameId unique_name, NameId declared, LifetimeId home);

// spin_lock(), spin_lock_bh(), spin_lock_irqsave(). Waits without sleeping.
void spin_lock(Context& context, Spinlock& s, SpinlockOff off = SpinlockOff::nothing);
// spin_trylock(), spin_trylock_bh(), spin_trylock_irqsave(): whether it got it. Without it nothing is switched off.
bool spin_trylock(Context& context, Spinlock& s, SpinlockOff off = SpinlockOff::nothing);
// The unlock that goes with it. By a task that doesn't hold it, or has switched off something else for it: api-misuse.
void spin_unlock(Context& context, Spinlock& s, SpinlockOff off = SpinlockOff::nothing);

// How an operation takes a spinlock: who may interrupt its holder, and from where it is taken.
struct SpinlockUse {
  bool taken = false;                       // the step takes a spinlock at all
  bool tried = false;                       // it would not have waited
  ContextKind from = ContextKind::process;  // context of the taker
  SpinlockOff off = SpinlockOff::nothing;   // on its CPU, while it holds it
};
// `before`: the word of the lock before the step.
[[nodiscard]] SpinlockUse spinlock_use(const Operation& operation, std::uint64_t before);

}  // namespace unplug::model
