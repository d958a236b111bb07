// How numbers are spelled in every report: one helper, so that two reports of one run can be compared by eye. Integers only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unplug::reports {

// A virtual time with three significant digits and an ASCII unit: "0", "950 ns", "12.0 us", "3.98 ms", "1.03 s", "1234 s".
[[nodiscard]] std::string duration(std::uint64_t ns);

// A range of virtual times, the unit once where both share it: "3.98..8.10 ms", "40.0 us..1.03 s"; one figure if both read the same.
[[nodiscard]] std::string duration_range(std::uint64_t low_ns, std::uint64_t high_ns);

// Several, the unit once if all share it: "16.1, 48.3, 96.6 ms"; no value is "-".
[[nodiscard]] std::string duration_list(const std::vector<std::optional<std::uint64_t>>& values_ns);

// Several counts: "1, 3, 6"; no value is "-".
[[nodiscard]] std::string count_list(const std::vector<std::optional<std::uint64_t>>& values);

// A range of counts: "4", "1..6".
[[nodiscard]] std::string count_range(std::uint64_t low, std::uint64_t high);

// A counted noun: "1 preemption", "3 preemptions". `plural` is needed only where adding an s is wrong.
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural = {});

// numerator/denominator with two decimals and a sign, rounded half away from zero: "+1.00", "-0.33", "0.00". The denominator is positive.
[[nodiscard]] std::string slope(std::int64_t numerator, std::int64_t denominator);

// The same for a time in nanoseconds: "+16.1 ms", "-3.00 us", "0".
[[nodiscard]] std::string duration_slope(std::int64_t numerator_ns, std::int64_t denominator);

}  // namespace unplug::reports
