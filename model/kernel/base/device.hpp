// Devices and their bindings: probe and the unbind sequence in driver-core order.
//
// drivers/base/dd.c (really_probe, __device_release_driver, device_unbind_cleanup), v6.18. The device lock is held through remove() and
// devres (devres.hpp), the parent's as well where the bus needs it. remove() cannot refuse and nothing here looks at references or open
// files. Before remove(), consumers linked to the device are unbound with its lock let go (device_link.hpp), and the driver's attributes
// are taken away and drained. dev->driver and the driver data stay set until devres is over. Unbinding a device from its own remove()
// waits for its own lock. dev->driver is set when the probe has succeeded: before that only who holds the lock could see it.
// struct device itself, its registration and its reference count: device_core.hpp. struct device_driver: driver.hpp. What an optional part
// is not there for (no links, no groups, no struct device_driver) takes no step.
// Left out: runtime PM, PM domains, pinctrl, sync_state, uevents, deferred and asynchronous probe.
#pragma once

#include <functional>
#include <vector>

#include "unplug/model/core/context.hpp"
#include "unplug/model/core/references.hpp"
#include "unplug/model/kernel/base/devres.hpp"
#include "unplug/model/kernel/base/module.hpp"
#include "unplug/model/kernel/locking/locks.hpp"

namespace unplug::model {

struct Binding;
struct DeviceLinks;
struct Driver;
struct SysfsAttribute;

// What the bus's notifier chain is told (BUS_NOTIFY_...).
enum class BusEvent : std::uint8_t { add, bind_driver, bound_driver, driver_not_bound, unbind_driver, unbound_driver, del, removed };

struct Device {
  ObjectId driver;  // dev->driver: word 0 unbound, else number of the binding
  Mutex lock;       // device_lock()
  NameId name;
  LifetimeId home;                                 // memory that the struct device is in; none: static
  std::vector<Binding*> bindings;                  // by number - 1
  Device* parent = nullptr;                        // see set_parent()
  bool need_parent_lock = false;                   // bus->need_parent_lock (USB): who unbinds holds the parent's lock as well
  std::vector<Device*> children;                   // in the order in which they were added
  DeviceLinks* links = nullptr;                    // if it is a supplier or a consumer
  std::function<void(Context&, BusEvent)> notify;  // the bus's notifier chain; may be empty
  ObjectId drvdata;                                // dev_set_drvdata(); none: nobody's
  ObjectId refs;                                   // device_core.hpp; none: a device that is there for ever
  References references;                           // that code of modules has taken on it
  std::vector<SysfsAttribute*> attributes;         // its own: device_del() takes them away before it unbinds
  Devres* devres = nullptr;                        // its own, besides those of its bindings: of a device without a driver
  std::function<void(Context&)> release;           // of the struct device
};
void init_device(Kernel& kernel, Device& d, NameId unique_name, NameId declared);
// After init_device() of both. `child` is unbound before its parent by whoever removes both: nothing here does it by itself.
void set_parent(Device& child, Device& parent, bool need_parent_lock = false);
// Gives the device driver data, 0 at first.
void init_drvdata(Kernel& kernel, Device& d, NameId unique_name);
void dev_set_drvdata(Context& context, Device& d, std::uint64_t value);
std::uint64_t dev_get_drvdata(Context& context, Device& d);

// One binding of a driver to a device, from probe to the end of devres. What it owns dies with it. It is bound once: a device that is bound
// again is so by another Binding.
struct Binding {
  Device* device = nullptr;
  Module* module = nullptr;
  LifetimeId life;  // ends when the unbind has completed
  NameId name;
  std::uint64_t number = 0;  // 1-based
  Devres devres;
  using Node = DevresNode;
  // The driver's part. All may be empty.
  std::function<bool(Context&)> probe;  // whether it succeeded
  std::function<void(Context&)> remove;
  std::function<bool(Context&)> dma_configure;  // the bus's, before probe: whether it succeeded
  std::function<void(Context&)> dma_cleanup;    // the bus's, after remove()
  std::function<void(Context&)> unbound;        // after devres and post_unbind, also of a probe that failed: a core's cleanup
  std::function<void(Context&)> post_unbind;    // drops private data (Rust): after devres, or before (KernelConfig)
  std::function<void(Context&)> before_devres;  // a policy's hook between remove() and devres
  std::vector<SysfsAttribute*> dev_groups;      // driver->dev_groups: created after probe, drained before remove()
  Driver* driver = nullptr;                     // struct device_driver; null: nobody looks at it
  std::uint32_t knode = 0;                      // where it stands in the driver's list
};
void init_binding(Kernel& kernel, Binding& b, Device& device, Module& module, NameId unique_name, NameId declared, std::uint64_t number);

inline void devres_add(Context& context, Binding& b, DevresNode node) { devres_add(context, b.devres, std::move(node)); }
inline bool devres_remove(Context& context, Binding& b, const void* key) { return devres_remove(context, b.devres, key); }

// device_lock() of the device, of its parent first if there is one to take.
void device_driver_lock(Context& context, Device& d, Device* parent);
void device_driver_unlock(Context& context, Device& d, Device* parent);
// The parent that is to be locked: bus->need_parent_lock.
[[nodiscard]] inline Device* parent_to_lock(const Device& d) { return d.need_parent_lock ? d.parent : nullptr; }

// really_probe(), under the device lock, of a device that isn't bound: suppliers, dma_configure, probe, dev_groups, driver_bound(). What
// fails unwinds all before it; once probe has succeeded, remove() is part of that.
bool really_probe(Context& context, Binding& b, const std::function<bool(Context&)>& probe);
// The same, taking the lock, for who knows that the device isn't bound.
bool probe_device(Context& context, Binding& b, const std::function<bool(Context&)>& probe);

// device_release_driver() for one binding: false if the device was not bound to `b`. `remove` is the driver's.
bool release_driver(Context& context, Binding& b, const std::function<void(Context&)>& remove);
// device_release_driver_internal(): whatever is bound, or only what `driver` bound. `parent`: to be locked as well. false: nothing was.
bool device_release_driver_internal(Context& context, Device& d, const Driver* driver, Device* parent);
// device_release_driver(): whatever is bound. The parent's lock, where the bus needs it, is the caller's business.
inline bool device_release_driver(Context& context, Device& d) { return device_release_driver_internal(context, d, nullptr, nullptr); }

// Waits until the device is bound: an administrator or hotplug event comes after that. The wait is idle.
void await_bound(Context& context, Device& d);

}  // namespace unplug::model
