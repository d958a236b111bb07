// DRM devices: sections that must not be entered once the device is unplugged, and unplugging it.
//
// drivers/gpu/drm/drm_drv.c (drm_dev_enter, drm_dev_exit, drm_dev_unplug), v6.18. One SRCU domain (drm_unplug_srcu) for all devices of the
// system: a section of any device holds up the unplug of every other. drm_dev_unplug() sets the flag, waits for the sections under way,
// takes the nodes away and zaps the mappings of user space; it waits for no file. A section is the driver's business: what accesses the
// hardware outside of one is not covered, and after unplug the file operations are called as before.
// Left out: references (drm_dev_get(), drm_dev_put()), clients, master and leases.
#pragma once

#include <utility>
#include <vector>

#include "unplug/model/kernel/fs/chardev.hpp"
#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/kernel/rcu/srcu.hpp"

namespace unplug::model {

struct DrmDevice {
  ObjectId unplugged;  // word: 1 once it is
  Srcu* unplug_srcu = nullptr;
  NameId name;
  LifetimeId home;                                            // memory it is embedded in; none: static
  std::vector<std::pair<CharDevice*, Registration*>> minors;  // set after init: its nodes
  AddressSpace* mapping = nullptr;                            // of its files (dev->anon_inode); null: nobody maps any
};
// `unplug_srcu`: the domain that all devices share.
void init_drm_device(Kernel& kernel, DrmDevice& d, Srcu& unplug_srcu, NameId unique_name, NameId declared, LifetimeId home);

// drm_dev_init() of one that may have been used: it is not unplugged.
void set_up_again(Context& context, DrmDevice& d);

// false: unplugged, and no section has begun. Sections nest. `index`: for drm_dev_exit().
bool drm_dev_enter(Context& context, DrmDevice& d, std::uint64_t& index);
void drm_dev_exit(Context& context, Srcu& unplug_srcu, std::uint64_t index);
// Waits for every section under way, of any device. From within one it never returns.
void drm_dev_unplug(Context& context, DrmDevice& d);

}  // namespace unplug::model
