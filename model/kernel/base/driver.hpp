// Drivers: struct device_driver, its devices, and user space that binds and unbinds.
//
// drivers/base/driver.c, bus.c (bind_store, unbind_store, bus_remove_driver), dd.c (driver_detach, __device_attach), lib/klist.c, v6.18.
// driver_unregister() first takes the driver's attributes away (a write to "unbind" in flight is waited for), then takes it off the bus,
// which waits for probes that came by the bus (they stand on the driver's node), and then unbinds its devices one by one, the last bound
// first. It returns when every remove() and all devres are over. unbind_store() looks at dev->driver without the lock and then unbinds
// whatever is bound. Whoever walks the driver's devices stands on a node; klist_remove(), at the end of an unbind, waits for that.
// Left out: matching, asynchronous and deferred probe, driver_override, the memory of struct device_driver.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/base/device.hpp"

namespace unplug::model {

struct Driver {
  ObjectId bus;      // word: bit 0 on the bus's list, bits 1.. probes that stand on its node
  ObjectId devices;  // klist_devices, word: of node n in bits 4n..4n+3: bit 0 on the list, bits 1..3 walkers that stand on it
  NameId name;
  std::vector<SysfsAttribute*> attributes;  // "bind", "unbind" and its own
  std::vector<Binding*> nodes;              // by number of node, at most 16
  std::vector<Binding*> list;               // beside `devices`: in order of binding
};
void init_driver(Kernel& kernel, Driver& driver, NameId unique_name, NameId declared);
// Makes `b` one of the driver's, to be bound later.
void add_binding(Driver& driver, Binding& b);

// Puts it on the bus, probes the devices of `matches` that are not bound, makes the attributes.
void driver_register(Context& context, Driver& driver, std::span<Binding* const> matches);
void driver_unregister(Context& context, Driver& driver);
// A device has appeared (device_initial_probe()): probes it, if its driver is there. Whether it is bound then.
bool device_attach(Context& context, Binding& b);

// The operations of the attributes: 0, or -ENODEV, -EBUSY (bound already), -EIO (its probe failed).
int bind_store(Context& context, Binding& b);
// -ENODEV: not bound to this driver.
int unbind_store(Context& context, Driver& driver, Device& d);

// Calls `f` for each bound device; stops where it answers other than 0, which is the answer then.
int driver_for_each_device(Context& context, Driver& driver, const std::function<int(Context&, Device&)>& f);

// --- For the driver core.
void klist_add_device(Context& context, Driver& driver, Binding& b);
void klist_remove_device(Context& context, Driver& driver, Binding& b);
void driver_detach(Context& context, Driver& driver);

}  // namespace unplug::model
