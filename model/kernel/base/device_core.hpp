// struct device: its memory, its registration, and how it goes.
//
// drivers/base/core.c (device_add, device_del, get_device, put_device, device_release), v6.18. The reference count keeps the memory of the
// struct and nothing else: neither the binding nor the hardware nor the text of release(). device_del() marks the device dead under its
// lock (nothing binds it any more), takes its attributes away and drains them, and only then unbinds its driver; what is left on its own
// devres list goes then, and again with the memory. device_unregister() is device_del() and the drop of one reference: it waits for nobody
// who holds another. Children are not removed by it.
// One word holds references and state, since a look-up on the bus checks the one and takes the other under one lock. Left out: uevents,
// devtmpfs, classes, sysfs links, kobjects below it, DEBUG_KOBJECT_RELEASE.
#pragma once

#include <functional>

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/base/device.hpp"

namespace unplug::model {

// After init_device(): makes it a counted object in memory `home` (none: static), with one reference. `added`: device_add() has been there.
// d.release is set after this; without one the memory is lost.
void init_device_core(Kernel& kernel, Device& d, NameId unique_name, LifetimeId home, bool added);
// After it: once `owner` has ended, a device that is still registered is a leak, and so is a reference that code of a module has taken with
// get_device() and not given back, unless the device is in memory of its own, which is one then.
void init_device_owner(Kernel& kernel, Device& d, LifetimeId owner);
// device_initialize() of one that may have been used: one reference, on no bus.
void set_up_again(Context& context, Device& d);

// On a device that is there for ever they do nothing. From 0 on, and below it, is misuse.
void get_device(Context& context, Device& d);
// Whoever drops the last reference runs release(), wherever he is.
void put_device(Context& context, Device& d);
// bus_find_device(): takes a reference if the device is on the bus.
bool bus_find_device(Context& context, Device& d);
// Under the lock: nothing may be bound to it any more.
bool device_is_dead(Context& context, Device& d);

// Makes its attributes and puts it on the bus; takes a reference on its parent. Probing it is device_attach()'s. false: no memory.
bool device_add(Context& context, Device& d);
// The parent's lock, where the bus needs it, is the caller's business; without it, and for a device that is dead or was never added, it is
// misuse.
void device_del(Context& context, Device& d);
void device_unregister(Context& context, Device& d);

}  // namespace unplug::model
