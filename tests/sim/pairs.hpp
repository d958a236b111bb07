// Lifetime faults by stable names, and what one execution shows directly: comparable between executions, as indices are not.
#pragma once

#include <compare>
#include <set>
#include <vector>

#include "explore.hpp"
#include "support.hpp"
#include "unplug/sim/lifetimes.hpp"

namespace unplug::sim::test {

struct Pair {
  LifetimeFault::Kind kind;
  NameId lifetime;
  NameId use_task;
  std::uint32_t use_ordinal;
  NameId end_task;  // none: there was no begin
  std::uint32_t end_ordinal;
  auto operator<=>(const Pair&) const = default;
};
using Pairs = std::set<Pair>;

inline Pair pair_of(const Trace& t, LifetimeFault::Kind kind, LifetimeId l, TaskId user, std::uint32_t use, std::uint32_t end) {
  constexpr std::uint32_t none = LifetimeFault::no_event;
  Pair p{kind, t.lifetimes[l.index()].name, t.tasks[user.index()].name, t.tasks[user.index()].steps, {}, 0};
  if (use != none) p.use_ordinal = t.events[use].ordinal;
  if (end != none) {
    p.end_task = t.tasks[t.events[end].task.index()].name;
    p.end_ordinal = t.events[end].ordinal;
  }
  return p;
}

inline Pair pair_of(const Trace& t, const LifetimeFault& f) { return pair_of(t, f.kind, f.lifetime, f.task, f.use, f.end); }

inline std::vector<LifetimeFault> judge(const Trace& trace) {
  std::vector<LifetimeFault> out;
  LifetimeJudge{}.judge(trace, out);
  return out;
}

inline Pairs judged(const Trace& trace) {
  Pairs out;
  for (const LifetimeFault& f : judge(trace)) out.insert(pair_of(trace, f));
  return out;
}

// What happened in the order of this execution: uses after an end and no begin since (blamed on the end that came first), ends after ends,
// uses before the first begin, tasks asleep for ever on something that has ended. No happens-before, no theory.
inline Pairs observed(const Trace& trace) {
  using Kind = LifetimeFault::Kind;
  constexpr std::uint32_t none = LifetimeFault::no_event;
  Pairs out;
  using Events = std::vector<std::uint32_t>;
  std::vector<Events> begins(trace.lifetimes.size());
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (trace.events[i].begins) begins[trace.events[i].begins.index()].push_back(i);
  // The ends before event `at` since a begin before event `reached`.
  const auto ended = [&](LifetimeId l, std::uint32_t reached, std::uint32_t at) {
    Events ends;
    for (std::uint32_t i = 0; i < at; ++i) {
      if (trace.events[i].ends == l) ends.push_back(i);
      if (trace.events[i].begins == l && i < reached) ends.clear();
    }
    return ends;
  };
  const auto size = static_cast<std::uint32_t>(trace.events.size());
  for (std::uint32_t i = 0; i < size; ++i) {
    const Event& e = trace.events[i];
    for (const LifetimeId l : trace.uses_of(e)) {
      const std::uint32_t begin = begins[l.index()].empty() ? none : begins[l.index()].front();
      if (!trace.lifetimes[l.index()].from_start && (begin == none || begin > i))
        out.insert(pair_of(trace, Kind::use_before_begin, l, e.task, i, begin));
      for (const std::uint32_t end : ended(l, i, i)) {
        out.insert(pair_of(trace, e.ends == l ? Kind::double_end : Kind::use_after_end, l, e.task, i, end));
        if (e.ends != l) break;
      }
    }
  }
  for (std::uint32_t t = 0; t < trace.tasks.size(); ++t) {
    if (trace.tasks[t].end != TaskRecord::End::blocked) continue;
    // Since when it has been waiting: just after its last step, or just after it was made.
    const TaskRecord* record = &trace.tasks[t];
    std::uint32_t task = t, steps = record->steps, since = 0;
    while (steps == 0 && record->creator) {
      steps = record->creator_steps;
      task = record->creator.index();
      record = &trace.tasks[task];
    }
    for (std::uint32_t i = 0; i < size && steps != 0; ++i)
      if (trace.events[i].task.index() == task && trace.events[i].ordinal + 1 == steps) since = i + 1;
    for (const LifetimeId l : trace.tasks[t].pending_uses)
      if (const Events ends = ended(l, since, size); !ends.empty())
        out.insert(pair_of(trace, Kind::blocked_use, l, TaskId{t}, none, ends.front()));
  }
  return out;
}

// What all executions of a program together say.
struct Union {
  Pairs judged, observed;
  std::size_t traces = 0, violating = 0;
};

inline Union over_all_schedules(Engine& engine, Program& program) {
  Union all;
  std::set<std::uint64_t> traces, violating;
  every_schedule(engine, program, 100'000, [&](const Outcome&) {
    const Pairs found = judged(engine.trace());
    traces.insert(engine.trace().fingerprint);
    if (!found.empty()) violating.insert(engine.trace().fingerprint);
    all.judged.merge(Pairs(found));
    all.observed.merge(observed(engine.trace()));
  });
  all.traces = traces.size();
  all.violating = violating.size();
  return all;
}

// The kinds of the faults found, for short programs in which that says enough.
inline std::vector<LifetimeFault::Kind> kinds(const Pairs& pairs) {
  std::vector<LifetimeFault::Kind> out;
  for (const Pair& p : pairs) out.push_back(p.kind);
  return out;
}

}  // namespace unplug::sim::test
