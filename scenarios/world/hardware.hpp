// A device, as far as a scenario looks at it: its struct device; its hardware, whether that is there, its registers with contents, its PCI
// function, its interrupt lines; and the nodes under which user space finds it. There is one of each, whoever is bound.
#pragma once

#include <deque>

#include "unplug/model/kernel/bus/hotplug.hpp"
#include "unplug/model/kernel/bus/pci.hpp"
#include "unplug/model/kernel/fs/cdev.hpp"
#include "unplug/model/kernel/fs/chardev.hpp"
#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/kernel/hw/device_register.hpp"
#include "unplug/model/kernel/irq/irq.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

struct Hardware {
  model::Presence presence;
  bool watched = false;                         // somebody looks at the presence
  model::PciDevice pci;                         // without BARs: those are a binding's
  std::deque<model::DeviceRegister> registers;  // in the order of Program::hardware
  model::Device hub_port;                       // the USB device, of which the driver's is an interface

  // Who answers accesses; null: somebody always does.
  [[nodiscard]] model::Presence* device() { return watched ? &presence : nullptr; }
};

class World;
struct BindingInstance;

struct DeviceInstance {
  World* world = nullptr;
  const DeviceSpec* spec = nullptr;
  std::uint32_t number = 0;          // in Program::devices
  std::uint32_t label = 0;           // its number in names: those that are real come first
  BindingInstance* first = nullptr;  // its first binding
  model::Device device;
  Hardware hardware;
  struct RegisterEffect {
    DeviceInstance* device;
    const HardwareSpec::Register* spec;
  };
  std::deque<RegisterEffect> register_effects;  // by register
  // By number of the declared thing.
  std::deque<model::CharDevice> chardevs;
  std::deque<model::IrqLine> irq_lines;  // its own; see irq_line()
  std::deque<model::Region> regions;
  std::deque<model::Mapping> other_claims;         // that another driver may make on them
  std::deque<model::DeviceNumber> device_numbers;  // of cdevs
  std::deque<model::DeviceNode> device_nodes;      // likewise
  std::deque<model::AddressSpace> address_spaces;  // of simple devices, then of cdevs; empty: no driver here maps anything
  std::deque<model::IrqAction> other_actions;      // of other drivers, on lines that are shared with them

  // The line that interrupt `i` comes on: its own, or the one that it shares.
  [[nodiscard]] model::IrqLine& irq_line(std::uint32_t i);
  // The address space of a cdev, or of a simple device; null: nothing of it is mapped.
  [[nodiscard]] model::AddressSpace* address_space(EntityKind kind, std::uint32_t i);
};

}  // namespace unplug::scenarios
