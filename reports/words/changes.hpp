// What changed from one set of verdicts to another, for people and for scripts.
#pragma once

#include <string>
#include <vector>

#include "unplug/scenarios/result/changes.hpp"

namespace unplug::reports {

// Plain text: a block for each scenario, member and policy: what is fixed (with the evidence), introduced (with the fewest preemptions)
// and left.
[[nodiscard]] std::string write_changes(const std::vector<scenarios::Changes>& all);

// A document of kind "changes/1".
[[nodiscard]] std::string write_changes_json(const std::vector<scenarios::Changes>& all);

}  // namespace unplug::reports
