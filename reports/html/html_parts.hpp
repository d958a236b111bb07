// The parts of the HTML report as template data; reports/templates/compare.html says how they look.
#pragma once

#include <string>
#include <vector>

#include "unplug/reports/html/markup.hpp"
#include "unplug/reports/view/summary.hpp"

namespace unplug::reports {

// Who breaks and who doesn't, a box each: sections "answers".
[[nodiscard]] std::vector<Node> answer_nodes(const ScenarioView& view);

// The tables of policies beside each other: sections "tables". `id` is the scenario's anchor.
[[nodiscard]] std::vector<Node> table_nodes(const ScenarioView& view, const std::string& id);

// Violations by policy with the fewest preemptions: section "matrix". Only worth it with several policies.
[[nodiscard]] Node matrix_node(const ScenarioView& view, const std::string& id);

// Times as charts and figures: section "times"; no charts if nothing was timed.
[[nodiscard]] Node times_node(const ScenarioView& view);
[[nodiscard]] bool has_times(const ScenarioView& view);

// Growth with swept parameters: sections "sweeps".
[[nodiscard]] std::vector<Node> sweep_nodes(const ScenarioView& view);

// Each violation with what a reader needs to argue about it: sections "findings".
[[nodiscard]] std::vector<Node> finding_nodes(const ScenarioView& view, const std::string& id);
[[nodiscard]] std::vector<Node> note_nodes(const ScenarioView& view);

// Counts, and each unmet one: section "expectations".
[[nodiscard]] Node expectations_node(const ScenarioView& view);

// Every wait, and every cell: sections "waits" and "cells".
[[nodiscard]] std::vector<Node> wait_nodes(const ScenarioView& view);
[[nodiscard]] std::vector<Node> cell_nodes(const ScenarioView& view);

// The anchor of a finding.
[[nodiscard]] std::string finding_anchor(const std::string& scenario_id, const FindingView& finding);

}  // namespace unplug::reports
