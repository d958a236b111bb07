// What exploring costs: traces a second under exhaustive exploration, whole executions of a scenario, recording, and how many executions
// each random strategy needs to meet a bug.
#pragma once

#include "harness.hpp"

namespace unplug::bench {

std::vector<Row> exploration_rows();

// For policies with a part left out and each random strategy: executions until the first failure of each class, the median over `campaigns`
// seeds.
struct FirstFailure {
  std::string scenario, policy, violation, strategy;
  std::uint64_t median = 0;  // 0: more than `limit` in at least half of them
};
std::vector<FirstFailure> first_failures(unsigned campaigns, std::uint64_t limit);

}  // namespace unplug::bench
