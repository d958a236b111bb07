// Reading the parts of a scenario file that concern all its variants: structure, forms, parameters, policies, expectations.
#pragma once

#include "unplug/scenarios/scenario.hpp"

namespace unplug::scenarios {

// Closed key lists and kinds of every section.
void check_structure(Node root, Diagnostics& out);
// Forms named by steps, in order of appearance; one empty form if there are none.
void read_forms(Scenario& s, const LoadOptions& options, Diagnostics& out);
// The product of parameters and ways of removal.
void read_members(Scenario& s, const LoadOptions& options, Diagnostics& out);
void read_policies(Scenario& s, const LoadOptions& options, Diagnostics& out);
void read_strategies(Scenario& s, Diagnostics& out);
void read_expectations(Scenario& s, const LoadOptions& options, Diagnostics& out);

}  // namespace unplug::scenarios
