// The parts of a console page that say what was found and what was expected.
#pragma once

#include "unplug/reports/page/page.hpp"
#include "unplug/reports/view/summary.hpp"

namespace unplug::reports {

// Each signature once, what is feared most first, with a replay command per policy; then the notes. `whole`: who created the object and
// the call chains too.
void write_findings(Page& page, const ScenarioView& view, bool whole);

// How many expectations were met, and each unmet one in full.
void write_expectations(Page& page, const ScenarioView& view);

}  // namespace unplug::reports
