// Interrupts on the CPU of a task: they stop the task between two of its steps, whatever it holds.
//
// Usually an interrupt is a task of its own, on another CPU (irq.hpp, tasklet.hpp). A task that is given CpuInterrupts is interrupted
// itself: before each of its steps, while interrupts are on there, a data choice says whether one comes, at most as often as the list
// says; it then runs as a nested call on the task's stack, in its own Context with its own call chain, and the task goes on when it has
// returned. With interrupts off (local_irq_disable(), a spinlock taken with spin_lock_irqsave(), a hard handler) no hard interrupt comes,
// with softirqs off (spin_lock_bh(), local_bh_disable(), any interrupt) no softirq. That shows as an execution what a spinlock taken with
// interrupts on does to a handler that takes it as well. No CPU is a shared object: steps of different tasks stay independent, and each
// task has its own count. include/linux/irqflags.h, kernel/softirq.c, v6.18. Left out: tasks that share a CPU keeping each other from
// running; PREEMPT_RT, where handlers are threads.
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct CpuInterrupt {
  ContextKind kind = ContextKind::hardirq;  // or softirq
  std::uint32_t left = 1;                   // how often it may still come
  void (*run)(Context&, void*) = nullptr;   // in a fresh context of `kind`; must not wait for anything to arrive
  void* argument = nullptr;
};
// What may interrupt one task. Made anew for each execution; must stay where it is while Context::interrupts points to it.
struct CpuInterrupts final : BetweenSteps {
  std::vector<CpuInterrupt> sources;
  void before_step(Context& context) override;
};

// They touch nothing that is shared and take no step. local_irq_save() answers whether interrupts were on; restore with that.
void local_irq_disable(Context& context);
void local_irq_enable(Context& context);
[[nodiscard]] bool local_irq_save(Context& context);
void local_irq_restore(Context& context, bool on);
// Softirqs; they nest. Enabling without disabling is api-misuse.
void local_bh_disable(Context& context);
void local_bh_enable(Context& context);

}  // namespace unplug::model
