// The version of what a schedule means. Raised when step boundaries, guards, default order or the drawing of values change: failure
// files of another version are refused.
#pragma once

namespace unplug::sim {

inline constexpr int engine_semantics = 2;

}  // namespace unplug::sim
