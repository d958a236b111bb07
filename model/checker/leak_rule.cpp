#include <fmt/format.h>

#include "unplug/model/checker/checker.hpp"

namespace unplug::model {

void leak_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  if (unfinished(kernel, trace)) return;  // who sleeps may still release it
  const std::size_t n = trace.lifetimes.size();
  std::vector<std::uint32_t> begun(n, Violation::no_event), ended(n, Violation::no_event);
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    if (e.begins) begun[e.begins.index()] = i;
    if (e.ends) ended[e.ends.index()] = i;
  }
  for (std::uint32_t l = 0; l < n; ++l) {
    if (begun[l] == Violation::no_event || ended[l] != Violation::no_event) continue;
    const LifetimeInfo& life = kernel.lifetime(LifetimeId{l});
    if (!life.owner || ended[life.owner.index()] == Violation::no_event) continue;
    if (life.kind == LifetimeKind::region || life.kind == LifetimeKind::text) continue;  // a region's mapping tells; text owns nothing
    const sim::Event& creation = trace.events[begun[l]];
    out.push_back({ViolationClass::leak, life.declared, creation.task, begun[l], Violation::no_event, begun[l],
                   fmt::format("'{}' is never released", kernel.text(life.declared))});
  }
}

}  // namespace unplug::model
