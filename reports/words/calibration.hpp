// The model beside a measured kernel, as a page of text and as a JSON document of kind "calibration/1".
#pragma once

#include <string>

#include "unplug/reports/page/page.hpp"
#include "unplug/scenarios/calibration/calibrate.hpp"

namespace unplug::reports {

[[nodiscard]] std::string write_calibration(const scenarios::calibration::Calibration& calibration, const PageOptions& options);
// Times in nanoseconds, every key always there.
[[nodiscard]] std::string write_calibration_json(const scenarios::calibration::Calibration& calibration);

}  // namespace unplug::reports
