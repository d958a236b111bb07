// Open files: struct file, who refers to it, and the operations of user space on it.
//
// fs/file_table.c (__fput, fput, fget), fs/open.c (filp_close), fs/read_write.c, fs/ioctl.c, include/linux/fs.h (replace_fops), v6.18.
// A descriptor, its duplicates, one that fork() left with a child, a message in flight (SCM_RIGHTS), a file registered with io_uring, a VMA
// and an operation in flight are all the same: references, counted in one word. Whoever drops the last one runs __fput() in its own task,
// after the operation it was in (task work): ->release(), then cdev_put(), then fops_put(), then the struct is freed. So close() is the end
// of a file only if nobody else has one. An operation calls what f_op names when it begins; replacing f_op meanwhile changes nothing for
// it. A file that only one task refers to has a count that nobody can tell from 1: it takes no steps (FileParts says which files need
// them). Left out: fput() outside of process context (delayed_fput), f_pos and its lock, fasync, O_PATH, leases.
#pragma once

#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/base/module.hpp"
#include "unplug/model/kernel/fs/entry_guard.hpp"
#include "unplug/model/kernel/lib/memory.hpp"

namespace unplug::model {

struct File;
struct Vma;
struct PollTable;
struct EpollLinks;
struct Cdev;
struct CharInode;
// A driver's file operation: 0 or a negative error.
using FileOperation = int (*)(Context& context, File& file, void* argument);
// ->poll: poll_wait() on each queue that can wake, then what is ready (poll.hpp).
using PollOperation = std::uint32_t (*)(Context& context, File& file, PollTable& table, void* argument);
using MmapOperation = int (*)(Context& context, File& file, Vma& vma, void* argument);

// struct file_operations. What is null, the driver doesn't have.
struct FileOperations {
  EntryGuard* guard = nullptr;  // around each of them; null: none
  Module* owner = nullptr;      // pinned by every open file; null: nothing
  FileOperation open = nullptr, release = nullptr, flush = nullptr, read = nullptr, write = nullptr, ioctl = nullptr;
  PollOperation poll = nullptr;
  MmapOperation mmap = nullptr;
  void* open_argument = nullptr;
  void* release_argument = nullptr;
  void* flush_argument = nullptr;
  void* read_argument = nullptr;
  void* write_argument = nullptr;
  void* ioctl_argument = nullptr;
  void* poll_argument = nullptr;
  void* mmap_argument = nullptr;
};

// One reference to a struct file: copies made by get_file() and its like stand for further ones, each with a life of its own.
struct File {
  const FileOperations* ops = nullptr;          // f_op, as open() left it
  const FileOperations* replacement = nullptr;  // what replace_f_op() puts there
  Allocation memory;                            // struct file; field private_data
  NameId name;                                  // unique
  ObjectId private_data;
  ObjectId count;               // f_count: word: references; none: only ever one
  ObjectId f_op;                // word: 0 ops, 1 replacement; none: never replaced
  EpollLinks* links = nullptr;  // f_ep; null: nobody adds it to an epoll
  Cdev* cdev = nullptr;         // inode->i_cdev, of a file that chrdev_open() opened
  CharInode* inode = nullptr;
  bool open = false;  // this reference is there
  // State of the operation in flight through this reference, for telling refusals apart.
  bool acted = false;  // driver code has begun to act
  bool torn = false;   // a resource was refused after that
};
// What a file has that others can get at. Without it, it has no steps for that.
struct FileParts {
  bool counted = false;                         // more than one reference
  const FileOperations* replacement = nullptr;  // replace_f_op()
  EpollLinks* links = nullptr;
};
// Prepares `file` for its next open(): a new struct file.
void init_file(Kernel& kernel, File& file, const FileParts& parts = {});

// dup(2), fork(), SCM_RIGHTS, io_uring: `to` refers to what `from` refers to, and has to be dropped by fput() or vfs_close(). Of a file
// whose last reference is gone: api-misuse.
void get_file(Context& context, const File& from, File& to);
// Drops the reference; the last one runs __fput(). One reference too many: api-misuse, and the file goes under those who rely on theirs.
void fput(Context& context, File& file);
// close(2): ->flush(), whoever else has the file, then fput().
void vfs_close(Context& context, File& file);

// A slot of a descriptor table that threads share.
struct Descriptor {
  ObjectId slot;  // word: 1 open
  File file;
};
void init_descriptor(Kernel& kernel, Descriptor& d, NameId unique_name);
// Other threads find what d.file has opened.
void fd_install(Context& context, Descriptor& d);
// The reference of an operation in flight: the slot is looked up, then the count taken unless it is zero. false: -EBADF. Dropped by fput().
bool fdget(Context& context, const Descriptor& d, File& reference);
// close(2) of the descriptor. -EBADF: another thread has done so.
int close_fd(Context& context, Descriptor& d);

// What happens to f_op in tty_hangup() and snd_card_disconnect(): operations that begin from now on find parts.replacement. The old table
// keeps its module reference, which whoever replaces it owes: its ->release() does fops_put(). false: the new owner is unloading.
bool replace_f_op(Context& context, File& file);
// The reference that open() took on the module of the table.
bool fops_get(Context& context, const FileOperations& ops);
void fops_put(Context& context, const FileOperations& ops);
// f_op, as an operation that begins now finds it.
const FileOperations& load_f_op(Context& context, const File& file);

// The operations. What the driver answers; -ENODEV if the entry guard refuses; without an operation -ENOTTY (ioctl) or -EINVAL.
int vfs_ioctl(Context& context, File& file);
int vfs_read(Context& context, File& file);
int vfs_write(Context& context, File& file);

// While it lives, `file` is what the context works on.
class OperationOn {
 public:
  OperationOn(Context& context, File& file) : context_(context), before_(context.file) { context.file = &file; }
  ~OperationOn() { context_.file = before_; }
  OperationOn(const OperationOn&) = delete;
  OperationOn& operator=(const OperationOn&) = delete;

 private:
  Context& context_;
  File* before_;
};

// What the entry guard does beside an open file (EntryGuard::opened, closed).
void guard_opened(Context& context, const FileOperations& ops, File& file);
void guard_closed(Context& context, const FileOperations& ops, File& file);

// Runs the driver's operation between enter() and exit() of the table's entry guard. `entered`: false if the guard refused (-ENODEV).
template <class Run>
int guarded(Context& context, const FileOperations& ops, File& file, const KernelSite& enter, const KernelSite& exit, bool& entered,
            Run&& run) {
  const auto operation = [&] {
    const Context::Call call(context, "a file operation");
    return run();
  };
  entered = true;
  if (ops.guard == nullptr) return operation();
  const OperationOn working(context, file);
  Token token = 0;
  context.at(enter);
  entered = ops.guard->enter(context, token);
  if (!entered || context.aborting()) return enodev;
  const int result = operation();
  if (context.aborting()) return result;
  context.at(exit);
  ops.guard->exit(context, token);
  return result;
}

}  // namespace unplug::model
