// The devices of an execution, before anything is bound to them: struct device, the nodes, interrupt lines, regions and registers of each.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "unplug/model/core/kernel.hpp"
#include "unplug/model/kernel/base/device_link.hpp"
#include "unplug/model/kernel/fs/cdev.hpp"
#include "unplug/model/kernel/locking/locks.hpp"
#include "unplug/scenarios/program/program.hpp"
#include "unplug/scenarios/world/hardware.hpp"

namespace unplug::scenarios {

class World;

class Devices {
 public:
  // Room for what the program declares: numbers and sizes are the same in all executions.
  explicit Devices(World& world);
  // Lays them out before an execution.
  void setup();
  // The rest of it, once the DMA engines of bindings are known: what writing to registers brings about.
  void setup_effects();

  // By number in Program::devices.
  [[nodiscard]] DeviceInstance& operator[](std::size_t i) { return list_[i]; }
  [[nodiscard]] auto begin() { return list_.begin(); }
  [[nodiscard]] auto end() { return list_.end(); }
  // Which interrupt's line interrupt `i` is on.
  [[nodiscard]] std::uint32_t irq_root(std::uint32_t i) const { return irq_roots_[i]; }
  // A word: how many of them have been probed; where there are several.
  [[nodiscard]] sim::ObjectId probed() const { return probed_; }
  // pci_lock_rescan_remove(), where a device is pulled out.
  [[nodiscard]] model::Mutex& rescan_remove() { return rescan_remove_; }
  // A name that is said once of each device.
  sim::NameId unique(const DeviceInstance& d, const std::string& name);

 private:
  [[nodiscard]] std::string name_of(const DeviceInstance& d) const;
  void setup(DeviceInstance& d);
  void setup_nodes(DeviceInstance& d);
  void setup_lines(DeviceInstance& d);
  void setup_regions(DeviceInstance& d);
  void setup_hardware(DeviceInstance& d);
  void setup_ancestry(DeviceInstance& d, bool set_parent);
  void setup_links();
  // What the device does about a write that arrives; the argument is a DeviceInstance::RegisterEffect.
  static void register_written(model::Context& context, std::uint64_t value, void* argument);

  World& world_;
  const scenarios::Program& program_;
  model::Kernel& kernel_;
  std::deque<DeviceInstance> list_;
  std::vector<std::uint32_t> irq_roots_;  // by interrupt
  sim::ObjectId probed_;
  model::DeviceLinks links_;
  // What the kernel has one of for all devices, where a program has such nodes.
  model::Mutex misc_mtx_, rescan_remove_;
  model::Rwsem minor_rwsem_;  // of usb_register_dev()
  model::CdevMap cdev_map_;
};

}  // namespace unplug::scenarios
