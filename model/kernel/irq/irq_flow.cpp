// What runs on an interrupt line: hard handlers and irq threads. kernel/irq/handle.c and manage.c (irq_thread()), v6.18.
#include <stdexcept>

#include <fmt/format.h>

#include "unplug/model/kernel/irq/irq_word.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {
namespace {

using namespace irq_word;

const Operation arrive_op{.name = "interrupt arrives", .sync = sim::Sync::acquire, .pause = true, .outside = true},
    arrive_here_op{.name = "interrupt arrives on the CPU of a task", .sync = sim::Sync::acquire},
    next_op{.name = "interrupt: next action of the line", .sync = sim::Sync::acquire},
    wake_op{.name = "interrupt: wake the thread", .sync = sim::Sync::release}, mask_op{.name = "device: masks its interrupt"},
    unmask_op{.name = "device: unmasks its interrupt", .sync = sim::Sync::release},
    done_op{.name = "handler finished", .sync = sim::Sync::release},
    uncared_op{.name = "handlers finished: nobody cared", .sync = sim::Sync::release};
const Operation take_op{.name = "irq thread woken", .sync = sim::Sync::acquire},
    finalize_op{.name = "irq thread: unmask oneshot line", .sync = sim::Sync::release},
    thread_done_op{.name = "irq thread function finished", .sync = sim::Sync::release},
    exit_op{.name = "irq thread exits", .sync = sim::Sync::release};

// __irq_wake_thread(). What the kernel does in several writes is one step: nobody looks at a part of it before the handlers have finished.
void wake_thread(Context& context, IrqLine& line, IrqAction& action) {
  if (action.thread_fn == nullptr) {
    context.kernel().report(ViolationClass::api_misuse, action.name, "IRQ_WAKE_THREAD from a handler without a thread");
    return;
  }
  context.write(wake_op, line.object, {}, [&](std::uint64_t& word) {
    if ((word & run_bit(action)) != 0) return;  // woken already, and not yet under way
    word = (word | run_bit(action)) + active_unit;
    if (action.oneshot) word |= oneshot_bit(action);
  });
}

// handle_irq_event(): from an interrupt that the line has taken to the end of its handlers.
void handle(Context& context, IrqLine& line, IrqAction* action, const Presence* device) {
  const TaskId me = context.engine().current();
  bool mine = false;
  while (action != nullptr) {
    const IrqReturn answer = call_primary(context, *action);
    if (context.aborting()) return;
    mine |= answer != IrqReturn::none;
    if (answer == IrqReturn::wake_thread) wake_thread(context, line, *action);
    if (!action->shared || context.aborting()) break;
    sim::Step next = context.make(next_op);
    next.access = {line.object, sim::AccessKind::read};
    action = context.engine().step(next, [&](std::uint64_t&) { return action->next; });
  }
  if (context.aborting()) return;
  const bool stuck = !mine && line.level && (device == nullptr || is_present(context, *device));
  static const KernelSite nobody_cared{"note_interrupt", "nobody cared"};
  if (stuck) context.at(nobody_cared);
  context.write(stuck ? uncared_op : done_op, line.object, {}, [&](std::uint64_t& word) {
    word &= ~in_progress;
    context.kernel().unhold(line.object, me);
    if (!stuck) return;
    word = (word | spurious) + depth_unit;
    context.kernel().report(ViolationClass::api_misuse, line.name, "nobody cared: no handler of the line claims it, it is switched off");
  });
  if (stuck && !context.aborting()) context.at(SiteId{});
}

IrqAction* take_line(Context& context, IrqLine& line, std::uint64_t& word) {
  word |= in_progress;
  context.kernel().hold(line.object, context.engine().current(), hard_holder);
  return line.first;
}

void thread(void* argument) {
  auto& action = *static_cast<IrqAction*>(argument);
  IrqLine& line = *action.line;
  Context context(*line.kernel, ContextKind::process);
  static const KernelSite wait_site{"irq_thread", "wait"};
  const Context::KernelFunction function(context, wait_site.function);
  const TaskId me = context.engine().current();
  for (;;) {
    context.at(wait_site);
    sim::Step take = context.make(take_op);
    take.access = {line.object, sim::AccessKind::write};
    take.guard = sim::Guard::not_equal(0, run_bit(action) | stop_bit(action));
    const WaitInfo info{.what = "irq thread", .object = line.name, .owner = Owner::driver, .idle = true, .sleeps = false};
    // Told to stop it still runs for what it was woken for.
    const bool run = context.wait(take, info, [&](std::uint64_t& word) {
      const bool woken = (word & run_bit(action)) != 0;
      word &= ~(woken ? run_bit(action) : stop_bit(action));
      if (woken) context.kernel().hold(line.object, me, thread_holder);
      return woken;
    });
    if (context.aborting()) return;
    if (!run) {
      context.write(exit_op, action.thread, {}, [](std::uint64_t& word) { word = 1; });
      return;
    }
    {
      const Context::Call call(context, "an irq thread function");
      action.thread_fn(context, action.argument);
    }
    if (context.aborting()) return;
    // irq_finalize_oneshot(). A masked line has woken nobody meanwhile.
    if (action.oneshot) context.write(finalize_op, line.object, {}, [&](std::uint64_t& word) { word &= ~oneshot_bit(action); });
    if (context.aborting()) return;
    context.write(thread_done_op, line.object, {}, [&](std::uint64_t& word) {
      word -= active_unit;
      context.kernel().unhold(line.object, me);
    });
    context.finish();
  }
}

void interrupt_here(Context& context, void* argument) {
  const auto& here = *static_cast<const IrqHere*>(argument);
  IrqLine& line = *here.line;
  static const KernelSite site{"common_interrupt", "handle"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  if (here.device != nullptr && !is_present(context, *here.device)) return;
  IrqAction* const first = context.write(arrive_here_op, line.object, {}, [&](std::uint64_t& word) -> IrqAction* {
    return can_arrive_from(here.source).holds(word) ? take_line(context, line, word) : nullptr;
  });
  if (first != nullptr && !context.aborting()) handle(context, line, first, here.device);
}

}  // namespace

IrqReturn irq_word::call_primary(Context& context, IrqAction& action) {
  const Context::Call call(context, "an interrupt handler");
  if (action.primary != nullptr) return action.primary(context, action.argument);
  if (action.handler == nullptr) return IrqReturn::wake_thread;  // irq_default_primary_handler()
  action.handler(context, action.argument);
  return IrqReturn::handled;
}

void init_irq_thread(Kernel& kernel, IrqLine& line, IrqAction& action, NameId unique_name, NameId task_name) {
  static const StaticName role{"irq thread"};
  static constexpr std::string_view part = "thread";
  if (line.threads == most_threads) throw std::length_error("more than 12 threaded handlers on one interrupt line");
  action.line = &line;
  action.thread_number = line.threads++;
  action.thread = kernel.engine().new_object(kernel.engine().names().child(unique_name, part, 1), 0);
  kernel.hold(action.thread, kernel.spawn(task_name, kernel.intern(role), thread, &action, true));
}

bool raise_irq(Kernel& kernel, IrqLine& line, const Presence* device, IrqSource source) {
  Context context(kernel, ContextKind::hardirq);
  if (device != nullptr && !is_present(context, *device)) return false;
  if (context.aborting()) return false;
  sim::Step arrive = context.make(arrive_op);
  arrive.access = {line.object, sim::AccessKind::write};
  arrive.guard = can_arrive_from(source);
  IrqAction* first = nullptr;
  rcu_irq_wait(context, arrive, {.what = "interrupt", .object = line.name, .owner = Owner::hardware, .idle = true, .sleeps = false},
               [&](std::uint64_t& word) { first = take_line(context, line, word); });
  if (context.aborting()) return false;
  handle(context, line, first, device);
  rcu_irq_exit(context);
  context.finish();
  return !context.aborting();
}

void mask_at_device(Context& context, IrqLine& line, unsigned source, bool masked) {
  const std::uint64_t bit = std::uint64_t{1} << (device_shift + source);
  context.write(masked ? mask_op : unmask_op, line.object, {}, [&](std::uint64_t& word) { word = masked ? word | bit : word & ~bit; });
}

CpuInterrupt irq_on_this_cpu(IrqHere& what, std::uint32_t times) {
  return {.kind = ContextKind::hardirq, .left = times, .run = interrupt_here, .argument = &what};
}

}  // namespace unplug::model
