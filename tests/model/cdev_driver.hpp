// A driver with a cdev inside its private memory, for the tests of cdev.
#pragma once

#include "model/support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/fs/cdev.hpp"

namespace unplug::model::test {

// A reference count in driver memory: kref_get(), and kref_put() that answers whether it was the last.
inline void kref_get(Context& c, const Allocation& a) {
  sim::Step s = c.make(mark_op, a.life);
  s.access = {a.fields[0].second, sim::AccessKind::write};
  c.engine().step(s, [](std::uint64_t& w) { ++w; });
}
inline bool kref_put(Context& c, const Allocation& a) {
  sim::Step s = c.make(mark_op, a.life);
  s.access = {a.fields[0].second, sim::AccessKind::write};
  return c.engine().step(s, [](std::uint64_t& w) { return --w == 0; });
}

// A driver with a cdev inside its private memory.
struct CdevDriver {
  Module module, core;
  CdevMap map;
  DeviceNumber number;
  DeviceNode node;
  CharInode mknod;
  Cdev cdev;
  FileOperations ops;
  FileBody open, release, ioctl;
  Allocation priv;  // field 0: a count, from 1
  bool fops_owner = true, cdev_owner = true;
  int releases = 0;

  void init(Lab& l, LifetimeId binding = {}) {
    releases = 0;
    l.init(module, "foo");
    l.init(core, "core");
    init_allocation(l.kernel, priv, l.name("priv"), l.name("priv"), {}, true);
    add_field(l.kernel, priv, l.name("kref"), 1);
    init_cdev_map(l.kernel, map);
    init_device_number(l.kernel, map, number, l.name("dev_t"));
    init_device_node(l.kernel, number, node, l.name("node"), l.name("node"));
    init_char_inode(l.kernel, number, mknod, l.name("mknod"));
    init_cdev(l.kernel, number, cdev, l.name("cdev"), l.name("cdev"), priv.life, binding);
    ops = {};
    ops.owner = fops_owner ? &module : nullptr;
    const auto set = [](FileBody& b, FileOperation& operation, void*& argument) {
      if (!b.body) return;
      operation = FileBody::run;
      argument = &b;
    };
    set(open, ops.open, ops.open_argument);
    set(release, ops.release, ops.release_argument);
    set(ioctl, ops.ioctl, ops.ioctl_argument);
    cdev.ops = &ops;
    cdev.owner = cdev_owner ? &core : nullptr;
    cdev.parent = {};
  }
  // The memory that the cdev is in goes when nobody refers to it, the cdev's kobject included.
  void parented() {
    cdev.parent = {[](Context& c, void* d) { kref_get(c, static_cast<CdevDriver*>(d)->priv); },
                   [](Context& c, void* d) { static_cast<CdevDriver*>(d)->put(c); }, this};
  }
  void put(Context& c) {
    if (kref_put(c, priv) && !c.aborting()) kfree(c, priv);
  }
  std::uint64_t references(Context& c, const Module& m) {
    return c.engine().step({.operation = &mark_op, .access = {m.object, sim::AccessKind::read}}, [](std::uint64_t w) { return w - 1; });
  }
};

}  // namespace unplug::model::test
