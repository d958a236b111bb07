// A result as a comparison of real drivers would give it, and everything that could upset a writer: every optional set and unset, names
// with HTML, Unicode and control characters, names longer than a page is wide, a scenario that found nothing and one that ran nothing.
#pragma once

#include "unplug/scenarios/result/result.hpp"

namespace unplug::test {

// The whole sample, the same at every call.
[[nodiscard]] scenarios::Result sample_result();

// One scenario, one policy, nothing optional.
[[nodiscard]] scenarios::Result smallest_result();

// Its scenarios, in order.
[[nodiscard]] scenarios::ScenarioResult sample_nova();     // policies x bars = 1, 3, 6; mix and timed
[[nodiscard]] scenarios::ScenarioResult sample_forms();    // buggy and fixed, dpor: bounded and exhaustive
[[nodiscard]] scenarios::ScenarioResult sample_hostile();  // names that upset writers

}  // namespace unplug::test
