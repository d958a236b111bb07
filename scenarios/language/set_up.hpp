// Where a declaration is a step.
#pragma once

#include <span>

#include "unplug/scenarios/program.hpp"

namespace unplug::scenarios {

// Leaves Instruction::sets_up to those declarations that may find their thing used before: not those in functions of policies, nor where
// a thing is declared in one place that is reached once, from top to bottom of probe() or init() (what is static is said so, too).
// `functions`: how many are the driver's; they come first.
void find_what_is_set_up_again(Program& program, std::size_t functions);

}  // namespace unplug::scenarios
