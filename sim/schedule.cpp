#include "unplug/sim/schedule.hpp"

#include <algorithm>

#include "unplug/sim/happens_before.hpp"

namespace unplug::sim {
namespace {

// Greedy linear extension of the happens-before of a trace, group by group; each group is closed under past given those before it.
class Lineariser {
 public:
  Lineariser(const Trace& trace, const NameTable& names) : trace_(trace), next_(trace.tasks.size(), 0), taken_(trace.events.size(), false) {
    events_of_.resize(trace.tasks.size());
    run_.resize(trace.events.size(), 0);
    std::vector<AccessKind> kinds(trace.objects.size(), AccessKind::none);
    objects_.resize(trace.objects.size());
    for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
      const Event& e = trace.events[i];
      events_of_[e.task.index()].push_back(i);
      if (e.access.kind == AccessKind::none) continue;
      const std::size_t o = e.access.object.index();
      std::vector<std::uint32_t>& runs = objects_[o].runs;
      if (kinds[o] != e.access.kind || e.access.kind == AccessKind::write) runs.push_back(0);
      kinds[o] = e.access.kind;
      ++runs.back();
      run_[i] = static_cast<std::uint32_t>(runs.size() - 1);
    }
    for (std::uint32_t t = 0; t < trace.tasks.size(); ++t) by_name_.push_back(t);
    std::sort(by_name_.begin(), by_name_.end(),
              [&](std::uint32_t a, std::uint32_t b) { return names.text(trace.tasks[a].name) < names.text(trace.tasks[b].name); });
  }

  void take_all(const std::vector<bool>& group) {
    for (;;) {
      std::uint32_t t = last_;
      if (t == none || !can_go(t, group)) {
        t = none;
        for (const std::uint32_t candidate : by_name_) {
          if (can_go(candidate, group)) {
            t = candidate;
            break;
          }
        }
      }
      if (t == none) return;
      take(events_of_[t][next_[t]]);
    }
  }
  void take(std::uint32_t i) {
    const Event& e = trace_.events[i];
    taken_[i] = true;
    ++next_[e.task.index()];
    last_ = e.task.index();
    if (e.access.kind != AccessKind::none) {
      Object& o = objects_[e.access.object.index()];
      if (++o.done == o.runs[o.run]) {
        ++o.run;
        o.done = 0;
      }
    }
    out_.push_back({trace_.tasks[e.task.index()].name, e.choice});
  }
  [[nodiscard]] bool taken(std::size_t i) const { return taken_[i]; }
  Schedule result() { return std::move(out_); }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct Object {
    std::vector<std::uint32_t> runs;  // how many accesses each has (happens_before.hpp)
    std::uint32_t run = 0, done = 0;  // the present one, and how many of it were taken
  };

  bool can_go(std::uint32_t t, const std::vector<bool>& group) const {
    if (next_[t] >= events_of_[t].size()) return false;
    const std::uint32_t i = events_of_[t][next_[t]];
    if (!group[i]) return false;
    const TaskRecord& r = trace_.tasks[t];
    if (next_[t] == 0 && r.creator && (next_[r.creator.index()] < r.creator_steps || !born(r.creator.index()))) return false;
    const Event& e = trace_.events[i];
    if (e.access.kind == AccessKind::none) return true;
    return objects_[e.access.object.index()].run == run_[i];
  }
  bool born(std::uint32_t t) const {
    const TaskRecord& r = trace_.tasks[t];
    return !r.creator || next_[t] > 0 || (next_[r.creator.index()] >= r.creator_steps && born(r.creator.index()));
  }

  const Trace& trace_;
  std::vector<std::vector<std::uint32_t>> events_of_;
  std::vector<std::uint32_t> run_, next_, by_name_;
  std::vector<Object> objects_;
  std::vector<bool> taken_;
  std::uint32_t last_ = none;
  Schedule out_;
};

}  // namespace

Schedule schedule_of(const Trace& trace) {
  Schedule s;
  s.reserve(trace.events.size());
  for (const Event& e : trace.events) s.push_back({trace.tasks[e.task.index()].name, e.choice});
  return s;
}

Schedule canonical_schedule(const Trace& trace, const NameTable& names) {
  Lineariser l(trace, names);
  l.take_all(std::vector<bool>(trace.events.size(), true));
  return l.result();
}

Schedule canonical_schedule(const Trace& trace, const NameTable& names, std::size_t end, std::size_t use) {
  const std::size_t n = trace.events.size();
  // "Comes after": reachable forwards. x is after end iff end is in the past of x; one forward pass with clocks finds them all.
  std::vector<bool> neither(n, true);
  VectorClocks clocks;
  clocks.begin(trace);
  for (std::size_t x = 0; x < n; ++x) {
    const VectorClocks::Clock clock = clocks.step(trace.events[x]);
    neither[x] = !VectorClocks::precedes(trace.events[end], clock) && !VectorClocks::precedes(trace.events[use], clock);
  }
  Lineariser l(trace, names);
  l.take_all(neither);
  std::vector<bool> group = past_of(trace, end);
  l.take_all(group);
  group = past_of(trace, use);
  l.take_all(group);
  l.take_all(std::vector<bool>(n, true));
  return l.result();
}

}  // namespace unplug::sim
