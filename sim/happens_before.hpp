// Happens-before on a finished trace: program order, conflicting accesses in the order they were taken, and creation before the first step
// of what was created. The relation is the same for every linearisation of a trace; what is derived from it alone is too.
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
  std::vector<std::uint32_t> task_rows_, write_rows_, read_rows_;
  std::vector<Birth> births_;
};

// The set of events that precede, or are, event `target` (an index into trace.events). O(events).
[[nodiscard]] std::vector<bool> past_of(const Trace& trace, std::size_t target);

}  // namespace unplug::sim
