// "removal" of "run": the ways in which the administrator, or somebody at the slot, makes the devices go.
#pragma once

#include <vector>

#include "unplug/scenarios/file/roster.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// Each entry is one way: a stage, or stages one after another. What can't come after what stands before it is reported.
[[nodiscard]] std::vector<std::vector<RemovalStage>> removal_ways(Node removal, const Roster& roster, Diagnostics& out);

// The device that a stage is about, and the attribute that sysfs_write writes to: "foo1/attr". None: it isn't clear which.
struct StageTarget {
  std::optional<std::uint32_t> device, module;
  std::string attribute;
};
[[nodiscard]] StageTarget target_of(const RemovalStage& stage, const Roster& roster);

}  // namespace unplug::scenarios
