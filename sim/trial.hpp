// The executions that some strategies learn from before the first that counts.
#pragma once

#include "unplug/sim/engine.hpp"
#include "unplug/sim/hash.hpp"

namespace unplug::sim {

// One may miss what another does: a branch not taken, an operation refused.
inline constexpr std::uint64_t trials = 8;

// Runs the trials of a campaign, if `strategy` wants them. A function of program and campaign seed: every worker, and every replay by seed
// and index, learns the same.
inline void run_trials(Engine& engine, Program& program, Strategy& strategy, std::uint64_t campaign_seed) {
  for (std::uint64_t i = 0; strategy.wants_trials() && i < trials; ++i) {
    const ExecutionInfo info{i, execution_seed(~campaign_seed, i), &engine.names(), true};
    strategy.begin(info);
    engine.run(program, strategy, info);
  }
}

}  // namespace unplug::sim
