// What a step of the engine costs, and what goes with it: executions, tasks, verdicts.
#pragma once

#include "harness.hpp"

namespace unplug::bench {

std::vector<Row> step_cost_rows();

// CPU time per step with two OS threads running engines, as a multiple of that with one: what the engines share costs.
Result two_threads(unsigned rounds);

}  // namespace unplug::bench
