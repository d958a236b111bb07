// Timers: callbacks in softirq (timer_list) or hardirq (hrtimer) context at a time.
//
// kernel/time/timer.c, v6.18. A timer that expires is marked running and taken off the wheel before its function is called; it may arm
// itself again, or be armed by others, meanwhile, and never runs twice at once. timer_delete() looks at what is pending and at nothing
// else; timer_delete_sync() spins until the function has returned, but keeps nobody from arming it again afterwards; timer_shutdown_sync()
// (6.2) does: arming is silently ignored from then on. A timer holds no reference to anything: armed in freed memory, the softirq walks it.
// kernel/time/hrtimer.c: hrtimer_cancel() spins likewise; the function answers whether it goes on the queue again. It has no shutdown.
// Left out: migration between CPUs, deferrable timers, slack, PREEMPT_RT (where deleting sleeps), hrtimers in softirq.
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

// When an armed timer expires: virtual time, which only strategy `timed` obeys.
class Expiry final : public sim::Timing {
 public:
  sim::Time at = 0;
  sim::Time ready(sim::Time now) override { return now > at ? now : at; }
  [[nodiscard]] bool moves() const override { return true; }
};

struct Timer {
  ObjectId object;  // word: see timer.cpp
  NameId name;
  NameId map;                                      // the class of its running, for lockdep; its name
  LifetimeId home;                                 // memory that the timer is embedded in
  void (*function)(Context&, void*) = nullptr;     // of a timer_list
  bool (*hr_function)(Context&, void*) = nullptr;  // of an hrtimer: whether it is queued again (HRTIMER_RESTART)
  bool irqsafe = false;                            // TIMER_IRQSAFE: interrupts are off while it runs; of a timer_list
  sim::Duration interval = 0;                      // of an hrtimer: how far ahead it is queued again; touched in steps only
  void* argument = nullptr;
  Kernel* kernel = nullptr;
  Expiry expiry;
};
// timer_setup(), hrtimer_setup(): makes the timer and whoever runs it, a daemon task called `task_name`. One of the functions is set
// before. The Timer must stay where it is until the execution has ended.
void init_timer(Kernel& kernel, Timer& t, NameId unique_name, NameId declared, LifetimeId home, NameId task_name);

// timer_setup() of one that may have been used: armed again it expires, whatever a shutdown has said. Of one that is armed: api-misuse, as
// CONFIG_DEBUG_OBJECTS_TIMERS says.
void set_up_again(Context& context, Timer& t);

// Arms it to expire `delay` from now, or moves it. Whether it was pending. Ignored after a shutdown.
bool mod_timer(Context& context, Timer& t, sim::Duration delay);
// Takes it off the wheel if it is pending; does not wait. Whether it was.
bool timer_delete(Context& context, Timer& t);
// Waits until it doesn't run and takes it off. From its own function, or holding what that waits for, it never returns. From hard
// interrupt context it is api-misuse, but of a timer that is irqsafe.
bool timer_delete_sync(Context& context, Timer& t);
bool timer_shutdown(Context& context, Timer& t);
bool timer_shutdown_sync(Context& context, Timer& t);

// Arms it to expire `delay` from now, and as long after each run that asks for another.
void hrtimer_start(Context& context, Timer& t, sim::Duration delay);
// 1: it was pending and isn't any more, 0: it wasn't, -1: its function runs, nothing was done.
int hrtimer_try_to_cancel(Context& context, Timer& t);
bool hrtimer_cancel(Context& context, Timer& t);

}  // namespace unplug::model
