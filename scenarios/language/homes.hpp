// Which devices (or modules alone) code runs for, and so whose thing a name can mean in it.
//
// In C a name in a function means what the running code was given: the private data of its device, or a variable that there is once. So a
// thing belongs to whom the functions that make it run for; and code means its own, else the only one there is. Where there are several,
// nothing says which.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// By number in Program::devices.
using DeviceSet = std::set<std::uint32_t>;

// A step of `function` that makes the thing; there may be several.
struct Maker {
  EntityKind kind = EntityKind::none;
  std::uint32_t index = 0, function = 0;
};

struct Homes {
  std::vector<DeviceSet> functions;            // by function: whom it runs for
  std::vector<std::vector<DeviceSet>> things;  // by kind and number: whose it is; empty: no function that makes it is ever called
  [[nodiscard]] const DeviceSet& of(EntityKind kind, std::uint32_t index) const { return things[static_cast<std::size_t>(kind)][index]; }
};

// `things`: the declared ones, by kind. What a policy declares is everybody's.
[[nodiscard]] Homes find_homes(const Program& program, const std::vector<std::vector<EntitySpec>>& things,
                               const std::vector<Maker>& makers);

// Whose thing code means that runs for `device`; none: that can't be known. `once`: devices that are bound once at most.
[[nodiscard]] std::optional<std::uint32_t> meant(const DeviceSet& homes, std::uint32_t device, const DeviceSet& once);

// What stands for a module outside of its devices, or its only device: where its static variables are. None: it has neither.
[[nodiscard]] std::optional<std::uint32_t> home_of(const Program& program, std::uint32_t module);

}  // namespace unplug::scenarios
