// Which tasks of user space are alike: those of one "count". Exhaustive searches take them up to renaming (sim/dpor/symmetry.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// By number of the task: the number of its group, from 1; 0: nobody is like it. None are where one of them is spoken of by itself: in
// conditions on the final state, by an interrupt that is taken on its CPU, by a task that it forks.
[[nodiscard]] std::vector<std::uint32_t> alike_tasks(const Program& program);

}  // namespace unplug::scenarios
