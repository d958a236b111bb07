#include "unplug/model/kernel/irq/cpu_irq.hpp"

#include <algorithm>

#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {
namespace {

const Operation interrupted_op{.name = "interrupted on its CPU"};

bool on(const Context& context, ContextKind kind) {
  if (context.irqs_off) return false;
  if (kind == ContextKind::hardirq)
    return context.kind() != ContextKind::hardirq &&
           std::ranges::none_of(context.spinlocks, [](const auto& held) { return held.second == SpinlockOff::interrupts; });
  return context.kind() == ContextKind::process && context.softirqs_off == 0 &&
         std::ranges::all_of(context.spinlocks, [](const auto& held) { return held.second == SpinlockOff::nothing; });
}

}  // namespace

void CpuInterrupts::before_step(Context& context) {
  for (;;) {
    if (context.aborting()) return;
    const auto may_come = [&](const CpuInterrupt& s) { return s.left > 0 && on(context, s.kind); };
    const auto n = static_cast<std::uint32_t>(std::ranges::count_if(sources, may_come));
    if (n == 0) return;
    std::uint32_t choice = context.engine().choose(interrupted_op, n + 1, {context.text(), context.binding()});
    if (choice == 0 || context.aborting()) return;
    const auto source = std::ranges::find_if(sources, [&](const CpuInterrupt& s) { return may_come(s) && --choice == 0; });
    --source->left;
    {
      Context nested(context.kernel(), source->kind);
      if (source->kind == ContextKind::softirq) nested.interrupts = context.interrupts;
      rcu_irq_enter(nested);
      source->run(nested, source->argument);
      rcu_irq_exit(nested);
      nested.finish();
    }
    context.at(context.site());
  }
}

void local_irq_disable(Context& context) { context.irqs_off = true; }

void local_irq_enable(Context& context) { context.irqs_off = false; }

bool local_irq_save(Context& context) {
  const bool were_on = !context.irqs_off;
  context.irqs_off = true;
  return were_on;
}

void local_irq_restore(Context& context, bool on) { context.irqs_off = !on; }

void local_bh_disable(Context& context) { ++context.softirqs_off; }

void local_bh_enable(Context& context) {
  if (context.softirqs_off > 0) {
    --context.softirqs_off;
  } else {
    static const StaticName name{"local_bh_enable"};
    context.kernel().report(ViolationClass::api_misuse, context.kernel().intern(name), "local_bh_enable() without local_bh_disable()");
  }
}

}  // namespace unplug::model
