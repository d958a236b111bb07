// The constructors of the strategies that have a name on the command line. (`replay` takes a schedule and is made by its users.)
#pragma once

#include <memory>

#include "unplug/sim/strategy.hpp"

namespace unplug::sim {

// The parameter is what stands in parentheses, or the default; strategies without one ignore it.
std::unique_ptr<Strategy> make_timed(unsigned);
std::unique_ptr<Strategy> make_random(unsigned);
std::unique_ptr<Strategy> make_pct(unsigned depth);
std::unique_ptr<Strategy> make_pos(unsigned);
std::unique_ptr<Strategy> make_surw(unsigned);
std::unique_ptr<Strategy> make_mix(unsigned);

}  // namespace unplug::sim
