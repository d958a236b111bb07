// Interrupts: one line, its action, and the hardware that raises it.
//
// kernel/irq/manage.c, v6.18. The handler can run as soon as request_irq() has installed it, and never twice at once. free_irq() unlinks
// the action, then waits until no handler is in progress; it does not wait for work the handler queued. Hardware is a task: it raises
// the line at most as often as the scenario says, at any moment, on another CPU than everybody else.
// Left out: shared lines, threaded handlers, masking, spurious and stuck interrupts, DEBUG_SHIRQ.
#pragma once

#include "unplug/model/context.hpp"

namespace unplug::model {

struct IrqAction {
  NameId name;      // as declared
  LifetimeId life;  // of the registration: freeing twice is a double release
  void (*handler)(Context&, void*) = nullptr;
  void* argument = nullptr;
  std::uint32_t number = 0;  // 1-based index into IrqLine::actions
};

struct IrqLine {
  ObjectId object;  // word: bits 0..15 number of the installed action (0: none), bit 16 no handler is in progress
  NameId name;
  std::vector<IrqAction*> actions;  // every action that may be installed; stable for one execution
  Kernel* kernel = nullptr;
};
void init_irq_line(Kernel& kernel, IrqLine& line, NameId unique_name, NameId declared);
// Makes known an action that request_irq() may install later. `action` must stay where it is until the execution has ended.
void init_irq_action(Kernel& kernel, IrqLine& line, IrqAction& action, NameId unique_name, LifetimeId owner);

// false: the line has an action already (-EBUSY).
bool request_irq(Context& context, IrqLine& line, IrqAction& action);
// Gate and drain. Freeing an interrupt that is not requested ends nothing and is double-release.
void free_irq(Context& context, IrqLine& line, IrqAction& action);

// The hardware side: raises the line once, now or when an action is installed, and runs its handler in hardirq context. For tasks that
// stand for hardware. false: the execution is over.
bool raise_irq(Kernel& kernel, IrqLine& line);

}  // namespace unplug::model
