// Buses whose devices come out: PCI and USB.
//
// drivers/pci/remove.c (pci_stop_and_remove_bus_device), pci-sysfs.c (remove_store), hotplug/pciehp_pci.c (pciehp_unconfigure_device),
// drivers/usb/core/hub.c (usb_disconnect), v6.18. PCI: under one lock for the whole system, first the drivers of all devices below and then
// of the device itself are unbound, and only then are they deleted, children first; so device_del() finds them unbound, and a write to
// "bind" can still come between. A device that is stopped or removed already is passed over. USB: device_del() of each interface with the
// lock of the device held, then of the device. The bus thread learns of a surprise removal (presence.hpp) when it has happened; until it
// has unbound the driver that goes on without hardware. Left out: SR-IOV, DOE, suspend, the rescan itself.
#pragma once

#include <span>

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/base/device_core.hpp"
#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/bus/urb.hpp"
#include "unplug/model/kernel/hw/presence.hpp"

namespace unplug::model {

// pci_lock_rescan_remove() is held.
void pci_stop_and_remove_bus_device(Context& context, Device& d);
// Takes it.
void pci_stop_and_remove_bus_device_locked(Context& context, Mutex& rescan_remove, Device& d);
// The operation of the device's attribute `remove`: takes that away first, without waiting for itself, and of several writers one goes on.
void pci_remove_store(Context& context, Mutex& rescan_remove, SysfsAttribute& remove, Device& d);
// The interrupt thread of the slot: waits until the device is gone, then removes it. The wait is idle.
void pciehp_thread(Context& context, Mutex& rescan_remove, const Presence& p, Device& d);

// The hub's work: device and interfaces (its children) go. `urbs`: of their bindings.
void usb_disconnect(Context& context, Device& udev, std::span<UsbInterface* const> urbs = {});

}  // namespace unplug::model
