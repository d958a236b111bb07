// The experiments that `unplug calibrate` runs. Adding one: a function in experiments_*.cpp, a line in its list; its rows are in
// measured.json under the same name.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "unplug/scenarios/calibration/bench.hpp"

namespace unplug::scenarios::calibration {

// By what they are about, in the order of reports.
[[nodiscard]] std::span<const Experiment> grace_period_experiments();
[[nodiscard]] std::span<const Experiment> handler_experiments();
[[nodiscard]] std::span<const Experiment> removal_experiments();
[[nodiscard]] std::vector<Experiment> experiments();
// The one of that name, or null.
[[nodiscard]] const Experiment* find_experiment(std::string_view name);

}  // namespace unplug::scenarios::calibration
