// RCU: readers, grace periods, callbacks.
//
// kernel/rcu/tree.c, v6.18. One domain for the whole kernel. Sections are numbered as they open; the object's word is the number of the
// oldest section still open (or the next number, if none is): a grace period whose snapshot was n has waited for every earlier reader
// once the word is at least n. It does not wait for later readers, for SRCU readers, or for callbacks.
// rcu_read_lock() nests without a step of its own: only the outermost section is shared state. Sleeping in a reader is reported; without
// PREEMPT_RCU the context switch is a quiescent state and ends the section. Left out: expedited mode, lazy callbacks, stalls, per-CPU lists
// (callbacks of one list run in any order).
#pragma once

#include "unplug/model/context.hpp"
#include "unplug/model/kernel/grace_period.hpp"

namespace unplug::model {

struct RcuCallback;

struct Rcu {
  explicit Rcu(Kernel& kernel) : clock(kernel) {}
  ObjectId domain;  // word: oldest open section, or the next number
  std::uint64_t next_section = 1;
  std::vector<std::uint64_t> open;  // sorted
  ObjectId callbacks;               // word: oldest callback not yet finished, or the next number
  std::uint64_t next_callback = 1;
  std::vector<std::uint64_t> pending;  // sorted
  struct Head {                        // what has been queued in this execution
    const RcuCallback* callback;
    std::uint64_t number;  // of its last call
    std::uint32_t calls;
    TaskId task;  // that runs the last call
  };
  std::vector<Head> heads;
  NameId name;
  GracePeriodClock clock;
};
void init_rcu(Kernel& kernel, Rcu& rcu);

void rcu_read_lock(Context& context, Rcu& rcu);
void rcu_read_unlock(Context& context, Rcu& rcu);
// Waits for all sections open at its start. Inside a reader: reported as api-misuse, and waits for ever.
void synchronize_rcu(Context& context, Rcu& rcu);

// Runs `body(argument)` in softirq context, in a task of its own, after a grace period that begins after the call. Queueing one that is
// still pending is api-misuse (and ignored); once its function runs, that may queue it again.
struct RcuCallback {
  Rcu* rcu = nullptr;
  NameId task_name;
  void (*body)(Context&, void*) = nullptr;
  void* argument = nullptr;
  Kernel* kernel = nullptr;
  std::uint64_t number = 0;
};
// `callback` must stay where it is until the execution has ended.
void call_rcu(Context& context, Rcu& rcu, RcuCallback& callback);
// Waits until every callback queued before the call has finished.
void rcu_barrier(Context& context, Rcu& rcu);

// What a context switch inside a reader does without PREEMPT_RCU: the section is over. Once the task runs again its CPU counts as a reader
// again, for grace periods that begin from then on.
void rcu_note_context_switch(Context& context);
void rcu_note_resume(Context& context);

}  // namespace unplug::model
