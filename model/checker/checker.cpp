#include "unplug/model/checker/checker.hpp"

#include <algorithm>
#include <functional>

#include "unplug/sim/happens_before.hpp"

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

std::uint32_t begin_of(const Kernel& kernel, const sim::Trace& trace, LifetimeId lifetime, std::uint32_t before) {
  std::vector<std::uint32_t> begins;
  for (const std::uint32_t i : trace.boundaries)
    if (trace.events[i].begins == lifetime) begins.push_back(i);
  if (begins.empty()) return Violation::no_event;
  if (begins.size() == 1) return begins.front();
  if (before != Violation::no_event) {
    const std::vector<bool> past = sim::past_of(trace, before);
    const auto in_past = [&](std::uint32_t b) { return past[b]; };
    if (std::ranges::any_of(begins, in_past)) std::erase_if(begins, std::not_fn(in_past));
  }
  std::vector<std::vector<bool>> pasts;
  for (const std::uint32_t b : begins) pasts.push_back(sim::past_of(trace, b));
  const auto is_last = [&](std::uint32_t b) {
    for (std::size_t i = 0; i < begins.size(); ++i)
      if (begins[i] != b && pasts[i][b]) return false;
    return true;
  };
  const auto name = [&](std::uint32_t b) -> const std::string& { return kernel.text(trace.tasks[trace.events[b].task.index()].name); };
  std::uint32_t found = Violation::no_event;
  for (const std::uint32_t b : begins)
    if (is_last(b) && (found == Violation::no_event || name(b) < name(found))) found = b;
  return found;
}

}  // namespace unplug::model
