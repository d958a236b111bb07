#include <map>

#include <fmt/format.h>

#include "unplug/model/checker/checker.hpp"
#include "unplug/model/kernel/locking/spinlock.hpp"

namespace unplug::model {
namespace {

// Whether an interrupt of kind `by` can hit the CPU of somebody who holds a lock that he took like this.
bool interrupted(const SpinlockUse& held, const SpinlockUse& interrupt) {
  const ContextKind by = interrupt.from;
  if (interrupt.tried) return false;  // it doesn't spin
  if (by == ContextKind::hardirq) return held.from != ContextKind::hardirq && held.off != SpinlockOff::interrupts;
  return by == ContextKind::softirq && held.from == ContextKind::process && held.off == SpinlockOff::nothing;
}

struct Use {
  std::uint32_t event;
  SpinlockUse how;
};

}  // namespace

void irq_lock_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  std::map<std::uint32_t, std::vector<Use>> by_object;  // mostly empty
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    if (const SpinlockUse how = spinlock_use(*e.operation, e.before); how.taken) by_object[e.access.object.index()].push_back({i, how});
  }
  // Of each object one, named by what doesn't depend on the order of independent steps: the holder with the least task name, then ordinal.
  const auto before = [&](const Use& a, const Use& b) {
    const sim::Event &x = trace.events[a.event], &y = trace.events[b.event];
    const std::string &n = kernel.text(trace.tasks[x.task.index()].name), &m = kernel.text(trace.tasks[y.task.index()].name);
    return n != m ? n < m : x.ordinal < y.ordinal;
  };
  for (const auto& [o, uses] : by_object) {
    const Use *holder = nullptr, *interrupt = nullptr;
    for (const Use& held : uses)
      for (const Use& by : uses) {
        if (!interrupted(held.how, by.how)) continue;
        if (holder == nullptr || before(held, *holder) || (holder->event == held.event && before(by, *interrupt))) {
          holder = &held;
          interrupt = &by;
        }
      }
    if (holder == nullptr) continue;
    const sim::Event &held = trace.events[holder->event], &by = trace.events[interrupt->event];
    const NameId name = kernel.declared(ObjectId{o}, trace.objects[o].name);
    out.push_back({ViolationClass::deadlock, name, held.task, holder->event, Violation::no_event, Violation::no_event,
                   fmt::format("'{}' takes '{}' with {} on, '{}' takes it in one: if that hits the CPU of the holder, neither goes on",
                               kernel.text(trace.tasks[held.task.index()].name), kernel.text(name),
                               interrupt->how.from == ContextKind::hardirq ? "interrupts" : "softirqs",
                               kernel.text(trace.tasks[by.task.index()].name))});
  }
}

}  // namespace unplug::model
