// Delayed work: a work item that a timer puts on the queue.
//
// kernel/workqueue.c, v6.18: queue_delayed_work(), delayed_work_timer_fn(), try_to_grab_pending(). PENDING is set when the timer is armed,
// so that a second queueing answers false; the timer queues the item in softirq. Cancelling has to take it from either place, and spins
// while the timer is between the two. Cancelling the work_struct inside instead leaves the timer armed: a documented misuse. Destroying the
// queue leaves it armed as well, and it will queue onto freed memory. Left out: what workqueue.hpp and workqueue_struct.hpp leave out.
#pragma once

#include "unplug/model/kernel/irq/timer.hpp"
#include "unplug/model/kernel/work/workqueue_struct.hpp"

namespace unplug::model {

struct DelayedWork {
  Work work;
  Timer timer;
};
// As init_work(); `timer_name`, `timer_task`: of the timer and of the softirq that runs it. Its function is set before.
void init_delayed_work(Kernel& kernel, DelayedWork& w, NameId unique_name, NameId declared, LifetimeId home, NameId task_name,
                       NameId timer_name, NameId timer_task);

// INIT_DELAYED_WORK() of one that may have been used: as those of the work and of the timer.
void set_up_again(Context& context, DelayedWork& w);

// false: pending already, or disabled. Without a delay it is queued at once. On the system's queue, or on `q`.
bool queue_delayed_work(Context& context, DelayedWork& w, sim::Duration delay);
bool queue_delayed_work(Context& context, Workqueue& q, DelayedWork& w, sim::Duration delay);
// Queues it anew, `delay` from now, wherever it was. Whether it was pending.
bool mod_delayed_work(Context& context, DelayedWork& w, sim::Duration delay);
bool mod_delayed_work(Context& context, Workqueue& q, DelayedWork& w, sim::Duration delay);
// Whether it was pending. _sync() waits for the running instance too, and keeps others from queueing only while it waits; disable_ keeps
// refusing them.
bool cancel_delayed_work(Context& context, DelayedWork& w);
bool cancel_delayed_work_sync(Context& context, DelayedWork& w);
bool disable_delayed_work(Context& context, DelayedWork& w);
bool disable_delayed_work_sync(Context& context, DelayedWork& w);
// Undoes one disable.
void enable_delayed_work(Context& context, DelayedWork& w);
// Runs it now if the timer still has it, and waits for it; whether there was anything to wait for.
bool flush_delayed_work(Context& context, DelayedWork& w);

}  // namespace unplug::model
