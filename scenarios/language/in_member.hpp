// What belongs to some members of a family only.
#pragma once

#include "unplug/scenarios/language/reader.hpp"

namespace unplug::scenarios {

// Whether a task or thread is there in the member with these values.
[[nodiscard]] bool is_in_member(Node task, const Parameters& member);

}  // namespace unplug::scenarios
