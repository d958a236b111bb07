#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "unplug/model/checker/checker.hpp"
#include "unplug/sim/happens_before.hpp"

namespace unplug::model {

void leak_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  if (unfinished(kernel, trace)) return;  // who sleeps may still release it
  const std::size_t n = trace.lifetimes.size();
  std::vector<std::vector<std::uint32_t>> begins(n), ends(n);
  for (const std::uint32_t i : trace.boundaries) {
    const sim::Event& e = trace.events[i];
    if (e.begins) begins[e.begins.index()].push_back(i);
    if (e.ends) ends[e.ends.index()].push_back(i);
  }
  // Some life of it has no end: there are too few, or one was ended twice, and all ends happen before the last begin.
  const auto unended = [&](std::uint32_t l) {
    if (begins[l].size() > ends[l].size()) return true;
    if (begins[l].empty() || begins[l].back() < ends[l].back()) return false;
    const std::vector<bool> past = sim::past_of(trace, begins[l].back());
    return std::ranges::all_of(ends[l], [&](std::uint32_t e) -> bool { return past[e]; });
  };
  const auto leaks = [&](std::uint32_t l) {
    const LifetimeInfo& life = kernel.lifetime(LifetimeId{l});
    return static_cast<bool>(life.owner) && !ends[life.owner.index()].empty() && life.kind != LifetimeKind::text  // owns nothing
           && unended(l);
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
