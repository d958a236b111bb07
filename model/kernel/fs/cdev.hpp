// Character devices in their parts: the cdev and its kobject, the map from device numbers, and the inodes that remember.
//
// fs/char_dev.c (chrdev_open, cdev_get, cdev_put, cdev_add, cdev_del, cdev_device_add, cdev_device_del, cdev_default_release) and
// drivers/base/map.c (kobj_map, kobj_lookup), v6.18. chardev.hpp has the device that is no more than a name; this is what lies below it.
// open: an inode that has been opened before knows the cdev (i_cdev), else it is looked up by number; either way the open takes a reference
// on cdev->owner and on the cdev's kobject, then one on the module that fops.owner names, then calls the driver. All three are given back
// in __fput(), after ->release(). cdev_del() takes the number away and drops the kobject: files stay open, their operations callable, and
// while any of them keeps the kobject an open through an inode that remembers it still succeeds (the re-open hole): path opens fail for
// want of a node, /proc/self/fd/N doesn't need one. A cdev embedded in memory with a life of its own is touched by cdev_put() after
// ->release(): its kobject needs that object as parent.
// Waits: for chrdevs_lock and cdev_lock; for no file. Left out: ranges of minors, module loading on open, uevents.
#pragma once

#include <span>

#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/fs/file.hpp"
#include "unplug/model/kernel/locking/spinlock.hpp"

namespace unplug::model {

// What all character devices share.
struct CdevMap {
  Mutex chrdevs_lock;              // around the map
  Spinlock cdev_lock;              // around the caches in inodes
  std::vector<Cdev*> cdevs;        // by number - 1
  std::vector<CharInode*> inodes;  // that may cache them
};
void init_cdev_map(Kernel& kernel, CdevMap& map);

// One device number.
struct DeviceNumber {
  CdevMap* map = nullptr;
  ObjectId probe;  // word: number of the cdev under it, 0: none
};
void init_device_number(Kernel& kernel, CdevMap& map, DeviceNumber& d, NameId unique_name);

// The kobject that cdev_set_parent() names: held from cdev_add() to the release of the cdev's own.
struct CdevParent {
  void (*get)(Context& context, void* argument) = nullptr;  // null: no parent
  void (*put)(Context& context, void* argument) = nullptr;
  void* argument = nullptr;
};

struct Cdev {
  ObjectId kobj;  // word: references
  DeviceNumber* device = nullptr;
  NameId name;
  LifetimeId home;                      // memory it is embedded in
  const FileOperations* ops = nullptr;  // the three are set by the driver before cdev_add()
  Module* owner = nullptr;
  CdevParent parent;
  std::uint64_t number = 0;
  LifetimeId life;  // of the registration: a leak if its owner has ended and this has not
};
// cdev_init(): one reference, which cdev_del() drops. `owner_life`: what has to delete it before it ends.
void init_cdev(Kernel& kernel, DeviceNumber& device, Cdev& c, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner_life);
// cdev_init() of one that may have been used: one reference.
void set_up_again(Context& context, Cdev& c);

// An inode of a device node: of devtmpfs, of mknod(1).
struct CharInode {
  ObjectId i_cdev;  // word: number of the cdev it remembers, 0: none
  DeviceNumber* device = nullptr;
};
void init_char_inode(Kernel& kernel, DeviceNumber& device, CharInode& inode, NameId unique_name);

// false: unloading, or the last reference is gone.
bool cdev_get(Context& context, Cdev& c);
void cdev_put(Context& context, Cdev& c);
// -EBUSY: the number is taken.
int cdev_add(Context& context, Cdev& c);
void cdev_del(Context& context, Cdev& c);

// The node that device_add() makes in devtmpfs; what a path leads to. Or one that somebody has made by hand, mknod(1): it is there all the
// time, and leads to the number.
struct DeviceNode {
  ObjectId there;  // word: 1 while a path leads to it; none: it was made by hand
  NameId name;
  CharInode inode;
};
void init_device_node(Kernel& kernel, DeviceNumber& device, DeviceNode& node, NameId unique_name, NameId declared, bool by_hand = false);
// device_create(), as far as the node goes: it appears; device_destroy(): it goes, and waits for nobody.
void device_create(Context& context, DeviceNode& node);
void device_destroy(Context& context, DeviceNode& node);
// cdev_add(), then device_add(): the attributes, then the node.
int cdev_device_add(Context& context, Cdev& c, DeviceNode& node, std::span<SysfsAttribute* const> attributes);
// device_del(): the node goes, the attributes are removed (and waited for); then cdev_del().
void cdev_device_del(Context& context, Cdev& c, DeviceNode& node, std::span<SysfsAttribute* const> attributes);

// Opens `inode`, however it was reached: /proc/self/fd/N and mknod'ed nodes need no name. -ENXIO: no such device, or it is going.
int chrdev_open(Context& context, CharInode& inode, File& file);
// Opens by path. -ENOENT: no node.
int open_node(Context& context, DeviceNode& node, File& file);
// Waits until the node is there: udev has made it; of one made by hand, until there is something under its number. The wait is idle.
void await_node(Context& context, DeviceNode& node);

}  // namespace unplug::model
