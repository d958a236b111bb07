#include "unplug/model/kernel/base/driver.hpp"

#include <algorithm>

#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/base/device_core.hpp"
#include "unplug/model/kernel/base/sysfs.hpp"

namespace unplug::model {
namespace {

const Operation register_op{.name = "driver_register: on the bus", .sync = sim::Sync::release},
    unregister_op{.name = "driver_unregister: off the bus"},
    probes_op{.name = "driver_unregister: wait for probes", .sync = sim::Sync::acquire},
    stand_op{.name = "bus_for_each_drv: stand on the driver", .sync = sim::Sync::acquire},
    leave_op{.name = "bus_for_each_drv: leave the driver", .sync = sim::Sync::release},
    add_op{.name = "klist_add_tail", .sync = sim::Sync::release}, remove_op{.name = "klist_remove: off the list"},
    walkers_op{.name = "klist_remove: wait for walkers", .sync = sim::Sync::acquire},
    next_op{.name = "klist_next", .sync = sim::Sync::both}, last_op{.name = "driver_detach: last device", .sync = sim::Sync::acquire},
    unlock_op{.name = "driver_detach: unlock the list", .sync = sim::Sync::release},
    unbind_look_op{.name = "unbind_store: dev->driver read"}, bound_op{.name = "dev->driver read before probe", .sync = sim::Sync::acquire};

constexpr std::uint64_t on_bus = 1, probe = 2;
constexpr std::uint64_t on_list = 1, walker = 2, walkers = 14, node_mask = 15;

// A field of node `n` in the word of the list.
constexpr std::uint64_t of(std::uint32_t n, std::uint64_t field) { return field << (4 * n); }

// A node leaves the list when nobody stands on it any more either.
void settle(Driver& driver, std::uint64_t word, const Binding& b) {
  if ((word & of(b.knode, node_mask)) == 0) std::erase(driver.list, &b);
}

// __driver_probe_device(), under the lock.
int probe_if_unbound(Context& context, Binding& b) {
  if (device_is_dead(context, *b.device)) return enodev;
  if (context.read(bound_op, b.device->driver, b.device->home) != 0) return ebusy;
  return really_probe(context, b, b.probe) ? 0 : eio;
}

int attach(Context& context, Binding& b, Device* parent) {
  static const StaticName probe_function{"really_probe"};
  const Context::KernelFunction function(context, probe_function);
  device_driver_lock(context, *b.device, parent);
  if (context.aborting()) return enodev;
  const int result = probe_if_unbound(context, b);
  if (!context.aborting()) device_driver_unlock(context, *b.device, parent);
  return result;
}

}  // namespace

void init_driver(Kernel& kernel, Driver& driver, NameId unique_name, NameId declared) {
  static constexpr std::string_view bus = "bus", devices = "devices";
  sim::NameTable& names = kernel.engine().names();
  driver = {};
  driver.bus = kernel.engine().new_object(names.child(unique_name, bus, 1), 0);
  driver.devices = kernel.engine().new_object(names.child(unique_name, devices, 1), 0);
  driver.name = declared;
}

void add_binding(Driver& driver, Binding& b) {
  b.driver = &driver;
  b.knode = static_cast<std::uint32_t>(driver.nodes.size());
  driver.nodes.push_back(&b);
}

void driver_register(Context& context, Driver& driver, std::span<Binding* const> matches) {
  static const KernelSite site{"driver_register", "bus_add_driver"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  context.write(register_op, driver.bus, {}, [](std::uint64_t& word) { word |= on_bus; });
  for (Binding* b : matches)
    if (!context.aborting()) attach(context, *b, parent_to_lock(*b->device));
  for (SysfsAttribute* a : driver.attributes)
    if (!context.aborting()) sysfs_create_file(context, *a);
}

void driver_unregister(Context& context, Driver& driver) {
  static const KernelSite files_site{"driver_unregister", "remove_bind_files"}, bus_site{"driver_unregister", "klist_remove"};
  const Context::KernelFunction function(context, files_site.function);
  for (SysfsAttribute* a : driver.attributes) {
    if (context.aborting()) return;
    context.at(files_site);
    sysfs_remove_file(context, *a);
  }
  if (context.aborting()) return;
  context.at(bus_site);
  context.write(unregister_op, driver.bus, {}, [](std::uint64_t& word) { word &= ~on_bus; });
  sim::Step s = context.make(probes_op);
  s.access = {driver.bus, sim::AccessKind::read};
  s.guard = sim::Guard::equal(0);
  if (!context.aborting()) context.wait(s, {"driver_unregister", driver.name, Owner::driver}, [](std::uint64_t&) {});
  if (!context.aborting()) driver_detach(context, driver);
}

bool device_attach(Context& context, Binding& b) {
  static const KernelSite stand_site{"device_attach", "next driver"}, leave_site{"device_attach", "leave driver"};
  const Context::KernelFunction function(context, stand_site.function);
  Driver& driver = *b.driver;
  const TaskId me = context.engine().current();
  device_driver_lock(context, *b.device, nullptr);
  if (context.aborting()) return false;
  context.at(stand_site);
  const bool there = context.write(stand_op, driver.bus, {}, [&](std::uint64_t& word) {
    if ((word & on_bus) == 0) return false;
    word += probe;
    context.kernel().hold(driver.bus, me);
    return true;
  });
  bool bound = false;
  if (there && !context.aborting()) {
    bound = probe_if_unbound(context, b) == 0;
    if (context.aborting()) return false;
    context.at(leave_site);
    context.write(leave_op, driver.bus, {}, [&](std::uint64_t& word) {
      word -= probe;
      context.kernel().unhold(driver.bus, me);
    });
  }
  if (!context.aborting()) device_driver_unlock(context, *b.device, nullptr);
  return bound;
}

int bind_store(Context& context, Binding& b) {
  if (!bus_find_device(context, *b.device)) return enodev;
  const int result = attach(context, b, parent_to_lock(*b.device));
  if (!context.aborting()) put_device(context, *b.device);
  return result;
}

int unbind_store(Context& context, Driver& driver, Device& d) {
  static const KernelSite site{"unbind_store", "look"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  if (!bus_find_device(context, d)) return enodev;
  const std::uint64_t number = context.read(unbind_look_op, d.driver, d.home);
  if (context.aborting()) return enodev;
  const bool ours = number != 0 && d.bindings[number - 1]->driver == &driver;
  if (ours) device_release_driver_internal(context, d, nullptr, parent_to_lock(d));
  if (!context.aborting()) put_device(context, d);
  return ours ? 0 : enodev;
}

int driver_for_each_device(Context& context, Driver& driver, const std::function<int(Context&, Device&)>& f) {
  static const KernelSite site{"driver_for_each_device", "next"};
  const Context::KernelFunction function(context, site.function);
  const TaskId me = context.engine().current();
  Binding* at = nullptr;
  int result = 0;
  do {
    context.at(site);
    // Under k_lock: to the next node that is on the list, then off the one before.
    context.write(next_op, driver.devices, {}, [&](std::uint64_t& word) {
      auto next = at == nullptr ? driver.list.begin() : std::next(std::ranges::find(driver.list, at));
      while (next != driver.list.end() && (word & of((*next)->knode, on_list)) == 0) ++next;
      Binding* before = at;
      at = result != 0 || next == driver.list.end() ? nullptr : *next;
      if (at != nullptr) {
        word += of(at->knode, walker);
        context.kernel().hold(driver.devices, me, at->knode);
      }
      if (before == nullptr) return;
      word -= of(before->knode, walker);
      context.kernel().unhold(driver.devices, me);
      settle(driver, word, *before);
    });
    if (at != nullptr && !context.aborting()) result = f(context, *at->device);
  } while (at != nullptr && !context.aborting());
  return result;
}

void klist_add_device(Context& context, Driver& driver, Binding& b) {
  context.write(add_op, driver.devices, {}, [&](std::uint64_t& word) {
    word |= of(b.knode, on_list);
    driver.list.push_back(&b);
  });
}

void klist_remove_device(Context& context, Driver& driver, Binding& b) {
  static const KernelSite site{"__device_release_driver", "klist_remove"};
  context.at(site);
  context.write(remove_op, driver.devices, {}, [&](std::uint64_t& word) {
    word &= ~of(b.knode, on_list);
    settle(driver, word, b);
  });
  sim::Step s = context.make(walkers_op);
  s.access = {driver.devices, sim::AccessKind::read};
  s.guard = sim::Guard::equal(0, of(b.knode, walkers));
  if (!context.aborting()) context.wait(s, {"klist_remove", driver.name, Owner::driver}, [](std::uint64_t&) {});
}

void driver_detach(Context& context, Driver& driver) {
  static const KernelSite site{"driver_detach", "last device"};
  const Context::KernelFunction function(context, site.function);
  const TaskId me = context.engine().current();
  for (;;) {
    context.at(site);
    // k_lock is held until there is a reference on the device, which cannot leave the list meanwhile: as if a walker stood on it.
    Binding* last = context.write(last_op, driver.devices, {}, [&](std::uint64_t& word) -> Binding* {
      if (driver.list.empty()) return nullptr;
      Binding* b = driver.list.back();
      word += of(b->knode, walker);
      context.kernel().hold(driver.devices, me, b->knode);
      return b;
    });
    if (last == nullptr || context.aborting()) return;
    Device& d = *last->device;
    get_device(context, d);
    context.write(unlock_op, driver.devices, {}, [&](std::uint64_t& word) {
      word -= of(last->knode, walker);
      context.kernel().unhold(driver.devices, me);
      settle(driver, word, *last);
    });
    if (!context.aborting()) device_release_driver_internal(context, d, &driver, parent_to_lock(d));
    if (!context.aborting()) put_device(context, d);
  }
}

}  // namespace unplug::model
