#include "unplug/scenarios/run/meetings.hpp"

#include <algorithm>

namespace unplug::scenarios {

void Meetings::begin(const sim::Trace& trace) {
  trace_ = &trace;
  have_clocks_ = false;
}

Meetings::Ends Meetings::ends(const Interval& i) const {
  Ends out{no_event, no_event};
  const auto stop = std::min(i.last, static_cast<std::uint32_t>(trace_->events.size()));
  for (std::uint32_t e = i.first; e < stop; ++e) {
    if (trace_->events[e].task != i.task) continue;
    if (out.first == no_event) out.first = e;
    out.last = e;
  }
  return out;
}

void Meetings::need_clocks() {
  if (have_clocks_) return;
  have_clocks_ = true;
  rows_.clear();
  clocks_.begin(*trace_);
  for (const sim::Event& e : trace_->events) {
    const sim::VectorClocks::Clock clock = clocks_.step(e);
    rows_.insert(rows_.end(), clock.begin(), clock.end());
  }
}

bool Meetings::before(std::uint32_t a, std::uint32_t b) {
  need_clocks();
  const sim::Event& e = trace_->events[a];
  return rows_[std::size_t{b} * trace_->tasks.size() + e.task.index()] > e.ordinal;
}

bool Meetings::overlap(const Interval& a, const Interval& b) {
  const Ends x = ends(a), y = ends(b);
  if (x.first == no_event || y.first == no_event) return false;
  const bool a_first = a.last != UINT32_MAX && before(x.last, y.first), b_first = b.last != UINT32_MAX && before(y.last, x.first);
  return !a_first && !b_first;
}

std::optional<bool> Meetings::comes_first(const Interval& a, const Interval& b) {
  const Ends x = ends(a), y = ends(b);
  if (x.first == no_event || y.first == no_event) return {};
  return before(x.last, y.first);
}

std::uint32_t Meetings::kept_apart_by(const Interval& earlier, const Interval& later) {
  const std::uint32_t last = ends(earlier).last, until = ends(later).first;
  for (std::uint32_t e = last; e <= until; ++e)
    if (trace_->events[e].task == later.task && before(last, e)) return e;
  return no_event;
}

std::vector<sim::TaskId> Meetings::waited_for(std::uint32_t e) {
  std::vector<sim::TaskId> out;
  const sim::Event& wait = trace_->events[e];
  if (wait.guard.trivial()) return out;
  std::uint32_t previous = no_event;
  for (std::uint32_t i = e; i-- > 0 && previous == no_event;)
    if (trace_->events[i].task == wait.task) previous = i;
  struct Addition {
    std::uint32_t event;
    std::uint64_t amount;
  };
  std::vector<Addition> additions;  // since the last write
  std::uint64_t word = wait.before, after = word;
  for (std::uint32_t i = e; i-- > 0;) {
    const sim::Event& w = trace_->events[i];
    if (w.access.object != wait.access.object || !sim::changes(w.access.kind)) continue;
    const bool known = previous != no_event && before(i, previous);
    if (w.access.kind == sim::AccessKind::write) {
      // The nearest write before which the guard did not hold made it hold.
      if (known || !out.empty()) return out;
      if (!wait.guard.holds(w.before)) return {w.task};
      additions.clear();
      word = w.before;
    } else if (!known) {
      // Any addition that it would not hold without may have been the last.
      std::uint64_t without = word - (after - w.before);
      for (const Addition& a : additions)
        if (before(i, a.event)) without -= a.amount;
      if (!wait.guard.holds(without)) out.push_back(w.task);
    }
    if (w.access.kind == sim::AccessKind::add) additions.push_back({i, after - w.before});
    after = w.before;
  }
  return out;
}

}  // namespace unplug::scenarios
