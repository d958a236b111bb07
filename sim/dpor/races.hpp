// The races of one execution: what could have come the other way round.
//
// Ordinary races are adjacent conflicting events of different tasks that nothing else orders. A guarded step (a lock, a wait, the end of a
// grace period) may be unable to come before the event it conflicts with last; it races with the nearest earlier write before which its
// guard held. A task that is still blocked when the execution ends races likewise, with its pending step. And every way that a data choice
// did not fall races with the way it did.
#pragma once

#include <cstdint>
#include <vector>

#include "unplug/sim/dpor/moves.hpp"
#include "unplug/sim/happens_before.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {

struct Race {
  std::uint32_t first;   // event
  std::uint32_t second;  // event; the number of events: a blocked task's pending step
  Move last;             // the second, as a move: what has to come before `first`
};

class Races {
 public:
  // Finds the races of `trace`, in order of the second event.
  void find(const Trace& trace);
  [[nodiscard]] const std::vector<Race>& all() const { return races_; }
  // The events after race.first that don't come after it in happens-before, up to event `end` (excluded), without race.second; then
  // race.last. Into `out`, which is emptied first.
  void sequence(const Trace& trace, const Race& race, std::size_t end, std::vector<Move>& out) const;
  // Whether event i happens before event j, or is it.
  [[nodiscard]] bool before(const Trace& trace, std::uint32_t i, std::uint32_t j) const {
    return clocks_[std::size_t{j} * tasks_ + trace.events[i].task.index()] > i;
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  // Clocks hold, by task, one more than the number of its last event that happens before; 0: none.
  using Row = std::uint32_t*;
  Row row(std::vector<std::uint32_t>& rows, std::size_t i) { return rows.data() + i * tasks_; }
  void join(Row into, const std::uint32_t* from) const;
  void find_of(const Trace& trace, std::uint32_t j, TaskId task, const Access& access, const Guard& guard, const Label& label,
               const std::uint32_t* known);

  std::size_t tasks_ = 0;
  std::vector<std::uint32_t> clocks_;      // by event
  std::vector<std::uint32_t> task_rows_;   // by task: the clock of its last event, or of its creation
  std::vector<std::uint32_t> write_rows_;  // by object: the clock of the last write
  std::vector<std::uint32_t> read_rows_;   // by object: the join of the clocks of the reads since
  std::vector<std::uint32_t> earlier_;     // by event: the last event on the same object before it
  std::vector<std::uint32_t> latest_;      // by object
  std::vector<std::uint32_t> adjacent_;
  std::vector<Birth> births_;
  std::vector<Race> races_;
};

// The move that an event was.
[[nodiscard]] inline Move move_of(const Trace& trace, const Event& e) {
  Move m{{trace.tasks[e.task.index()].name, e.choice}, {}};
  if (e.access.kind != AccessKind::none) m.touch = {trace.objects[e.access.object.index()].name, e.access.kind};
  return m;
}

}  // namespace unplug::sim
