#include "unplug/model/kernel/base/device.hpp"

#include "unplug/model/kernel/base/device_link.hpp"
#include "unplug/model/kernel/base/driver.hpp"
#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/lib/fault.hpp"

namespace unplug::model {
namespace {

const Operation bind_op{.name = "dev->driver set", .sync = sim::Sync::release},
    look_op{.name = "dev->driver read", .sync = sim::Sync::acquire}, again_op{.name = "dev->driver read again", .sync = sim::Sync::acquire},
    unbind_op{.name = "dev->driver cleared"}, await_op{.name = "wait for the device to be bound", .sync = sim::Sync::acquire},
    present_op{.name = "really_probe: resources present"}, set_drvdata_op{.name = "dev_set_drvdata"},
    get_drvdata_op{.name = "dev_get_drvdata"};

const StaticName release_function{"__device_release_driver"}, probe_function{"really_probe"};

using Remove = std::function<void(Context&)>;

void notify(Context& context, const Device& d, BusEvent event) {
  if (d.notify && !context.aborting()) d.notify(context, event);
}

// Takes away the driver's attributes, draining them, and only then calls remove().
void device_remove(Context& context, Binding& b, const Remove& remove) {
  static const KernelSite groups_site{"__device_release_driver", "device_remove_groups"};
  for (SysfsAttribute* a : b.dev_groups) {
    if (context.aborting()) return;
    context.at(groups_site);
    sysfs_remove_file(context, *a);
  }
  if (remove && !context.aborting()) remove(context);
}

// All or nothing.
bool add_groups(Context& context, Binding& b) {
  static const KernelSite site{"really_probe", "device_add_groups"};
  for (auto a = b.dev_groups.begin(); a != b.dev_groups.end() && !context.aborting(); ++a) {
    context.at(site);
    if (!should_fail(context) && sysfs_create_file(context, **a)) continue;
    while (a != b.dev_groups.begin() && !context.aborting()) sysfs_remove_file(context, **--a);
    return false;
  }
  return true;
}

bool resources_present(Context& context, const Device& d) {
  sim::Step s = context.make(present_op, d.home);
  s.access = {d.devres->object, sim::AccessKind::read};
  return context.engine().step(s, [&](std::uint64_t&) { return !d.devres->entries.empty(); });
}

void clear_driver(Context& context, Binding& b) {
  static const KernelSite site{"__device_release_driver", "unbound"};
  context.at(site);
  sim::Step s = context.make(unbind_op, b.device->home);
  s.access = {b.device->driver, sim::AccessKind::write};
  s.ends = b.life;
  context.engine().step(s, [](std::uint64_t& word) { word = 0; });
}

// device_unbind_cleanup(). `bound`: dev->driver says so to others.
void device_unbind_cleanup(Context& context, Binding& b, bool bound) {
  const bool first = context.kernel().config().private_data_first;
  if (first && b.post_unbind && !context.aborting()) b.post_unbind(context);
  if (bound && b.before_devres && !context.aborting()) b.before_devres(context);
  if (!context.aborting()) devres_release_all(context, b.devres);
  if (!first && b.post_unbind && !context.aborting()) b.post_unbind(context);
  if (b.unbound && !context.aborting()) b.unbound(context);
  // From here on, code that still runs for this binding runs after its unbind.
  if (bound && !context.aborting()) clear_driver(context, b);
  if (b.device->drvdata && !context.aborting()) dev_set_drvdata(context, *b.device, 0);
}

// Unwinds a probe: what had been done before the step that failed.
enum class Reached : std::uint8_t { links, dma, probed };
void unwind(Context& context, Binding& b, Reached reached) {
  Device& d = *b.device;
  if (reached == Reached::probed) device_remove(context, b, b.remove);
  if (reached != Reached::links) {
    notify(context, d, BusEvent::driver_not_bound);
    if (b.dma_cleanup && !context.aborting()) b.dma_cleanup(context);
  }
  if (d.links != nullptr && !context.aborting()) device_links_no_driver(context, d);
  device_unbind_cleanup(context, b, false);
}

// What is bound, of the binding asked for, of the driver, or whatever it is; null: nothing of the kind.
Binding* bound(Device& d, std::uint64_t word, const Binding* only, const Driver* driver) {
  if (word == 0) return nullptr;
  Binding* b = d.bindings[word - 1];
  return (only == nullptr || b == only) && (driver == nullptr || b->driver == driver) ? b : nullptr;
}

// Consumers first, each with the locks let go. null: a concurrent unbind has won. One driver is told from another, not one binding.
Binding* unbind_consumers(Context& context, Device& d, Device* parent, Binding* b) {
  static const KernelSite again_site{"__device_release_driver", "look again"};
  while (b != nullptr && !context.aborting() && device_links_busy(context, d)) {
    device_driver_unlock(context, d, parent);
    if (!context.aborting()) device_links_unbind_consumers(context, d);
    if (!context.aborting()) device_driver_lock(context, d, parent);
    context.at(again_site);
    Binding* now = bound(d, context.read(again_op, d.driver, d.home), nullptr, nullptr);
    b = now != nullptr && now->driver == b->driver && now->module == b->module ? now : nullptr;
  }
  return b;
}

// __device_release_driver(), from where it is known what is bound, under the locks. false: somebody else has unbound it.
bool unbind(Context& context, Binding& found, Device* parent, const Remove& remove) {
  Device& d = *found.device;
  Kernel& k = context.kernel();
  Binding* b = d.links == nullptr ? &found : unbind_consumers(context, d, parent, &found);
  if (b == nullptr || context.aborting()) return false;
  notify(context, d, BusEvent::unbind_driver);
  device_remove(context, *b, b == &found ? remove : b->remove);
  if (context.aborting()) return false;
  k.removal.remove_done = context.engine().local_time();
  if (b->dma_cleanup) b->dma_cleanup(context);
  if (context.engine().current() == k.remover) k.removal_phase = RemovalPhase::devres;
  device_unbind_cleanup(context, *b, true);
  if (context.aborting()) return false;
  k.removal.unbind_done = context.engine().local_time();
  if (d.links != nullptr) device_links_driver_cleanup(context, d);
  if (b->driver != nullptr) klist_remove_device(context, *b->driver, *b);
  notify(context, d, BusEvent::unbound_driver);
  return true;
}

// `remove`: null for the binding's own.
bool release(Context& context, Device& d, const Binding* only, const Driver* driver, Device* parent, const Remove* remove) {
  const Context::KernelFunction function(context, release_function);
  static const KernelSite lock_site{"__device_release_driver", "device_lock"}, look_site{"__device_release_driver", "look"},
      unlock_site{"__device_release_driver", "device_unlock"};
  Kernel& k = context.kernel();
  const bool removing = context.engine().current() == k.remover;  // the phases are those of one task
  const RemovalPhase before = k.removal_phase;                    // another unbind's, if this is part of one
  context.at(lock_site);
  if (removing) k.removal_phase = RemovalPhase::remove;
  device_driver_lock(context, d, parent);
  context.at(look_site);
  Binding* b = bound(d, context.read(look_op, d.driver, d.home), only, driver);
  if (context.aborting()) return false;
  const bool ours = b != nullptr && unbind(context, *b, parent, remove != nullptr ? *remove : b->remove);
  if (context.aborting()) return false;
  context.at(unlock_site);
  device_driver_unlock(context, d, parent);
  if (removing && !context.aborting()) k.removal_phase = before;
  return ours;
}

}  // namespace

void init_device(Kernel& kernel, Device& d, NameId unique_name, NameId declared) {
  static constexpr std::string_view lock = "device_lock";
  d.driver = kernel.engine().new_object(unique_name, 0);
  d.name = declared;
  init_mutex(kernel, d.lock, kernel.engine().names().child(unique_name, lock, 1), kernel.intern(lock), {});
  d.lock.unchecked = true;
  // Member by member: what the vectors have room for is kept.
  d.home = {};
  d.bindings.clear();
  d.parent = nullptr;
  d.need_parent_lock = false;
  d.children.clear();
  d.references.taken.clear();
  d.links = nullptr;
  d.notify = nullptr;
  d.drvdata = d.refs = {};
  d.attributes.clear();
  d.devres = nullptr;
  d.release = nullptr;
}

void set_parent(Device& child, Device& parent, bool need_parent_lock) {
  child.parent = &parent;
  child.need_parent_lock = need_parent_lock;
  parent.children.push_back(&child);
}

void init_drvdata(Kernel& kernel, Device& d, NameId unique_name) { d.drvdata = kernel.engine().new_object(unique_name, 0); }

void dev_set_drvdata(Context& context, Device& d, std::uint64_t value) {
  context.write(set_drvdata_op, d.drvdata, d.home, [value](std::uint64_t& word) { word = value; });
}

std::uint64_t dev_get_drvdata(Context& context, Device& d) { return context.read(get_drvdata_op, d.drvdata, d.home); }

void init_binding(Kernel& kernel, Binding& b, Device& device, Module& module, NameId unique_name, NameId declared, std::uint64_t number) {
  static constexpr std::string_view devres = "devres";
  b.device = &device;
  b.module = &module;
  b.name = declared;
  b.number = number;
  b.life = kernel.new_lifetime(unique_name, LifetimeKind::binding, declared, {}, true);
  init_devres(kernel, b.devres, kernel.engine().names().child(unique_name, devres, 1), declared, device.home);
  b.probe = b.dma_configure = nullptr;
  b.remove = b.dma_cleanup = b.post_unbind = b.before_devres = b.unbound = nullptr;
  b.dev_groups.clear();
  b.driver = nullptr;
  b.knode = 0;
  if (device.bindings.size() < number) device.bindings.resize(number);
  device.bindings[number - 1] = &b;
}

void device_driver_lock(Context& context, Device& d, Device* parent) {
  if (parent != nullptr) mutex_lock(context, parent->lock);
  if (!context.aborting()) mutex_lock(context, d.lock);
}

void device_driver_unlock(Context& context, Device& d, Device* parent) {
  mutex_unlock(context, d.lock);
  if (parent != nullptr && !context.aborting()) mutex_unlock(context, parent->lock);
}

bool really_probe(Context& context, Binding& b, const std::function<bool(Context&)>& probe) {
  static const KernelSite start_site{"really_probe", "check suppliers"}, bind_site{"really_probe", "bind"};
  Device& d = *b.device;
  // -EPROBE_DEFER, -EBUSY: nothing to unwind.
  if (d.links != nullptr || d.devres != nullptr) context.at(start_site);
  if (d.links != nullptr && !device_links_check_suppliers(context, d)) return false;
  if (d.devres != nullptr && resources_present(context, d)) {
    if (d.links != nullptr) device_links_no_driver(context, d);
    return false;
  }
  Reached reached = Reached::links;
  bool done = !b.dma_configure || b.dma_configure(context);
  if (done && !context.aborting()) {
    reached = Reached::dma;
    notify(context, d, BusEvent::bind_driver);
    done = !should_fail(context) && !context.aborting() && probe(context);  // should_fail(): driver_sysfs_add()
  }
  if (done && !context.aborting()) {
    reached = Reached::probed;
    done = add_groups(context, b);
  }
  if (context.aborting()) return false;
  if (!done) {
    unwind(context, b, reached);
    return false;
  }
  context.at(bind_site);
  context.write(bind_op, d.driver, d.home, [&](std::uint64_t& word) { word = b.number; });
  if (b.driver != nullptr && !context.aborting()) klist_add_device(context, *b.driver, b);
  if (d.links != nullptr && !context.aborting()) device_links_driver_bound(context, d);
  notify(context, d, BusEvent::bound_driver);
  return true;
}

bool probe_device(Context& context, Binding& b, const std::function<bool(Context&)>& probe) {
  const Context::KernelFunction function(context, probe_function);
  static const KernelSite lock_site{"really_probe", "device_lock"}, unlock_site{"really_probe", "device_unlock"};
  Device* parent = parent_to_lock(*b.device);
  context.at(lock_site);
  device_driver_lock(context, *b.device, parent);
  const bool bound = really_probe(context, b, probe);
  if (context.aborting()) return false;
  context.at(unlock_site);
  device_driver_unlock(context, *b.device, parent);
  return bound;
}

bool release_driver(Context& context, Binding& b, const std::function<void(Context&)>& remove) {
  return release(context, *b.device, &b, nullptr, parent_to_lock(*b.device), &remove);
}

bool device_release_driver_internal(Context& context, Device& d, const Driver* driver, Device* parent) {
  return release(context, d, nullptr, driver, parent, nullptr);
}

void await_bound(Context& context, Device& d) {
  sim::Step s = context.make(await_op);
  s.access = {d.driver, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(0);
  context.wait(s, {.what = "device bound", .object = d.name, .owner = Owner::user, .idle = true, .sleeps = false}, [](std::uint64_t&) {});
}

}  // namespace unplug::model
