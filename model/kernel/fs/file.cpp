#include "unplug/model/kernel/fs/file.hpp"

#include <fmt/format.h>

#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/fs/cdev.hpp"
#include "unplug/model/kernel/fs/poll.hpp"

namespace unplug::model {
namespace {

// The count is an atomic that returns its value: all is ordered by it.
const Operation get_op{.name = "get_file", .sync = sim::Sync::both}, put_op{.name = "fput", .sync = sim::Sync::both},
    install_op{.name = "fd_install", .sync = sim::Sync::release}, look_op{.name = "fdget: look up", .sync = sim::Sync::acquire},
    unless_zero_op{.name = "fdget: get_file unless zero", .sync = sim::Sync::both}, close_op{.name = "close: clear the descriptor"},
    f_op_op{.name = "load f_op", .sync = sim::Sync::acquire, .marked = true},
    replace_op{.name = "replace f_op", .sync = sim::Sync::release, .marked = true};

const StaticName ioctl_function{"vfs_ioctl"}, read_function{"vfs_read"}, write_function{"vfs_write"}, close_function{"__fput"},
    filp_close_function{"filp_close"};

void run_fput(Context& context, File& file) {
  static const KernelSite epoll_site{"__fput", "eventpoll_release"}, enter_site{"__fput", "enter"}, exit_site{"__fput", "leave"},
      cdev_site{"__fput", "cdev_put"}, put_site{"__fput", "fops_put"}, free_site{"__fput", "free file"};
  const Context::KernelFunction function(context, close_function);
  if (file.links != nullptr) {
    context.at(epoll_site);
    eventpoll_release(context, *file.links);
  }
  const FileOperations& ops = load_f_op(context, file);
  bool entered = true;
  if (ops.release != nullptr && !context.aborting())
    guarded(context, ops, file, enter_site, exit_site, entered, [&] { return ops.release(context, file, ops.release_argument); });
  if (context.aborting()) return;
  guard_closed(context, ops, file);
  if (context.aborting()) return;
  if (file.cdev != nullptr) {
    context.at(cdev_site);
    cdev_put(context, *file.cdev);
  }
  context.at(put_site);
  fops_put(context, ops);
  context.at(free_site);
  kfree(context, file.memory);
}

// An operation of user space: counted by what becomes of it.
int operate(Context& context, File& file, FileOperation FileOperations::*operation, void* FileOperations::*argument, int without,
            const KernelSite& enter_site, const KernelSite& exit_site) {
  Kernel& k = context.kernel();
  const FileOperations& ops = load_f_op(context, file);
  if (context.aborting() || ops.*operation == nullptr) return without;
  file.acted = file.torn = false;
  ++k.operations.started;
  ++k.operations.unfinished;  // until it has ended
  bool entered = true;
  const int result =
      guarded(context, ops, file, enter_site, exit_site, entered, [&] { return (ops.*operation)(context, file, ops.*argument); });
  if (context.aborting()) return result;
  --k.operations.unfinished;
  if (!entered) {
    ++k.operations.refused_at_entry;
    k.count_refusal(false, k.site(enter_site));
  } else if (file.torn) {
    ++k.operations.torn;
  } else if (result != 0) {
    ++k.operations.failed;
  } else {
    ++k.operations.completed;
  }
  return result;
}

}  // namespace

void guard_opened(Context& context, const FileOperations& ops, File& file) {
  static const KernelSite site{"vfs_open", "guard"};
  if (ops.guard == nullptr) return;
  context.at(site);
  ops.guard->opened(context, file);
}

void guard_closed(Context& context, const FileOperations& ops, File& file) {
  static const KernelSite site{"__fput", "guard"};
  if (ops.guard == nullptr) return;
  context.at(site);
  ops.guard->closed(context, file);
}

void init_file(Kernel& kernel, File& file, const FileParts& parts) {
  static constexpr std::string_view part = "file", count = "f_count", f_op = "f_op";
  static const StaticName declared{"file"}, field{"private_data"};
  sim::Engine& e = kernel.engine();
  file.ops = nullptr;
  file.replacement = parts.replacement;
  file.links = parts.links;
  file.cdev = nullptr;
  file.inode = nullptr;
  file.open = file.acted = file.torn = false;
  file.count = parts.counted ? e.new_object(e.own_name(count), 1) : ObjectId{};
  file.f_op = parts.replacement != nullptr ? e.new_object(e.own_name(f_op), 0) : ObjectId{};
  file.name = e.own_name(part);
  init_allocation(kernel, file.memory, file.name, kernel.intern(declared), {}, true);
  add_field(kernel, file.memory, kernel.intern(field), 0);
  file.private_data = file.memory.fields.back().second;
}

void get_file(Context& context, const File& from, File& to) {
  if (!from.count) {
    context.engine().fail("get_file() of a file that was made for one reference (FileParts::counted)");
    return;
  }
  context.write(get_op, from.count, from.memory.life, [&](std::uint64_t& word) {
    if (word == 0)
      context.kernel().report(ViolationClass::api_misuse, from.memory.name, "get_file() of a file whose last reference is gone");
    ++word;
  });
  to = from;
  to.open = true;
  to.acted = to.torn = false;
}

void fput(Context& context, File& file) {
  if (!file.open) return;
  if (file.count) {
    const bool last = context.write(put_op, file.count, file.memory.life, [&](std::uint64_t& word) {
      if (word == 0) {
        context.kernel().report(ViolationClass::api_misuse, file.memory.name, "fput() of a file whose last reference is gone");
        return false;
      }
      return --word == 0;
    });
    if (context.aborting()) return;
    if (!last) {
      file.open = false;
      return;
    }
  }
  run_fput(context, file);
  if (!context.aborting()) file.open = false;
}

void vfs_close(Context& context, File& file) {
  static const KernelSite enter_site{"filp_close", "enter"}, exit_site{"filp_close", "leave"};
  if (!file.open) return;
  if (file.ops->flush != nullptr || file.f_op) {
    const Context::KernelFunction function(context, filp_close_function);
    const FileOperations& ops = load_f_op(context, file);
    bool entered = true;
    if (ops.flush != nullptr && !context.aborting())
      guarded(context, ops, file, enter_site, exit_site, entered, [&] { return ops.flush(context, file, ops.flush_argument); });
  }
  if (!context.aborting()) fput(context, file);
}

void init_descriptor(Kernel& kernel, Descriptor& d, NameId unique_name) { d.slot = kernel.engine().new_object(unique_name, 0); }

void fd_install(Context& context, Descriptor& d) {
  context.write(install_op, d.slot, {}, [](std::uint64_t& word) { word = 1; });
}

bool fdget(Context& context, const Descriptor& d, File& reference) {
  if (context.read(look_op, d.slot, {}) == 0 || context.aborting()) return false;
  // The slab of files is typesafe by RCU: looking at a count that has gone to zero is no access to freed memory.
  const bool got = context.write(unless_zero_op, d.file.count, {}, [](std::uint64_t& word) {
    if (word == 0) return false;
    ++word;
    return true;
  });
  if (!got || context.aborting()) return false;
  reference = d.file;
  reference.open = true;
  reference.acted = reference.torn = false;
  return true;
}

int close_fd(Context& context, Descriptor& d) {
  const bool was = context.write(close_op, d.slot, {}, [](std::uint64_t& word) {
    const bool open = word != 0;
    word = 0;
    return open;
  });
  if (!was || context.aborting()) return ebadf;
  File mine = d.file;  // d.file stays as others may be copying it
  vfs_close(context, mine);
  return 0;
}

bool replace_f_op(Context& context, File& file) {
  if (!fops_get(context, *file.replacement) || context.aborting()) return false;
  context.write(replace_op, file.f_op, file.memory.life, [](std::uint64_t& word) { word = 1; });
  return true;
}

bool fops_get(Context& context, const FileOperations& ops) { return try_module_get(context, ops.owner, true); }

void fops_put(Context& context, const FileOperations& ops) { module_put(context, ops.owner, true); }

const FileOperations& load_f_op(Context& context, const File& file) {
  if (!file.f_op) return *file.ops;
  return context.read(f_op_op, file.f_op, file.memory.life) == 0 ? *file.ops : *file.replacement;
}

int vfs_ioctl(Context& context, File& file) {
  static const KernelSite enter_site{"vfs_ioctl", "enter"}, exit_site{"vfs_ioctl", "leave"};
  const Context::KernelFunction function(context, ioctl_function);
  return operate(context, file, &FileOperations::ioctl, &FileOperations::ioctl_argument, enotty, enter_site, exit_site);
}

int vfs_read(Context& context, File& file) {
  static const KernelSite enter_site{"vfs_read", "enter"}, exit_site{"vfs_read", "leave"};
  const Context::KernelFunction function(context, read_function);
  return operate(context, file, &FileOperations::read, &FileOperations::read_argument, einval, enter_site, exit_site);
}

int vfs_write(Context& context, File& file) {
  static const KernelSite enter_site{"vfs_write", "enter"}, exit_site{"vfs_write", "leave"};
  const Context::KernelFunction function(context, write_function);
  return operate(context, file, &FileOperations::write, &FileOperations::write_argument, einval, enter_site, exit_site);
}

}  // namespace unplug::model
