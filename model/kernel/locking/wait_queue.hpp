// Wait queues: sleeping until somebody says that it is worth looking again.
//
// include/linux/wait.h, kernel/sched/wait.c, v6.18. A wake-up says nothing about any condition: who sleeps looks at it before and after,
// and who changes it and doesn't wake leaves him asleep. prepare_to_wait() puts the task on the queue and into its sleeping state, so that
// a wake-up from then on ends the schedule() that follows, whenever that comes: look at the condition in between, and none is lost; look
// before, and one can be. wake_up_interruptible() passes over who sleeps uninterruptibly. A wake-up takes an entry off the queue
// (autoremove_wake_function()), finish_wait() touches the queue only if the entry is still on it; but wait_event() prepares again before it
// looks, so that its queue has to outlive the wake-up. poll() keeps its entry on the queue until it returns, wake-ups or not. `owner` says
// who can end a wait. Left out: exclusive waiters, wake-ups of the task itself (wake_up_process(), kthread_stop()), epoll.
#pragma once

#include <functional>

#include "unplug/model/kernel/lib/wait_limits.hpp"

namespace unplug::model {

struct WaitQueue {
  ObjectId object;  // word: bits 0..31 wake-ups, bits 32..63 wake-ups of whoever sleeps interruptibly, those included
  NameId name;
  LifetimeId home;  // memory it is embedded in
  Owner owner = Owner::driver;
};
void init_wait_queue(Kernel& kernel, WaitQueue& q, NameId unique_name, NameId declared, LifetimeId home, Owner owner);

// wake_up() and wake_up_all() differ in exclusive waiters alone, of which there are none.
void wake_up(Context& context, WaitQueue& q);
void wake_up_interruptible(Context& context, WaitQueue& q);

// By hand. An entry belongs to one task.
struct WaitEntry {
  WaitQueue* queue = nullptr;
  bool interruptible = false;  // TASK_INTERRUPTIBLE, which a signal ends too
  std::uint64_t seen = 0;      // the word when it was prepared
};
void prepare_to_wait(Context& context, WaitQueue& q, WaitEntry& e, bool interruptible);
// schedule(), or schedule_timeout(): sleeps until a wake-up that came after prepare_to_wait(). Answers what ended it.
WaitEnd schedule(Context& context, const WaitEntry& e, std::optional<sim::Duration> timeout = {});
void finish_wait(Context& context, const WaitEntry& e);

// Looks at something, by steps of its own.
using Condition = std::function<bool(Context&)>;

void wait_event(Context& context, WaitQueue& q, const Condition& condition);
// false: a signal came first (-ERESTARTSYS).
bool wait_event_interruptible(Context& context, WaitQueue& q, const Condition& condition);
bool wait_event_killable(Context& context, WaitQueue& q, const Condition& condition);
// false: the time was up, and the condition still didn't hold.
bool wait_event_timeout(Context& context, WaitQueue& q, const Condition& condition, sim::Duration timeout);
// How it ended; done: the condition holds.
WaitEnd wait_event_interruptible_timeout(Context& context, WaitQueue& q, const Condition& condition, sim::Duration timeout);

// poll(2) without a timeout, by user space: on the queue, then asleep until `ready`. false: a signal came first.
bool poll(Context& context, WaitQueue& q, const Condition& ready);

}  // namespace unplug::model
