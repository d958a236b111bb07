#include "unplug/model/kernel/fs/cdev.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model {
namespace {

const Operation init_op{.name = "cdev_init"}, map_op{.name = "kobj_map", .sync = sim::Sync::release}, unmap_op{.name = "kobj_unmap"},
    probe_op{.name = "kobj_lookup", .sync = sim::Sync::acquire};
const Operation get_op{.name = "cdev: kobject_get_unless_zero", .sync = sim::Sync::both},
    put_op{.name = "cdev: kobject_put", .sync = sim::Sync::both};
const Operation look_op{.name = "chrdev_open: load i_cdev"}, publish_op{.name = "chrdev_open: publish i_cdev"},
    purge_op{.name = "cdev_purge: forget i_cdev"};
const Operation node_op{.name = "devtmpfs: node appears", .sync = sim::Sync::release}, node_gone_op{.name = "devtmpfs: node removed"},
    path_op{.name = "open: path lookup", .sync = sim::Sync::acquire},
    await_op{.name = "wait for the node", .sync = sim::Sync::acquire, .outside = true};

const StaticName open_function{"chrdev_open"}, del_function{"cdev_del"};

// cdev_default_release(): the last reference is gone.
void release(Context& context, Cdev& c) {
  CdevMap& map = *c.device->map;
  spin_lock(context, map.cdev_lock);
  for (const CharInode* i : map.inodes) {
    if (i->device != c.device || context.aborting()) continue;
    context.write(purge_op, i->i_cdev, {}, [&](std::uint64_t& word) {
      if (word == c.number) word = 0;
    });
  }
  spin_unlock(context, map.cdev_lock);
  if (c.parent.put != nullptr && !context.aborting()) c.parent.put(context, c.parent.argument);
}

// What chrdev_open() does up to having a reference on a cdev. Null: -ENXIO.
Cdev* find(Context& context, CharInode& inode) {
  CdevMap& map = *inode.device->map;
  Cdev* found = nullptr;
  Cdev* dropped = nullptr;
  spin_lock(context, map.cdev_lock);
  std::uint64_t number = context.read(look_op, inode.i_cdev, {});
  if (number == 0) {
    spin_unlock(context, map.cdev_lock);
    mutex_lock(context, map.chrdevs_lock);
    number = context.read(probe_op, inode.device->probe, {});
    Cdev* fresh = number != 0 && cdev_get(context, *map.cdevs[number - 1]) ? map.cdevs[number - 1] : nullptr;
    mutex_unlock(context, map.chrdevs_lock);
    if (fresh == nullptr || context.aborting()) return nullptr;
    spin_lock(context, map.cdev_lock);
    // Another open may have been here meanwhile.
    const std::uint64_t before = context.write(publish_op, inode.i_cdev, {}, [&](std::uint64_t& word) {
      const std::uint64_t was = word;
      if (word == 0) word = fresh->number;
      return was;
    });
    if (before == 0) {
      found = fresh;
    } else {
      dropped = fresh;
      if (cdev_get(context, *map.cdevs[before - 1])) found = map.cdevs[before - 1];
    }
  } else if (cdev_get(context, *map.cdevs[number - 1])) {
    found = map.cdevs[number - 1];
  }
  spin_unlock(context, map.cdev_lock);
  if (dropped != nullptr && !context.aborting()) cdev_put(context, *dropped);
  return context.aborting() ? nullptr : found;
}

// `entered`: whether the entry guard let it in, if it came to that.
int open_inode(Context& context, CharInode& inode, File& file, bool& entered) {
  static const KernelSite look_site{"chrdev_open", "look up"}, get_site{"chrdev_open", "fops_get"}, enter_site{"chrdev_open", "enter"},
      exit_site{"chrdev_open", "leave"}, put_site{"chrdev_open", "cdev_put"};
  const Context::KernelFunction function(context, open_function);
  context.at(look_site);
  Cdev* const c = find(context, inode);
  if (c == nullptr || context.aborting()) return enxio;
  const FileOperations& ops = *c->ops;
  context.at(get_site);
  int result = enxio;
  const bool pinned = fops_get(context, ops);
  if (context.aborting()) return enxio;
  if (pinned) {
    file.ops = &ops;
    guard_opened(context, ops, file);
    if (context.aborting()) return enxio;
    result = ops.open == nullptr
                 ? 0
                 : guarded(context, ops, file, enter_site, exit_site, entered, [&] { return ops.open(context, file, ops.open_argument); });
    if (context.aborting()) return enxio;
  }
  if (result != 0) {
    if (pinned) guard_closed(context, ops, file);
    if (context.aborting()) return enxio;
    context.at(put_site);
    cdev_put(context, *c);
    if (pinned && !context.aborting()) fops_put(context, ops);
    return result;
  }
  file.cdev = c;
  file.inode = &inode;
  file.open = true;
  return 0;
}

}  // namespace

void init_cdev_map(Kernel& kernel, CdevMap& map) {
  static const StaticName chrdevs{"chrdevs_lock"}, cdev{"cdev_lock"};
  init_mutex(kernel, map.chrdevs_lock, kernel.intern(chrdevs), kernel.intern(chrdevs), {});
  init_spinlock(kernel, map.cdev_lock, kernel.intern(cdev), kernel.intern(cdev), {});
  map.cdevs.clear();
  map.inodes.clear();
}

void init_device_number(Kernel& kernel, CdevMap& map, DeviceNumber& d, NameId unique_name) {
  d = {&map, kernel.engine().new_object(unique_name, 0)};
}

