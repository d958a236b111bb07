// What can be said of a step without compiling it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios {

// Whether `step` belongs to `form`: it names none, or this one. "": every step does.
[[nodiscard]] bool in_form(Node step, const std::string& form);
// Whether a form that the step names is one of these.
[[nodiscard]] bool names_form(Node step, const std::vector<std::string>& forms);

// Which key of a step is its verb; none if there is none, or more than one that no verb takes as a key of its own ("return" of "if").
[[nodiscard]] std::optional<std::size_t> verb_key(Node step);

}  // namespace unplug::scenarios
