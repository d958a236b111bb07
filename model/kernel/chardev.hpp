// Character devices and open files, from the VFS side.
//
// fs/char_dev.c (chrdev_open, cdev_del), drivers/char/misc.c (misc_open, misc_deregister), fs/file_table.c (__fput), v6.18. open looks the
// device up, takes a reference on the module that fops.owner names, calls the driver. Removing the name gates open() and nothing else:
// files stay open, and their operations callable. misc_deregister() waits for open() calls in flight (misc_mtx), cdev_del() for nobody.
// Every operation runs between enter() and exit() of the policy's entry guard, whose code lives in a core module.
// Left out: the re-open hole of cdev, dup and passed files, mmap, poll, a second module reference by cdev.owner.
#pragma once

#include "unplug/model/kernel/locks.hpp"
#include "unplug/model/kernel/memory.hpp"
#include "unplug/model/kernel/module.hpp"
#include "unplug/model/policy.hpp"

namespace unplug::model {

struct File;
// A driver's file operation: 0 or a negative error.
using FileOperation = int (*)(Context& context, File& file, void* argument);

// What one binding registers under a name.
struct Registration {
  Binding* binding = nullptr;
  Policy* policy = nullptr;
  Module* owner = nullptr;                                           // fops.owner: pinned by every open file; null: nothing
  FileOperation open = nullptr, ioctl = nullptr, release = nullptr;  // null: the driver has none
  void* open_argument = nullptr;
  void* ioctl_argument = nullptr;
  void* release_argument = nullptr;
  LifetimeId life;
};

struct CharDevice {
  ObjectId registered;  // word: number of the registration under this name, 0: none
  NameId name;
  Mutex* misc_mtx = nullptr;                 // misc devices share one; null: a cdev
  std::vector<Registration*> registrations;  // by number - 1
};
void init_char_device(Kernel& kernel, CharDevice& d, NameId unique_name, NameId declared, Mutex* misc_mtx);
// Makes known what register_char_device() may register later.
void init_registration(Kernel& kernel, CharDevice& d, Registration& r, NameId unique_name, LifetimeId owner);

// misc_register() / cdev_device_add().
void register_char_device(Context& context, CharDevice& d, Registration& r);
// misc_deregister() / cdev_device_del(): the name goes.
void deregister_char_device(Context& context, CharDevice& d, Registration& r);

struct File {
  Registration* registration = nullptr;
  Allocation memory;  // struct file; field private_data
  ObjectId private_data;
  bool open = false;
  // State of the operation in flight, for telling refusals apart.
  bool acted = false;  // driver code has begun to act
  bool torn = false;   // a resource was refused after that
};
// Prepares `file` for its next open(): a new struct file.
void init_file(Kernel& kernel, File& file);

// Waits until something is registered under the name: udev has made the node. The wait is idle.
void await_device_node(Context& context, CharDevice& d);
int vfs_open(Context& context, CharDevice& d, File& file);
int vfs_ioctl(Context& context, File& file);
// close(2) of the last reference.
void vfs_close(Context& context, File& file);

}  // namespace unplug::model
