// Devices and their bindings: probe, the unbind sequence in driver-core order, and devres.
//
// drivers/base/dd.c (really_probe, __device_release_driver) and drivers/base/devres.c, v6.18. The device lock is held through remove() and
// devres. remove() cannot refuse and nothing here looks at references or open files. devres: all nodes are detached to a private list in
// one step, then released strictly one after another, last registered first; an explicit devm_*() removal that comes later finds nothing.
// dev->driver stays set until all that is over. Left out: device links, runtime PM, dev_groups, uevents, deferred probe.
#pragma once

#include <functional>
#include <vector>

#include "unplug/model/context.hpp"
#include "unplug/model/kernel/locks.hpp"
#include "unplug/model/kernel/module.hpp"

namespace unplug::model {

struct Device {
  ObjectId driver;  // dev->driver: word 0 unbound, else number of the binding
  Mutex lock;       // device_lock()
  NameId name;
};
void init_device(Kernel& kernel, Device& d, NameId unique_name, NameId declared);

// One binding of a driver to a device, from probe to the end of devres. What it owns dies with it.
struct Binding {
  Device* device = nullptr;
  Module* module = nullptr;
  LifetimeId life;  // ends when the unbind has completed
  NameId name;
  std::uint64_t number = 0;  // 1-based
  ObjectId devres;           // the devres list
  struct Node {
    const StaticName* release_name;  // "devm iounmap"
    NameId object;
    std::function<void(Context&)> release;
    const void* key;  // what devm_*() removal looks for
  };
  std::vector<Node> nodes;                      // in order of registration; touched in steps on `devres` only
  std::function<void(Context&)> before_devres;  // a policy's hook between remove() and devres; may be empty
};
void init_binding(Kernel& kernel, Binding& b, Device& device, Module& module, NameId unique_name, NameId declared, std::uint64_t number);

void devres_add(Context& context, Binding& b, Binding::Node node);
// devm_*() removal by hand: takes the node off the list. true: the caller must do what its release would have done.
bool devres_remove(Context& context, Binding& b, const void* key);

// really_probe(): `probe` answers whether it succeeded. On failure devres unwinds.
bool probe_device(Context& context, Binding& b, const std::function<bool(Context&)>& probe);
// device_release_driver(): false if the device was not bound to `b`. `remove` is the driver's.
bool release_driver(Context& context, Binding& b, const std::function<void(Context&)>& remove);

// Waits until the device is bound: an administrator or hotplug event comes after that. The wait is idle.
void await_bound(Context& context, Device& d);

}  // namespace unplug::model
