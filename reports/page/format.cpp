#include "unplug/reports/page/format.hpp"

#include <array>

#include <fmt/format.h>

namespace unplug::reports {

namespace {

// value/step, rounded half up; no intermediate exceeds 64 bits.
std::uint64_t rounded(std::uint64_t value, std::uint64_t step) {
  const std::uint64_t rest = value % step;
  return value / step + (rest >= step - rest && rest != 0 ? 1 : 0);
}

std::uint64_t magnitude_of(std::int64_t value) {
  return value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

struct Unit {
  std::uint64_t ns;
  std::string_view name;
};

constexpr std::array<Unit, 3> units{{{1'000, "us"}, {1'000'000, "ms"}, {1'000'000'000, "s"}}};

}  // namespace

std::string duration(std::uint64_t ns) {
  if (ns == 0) return "0";
  if (ns < 1'000) return fmt::format("{} ns", ns);
  for (const Unit& unit : units) {
    const std::uint64_t hundredths = rounded(ns, unit.ns / 100);
    if (hundredths < 1'000) return fmt::format("{}.{:02} {}", hundredths / 100, hundredths % 100, unit.name);
    const std::uint64_t tenths = rounded(ns, unit.ns / 10);
    if (tenths < 1'000) return fmt::format("{}.{} {}", tenths / 10, tenths % 10, unit.name);
    const std::uint64_t whole = rounded(ns, unit.ns);
    if (whole < 1'000 || unit.name == "s") return fmt::format("{} {}", whole, unit.name);
  }
  return {};  // not reached: the last unit takes everything
}

std::string duration_range(std::uint64_t low_ns, std::uint64_t high_ns) {
  std::string low = duration(low_ns);
  const std::string high = duration(high_ns);
  if (low == high) return low;
  const std::size_t low_space = low.find(' ');
  const std::size_t high_space = high.find(' ');
  if (low_space == std::string::npos || low.substr(low_space) == high.substr(high_space)) {
    return fmt::format("{}..{}", low.substr(0, low_space), high);
  }
  return fmt::format("{}..{}", low, high);
}

std::string duration_list(const std::vector<std::optional<std::uint64_t>>& values_ns) {
  std::vector<std::string> texts;
  std::string unit;
  bool shared = true;
  for (const std::optional<std::uint64_t>& value : values_ns) {
    texts.push_back(value ? duration(*value) : "-");
    const std::size_t space = texts.back().find(' ');
    if (space == std::string::npos) continue;  // "0" and "-" go with any unit
    shared = shared && (unit.empty() || unit == texts.back().substr(space));
    unit = texts.back().substr(space);
  }
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + (shared ? text.substr(0, text.find(' ')) : text);
  return shared ? out + unit : out;
}

std::string count_list(const std::vector<std::optional<std::uint64_t>>& values) {
  std::string out;
  for (const std::optional<std::uint64_t>& value : values) {
    if (!out.empty()) out += ", ";
    out += value ? std::to_string(*value) : "-";
  }
  return out;
}

std::string count_range(std::uint64_t low, std::uint64_t high) {
  return low == high ? fmt::format("{}", low) : fmt::format("{}..{}", low, high);
}

std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural) {
  if (n == 1) return fmt::format("1 {}", singular);
  return plural.empty() ? fmt::format("{} {}s", n, singular) : fmt::format("{} {}", n, plural);
}

std::string slope(std::int64_t numerator, std::int64_t denominator) {
  const bool negative = numerator < 0;
  const std::uint64_t magnitude = magnitude_of(numerator);
  const auto divisor = static_cast<std::uint64_t>(denominator);
  const std::uint64_t hundredths = rounded(magnitude % divisor * 100, divisor);
  const std::uint64_t whole = magnitude / divisor + hundredths / 100;
  if (whole == 0 && hundredths == 0) return "0.00";
  return fmt::format("{}{}.{:02}", negative ? '-' : '+', whole, hundredths % 100);
}

std::string duration_slope(std::int64_t numerator_ns, std::int64_t denominator) {
  const std::uint64_t per_unit = rounded(magnitude_of(numerator_ns), static_cast<std::uint64_t>(denominator));
  if (per_unit == 0) return "0";
  return (numerator_ns < 0 ? "-" : "+") + duration(per_unit);
}

}  // namespace unplug::reports
