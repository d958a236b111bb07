// sysfs attributes: reads and writes that removal of the attribute waits for.
//
// fs/kernfs/dir.c and fs/sysfs/file.c, v6.18. Each read or write takes an active reference to the node for as long as the driver's
// show() or store() runs; removing the node deactivates it (new operations fail with -ENODEV) and drains: it waits for the references.
// An open file pins nothing but the node: no module, no device. A second remover of the same node waits as the first does. Removing an
// attribute from its own show() or store() waits for itself; device_remove_file_self() gives the own reference back first, and one of
// several that try it wins. Descriptors, poll and mmap are in sysfs_file.hpp. Left out: directories, links, the kernfs rwsem.
#pragma once

#include <span>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct SysfsAttribute {
  ObjectId object;  // word: see sysfs.cpp
  NameId name;
  LifetimeId life;                              // of the registration: a leak if its owner has ended and this has not
  int (*operation)(Context&, void*) = nullptr;  // show() or store()
  void* argument = nullptr;
};
// `owner`: what has to take the attribute away before it ends. The operation is set before.
void init_sysfs_attribute(Kernel& kernel, SysfsAttribute& a, NameId unique_name, NameId declared, LifetimeId owner);

// false: it is there already (-EEXIST).
bool sysfs_create_file(Context& context, SysfsAttribute& a);
// Gate and drain. Without the attribute it does nothing.
void sysfs_remove_file(Context& context, SysfsAttribute& a);
// Of a group of attributes, one after another. -EEXIST: one of them is there already, and those before it have been removed again.
int sysfs_create_group(Context& context, std::span<SysfsAttribute* const> attributes);
void sysfs_remove_group(Context& context, std::span<SysfsAttribute* const> attributes);
// From the attribute's own operation: removes it without waiting for that. false: somebody else removes it this way.
bool sysfs_remove_file_self(Context& context, SysfsAttribute& a);
// sysfs_break_active_protection(): the operation that runs gives its reference back for a while, and remove() no longer waits for it.
void sysfs_break_active_protection(Context& context, SysfsAttribute& a);
void sysfs_unbreak_active_protection(Context& context, SysfsAttribute& a);

// User space: reads or writes the attribute. What the operation answers, or -ENODEV.
int sysfs_access(Context& context, SysfsAttribute& a);

}  // namespace unplug::model
