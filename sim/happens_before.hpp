// Happens-before on a finished trace: program order, conflicting accesses in the order they were taken, and creation before the first step
// of what was created. The relation is the same for every linearisation of a trace; what is derived from it alone is too.
//
// The accesses to one object are a sequence of runs: a write, or reads, or additions that no other kind comes between. All of a run comes
// after all of the run before it, and the members of one have no order among themselves.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "unplug/sim/trace.hpp"

namespace unplug::sim {

// `task` was made after `steps` (at least one) steps of `creator`.
struct Birth {
  std::uint32_t creator, steps, task;
  auto operator<=>(const Birth&) const = default;
};
// All of a trace, sorted, into `out`. A task made by another's local code before that other's first step descends from whoever made the
// maker; tasks that were there from the start are not among them.
void births_of(const Trace& trace, std::vector<Birth>& out);

// Walks a trace once, keeping the vector clock of every task. clock[t] = number of steps of task t that precede or equal the event at hand.
// Buffers are kept between traces.
class VectorClocks {
 public:
  using Clock = std::span<const std::uint32_t>;

  void begin(const Trace& trace);
  // Takes the next event, in order; answers its clock, valid until the next call.
  Clock step(const Event& e);

  // Whether the event with (task, ordinal) precedes, or is, the event whose clock this is.
  [[nodiscard]] static bool precedes(const Event& e, Clock clock) { return clock[e.task.index()] > e.ordinal; }

 private:
  std::span<std::uint32_t> row(std::vector<std::uint32_t>& rows, std::uint32_t i) {
    return {rows.data() + std::size_t{i} * tasks_, tasks_};
  }

  std::size_t tasks_ = 0;
  std::vector<std::uint32_t> task_rows_;
  // By object: what happens before the present run (of a write: unused), and what is part of it or happens before such.
  std::vector<std::uint32_t> past_rows_, run_rows_;
  std::vector<AccessKind> runs_;  // by object: what the present run is of
  std::vector<Birth> births_;
};

// Which events precede, or follow, up to 64 marked ones: a bit for each, in one pass, in constant time an event. Who asks about few events
// (the ends of lifetimes) needs no clocks. Buffers are kept between traces.
class Reach {
 public:
  static constexpr std::size_t capacity = 64;  // marks

  // Calls visit(index, mask) for every event, the last first. Bit k of mask: the event precedes, or is, event marks[k]. Marks are indices
  // into trace.events, ascending.
  template <class Visit> void before(const Trace& trace, std::span<const std::uint32_t> marks, Visit&& visit) {
    const bool any_births = begin(trace, marks.size(), Direction::backward);
    std::size_t mark = marks.size();
    for (auto i = static_cast<std::uint32_t>(trace.events.size()); i-- > 0;) {
      const Event& e = trace.events[i];
      const std::uint32_t task = e.task.index();
      for (std::uint32_t& b = next_birth_[task]; any_births && births_[b].creator == task && births_[b].steps == e.ordinal + 1; --b)
        tasks_[task] |= tasks_[births_[b].task];
      const bool marked = mark > 0 && marks[mark - 1] == i;
      visit(i, join(e, marked ? std::uint64_t{1} << --mark : 0));
    }
  }
  // Calls visit(index, mask) for every event, the first first. Bit k of mask: the event follows, or is, event marks[k].
  template <class Visit> void after(const Trace& trace, std::span<const std::uint32_t> marks, Visit&& visit) {
    const bool any_births = begin(trace, marks.size(), Direction::forward);
    std::size_t mark = 0;
    for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
      const Event& e = trace.events[i];
      const std::uint32_t task = e.task.index();
      const bool marked = mark < marks.size() && marks[mark] == i;
      const std::uint64_t mask = join(e, marked ? std::uint64_t{1} << mark++ : 0);
      for (std::uint32_t& b = next_birth_[task]; any_births && births_[b].creator == task && births_[b].steps == e.ordinal + 1; ++b)
        tasks_[births_[b].task] = mask;
      visit(i, mask);
    }
  }

  // When after() is through: bit k: the last event of `task`, or its making if it had none, follows, or is, event marks[k].
  [[nodiscard]] std::uint64_t reached(TaskId task) const { return tasks_[task.index()]; }

 private:
  enum class Direction : std::uint8_t { forward, backward };
  // Of the accesses visited: all before the present run, and all.
  struct ObjectMasks {
    std::uint64_t past = 0, all = 0;
    AccessKind run = AccessKind::none;
  };
  bool begin(const Trace& trace, std::size_t marks, Direction direction);  // whether there are births
  // The mask of an event, from those of its neighbours on the side that was visited.
  std::uint64_t join(const Event& e, std::uint64_t own) {
    std::uint64_t mask = tasks_[e.task.index()] | own;
    if (e.access.kind != AccessKind::none) {
      ObjectMasks& o = objects_[e.access.object.index()];
      if (o.run != e.access.kind || o.run == AccessKind::write) {
        o.past = o.all;
        o.run = e.access.kind;
      }
      mask |= o.past;
      o.all |= mask;
    }
    return tasks_[e.task.index()] = mask;
  }

  std::vector<std::uint64_t> tasks_;  // of each task's event that was visited last
  std::vector<ObjectMasks> objects_;
  std::vector<Birth> births_;              // all, between two that are nobody's
  std::vector<std::uint32_t> next_birth_;  // by task, into births_: the next that it will be met at
};

// The set of events that precede, or are, event `target` (an index into trace.events). O(events).
[[nodiscard]] std::vector<bool> past_of(const Trace& trace, std::size_t target);

}  // namespace unplug::sim
