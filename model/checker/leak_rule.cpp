#include <fmt/format.h>

#include "unplug/model/checker/checker.hpp"

namespace unplug::model {

void leak_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  if (unfinished(kernel, trace)) return;  // who sleeps may still release it
  const std::size_t n = trace.lifetimes.size();
  std::vector<std::uint32_t> begun(n), ended(n);  // how often
  for (const std::uint32_t i : trace.boundaries) {
    const sim::Event& e = trace.events[i];
    if (e.begins) ++begun[e.begins.index()];
    if (e.ends) ++ended[e.ends.index()];
  }
  const auto leaks = [&](std::uint32_t l) {
    if (begun[l] <= ended[l]) return false;
    const LifetimeInfo& life = kernel.lifetime(LifetimeId{l});
    return static_cast<bool>(life.owner) && ended[life.owner.index()] != 0 && life.kind != LifetimeKind::text;  // owns nothing
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
    const std::uint32_t creation = begin_of(kernel, trace, LifetimeId{l}, Violation::no_event);
    out.push_back({ViolationClass::leak, life.declared, trace.events[creation].task, creation, Violation::no_event, creation,
                   fmt::format("'{}' is never released", kernel.text(life.declared))});
  }
}

}  // namespace unplug::model
