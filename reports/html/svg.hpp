// Small charts as inline SVG: no scripts, no fonts, colours by class from the page's style. Integer coordinates only, so the bytes are
// the same everywhere; the page says every number in words, too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

// log2 of a positive number in 1/1024.
[[nodiscard]] std::uint64_t log2_fixed(std::uint64_t value);

struct TimeRow {
  std::string name;
  std::optional<scenarios::Quantiles> remove_ns, unbind_ns;
};

// An axis of time for charts that are to be compared: logarithmic if the values spread over more than a factor of 30.
class TimeScale {
 public:
  explicit TimeScale(const std::vector<TimeRow>& rows);

  // The position of `ns` on an axis of `length`, clamped to it.
  [[nodiscard]] std::uint64_t at(std::uint64_t ns, std::uint64_t length) const;
  // Where to label the axis: powers of ten, or round steps.
  [[nodiscard]] std::vector<std::uint64_t> ticks() const;
  [[nodiscard]] bool logarithmic() const { return logarithmic_; }

 private:
  std::uint64_t low_ = 0, high_ = 1;
  bool logarithmic_ = false;
};

// One row per name: a hollow dot at the median of remove(), a full one at that of the unbind, a line from there to the maximum.
[[nodiscard]] std::string time_chart(const std::vector<TimeRow>& rows, const TimeScale& scale);

// Values over a parameter as a curve on a linear scale up to `highest`; `labels` has one text per value, `values_text` and
// `growth_text` stand above the curve.
[[nodiscard]] std::string growth_chart(const std::vector<std::int64_t>& points, const std::vector<std::optional<std::uint64_t>>& values,
                                       std::uint64_t highest, const std::vector<std::string>& labels, const std::string& values_text,
                                       const std::string& growth_text);

}  // namespace unplug::reports
