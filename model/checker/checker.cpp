#include "unplug/model/checker/checker.hpp"

namespace unplug::model {

void Checker::judge(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  faults_.clear();
  lifetimes_.judge(trace, faults_);
  lifetime_rule(kernel, trace, faults_, out);
  wait_rule(kernel, trace, out);
  leak_rule(kernel, trace, out);
  race_rule(kernel, trace, out);
  for (const Report& r : kernel.reports())
    out.push_back({r.violation_class, r.object, r.task, r.event, Violation::no_event, Violation::no_event, r.detail});
}

std::uint32_t begin_of(const sim::Trace& trace, LifetimeId lifetime) {
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (trace.events[i].begins == lifetime) return i;
  return Violation::no_event;
}

}  // namespace unplug::model
