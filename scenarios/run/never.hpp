// What never happened: entries that no execution entered, operations that never succeeded, an interrupt that never came, a removal that
// never began, an entry that never met removal. A verdict says nothing about what never happened.
#pragma once

#include "unplug/scenarios/load/scenario.hpp"
#include "unplug/scenarios/program/program.hpp"
#include "unplug/scenarios/run/tally.hpp"

namespace unplug::scenarios {

// Fills Cell::never, ::kept_apart and ::never_reached from what was gathered.
void find_never(const Program& program, const Tally& tally, Cell& cell);

// Stores the reason with what a row of "expect" accepts.
void accept_never(const Scenario& scenario, ScenarioResult& result);
// Of a result: what another strategy, or another member of the family where this one leaves tasks out (by number of the cell), has seen
// happen, is no blemish of a cell. Then each cell's verdict.
void judge_never(ScenarioResult& result, const std::vector<bool>& leaves_tasks_out);
// The verdict of a cell from what it holds.
[[nodiscard]] CellVerdict verdict_of(const Cell& cell);

}  // namespace unplug::scenarios
