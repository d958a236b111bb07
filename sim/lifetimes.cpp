#include "unplug/sim/lifetimes.hpp"

#include <algorithm>
#include <tuple>

namespace unplug::sim {

void LifetimeJudge::judge(const Trace& trace, std::vector<LifetimeFault>& out) {
  constexpr std::uint32_t no_event = LifetimeFault::no_event;
  if (ends_.size() < trace.lifetimes.size()) ends_.resize(trace.lifetimes.size());
  for (auto& e : ends_) e.clear();
  begin_of_.assign(trace.lifetimes.size(), no_event);
  early_.clear();
  const std::size_t first_out = out.size();

  clocks_.begin(trace);
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event& e = trace.events[i];
    const VectorClocks::Clock clock = clocks_.step(e);
    if (e.begins && begin_of_[e.begins.index()] == no_event) begin_of_[e.begins.index()] = i;
    for (const LifetimeId l : trace.uses_of(e)) {
      if (trace.lifetimes[l.index()].from_start) continue;
      const std::uint32_t b = begin_of_[l.index()];
      if (b == no_event || !VectorClocks::precedes(trace.events[b], clock))
        early_.push_back({LifetimeFault::Kind::use_before_begin, l, e.task, i, no_event});
    }
    if (e.ends) {
      auto& ends = ends_[e.ends.index()];
      const bool first = std::ranges::none_of(ends, [&](const End& x) { return VectorClocks::precedes(trace.events[x.event], clock); });
      ends.push_back({i, first, {clock.begin(), clock.end()}});
    }
  }
  for (LifetimeFault& f : early_) {
    f.end = begin_of_[f.lifetime.index()];  // the begin may come later in this run
    out.push_back(f);
  }

  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event& e = trace.events[i];
    for (const LifetimeId l : trace.uses_of(e)) {
      for (const End& end : ends_[l.index()]) {
        if (end.event == i || VectorClocks::precedes(e, end.clock)) continue;
        const bool is_end = e.ends == l;
        // Pairs of ends in both roles if unordered; a plain use is blamed on a first end only.
        if (is_end || end.first)
          out.push_back({is_end ? LifetimeFault::Kind::double_end : LifetimeFault::Kind::use_after_end, l, e.task, i, end.event});
      }
    }
  }
  for (std::uint32_t t = 0; t < trace.tasks.size(); ++t) {
    if (trace.tasks[t].end != TaskRecord::End::blocked) continue;
    for (const LifetimeId l : trace.tasks[t].pending_uses)
      for (const End& end : ends_[l.index()])
        if (end.first) out.push_back({LifetimeFault::Kind::blocked_use, l, TaskId{t}, no_event, end.event});
  }
  std::sort(out.begin() + static_cast<std::ptrdiff_t>(first_out), out.end(), [](const LifetimeFault& a, const LifetimeFault& b) {
    return std::tie(a.lifetime, a.use, a.end, a.task, a.kind) < std::tie(b.lifetime, b.use, b.end, b.task, b.kind);
  });
}

}  // namespace unplug::sim
