// Registers that do something: values that are written and read back, posted writes, and what the device does when a write arrives.
//
// A memory write over PCI is posted: writel() returns before the device has seen it, writes arrive in order, and a read of any register of
// the device comes back only when all earlier writes have arrived (PCI ordering rules; Documentation/driver-api/device-io.rst, v6.18). So
// a write that stops something needs a read-back before it is certain that the device saw it. The bus is a daemon that delivers what was
// posted, one after another, and then runs the register's effect as the device: mask an interrupt, ring a doorbell, stop DMA.
// A device that is gone, without power or in reset swallows writes and answers all ones; what was on its way is lost.
// Left out: write combining, reads with side effects, bridges that reorder, ordering between devices.
#pragma once

#include "unplug/model/kernel/hw/mmio.hpp"
#include "unplug/model/kernel/hw/presence.hpp"

namespace unplug::model {

struct DeviceRegister {
  Presence* device = nullptr;
  NameId name;
  std::uint64_t initial = 0;  // after reset
  std::uint64_t value = 0;    // touched in steps on the device's object only
  // What the device does about a value that has arrived; runs on the bus's task. null: it keeps the value, no more.
  void (*effect)(Context&, std::uint64_t value, void*) = nullptr;
  void* argument = nullptr;
};

// Makes the task, called `task_name`, that delivers what is posted to `device`. Before the first register.
void init_bus(Kernel& kernel, Presence& device, NameId task_name);
// A register of a device with a bus; `effect` is set before. It must stay where it is until the execution has ended.
void init_register(DeviceRegister& r, Presence& device, NameId declared, std::uint64_t initial = 0);

// readl() and its kin: waits until every write posted to the device before has arrived and been acted on. All ones if nobody answers.
std::uint64_t read_register(Context& context, const Mapping& m, const DeviceRegister& r, Width width = Width::l);
// writel() and its kin: posts the write; does not wait.
void write_register(Context& context, const Mapping& m, DeviceRegister& r, std::uint64_t value, Width width = Width::l);

// What losing power or being reset does to a device's state. From effects of steps on its object.
void lose_state(Presence& device, std::uint64_t& word);

}  // namespace unplug::model
