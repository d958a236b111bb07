// Descriptors of sysfs attributes: what an open file is good for once the attribute has gone.
//
// fs/kernfs/file.c (kernfs_fop_open, _read_iter, _poll, _mmap, kernfs_vma_fault, kernfs_notify, kernfs_drain_open_files), v6.18. An open
// file pins the node and nothing else: neither the module nor the binding. Each operation takes the active reference for as long as it
// runs, a fault of a mapped binary attribute as well: after removal they answer -ENODEV, EPOLLERR | EPOLLPRI, SIGBUS. Removal drains, and
// then takes the mappings of binary attributes away. It does not wake a poll(2) that sleeps: kernfs_drain_open_files() looks at mappings
// and at files with ->release, and at nothing else; the poll sleeps on memory of the open file. sysfs_notify() wakes.
// Left out: buffers and seq_file, ->release of kernfs files, vm_ops->open; a mapping with vm_ops->close is refused, as there.
#pragma once

#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/kernel/fs/poll.hpp"

namespace unplug::model {

// What the open files of one attribute share (kernfs_open_node) and their operations.
struct SysfsFile {
  SysfsAttribute* attribute = nullptr;
  FileOperations fops;
  ObjectId event;  // word: notifications so far; what a file has seen of them is in its private_data
  PollQueue poll;
  AddressSpace mapping;
  MmapOperation mmap = nullptr;  // of a binary attribute; set after init
  void* mmap_argument = nullptr;
  FaultOperation fault = nullptr;  // what the driver's ->mmap has set
  void* fault_argument = nullptr;
};
// The SysfsFile must stay where it is until the execution has ended.
void init_sysfs_file(Kernel& kernel, SysfsFile& f, SysfsAttribute& attribute, NameId unique_name, NameId declared);

// open(2): 0, or -ENODEV. Then vfs_read(), vfs_write(), vfs_poll(), sysfs_mmap(), vfs_close().
int sysfs_open(Context& context, SysfsFile& f, File& file);
int sysfs_mmap(Context& context, SysfsFile& f, File& file, Vma& vma);
// sysfs_notify(): a poll that sleeps on the attribute sees EPOLLERR | EPOLLPRI.
void sysfs_notify(Context& context, SysfsFile& f);
// sysfs_remove_bin_file(): gate, drain, and no mapping is left.
void sysfs_remove_bin_file(Context& context, SysfsFile& f);

}  // namespace unplug::model
