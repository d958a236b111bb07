// Whether a device is physically there: what surprise removal changes.
//
// A device that is pulled out answers register reads with all ones and swallows writes (PCIe completion timeouts, drivers/pci/hotplug),
// raises no further interrupts and does no further DMA. The kernel learns of it later, if at all, and then runs the same unbind as for a
// sysfs write. Left out: pci_dev_is_disconnected(), platforms that raise a machine check instead.
#pragma once

#include "unplug/model/context.hpp"

namespace unplug::model {

struct Presence {
  ObjectId object;  // word: 1 there, 0 gone
  NameId name;
};
void init_presence(Kernel& kernel, Presence& p, NameId unique_name, NameId declared);

// The device is gone from here on. For a task that stands for hardware, or for whoever pulls it.
void surprise_removal(Context& context, Presence& p);
// A look at the hardware; by a register read, or by hardware about to do something.
[[nodiscard]] bool is_present(Context& context, const Presence& p);
// For the thread of the bus: waits until the device is gone. The wait is idle.
void await_surprise_removal(Context& context, const Presence& p);

}  // namespace unplug::model
