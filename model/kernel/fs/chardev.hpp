// Character devices from the VFS side: a name that something is registered under, and opening it.
//
// fs/char_dev.c (chrdev_open, cdev_del), drivers/char/misc.c (misc_open, misc_deregister), drivers/usb/core/file.c (usb_open,
// usb_deregister_dev), v6.18. open looks the device up, takes a reference on the module that fops.owner names, calls the driver. Removing
// the name gates open() and nothing else: files stay open, and their operations callable. misc_open() holds misc_mtx while the driver's
// open() runs: misc_deregister() waits for opens in flight, and one open that blocks holds up every misc open and deregistration. USB
// devices have minor_rwsem for the same, which opens share; cdev_del() waits for nobody. Every operation runs between enter() and exit() of
// the policy's entry guard, whose code lives in a core module.
// A device here is no more than its name. What lies below a cdev (its kobject, the caches in inodes, the second module reference by
// cdev->owner, the re-open hole) is in cdev.hpp; what becomes of the open file, in file.hpp.
#pragma once

#include "unplug/model/kernel/base/device.hpp"
#include "unplug/model/kernel/fs/file.hpp"
#include "unplug/model/kernel/locking/locks.hpp"

namespace unplug::model {

// What one binding registers under a name.
struct Registration : FileOperations {
  Binding* binding = nullptr;
  LifetimeId life;
};

struct CharDevice {
  ObjectId registered;  // word: number of the registration under this name, 0: none
  NameId name;
  Mutex* misc_mtx = nullptr;                 // misc devices share one,
  Rwsem* minor_rwsem = nullptr;              // and so do those of usb_register_dev(); neither: a cdev
  std::vector<Registration*> registrations;  // by number - 1
};
void init_char_device(Kernel& kernel, CharDevice& d, NameId unique_name, NameId declared, Mutex* misc_mtx, Rwsem* minor_rwsem = nullptr);
// Makes known what register_char_device() may register later.
void init_registration(Kernel& kernel, CharDevice& d, Registration& r, NameId unique_name, LifetimeId owner);

// misc_register() / usb_register_dev() / cdev_device_add().
void register_char_device(Context& context, CharDevice& d, Registration& r);
// misc_deregister() / usb_deregister_dev() / cdev_device_del(): the name goes.
void deregister_char_device(Context& context, CharDevice& d, Registration& r);

// Waits until something is registered under the name: udev has made the node. The wait is idle.
void await_device_node(Context& context, CharDevice& d);
// Opens by path. No such device, or its module is unloading: -ENODEV from a misc or USB device, -ENXIO from a cdev.
int vfs_open(Context& context, CharDevice& d, File& file);

}  // namespace unplug::model
