// What met what in an execution: stretches of different tasks that overlapped, waits that had to wait, and what keeps two stretches apart.
//
// Which linearisation of a trace was visited is nobody's business: two stretches overlap if they do in some linearisation of it, and a wait
// had to wait if some write it needed is not among what its task knew before.
#pragma once

#include <optional>
#include <vector>

#include "unplug/scenarios/world/record.hpp"
#include "unplug/sim/happens_before.hpp"

namespace unplug::scenarios {

class Meetings {
 public:
  static constexpr std::uint32_t no_event = UINT32_MAX;
  // Takes the trace that is asked about, which must stay as it is.
  void begin(const sim::Trace& trace);
  // Whether two stretches overlap. One without steps overlaps nothing.
  [[nodiscard]] bool overlap(const Interval& a, const Interval& b);
  // Of two stretches of different tasks that don't: whether `a` comes first; none if one of them has no steps.
  [[nodiscard]] std::optional<bool> comes_first(const Interval& a, const Interval& b);
  // Of two of which `earlier` comes first: the first step of the other's task that comes after its end.
  [[nodiscard]] std::uint32_t kept_apart_by(const Interval& earlier, const Interval& later);
  // Who made the guard of event `e` hold, if it did not hold when its task came there; none if there was nothing to wait for. Where
  // additions did, all who may have been the last.
  [[nodiscard]] std::vector<sim::TaskId> waited_for(std::uint32_t e);

 private:
  struct Ends {
    std::uint32_t first, last;  // events of the stretch; none: no_event
  };
  [[nodiscard]] Ends ends(const Interval& i) const;
  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b);  // happens before, or is
  void need_clocks();

  const sim::Trace* trace_ = nullptr;
  bool have_clocks_ = false;
  sim::VectorClocks clocks_;
  std::vector<std::uint32_t> rows_;  // by event: steps of each task that precede or equal it
};

}  // namespace unplug::scenarios
