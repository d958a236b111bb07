// All that is wrong with one execution: what the checker finds, and what the scenario itself asks.
#pragma once

#include <vector>

#include "unplug/model/checker/checker.hpp"
#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {

// Everything that is wrong with the execution that has just ended in `world`: the checker's violations, conditions on the final state, and
// slow-remove if `timed`. false: it was cut, and there is nothing to say about it.
bool judge(World& world, model::Checker& checker, const sim::Trace& trace, const sim::Outcome& outcome, bool timed,
           std::vector<model::Violation>& out);

// Whether the violation shows itself in this linearisation of the trace: not only in another one, which has to be constructed.
[[nodiscard]] inline bool shows_itself(const model::Violation& v) {
  return v.ended_by == model::Violation::no_event || v.event == model::Violation::no_event || v.event >= v.ended_by;
}

}  // namespace unplug::scenarios
