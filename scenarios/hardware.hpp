// The hardware under the driver, as far as a scenario looks at it: whether it is there, its registers with contents, its PCI function.
// There is one of each, whoever is bound.
#pragma once

#include <deque>

#include "unplug/model/kernel/device_register.hpp"
#include "unplug/model/kernel/hotplug.hpp"
#include "unplug/model/kernel/pci.hpp"

namespace unplug::scenarios {

struct Hardware {
  model::Presence presence;
  bool watched = false;                         // somebody looks at the presence
  model::PciDevice pci;                         // without BARs: those are a binding's
  std::deque<model::DeviceRegister> registers;  // in the order of Program::hardware
  model::Mutex rescan_remove;                   // pci_lock_rescan_remove()
  model::Device hub_port;                       // the USB device, of which the driver's is an interface

  // Who answers accesses; null: somebody always does.
  [[nodiscard]] model::Presence* device() { return watched ? &presence : nullptr; }
};

}  // namespace unplug::scenarios
