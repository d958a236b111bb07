// debugfs files: descriptors that outlive what they show, and the proxy in front of it.
//
// fs/debugfs/file.c (debugfs_file_get, full_proxy_*, open_proxy_open) and fs/debugfs/inode.c (debugfs_remove, __debugfs_file_removed),
// v6.18. Every operation takes a use of the file for as long as it runs: removed, it fails with -EIO, poll with EPOLLHUP, open with
// -ENOENT. debugfs_remove() takes the file away and waits until nobody uses it, not for open descriptors. Their ->release() is always
// forwarded, removed or not, and its text has to be there: open takes fops_get() (-ENXIO: the module is unloading and has not removed the
// file). Files made by debugfs_create_file_unsafe() have the reference on the module, and no protection after open. Removing a file from
// its own operation waits for itself.
// Left out: the lazy allocation of the use count, cancellations, directories, lockdown, seq_file.
#pragma once

#include "unplug/model/kernel/fs/poll.hpp"

namespace unplug::model {

struct DebugfsFile {
  ObjectId dentry;  // word: 1 there
  ObjectId users;   // word: active_users, 1 for being there
  NameId name;
  LifetimeId life;       // of the registration: a leak if its owner has ended and this has not
  FileOperations real;   // set by the driver before init
  FileOperations proxy;  // made from it
  bool unsafe = false;
  bool made = false;  // before: touched in steps on `dentry` only
};
// `owner`: what has to remove it before it ends. The DebugfsFile must stay where it is until the execution has ended.
void init_debugfs_file(Kernel& kernel, DebugfsFile& d, NameId unique_name, NameId declared, LifetimeId owner);

// debugfs_create_file(), debugfs_create_file_unsafe(). Created twice: api-misuse.
void debugfs_create_file(Context& context, DebugfsFile& d);
void debugfs_create_file_unsafe(Context& context, DebugfsFile& d);
// Gate and drain. Without the file it does nothing (an error pointer).
void debugfs_remove(Context& context, DebugfsFile& d);

// For operations of unsafe files that protect themselves. false: -EIO.
bool debugfs_file_get(Context& context, DebugfsFile& d);
void debugfs_file_put(Context& context, DebugfsFile& d);

// open(2) by path. Then vfs_read(), vfs_write(), vfs_ioctl(), vfs_poll(), vfs_close().
int debugfs_open(Context& context, DebugfsFile& d, File& file);

}  // namespace unplug::model
