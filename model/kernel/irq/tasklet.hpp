// Tasklets: a function in softirq context that is scheduled, disabled and killed.
//
// kernel/softirq.c, v6.18. Scheduling a tasklet that is scheduled does nothing; it is no longer scheduled from the moment its function is
// called, so it can be scheduled again while that runs, and never runs twice at once. tasklet_disable() counts: a disabled one stays
// scheduled and runs when it is enabled. tasklet_kill() waits until it isn't scheduled, then until it doesn't run, and swallows what is
// scheduled meanwhile; not what is scheduled afterwards. One that is scheduled and disabled stays on the softirq's list, which looks at it
// again and again (tasklet_action_common() raises itself anew): its memory has to be there until it has been enabled, and has run;
// tasklet_kill() waits for that.
// A tasklet holds no reference to anything. Left out: priorities, lists per CPU (each tasklet is run by a task of its own),
// tasklet_disable_in_atomic(), PREEMPT_RT.
#pragma once

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/irq/cpu_irq.hpp"

namespace unplug::model {

struct Tasklet {
  ObjectId object;  // word: see tasklet.cpp
  NameId name;
  LifetimeId home;  // memory that the tasklet_struct is embedded in
  void (*function)(Context&, void*) = nullptr;
  void* argument = nullptr;
  Kernel* kernel = nullptr;
};
// tasklet_setup(): makes the tasklet and the softirq that runs it, a daemon task called `task_name`. The function is set before. The
// Tasklet must stay where it is until the execution has ended.
void init_tasklet(Kernel& kernel, Tasklet& t, NameId unique_name, NameId declared, LifetimeId home, NameId task_name);

// tasklet_setup() of one that may have been used: enabled. Of one that is scheduled: api-misuse.
void set_up_again(Context& context, Tasklet& t);

void tasklet_schedule(Context& context, Tasklet& t);
// Gate; nests.
void tasklet_disable_nosync(Context& context, Tasklet& t);
// Gate and drain. From its own function it never returns.
void tasklet_disable(Context& context, Tasklet& t);
// Without a disable: api-misuse.
void tasklet_enable(Context& context, Tasklet& t);
// Drains. Interrupts must not call it (api-misuse); from its own function it never returns.
void tasklet_kill(Context& context, Tasklet& t);

// One that may run on the CPU of a task, in a softirq there (cpu_irq.hpp). `t` is a tasklet like others besides.
CpuInterrupt tasklet_on_this_cpu(Tasklet& t, std::uint32_t times);

}  // namespace unplug::model
