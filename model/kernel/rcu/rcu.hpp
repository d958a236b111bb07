// RCU: readers, grace periods, callbacks.
//
// kernel/rcu/tree.c, v6.18. One domain for the whole kernel. Readers are counted by the epoch they began in (reader_epochs.hpp), as they
// count for themselves in the kernel: none can tell what others do. A grace period waits for all that began before it; it does not wait for
// later readers, for SRCU readers, or for callbacks. The flavours _bh and _sched have been one with it since 4.20. Expedited grace periods
// (tree_exp.h) wait for the same readers, by a machinery of their own: neither kind waits for the other.
// rcu_read_lock() nests without a step of its own: only the outermost section is shared state. Sleeping in a reader is reported; without
// PREEMPT_RCU the context switch is a quiescent state and ends the section. Left out: stalls, per-CPU lists (callbacks of one list run in
// any order), regions with preemption off in process context (spinlocks included) as readers, who else than rcu_barrier() flushes lazy
// callbacks.
#pragma once

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/rcu/callback_queue.hpp"
#include "unplug/model/kernel/rcu/grace_period.hpp"
#include "unplug/model/kernel/rcu/reader_epochs.hpp"

namespace unplug::model {

struct Rcu final : ReadSide {
  explicit Rcu(Kernel& kernel) : clock(kernel) {}
  // What a context switch inside a reader does without PREEMPT_RCU: the section is over (rcu_note_context_switch). Once the task runs again
  // its CPU counts as a reader again, for grace periods that begin from then on.
  void note_context_switch(Context& context) override;
  void note_resume(Context& context) override;

  ReaderEpochs sections;
  CallbackQueue callbacks;
  std::uint64_t flushed = 0;  // callbacks with lower numbers are not held any more, lazy or not; costs only
  GracePeriodClock clock;
};
void init_rcu(Kernel& kernel, Rcu& rcu);

void rcu_read_lock(Context& context, Rcu& rcu);
void rcu_read_unlock(Context& context, Rcu& rcu);
// Waits for all sections open at its start. Inside a reader: reported as api-misuse, and waits for ever. rcu_expedited in the
// configuration makes it the other one.
void synchronize_rcu(Context& context, Rcu& rcu);
// The same at once, by interrupting every CPU. rcu_normal makes it the other one, and wins.
void synchronize_rcu_expedited(Context& context, Rcu& rcu);
// For who waits for a normal grace period in other words: two steps, of the names given.
void rcu_grace_period(Context& context, Rcu& rcu, const Operation& start, const Operation& end, std::string_view what, bool sleeps);

// Runs `body(argument)` in softirq context, in a task of its own, after a grace period that begins after the call. Queueing one that is
// still pending is api-misuse (and ignored); once its function runs, it may be queued again.
struct RcuCallback {
  Rcu* rcu = nullptr;
  NameId task_name;
  void (*body)(Context&, void*) = nullptr;
  void* argument = nullptr;
  LifetimeId home;  // memory that the head is embedded in: touched when it is queued and when it is called
  Kernel* kernel = nullptr;
  std::uint64_t number = 0;
  bool lazy = false;
  std::uint32_t epochs_over = 0;  // who queued it knew that nobody is left in these (reader_epochs.hpp)
  ObjectId head;                  // word: 1 while it is pending; none: made when it is first queued
};
// `callback` must stay where it is until the execution has ended.
void call_rcu(Context& context, Rcu& rcu, RcuCallback& callback);
// The same for who can't wait for RCU_LAZY.
void call_rcu_hurry(Context& context, Rcu& rcu, RcuCallback& callback);
// Waits until every callback queued before the call has finished; lazy ones are not held any longer. It knows nothing of kfree_rcu().
void rcu_barrier(Context& context, Rcu& rcu);

// --- Softirq and interrupt handlers are readers from entry to exit (since 4.20; callbacks of call_rcu() run in one). That costs three or
// four steps a run, on an object that all handlers share, and can only be seen where somebody waits for a grace period: a program in which
// somebody does says so in its setup, after init_rcu(). Elsewhere, and with irq_is_rcu_reader off, runs take the steps they need without.
void rcu_watch_interrupts(Kernel& kernel, Rcu& rcu);
// Entry and exit of a handler; no step unless handlers are watched.
void rcu_irq_enter(Context& context);
void rcu_irq_exit(Context& context);
// The step by which a handler finds out what there is to do, `arrival`, with its guard. Watched: something is there; the section opens;
// then it looks, and may find that it is gone by now (it leaves, and waits again). So nothing it takes was taken outside the section.
template <class Effect> void rcu_irq_wait(Context& context, const sim::Step& arrival, const WaitInfo& info, Effect&& effect);

inline const Operation rcu_irq_raised_op{.name = "interrupt raised"}, rcu_irq_taken_op{.name = "interrupt taken"};

template <class Effect> void rcu_irq_wait(Context& context, const sim::Step& arrival, const WaitInfo& info, Effect&& effect) {
  if (context.kernel().interrupt_rcu == nullptr) {
    context.wait(arrival, info, effect);
    return;
  }
  for (bool taken = false; !taken && !context.aborting();) {
    sim::Step raised = arrival;
    raised.operation = &rcu_irq_raised_op;
    raised.access.kind = sim::AccessKind::read;
    context.wait(raised, info, [](std::uint64_t&) {});
    rcu_irq_enter(context);
    sim::Step take = arrival;
    take.guard = {};
    take.timing = nullptr;
    take.uses = {};  // what is gone is not touched
    taken = context.engine().step(take, [&](std::uint64_t& word) {
      if (!arrival.guard.holds(word)) return false;
      effect(word);
      return true;
    });
    if (!taken) rcu_irq_exit(context);
    if (!taken || arrival.uses.size() == 0) continue;
    sim::Step touch;
    touch.operation = &rcu_irq_taken_op;
    touch.uses = arrival.uses;
    context.engine().step(touch);
  }
}

}  // namespace unplug::model