void init_cdev(Kernel& kernel, DeviceNumber& device, Cdev& c, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner_life) {
  c.kobj = kernel.engine().new_object(unique_name, 1);
  c.device = &device;
  c.name = declared;
  c.home = home;
  device.map->cdevs.push_back(&c);
  c.number = device.map->cdevs.size();
  c.life = kernel.new_lifetime(unique_name, LifetimeKind::registration, declared, owner_life, false);
}

void set_up_again(Context& context, Cdev& c) {
  context.write(init_op, c.kobj, c.home, [](std::uint64_t& word) { word = 1; });
}

void init_char_inode(Kernel& kernel, DeviceNumber& device, CharInode& inode, NameId unique_name) {
  inode = {kernel.engine().new_object(unique_name, 0), &device};
  device.map->inodes.push_back(&inode);
}

bool cdev_get(Context& context, Cdev& c) {
  if (!try_module_get(context, c.owner, true) || context.aborting()) return false;
  const bool got = context.write(get_op, c.kobj, c.home, [](std::uint64_t& word) {
    if (word == 0) return false;
    ++word;
    return true;
  });
  if (!got && !context.aborting()) module_put(context, c.owner, true);
  return got;
}

void cdev_put(Context& context, Cdev& c) {
  Module* const owner = c.owner;  // loaded before the kobject may go
  const bool last = context.write(put_op, c.kobj, c.home, [&](std::uint64_t& word) {
    if (word == 0) {
      context.kernel().report(ViolationClass::api_misuse, c.name, "cdev_put() of a cdev whose last reference is gone");
      return false;
    }
    return --word == 0;
  });
  if (last && !context.aborting()) release(context, c);
  if (!context.aborting()) module_put(context, owner, true);
}

int cdev_add(Context& context, Cdev& c) {
  Mutex& lock = c.device->map->chrdevs_lock;
  mutex_lock(context, lock);
  sim::Step s = context.make(map_op, c.home);
  s.access = {c.device->probe, sim::AccessKind::write};
  const bool added = context.engine().step(s, [&](std::uint64_t& word) {
    if (word != 0) return false;
    word = c.number;
    context.engine().begins(c.life);
    return true;
  });
  mutex_unlock(context, lock);
  if (!added || context.aborting()) return ebusy;
  if (c.parent.get != nullptr) c.parent.get(context, c.parent.argument);
  return 0;
}

void cdev_del(Context& context, Cdev& c) {
  const Context::KernelFunction function(context, del_function);
  Mutex& lock = c.device->map->chrdevs_lock;
  mutex_lock(context, lock);
  sim::Step s = context.make(unmap_op, c.home);
  s.access = {c.device->probe, sim::AccessKind::write};
  s.ends = c.life;
  context.engine().step(s, [&](std::uint64_t& word) {
    if (word == c.number) word = 0;
  });
  mutex_unlock(context, lock);
  if (context.aborting()) return;
  const bool last = context.write(put_op, c.kobj, c.home, [](std::uint64_t& word) { return word != 0 && --word == 0; });
  if (last && !context.aborting()) release(context, c);
}

void init_device_node(Kernel& kernel, DeviceNumber& device, DeviceNode& node, NameId unique_name, NameId declared, bool by_hand) {
  static constexpr std::string_view inode = "inode";
  node.there = by_hand ? ObjectId{} : kernel.engine().new_object(unique_name, 0);
  node.name = declared;
  init_char_inode(kernel, device, node.inode, kernel.engine().names().child(unique_name, inode, 1));
}

void device_create(Context& context, DeviceNode& node) {
  context.write(node_op, node.there, {}, [](std::uint64_t& word) { word = 1; });
}

void device_destroy(Context& context, DeviceNode& node) {
  context.write(node_gone_op, node.there, {}, [](std::uint64_t& word) { word = 0; });
}

int cdev_device_add(Context& context, Cdev& c, DeviceNode& node, std::span<SysfsAttribute* const> attributes) {
  int result = cdev_add(context, c);
  if (result != 0 || context.aborting()) return result;
  result = sysfs_create_group(context, attributes);
  if (context.aborting()) return result;
  if (result != 0) {
    cdev_del(context, c);
    return result;
  }
  device_create(context, node);
  return 0;
}

void cdev_device_del(Context& context, Cdev& c, DeviceNode& node, std::span<SysfsAttribute* const> attributes) {
  device_destroy(context, node);
  if (!context.aborting()) sysfs_remove_group(context, attributes);
  if (!context.aborting()) cdev_del(context, c);
}

int chrdev_open(Context& context, CharInode& inode, File& file) {
  bool entered = true;
  const int result = open_inode(context, inode, file, entered);
  if (!context.aborting()) context.kernel().operations.count_open(result, !entered || (result == enxio && !file.acted));
  return result;
}

int open_node(Context& context, DeviceNode& node, File& file) {
  if (node.there && context.read(path_op, node.there, {}) == 0) {
    if (!context.aborting()) context.kernel().operations.count_open(enoent, true);
    return enoent;
  }
  if (context.aborting()) return enoent;
  return chrdev_open(context, node.inode, file);
}

void await_node(Context& context, DeviceNode& node) {
  sim::Step s = context.make(await_op);
  s.access = {node.there ? node.there : node.inode.device->probe, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(0);
  context.wait(s, {.what = "device node", .object = node.name, .owner = Owner::user, .idle = true, .sleeps = false}, [](std::uint64_t&) {});
}

}  // namespace unplug::model
