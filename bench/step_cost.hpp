// What a step of the engine costs, and what goes with it: executions, tasks, verdicts.
#pragma once

#include "harness.hpp"

namespace unplug::bench {

std::vector<Row> step_cost_rows();

// CPU time per step with two OS threads running engines, as a multiple of that with one: what the engines share costs.
Result two_threads(unsigned rounds);

// `n` executions of 8 tasks with 400 steps each, and nothing else: what bench/instructions.sh counts. Answers the number of steps.
std::uint64_t fixed_work(std::uint64_t n);

}  // namespace unplug::bench
