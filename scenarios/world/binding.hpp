// What the driver has, once for each binding: every declared thing; and the memory that it allocates on the way.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "unplug/model/kernel/base/device.hpp"
#include "unplug/model/kernel/bus/pci.hpp"
#include "unplug/model/kernel/bus/urb.hpp"
#include "unplug/model/kernel/fs/file.hpp"
#include "unplug/model/kernel/fs/sysfs_file.hpp"
#include "unplug/model/kernel/lib/memory.hpp"
#include "unplug/model/mechanisms/policy.hpp"
#include "unplug/scenarios/program/program.hpp"
#include "unplug/scenarios/world/hardware.hpp"
#include "unplug/scenarios/world/things.hpp"

namespace unplug::scenarios {

class World;

// A struct vm_operations_struct of a binding; what is null, it doesn't have.
struct VmOperations {
  Callback *open = nullptr, *close = nullptr, *fault = nullptr;
};

// One binding of the driver: every declared thing, once.
struct BindingInstance {
  World* world = nullptr;
  std::uint32_t number = 0;  // in Program::bindings
  std::uint32_t label = 0;   // its number in names: those of real devices come first
  DeviceInstance* device = nullptr;
  std::uint32_t load = 0;  // in Program::loads
  model::Binding binding;
  model::Module* module = nullptr;
  BindingInstance* home = nullptr;  // where the static variables of the module are, as it is loaded
  std::unique_ptr<model::Policy> policy;
  model::Sources sources;
  ThingTable things;
  std::vector<model::Resource> resources;  // one per mapping
  std::deque<Callback> file_callbacks;     // by function: of file operations and RCU callbacks, which belong to no thing
  std::deque<Callback> callbacks;          // of things, and of calls that name a function
  Handle policy_state = 0;                 // what a policy in steps keeps for the binding,
  std::vector<Handle> resource_states;     // and for each resource
  std::deque<model::FileOperations> fops;  // by number in Program::fops
  std::deque<VmOperations> vm_ops;
  std::deque<model::SysfsFile> attribute_files;  // by attribute
  model::PciDevice pci;                          // the device's, with the BARs of this binding
  model::UsbInterface usb;                       // with the URBs of this binding, if it has any
  std::uint32_t first_allocation = 0;            // handles of declared allocations are consecutive
};

// Memory that was allocated in the course of an execution, and the things that are embedded in it.
struct Instance {
  BindingInstance* binding = nullptr;
  std::uint32_t allocation = 0;  // as declared
  Handle handle = 0;
  Handle parent = 0;  // memory that it is embedded in; 0: an allocation of its own
  model::Allocation memory;
  ThingTable things;  // numbered among those of one kind that are embedded in this memory
};

}  // namespace unplug::scenarios
