// The word of a counted struct device (device_core.hpp), shared with the buses.
#pragma once

#include <cstdint>

namespace unplug::model::device_state {

// Bits 0..31 references; 32 dead (kill_device), 33 on the bus's list, 34 PCI_DEV_ADDED, 35 PCI_DEV_REMOVED.
inline constexpr std::uint64_t count_mask = 0xffffffff, dead = std::uint64_t{1} << 32U, on_bus = std::uint64_t{1} << 33U,
                               pci_added = std::uint64_t{1} << 34U, pci_removed = std::uint64_t{1} << 35U;

}  // namespace unplug::model::device_state
