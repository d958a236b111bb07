// How cost grows with a swept parameter: the slope per resource that the debate is about ("one grace period per BAR").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unplug/reports/view/summary.hpp"

namespace unplug::reports {

// One policy along the sweep: medians, one per point, none where it wasn't run or not measured.
struct Series {
  std::string policy;
  std::vector<std::optional<std::uint64_t>> grace_periods, unbind_ns;
};

// The members of one form that differ in one integer parameter only.
struct Sweep {
  std::string form;
  std::string parameter;             // "bars"
  std::string rest;                  // the other parameters: "removal=unbind"; may be empty
  std::vector<std::int64_t> points;  // ascending, at least two
  std::vector<Series> series;        // in the order of the scenario's policies; policies with nothing measured are left out
};

// All sweeps of a scenario, in the order of its groups.
[[nodiscard]] std::vector<Sweep> sweeps(const ScenarioView& view);

// Growth per unit of the parameter from the first to the last measured point; none with fewer than two.
struct Growth {
  std::int64_t rise = 0, run = 1;
};
[[nodiscard]] std::optional<Growth> growth(const std::vector<std::int64_t>& points,
                                           const std::vector<std::optional<std::uint64_t>>& values);

}  // namespace unplug::reports
