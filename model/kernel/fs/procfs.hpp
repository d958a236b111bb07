// procfs entries: removal that ends open files by itself.
//
// fs/proc/inode.c (use_pde, unuse_pde, proc_entry_rundown, close_pdeo, proc_reg_*) and fs/proc/generic.c (remove_proc_entry), v6.18. Every
// operation counts itself in for as long as it runs; no open file pins the module. remove_proc_entry() shuts the gate (a bias on the
// count), waits for operations in flight, and then calls ->proc_release of every file still open itself: after it no code of the module
// runs on behalf of the entry, and a later close() finds nothing to do. A close() that comes at the same time as removal waits for it where
// removal is releasing its file, and removal waits for a close() that is releasing. After removal: read, write and mmap -EIO, ioctl
// -ENOTTY, lseek -EINVAL, open -ENOENT, poll what a file without ->poll answers.
// Removing the entry from its own operation, or holding a lock that one takes, never returns. Left out: directories, permanent entries,
// seq_file, credentials.
#pragma once

#include <vector>

#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/kernel/fs/poll.hpp"

namespace unplug::model {

struct ProcEntry {
  ObjectId in_use;   // word: bits 0..31 operations in flight, bit 32 there, bit 33 removed (BIAS)
  ObjectId openers;  // word: two bits for each open file with ->proc_release: it is listed, somebody releases it
  NameId name;
  LifetimeId life;       // of the registration: a leak if its owner has ended and this has not
  FileOperations real;   // proc_ops, set by the driver before init; no owner
  FileOperations proxy;  // proc_reg_file_ops
  FileOperation lseek = nullptr;
  void* lseek_argument = nullptr;
  std::vector<File> files;  // by place in `openers`; touched in steps on that only
};
// At most this many files of one entry are open at once.
inline constexpr std::size_t proc_openers = 32;
// `owner`: what has to remove it before it ends. The ProcEntry must stay where it is until the execution has ended.
void init_proc_entry(Kernel& kernel, ProcEntry& e, NameId unique_name, NameId declared, LifetimeId owner);

// Created twice: api-misuse.
void proc_create(Context& context, ProcEntry& e);
// Gate, drain, and the release of what is open. Of an entry that isn't there: api-misuse, and it does not wait for who removes it.
void remove_proc_entry(Context& context, ProcEntry& e);

// open(2) by path. Then vfs_read(), vfs_write(), vfs_ioctl(), vfs_poll(), vfs_mmap(), proc_lseek(), vfs_close().
int proc_open(Context& context, ProcEntry& e, File& file);
int proc_lseek(Context& context, ProcEntry& e, File& file);

}  // namespace unplug::model
