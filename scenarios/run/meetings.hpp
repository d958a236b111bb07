// What met what in an execution: stretches of different tasks that overlapped, and waits that had to wait.
//
// Sampling asks what was executed. Exhaustive exploration visits one linearisation of each trace, which one is nobody's business: there two
// stretches overlap if they do in some linearisation, and a wait had to wait if some write it needed is not among what its task knew
// before.
#pragma once

#include <optional>
#include <vector>

#include "unplug/scenarios/world.hpp"
#include "unplug/sim/happens_before.hpp"

namespace unplug::scenarios {

class Meetings {
 public:
  explicit Meetings(bool any_linearisation) : any_linearisation_(any_linearisation) {}
  // Takes the trace that is asked about, which must stay as it is.
  void begin(const sim::Trace& trace);
  // Whether two stretches overlap. One without steps overlaps nothing if any linearisation counts.
  [[nodiscard]] bool overlap(const Interval& a, const Interval& b);
  // Who made the guard of event `e` hold, if it did not hold when its task came there; none if there was nothing to wait for.
  [[nodiscard]] sim::TaskId waited_for(std::uint32_t e);

 private:
  struct Ends {
    std::uint32_t first, last;  // events of the stretch; none: no_event
  };
  static constexpr std::uint32_t no_event = UINT32_MAX;
  [[nodiscard]] Ends ends(const Interval& i) const;
  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b);  // happens before, or is
  void need_clocks();

  bool any_linearisation_;
  const sim::Trace* trace_ = nullptr;
  bool have_clocks_ = false;
  sim::VectorClocks clocks_;
  std::vector<std::uint32_t> rows_;  // by event: steps of each task that precede or equal it
};

}  // namespace unplug::scenarios
