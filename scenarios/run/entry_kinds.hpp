// Ways into a driver, and which of them a file has: a verdict says nothing about the others.
#pragma once

#include <string>

#include "unplug/scenarios/load/scenario.hpp"

namespace unplug::scenarios {

// "entry kinds not modelled by the file: ..."
[[nodiscard]] std::string entry_kinds_missing(const Scenario& scenario);

}  // namespace unplug::scenarios
