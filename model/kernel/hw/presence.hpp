// Whether a device is physically there, and what else its hardware's side of the bus decides.
//
// A device that is pulled out answers register reads with all ones and swallows writes (PCIe completion timeouts, drivers/pci/hotplug),
// raises no further interrupts and does no further DMA. The kernel learns of it later, if at all, and then runs the same unbind as for a
// sysfs write. A device without power (D3cold) or in reset answers all ones as well, but is there. All of it is one word, so that one step
// can tell what becomes of an access; registers and posted writes are in device_register.hpp, bus mastering in pci.hpp.
// Left out: platforms that raise a machine check instead.
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct DeviceRegister;

struct Presence {
  ObjectId object;  // word: presence_word
  NameId name;
  // For device_register.cpp; touched in steps on `object` only.
  struct PostedWrite {
    DeviceRegister* where;
    std::uint64_t value;
  };
  std::vector<PostedWrite> posted{};         // oldest first
  std::vector<DeviceRegister*> registers{};  // all that lose their value in a reset; known before the first step
  Kernel* bus = nullptr;                     // writes are posted: somebody delivers them
};
namespace presence_word {
inline constexpr std::uint64_t there = 1,
                               no_power = 2,                    // D3cold, or in reset
    bus_master = 4,                                             // PCI_COMMAND_MASTER
    delivering = 8,                                             // the device acts on a write
    posted_unit = 0x10000, posted_mask = 0xffff * posted_unit,  // writes on their way
    change_unit = std::uint64_t{1} << 32U;                      // how often a register has changed its value: for who polls one
// Whether the device answers register accesses.
[[nodiscard]] constexpr bool answers(std::uint64_t word) { return (word & (there | no_power)) == there; }
}  // namespace presence_word

// There, powered, not a bus master; without registers.
void init_presence(Kernel& kernel, Presence& p, NameId unique_name, NameId declared);

// The device is gone from here on, and with it what was on its way to it. For a task that stands for hardware, or for whoever pulls it.
void surprise_removal(Context& context, Presence& p);
// A look at the hardware; by a register read, or by hardware about to do something.
[[nodiscard]] bool is_present(Context& context, const Presence& p);
// For the thread of the bus: waits until the device is gone. The wait is idle.
void await_surprise_removal(Context& context, const Presence& p);

}  // namespace unplug::model
