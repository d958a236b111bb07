#include <fmt/format.h>

#include "unplug/model/checker/checker.hpp"

namespace unplug::model {

void lost_work_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  for (const Kernel::Promise& p : kernel.promises()) {
    std::uint64_t after = trace.objects[p.object.index()].word;
    if (!p.lost(after) || unfinished(kernel, trace)) continue;
    // Since which step it is lost: that promised it, or took from it what would have kept it.
    for (std::uint32_t i = static_cast<std::uint32_t>(trace.events.size()); i-- > 0;) {
      const sim::Event& e = trace.events[i];
      if (e.access.kind == sim::AccessKind::none || e.access.object != p.object) continue;
      if (p.lost(after) && !p.lost(e.before)) {
        out.push_back({ViolationClass::lost_work, p.name, e.task, i, Violation::no_event, Violation::no_event,
                       fmt::format("'{}' was queued, and is neither run nor cancelled", kernel.text(p.name))});
        break;
      }
      after = e.before;
    }
  }
}

}  // namespace unplug::model
