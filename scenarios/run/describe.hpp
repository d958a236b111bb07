// What a result says of a scenario before anything is run: its file, kernel, policies, primitives, what it leaves out.
#pragma once

#include "unplug/scenarios/load/scenario.hpp"

namespace unplug::scenarios {

void describe(const Scenario& scenario, ScenarioResult& result);

}  // namespace unplug::scenarios
