// The execution that some strategies learn from before the first that counts.
#pragma once

#include "unplug/sim/engine.hpp"
#include "unplug/sim/hash.hpp"

namespace unplug::sim {

// Runs the trial execution of a campaign, if `strategy` wants one. A function of program and campaign seed: every worker, and every
// replay by seed and index, learns the same.
inline void run_trial(Engine& engine, Program& program, Strategy& strategy, std::uint64_t campaign_seed) {
  if (!strategy.wants_trial()) return;
  const ExecutionInfo info{UINT64_MAX, execution_seed(campaign_seed, UINT64_MAX), &engine.names(), true};
  strategy.begin(info);
  engine.run(program, strategy, info);
}

}  // namespace unplug::sim
