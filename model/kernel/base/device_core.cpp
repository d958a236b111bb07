#include "unplug/model/kernel/base/device_core.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/kernel/base/device_state.hpp"
#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/lib/fault.hpp"

namespace unplug::model {
namespace {

using namespace device_state;

const Operation init_op{.name = "device_initialize"}, get_op{.name = "get_device"}, put_op{.name = "put_device", .sync = sim::Sync::both},
    find_op{.name = "bus_find_device", .sync = sim::Sync::acquire}, dead_op{.name = "is the device dead"},
    add_op{.name = "device_add: on the bus", .sync = sim::Sync::release}, kill_op{.name = "device_del: kill_device"},
    off_bus_op{.name = "device_del: off the bus"};

void misuse(Context& context, const Device& d, std::string_view function, std::string_view why) {
  context.kernel().report(ViolationClass::api_misuse, d.name, fmt::format("{}('{}'): {}", function, context.kernel().text(d.name), why));
}

void notify(Context& context, const Device& d, BusEvent event) {
  if (d.notify && !context.aborting()) d.notify(context, event);
}

void device_release(Context& context, Device& d) {
  static const KernelSite site{"device_release", "release"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  if (d.devres != nullptr) devres_release_all(context, *d.devres);
  if (context.aborting()) return;
  if (d.release) {
    d.release(context);
  } else {
    misuse(context, d, "device_release", "the device does not have a release() function");
  }
}

bool kill_device(Context& context, Device& d) {
  mutex_lock(context, d.lock);
  const bool first = context.write(kill_op, d.refs, d.home, [](std::uint64_t& word) {
    const bool alive = (word & dead) == 0;
    word |= dead;
    return alive;
  });
  if (!context.aborting()) mutex_unlock(context, d.lock);
  return first;
}

}  // namespace

void init_device_core(Kernel& kernel, Device& d, NameId unique_name, LifetimeId home, bool added) {
  static constexpr std::string_view refs = "refs";
  d.refs = kernel.engine().new_object(kernel.engine().names().child(unique_name, refs, 1), added ? on_bus | pci_added | 1 : 1);
  d.home = home;
  d.lock.home = home;
}

void init_device_owner(Kernel& kernel, Device& d, LifetimeId owner) {
  kernel.note_count(
      {d.refs, d.name, owner, [](std::uint64_t word) -> std::uint64_t { return (word & on_bus) != 0 ? 1 : 0; }, "registered"});
  if (!d.home || kernel.lifetime(d.home).kind != LifetimeKind::memory) kernel.note_references({&d.references, d.name, owner, "put_device"});
}

void set_up_again(Context& context, Device& d) {
  if (d.refs) context.write(init_op, d.refs, d.home, [](std::uint64_t& word) { word = 1; });
}

void get_device(Context& context, Device& d) {
  if (!d.refs) return;
  context.write(get_op, d.refs, d.home, [&](std::uint64_t& word) {
    if ((word & count_mask) == 0) {
      misuse(context, d, "get_device", "addition on 0");
    } else {
      ++word;
      if (context.text()) d.references.take(context);
    }
  });
}

void put_device(Context& context, Device& d) {
  if (!d.refs) return;
  const bool last = context.write(put_op, d.refs, d.home, [&](std::uint64_t& word) {
    if ((word & count_mask) == 0) {
      misuse(context, d, "put_device", "underflow");
      return false;
    }
    if (context.text()) d.references.give_back();
    return (--word & count_mask) == 0;
  });
  if (last && !context.aborting()) device_release(context, d);
}

bool bus_find_device(Context& context, Device& d) {
  if (!d.refs) return true;
  // Found in the bus's list, which holds a reference: no use of the device.
  return context.write(find_op, d.refs, {}, [](std::uint64_t& word) {
    if ((word & on_bus) == 0) return false;
    ++word;
    return true;
  });
}

bool device_is_dead(Context& context, Device& d) { return d.refs && (context.read(dead_op, d.refs, d.home) & dead) != 0; }

bool device_add(Context& context, Device& d) {
  static const KernelSite site{"device_add", "bus_add_device"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  if (d.parent != nullptr) get_device(context, *d.parent);
  for (auto a = d.attributes.begin(); a != d.attributes.end() && !context.aborting(); ++a) {
    if (!should_fail(context) && sysfs_create_file(context, **a)) continue;
    while (a != d.attributes.begin() && !context.aborting()) sysfs_remove_file(context, **--a);
    if (d.parent != nullptr && !context.aborting()) put_device(context, *d.parent);
    return false;
  }
  if (context.aborting()) return false;
  context.write(add_op, d.refs, d.home, [](std::uint64_t& word) { word |= on_bus | pci_added; });
  notify(context, d, BusEvent::add);
  return true;
}

void device_del(Context& context, Device& d) {
  static const KernelSite kill_site{"device_del", "kill_device"}, attributes_site{"device_del", "device_remove_attrs"},
      bus_site{"device_del", "bus_remove_device"}, devres_site{"device_del", "devres"};
  const Context::KernelFunction function(context, kill_site.function);
  context.at(kill_site);
  const Device* parent = parent_to_lock(d);
  if (parent != nullptr && std::ranges::find(context.held, parent->lock.object, &HeldLock::object) == context.held.end())
    misuse(context, d, "device_del", "the parent's lock is not held");
  if (!kill_device(context, d)) {
    misuse(context, d, "device_del", "deleted already");
    return;
  }
  notify(context, d, BusEvent::del);
  for (SysfsAttribute* a : d.attributes) {
    if (context.aborting()) return;
    context.at(attributes_site);
    sysfs_remove_file(context, *a);
  }
  if (context.aborting()) return;
  context.at(bus_site);
  context.write(off_bus_op, d.refs, d.home, [&](std::uint64_t& word) {
    if ((word & on_bus) == 0) misuse(context, d, "device_del", "never added");
    word &= ~on_bus;
  });
  if (!context.aborting()) device_release_driver(context, d);
  if (d.devres != nullptr && !context.aborting()) {
    context.at(devres_site);
    devres_release_all(context, *d.devres);
  }
  notify(context, d, BusEvent::removed);
  if (d.parent != nullptr && !context.aborting()) put_device(context, *d.parent);
}

void device_unregister(Context& context, Device& d) {
  device_del(context, d);
  if (!context.aborting()) put_device(context, d);
}

}  // namespace unplug::model
