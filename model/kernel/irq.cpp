#include "unplug/model/kernel/irq.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/rcu.hpp"

namespace unplug::model {
namespace {

const Operation request_op{.name = "request_irq", .sync = sim::Sync::release},
    arrive_op{.name = "interrupt arrives", .sync = sim::Sync::acquire, .pause = true},
    done_op{.name = "handler finished", .sync = sim::Sync::release}, unlink_op{.name = "free_irq: unlink action"},
    synchronize_op{.name = "free_irq: wait for the handler", .sync = sim::Sync::acquire};

// That the bit means idle, not in progress, makes "an action is installed and no handler runs" one comparison.
constexpr std::uint64_t action_mask = 0xffff, idle = 0x10000;

}  // namespace

void init_irq_line(Kernel& kernel, IrqLine& line, NameId unique_name, NameId declared) {
  line.object = kernel.engine().new_object(unique_name, idle);
  line.name = declared;
  line.actions.clear();
  line.kernel = &kernel;
}

void init_irq_action(Kernel& kernel, IrqLine& line, IrqAction& action, NameId unique_name, LifetimeId owner) {
  line.actions.push_back(&action);
  action.name = line.name;
  action.number = static_cast<std::uint32_t>(line.actions.size());
  action.life = kernel.new_lifetime(unique_name, LifetimeKind::irq, line.name, owner, false);
}

bool request_irq(Context& context, IrqLine& line, IrqAction& action) {
  sim::Step s = context.make(request_op);
  s.access = {line.object, sim::AccessKind::write};
  s.begins = action.life;
  return context.engine().step(s, [&](std::uint64_t& word) {
    if ((word & action_mask) != 0) {
      context.engine().begin_nothing();
      return false;
    }
    word |= action.number;
    return true;
  });
}

void free_irq(Context& context, IrqLine& line, IrqAction& action) {
  sim::Step unlink = context.make(unlink_op);
  unlink.access = {line.object, sim::AccessKind::write};
  unlink.ends = action.life;
  context.engine().step(unlink, [&](std::uint64_t& word) {
    if ((word & action_mask) == action.number) word &= ~action_mask;
  });
  sim::Step wait = context.make(synchronize_op);
  wait.access = {line.object, sim::AccessKind::read};
  wait.guard = sim::Guard::equal(idle, idle);
  context.wait(wait, {"free_irq", line.name, Owner::driver}, [](std::uint64_t&) {});
}

bool raise_irq(Kernel& kernel, IrqLine& line) {
  Context context(kernel, ContextKind::hardirq);
  const TaskId me = context.engine().current();
  sim::Step arrive = context.make(arrive_op);
  arrive.access = {line.object, sim::AccessKind::write};
  // One handler at a time: a line that is in progress stays pending at the interrupt controller.
  arrive.guard = sim::Guard::at_least(idle | 1);
  std::uint64_t number = 0;
  rcu_irq_wait(context, arrive, {.what = "interrupt", .object = line.name, .owner = Owner::hardware, .idle = true, .sleeps = false},
               [&](std::uint64_t& word) {
                 number = word & action_mask;
                 word &= ~idle;
                 kernel.hold(line.object, me);
               });
  if (context.aborting()) return false;
  IrqAction& action = *line.actions[number - 1];
  action.handler(context, action.argument);
  if (context.aborting()) return false;
  context.write(done_op, line.object, {}, [&](std::uint64_t& word) {
    word |= idle;
    kernel.unhold(line.object, me);
  });
  rcu_irq_exit(context);
  context.finish();
  return !context.aborting();
}

}  // namespace unplug::model
