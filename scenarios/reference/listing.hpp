// A form of a driver as people read it: each function with its steps, forms chosen, a line a step.
#pragma once

#include <string>
#include <vector>

#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios {

// The functions of a scenario or policy file under `form` ("": all steps that name no form), as lines. Parameters stay as they are written.
[[nodiscard]] std::vector<std::string> listing(const Document& document, const std::string& form);

// The change from one listing to another as a unified diff, with three lines of context; empty if they are equal.
[[nodiscard]] std::string unified_diff(const std::vector<std::string>& before, const std::vector<std::string>& after,
                                       const std::string& before_name, const std::string& after_name);

}  // namespace unplug::scenarios
