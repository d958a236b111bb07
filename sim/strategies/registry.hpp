// The constructors of the strategies that have a name on the command line. (`replay` takes a schedule and is made by its users.)
#pragma once

#include <memory>

#include "unplug/sim/strategy.hpp"

namespace unplug::sim {

// The parameter is what stands in parentheses, or the default; strategies without one ignore it.
#define UNPLUG_STRATEGY(name, ...) std::unique_ptr<Strategy> make_##name(unsigned);
#define UNPLUG_SEARCH(...)
#include "unplug/sim/strategies/strategies.def"
#undef UNPLUG_STRATEGY
#undef UNPLUG_SEARCH

}  // namespace unplug::sim
