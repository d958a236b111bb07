// The races of one execution: what could have come the other way round.
//
// Ordinary races are adjacent conflicting events of different tasks that nothing else orders. A guarded step (a lock, a wait, the end of a
// grace period) may be unable to come before the event it conflicts with last; it races with the nearest earlier write before which its
// guard held. A task that is still blocked when the execution ends races likewise, with its pending step. And every way that a data choice
// did not fall races with the way it did.
//
// Where additions precede a guarded step, there is no nearest place: additions have no order among themselves, so any set of earlier
// changes that is closed under happens-before, and after which the guard holds, is a place for it. What is left out of the set then comes
// after the step, all of it together (places.hpp). For each addition since the last write, and for that write, the largest such sets
// without it are races; smaller ones come up in the executions that follow.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "unplug/sim/dpor/moves.hpp"
#include "unplug/sim/dpor/places.hpp"
#include "unplug/sim/happens_before.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {

struct Race {
  std::uint32_t first;   // event
  std::uint32_t second;  // event; the number of events: a blocked task's pending step
  Move last;             // the second, as a move: what has to come before `first`
  // Events that have to come after `second` with `first`, and don't follow it: Races::others().
  std::uint32_t others = 0, others_end = 0;
};

class Races {
 public:
  // Finds the races of `trace`, in order of the second event.
  void find(const Trace& trace);
  [[nodiscard]] const std::vector<Race>& all() const { return races_; }
  // The events after race.first that come neither after it in happens-before nor after, or among, the others that go with it, up to event
  // `end` (excluded), without race.second; then race.last. Into `out`, which is emptied first.
  void sequence(const Trace& trace, const Race& race, std::size_t end, std::vector<Move>& out) const;
  // Whether event i happens before event j, or is it.
  [[nodiscard]] bool before(const Trace& trace, std::uint32_t i, std::uint32_t j) const {
    return clocks_[std::size_t{j} * tasks_ + trace.events[i].task.index()] > i;
  }
  // What goes with race.first, in order.
  [[nodiscard]] std::span<const std::uint32_t> others(const Race& race) const {
    return std::span(others_).subspan(race.others, race.others_end - race.others);
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  // Clocks hold, by task, one more than the number of its last event that happens before; 0: none.
  using Row = std::uint32_t*;
  Row row(std::vector<std::uint32_t>& rows, std::size_t i) { return rows.data() + i * tasks_; }
  void join(Row into, const std::uint32_t* from) const;
  // `word`: of the object, just before the step.
  void find_of(const Trace& trace, std::uint32_t j, TaskId task, const Access& access, const Guard& guard, std::uint64_t word,
               const Label& label, const std::uint32_t* known);
  // Where else a guarded step could stand among the changes of its object.
  void find_places(const Trace& trace, std::uint32_t j, const Access& access, const Guard& guard, std::uint64_t word, const Move& last,
                   const std::uint32_t* known);
  // Among those in places_; whether there is such a place.
  bool find_among_additions(const Trace& trace, std::uint32_t j, const Guard& guard, std::uint64_t word, const Move& last, bool with_each);

  std::size_t tasks_ = 0;
  std::vector<std::uint32_t> clocks_;     // by event
  std::vector<std::uint32_t> task_rows_;  // by task: the clock of its last event, or of its creation
  // By object, as in VectorClocks: before the present run, and with it.
  std::vector<std::uint32_t> past_rows_, run_rows_;
  std::vector<AccessKind> runs_;
  std::vector<std::uint32_t> earlier_;  // by event: the last event on the same object before it
  std::vector<std::uint32_t> latest_;   // by object
  std::vector<std::uint32_t> adjacent_;
  std::vector<Birth> births_;
  std::vector<Race> races_;
  std::vector<std::uint32_t> others_;
  Places places_;
  std::vector<std::uint32_t> firsts_;
};

// The move that an event was.
[[nodiscard]] inline Move move_of(const Trace& trace, const Event& e) {
  Move m{{trace.tasks[e.task.index()].name, e.choice}, {}};
  if (e.access.kind != AccessKind::none) m.touch = {trace.objects[e.access.object.index()].name, e.access.kind};
  return m;
}

}  // namespace unplug::sim
