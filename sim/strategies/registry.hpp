// The constructors of the strategies that have a name on the command line. (`replay` takes a schedule and is made by its users.)
#pragma once

#include <memory>

#include "unplug/sim/strategy.hpp"

namespace unplug::sim {

std::unique_ptr<Strategy> make_random();
std::unique_ptr<Strategy> make_timed();

}  // namespace unplug::sim
