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
  const auto leaks = [&](std::uint32_t l) {
    if (begun[l] == Violation::no_event || ended[l] != Violation::no_event) return false;
    const LifetimeInfo& life = kernel.lifetime(LifetimeId{l});
    return static_cast<bool>(life.owner) && ended[life.owner.index()] != Violation::no_event &&
           life.kind != LifetimeKind::text;  // owns nothing
  };
  // Of a region that is still mapped, the mapping tells.
  const auto mapped = [&](const LifetimeInfo& region) {
    for (std::uint32_t l = 0; l < n; ++l) {
      const LifetimeInfo& m = kernel.lifetime(LifetimeId{l});
      if (m.kind == LifetimeKind::mapping && m.declared == region.declared && m.owner == region.owner && leaks(l)) return true;
    }
    return false;
  };
  for (std::uint32_t l = 0; l < n; ++l) {
    if (!leaks(l)) continue;
    const LifetimeInfo& life = kernel.lifetime(LifetimeId{l});
    if (life.kind == LifetimeKind::region && mapped(life)) continue;
    const sim::Event& creation = trace.events[begun[l]];
    out.push_back({ViolationClass::leak, life.declared, creation.task, begun[l], Violation::no_event, begun[l],
                   fmt::format("'{}' is never released", kernel.text(life.declared))});
  }
}

}  // namespace unplug::model
