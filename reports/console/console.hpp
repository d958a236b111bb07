// A whole result as a page of text: what the terminal shows and what is mailed differ in options only.
//
// Order of a scenario, as a sceptic reads: which policy breaks (one line each way), the table with the evidence under each verdict,
// the slope per resource, each finding with its fewest preemptions and its replay command, expectations, configuration and limits.
#pragma once

#include <string>

#include "unplug/reports/page/page.hpp"
#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

struct ConsoleOptions {
  PageOptions page;
  bool whole = false;  // also what a reader without the tool at hand needs: all waits, the policies, the primitives
};

// The page. `result` must hold printable text only (see clean.hpp).
[[nodiscard]] std::string write_console(const scenarios::Result& result, const ConsoleOptions& options);

}  // namespace unplug::reports
