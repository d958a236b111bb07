#include "unplug/model/kernel/bus/hotplug.hpp"

#include "unplug/model/kernel/base/device_state.hpp"

namespace unplug::model {
namespace {

using namespace device_state;

const Operation stop_op{.name = "pci_stop_dev: who", .sync = sim::Sync::both},
    destroy_op{.name = "pci_destroy_dev: who", .sync = sim::Sync::both};

void pci_stop_bus_device(Context& context, Device& d) {
  for (auto child = d.children.rbegin(); child != d.children.rend() && !context.aborting(); ++child) pci_stop_bus_device(context, **child);
  if (context.aborting()) return;
  const bool ours = context.write(stop_op, d.refs, d.home, [](std::uint64_t& word) {
    const bool was = (word & pci_added) != 0;
    word &= ~pci_added;
    return was;
  });
  if (ours && !context.aborting()) device_release_driver(context, d);
}

void pci_remove_bus_device(Context& context, Device& d) {
  for (Device* child : d.children)
    if (!context.aborting()) pci_remove_bus_device(context, *child);
  if (context.aborting()) return;
  const bool ours = context.write(destroy_op, d.refs, d.home, [](std::uint64_t& word) {
    const bool was = (word & pci_removed) == 0;
    word |= pci_removed;
    return was;
  });
  if (ours && !context.aborting()) device_unregister(context, d);
}

}  // namespace

void pci_stop_and_remove_bus_device(Context& context, Device& d) {
  static const KernelSite stop_site{"pci_stop_and_remove_bus_device", "stop"}, remove_site{"pci_stop_and_remove_bus_device", "remove"};
  const Context::KernelFunction function(context, stop_site.function);
  context.at(stop_site);
  pci_stop_bus_device(context, d);
  if (context.aborting()) return;
  context.at(remove_site);
  pci_remove_bus_device(context, d);
}

void pci_stop_and_remove_bus_device_locked(Context& context, Mutex& rescan_remove, Device& d) {
  mutex_lock(context, rescan_remove);
  if (!context.aborting()) pci_stop_and_remove_bus_device(context, d);
  if (!context.aborting()) mutex_unlock(context, rescan_remove);
}

void pci_remove_store(Context& context, Mutex& rescan_remove, SysfsAttribute& remove, Device& d) {
  static const KernelSite site{"remove_store", "device_remove_file_self"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  if (sysfs_remove_file_self(context, remove) && !context.aborting()) pci_stop_and_remove_bus_device_locked(context, rescan_remove, d);
}

void pciehp_thread(Context& context, Mutex& rescan_remove, const Presence& p, Device& d) {
  static const KernelSite site{"pciehp_unconfigure_device", "presence changed"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  await_surprise_removal(context, p);
  if (context.aborting()) return;
  // pciehp_unconfigure_device() holds a reference of its own.
  get_device(context, d);
  if (!context.aborting()) pci_stop_and_remove_bus_device_locked(context, rescan_remove, d);
  if (!context.aborting()) put_device(context, d);
}

void usb_disconnect(Context& context, Device& udev, std::span<UsbInterface* const> urbs) {
  static const KernelSite interfaces_site{"usb_disconnect", "usb_disable_device"}, device_site{"usb_disconnect", "device_del"};
  const Context::KernelFunction function(context, interfaces_site.function);
  for (UsbInterface* const i : urbs)
    if (!context.aborting()) usb_set_not_attached(context, *i);
  if (context.aborting()) return;
  context.at(interfaces_site);
  mutex_lock(context, udev.lock);
  for (Device* interface : udev.children)
    if (!context.aborting()) device_unregister(context, *interface);
  for (UsbInterface* const i : urbs)
    if (!context.aborting()) usb_disable_endpoint_zero(context, *i);
  if (!context.aborting()) mutex_unlock(context, udev.lock);
  if (context.aborting()) return;
  context.at(device_site);
  device_unregister(context, udev);
}

}  // namespace unplug::model
