// Reading the parts of a scenario file that concern all its variants: structure, forms, parameters, policies, expectations.
#pragma once

#include "unplug/scenarios/load/scenario.hpp"

namespace unplug::scenarios {

// Closed key lists and kinds of every section.
void check_structure(Node root, Diagnostics& out);
// Forms named by steps, in order of appearance; one empty form if there are none.
void read_forms(Scenario& s, const LoadOptions& options, Diagnostics& out);
// The product of parameters and ways of removal.
void read_members(Scenario& s, const LoadOptions& options, Diagnostics& out);
// The policies to run under: those that the caller names, else the file's, else all of mechanisms. policy_list.cpp
void read_policies(Scenario& s, const LoadOptions& options, Diagnostics& out);
void read_strategies(Scenario& s, Diagnostics& out);
// The rows of "expect"; after forms, members and policies.
void read_expectations(Scenario& s, const LoadOptions& options, Diagnostics& out);
// Whether the resources exist that policies are to guard. After the programs.
void check_guarded(const Scenario& s, Diagnostics& out);
// Whether the objects and functions that rows name exist: a misspelt `forbid` would be met whatever happens. After the programs. Rows
// about what this run leaves out are not looked at.
void check_expected_words(const Scenario& s, Diagnostics& out);

// The "params" of a row or of a task: values by which members are told. Parameters that nobody has, and values that are never taken, are
// reported.
std::map<std::string, std::string> values_of_members(const Scenario& s, const LoadOptions& options, Node n, Diagnostics& out);
// The same of each task and thread; after the members.
void check_members_of_tasks(const Scenario& s, const LoadOptions& options, Diagnostics& out);

}  // namespace unplug::scenarios
