#include "unplug/scenarios/run/signature.hpp"

#include <fmt/format.h>

namespace unplug::scenarios {

Signature signature_of(const sim::Trace& trace, const model::Violation& v) {
  Signature s;
  s.violation_class = v.violation_class;
  s.object = v.object;
  const sim::TaskRecord& task = trace.tasks[v.task.index()];
  s.role = task.role;
  s.site = v.event == model::Violation::no_event ? task.pending_site : trace.events[v.event].site;
  if (v.ended_by != model::Violation::no_event) {
    const sim::Event& e = trace.events[v.ended_by];
    s.ender_role = trace.tasks[e.task.index()].role;
    s.ender_site = e.site;
  }
  return s;
}

std::string text(const model::Kernel& kernel, const Signature& s) {
  const auto place = [&](sim::NameId role, sim::SiteId site) {
    std::string who = role ? kernel.text(role) : std::string("?");
    if (!site) return who;
    const model::Site& where = kernel.site(site);
    return fmt::format("{} {}/{}", who, where.function, where.step);
  };
  std::string out = fmt::format("{}({}): {}", model::info(s.violation_class).name, s.object ? kernel.text(s.object) : std::string{},
                                place(s.role, s.site));
  if (s.ender_role) out += " after " + place(s.ender_role, s.ender_site);
  return out;
}

}  // namespace unplug::scenarios
