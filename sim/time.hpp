// Virtual time: unsigned nanoseconds since the start of an execution. It never feeds a guard, a value or an untimed verdict
// (docs/architecture.md, "One semantics").
#pragma once

#include <cstdint>

namespace unplug::sim {

using Time = std::uint64_t;      // ns since the execution began
using Duration = std::uint64_t;  // ns

inline constexpr Duration microsecond = 1'000;
inline constexpr Duration millisecond = 1'000'000;
inline constexpr Duration second = 1'000'000'000;

}  // namespace unplug::sim
