#include "unplug/model/checker/checker.hpp"

namespace unplug::model {
namespace {

// The step that shows a report; none: the task never took it.
std::uint32_t event_of(const sim::Trace& trace, const Report& r) {
  const auto& events = trace.events;
  if (r.shown == Shown::last)
    for (std::uint32_t i = r.position; i-- > 0;)
      if (events[i].task == r.task) return i;
  for (std::uint32_t i = r.position; i < events.size(); ++i)
    if (events[i].task == r.task) return i;
  return Violation::no_event;
}

}  // namespace

void Checker::judge(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  faults_.clear();
  lifetimes_.judge(trace, faults_);
  lifetime_rule(kernel, trace, faults_, out);
  wait_rule(kernel, trace, out);
  leak_rule(kernel, trace, out);
  lost_work_rule(kernel, trace, out);
  race_rule(kernel, trace, out);
  irq_lock_rule(kernel, trace, out);
  lock_cycle_rule(kernel, trace, out);
  for (const Report& r : kernel.reports())
    out.push_back({r.violation_class, r.object, r.task, event_of(trace, r), Violation::no_event, Violation::no_event, r.detail});
}

std::uint32_t begin_of(const sim::Trace& trace, LifetimeId lifetime) {
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (trace.events[i].begins == lifetime) return i;
  return Violation::no_event;
}

}  // namespace unplug::model
