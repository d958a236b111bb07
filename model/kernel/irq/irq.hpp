// Interrupts: lines, the actions that share them, their threads, and the hardware that raises them.
//
// kernel/irq/manage.c, handle.c and spurious.c, v6.18. A handler can run as soon as request_irq() has installed it, and a line never runs
// twice at once; an interrupt runs every action of its line in turn, whoever's device raised it. A primary handler that answers
// IRQ_WAKE_THREAD has the rest done by its thread, in process context; IRQF_ONESHOT keeps the line masked until that is done. free_irq()
// unlinks the action (the last one shuts the line down), waits for the hard handlers of the line and then for the action's own thread; not
// for the threads of sharers, and for nothing that the handler queued. synchronize_irq() and disable_irq() wait for all threads of the
// line. Hardware is a task: it raises the line at most as often as the scenario says, at any moment, on another CPU than everybody else
// (on the CPU of a task: cpu_irq.hpp). What the line can't take now stays pending at the controller, so that enable_irq() replays it.
// Left out: that several interrupts latched while a line is off become one; request_mutex; affinity, NMIs, per-CPU and chained interrupts,
// forced threading, irq_wake_thread(), disable_hardirq(), suspend, IRQF_ONESHOT on edge lines (not masked by all chips), irqpoll.
#pragma once

#include <optional>

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/hw/presence.hpp"
#include "unplug/model/kernel/irq/cpu_irq.hpp"

namespace unplug::model {

enum class IrqReturn : std::uint8_t { none, handled, wake_thread };

struct IrqLine;

// Of the devices on a line, one that can be told not to interrupt, by number from 0 to 3; none: one that can't.
using IrqSource = std::optional<unsigned>;

struct IrqAction {
  NameId name;      // as declared
  LifetimeId life;  // of the registration: freeing twice is a double release
  // One of them; with a thread_fn it may be none, which always wakes the thread.
  void (*handler)(Context&, void*) = nullptr;               // always answers IRQ_HANDLED
  IrqReturn (*primary)(Context&, void*) = nullptr;          // says whether it was its device's
  void (*thread_fn)(Context&, void*) = nullptr;             // in process context; see init_irq_thread()
  void* argument = nullptr;                                 // of all of them
  bool shared = false, oneshot = false, no_autoen = false;  // IRQF_SHARED, IRQF_ONESHOT, IRQF_NO_AUTOEN
  IrqAction* next = nullptr;  // on the line, kept when it is unlinked, as in the kernel; touched in steps on the line only
  bool installed = false;     // likewise
  IrqLine* line = nullptr;    // this and the rest: of an action with a thread
  ObjectId thread;            // word: 1 the thread has returned
  std::uint32_t thread_number = 0;
};

struct IrqLine {
  ObjectId object;  // word: see irq_word.hpp
  NameId name;
  IrqAction* first = nullptr;  // touched in steps on `object` only
  std::uint32_t threads = 0;   // threaded actions that are known
  Kernel* kernel = nullptr;
  bool level = false;  // level-triggered: an interrupt that no handler acknowledges comes again at once
};
void init_irq_line(Kernel& kernel, IrqLine& line, NameId unique_name, NameId declared);
// Makes known an action that request_irq() may install later, once. `action` must stay where it is until the execution has ended.
// `declared`: what it is called; none: as the line.
void init_irq_action(Kernel& kernel, IrqLine& line, IrqAction& action, NameId unique_name, LifetimeId owner, NameId declared = {});
// Gives an action its thread, a daemon task called `task_name`; thread_fn is set before. At most 12 on a line.
void init_irq_thread(Kernel& kernel, IrqLine& line, IrqAction& action, NameId unique_name, NameId task_name);

// request_threaded_irq(), if the action has a thread_fn. false: the line has an action already and one of them isn't IRQF_SHARED, or
// they disagree on IRQF_ONESHOT (-EBUSY). Flags that don't go together are api-misuse (-EINVAL). May sleep.
bool request_irq(Context& context, IrqLine& line, IrqAction& action);
// Gate and drain. Freeing an interrupt that is not requested ends nothing, is double-release, and waits for nobody. From the own handler
// or thread it never returns. With CONFIG_DEBUG_SHIRQ the handler of a shared action is called once more, interrupts off, when it can no
// longer be called by the line.
void free_irq(Context& context, IrqLine& line, IrqAction& action);

// Waits for the hard handlers that run, then until no thread of the line is active. Keeps nobody from running afterwards.
void synchronize_irq(Context& context, IrqLine& line);
// Gate, for all sharers; nests.
void disable_irq_nosync(Context& context, IrqLine& line);
// Gate and drain. From a handler or thread of the line it never returns.
void disable_irq(Context& context, IrqLine& line);
// Undoes one disable; what is pending comes then. Without a disable: api-misuse.
void enable_irq(Context& context, IrqLine& line);

// The hardware side: raises the line once, now or when the line can take it, and runs its handlers in hardirq context. For tasks that
// stand for hardware. `device`: which device it is, if that can be pulled out: a device that is gone raises nothing, what it has raised
// before still arrives. false: no more will come, because of that or because the execution is over.
// On a level-triggered line an interrupt that every handler disowns, of a device that is there, is "nobody cared": api-misuse, and the
// line is off for everybody (the kernel counts to 100,000 first).
bool raise_irq(Kernel& kernel, IrqLine& line, const Presence* device = nullptr, IrqSource source = {});
// What a device does about a register by which its interrupts are masked, or let through: while they are masked none of its arrive. Waits
// for no handler, and touches neither what the line is for others nor what has arrived. (That the write is posted: device_register.hpp.)
void mask_at_device(Context& context, IrqLine& line, unsigned source, bool masked);

// The same on the CPU of a task (cpu_irq.hpp): what the line can't take then comes to nothing.
struct IrqHere {
  IrqLine* line = nullptr;
  const Presence* device = nullptr;
  IrqSource source{};
};
// `what` must stay where it is while it may interrupt.
CpuInterrupt irq_on_this_cpu(IrqHere& what, std::uint32_t times);

}  // namespace unplug::model
