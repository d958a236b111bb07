#include "unplug/model/kernel/fs/debugfs.hpp"
#include "unplug/model/core/errno.hpp"

#include <utility>

namespace unplug::model {
namespace {

const Operation users_op{.name = "debugfs_create_file: active_users"}, create_op{.name = "debugfs_create_file", .sync = sim::Sync::release},
    linked_op{.name = "debugfs_file_get: is it unlinked", .sync = sim::Sync::acquire},
    get_op{.name = "debugfs_file_get: count in", .sync = sim::Sync::both}, put_op{.name = "debugfs_file_put", .sync = sim::Sync::both},
    unlink_op{.name = "debugfs_remove: unlink"}, drop_op{.name = "debugfs_remove: drop the initial use", .sync = sim::Sync::both},
    drain_op{.name = "debugfs_remove: wait for users", .sync = sim::Sync::acquire};

const StaticName open_function{"full_proxy_open"};

int proxied(Context& context, File& file, DebugfsFile& d, FileOperation operation, void* argument, int without) {
  if (operation == nullptr) return without;
  if (!debugfs_file_get(context, d) || context.aborting()) return eio;
  const int result = operation(context, file, argument);
  if (!context.aborting()) debugfs_file_put(context, d);
  return result;
}

int proxy_read(Context& context, File& file, void* argument) {
  auto& d = *static_cast<DebugfsFile*>(argument);
  return proxied(context, file, d, d.real.read, d.real.read_argument, einval);
}
int proxy_write(Context& context, File& file, void* argument) {
  auto& d = *static_cast<DebugfsFile*>(argument);
  return proxied(context, file, d, d.real.write, d.real.write_argument, einval);
}
int proxy_ioctl(Context& context, File& file, void* argument) {
  auto& d = *static_cast<DebugfsFile*>(argument);
  return proxied(context, file, d, d.real.ioctl, d.real.ioctl_argument, enotty);
}
std::uint32_t proxy_poll(Context& context, File& file, PollTable& table, void* argument) {
  auto& d = *static_cast<DebugfsFile*>(argument);
  if (d.real.poll == nullptr) return default_pollmask;
  if (!debugfs_file_get(context, d) || context.aborting()) return epollhup;
  const std::uint32_t mask = d.real.poll(context, file, table, d.real.poll_argument);
  if (!context.aborting()) debugfs_file_put(context, d);
  return mask;
}
// Always forwarded: what open() has set up has to go, whatever has become of the file.
int proxy_release(Context& context, File& file, void* argument) {
  auto& d = *static_cast<DebugfsFile*>(argument);
  const int result = d.real.release != nullptr ? d.real.release(context, file, d.real.release_argument) : 0;
  if (!context.aborting()) fops_put(context, d.real);
  return result;
}

void create(Context& context, DebugfsFile& d, bool unsafe) {
  d.unsafe = unsafe;
  sim::Step s = context.make(create_op);
  s.access = {d.dentry, sim::AccessKind::write};
  bool again = false;
  context.engine().step(s, [&](std::uint64_t& word) {
    if (word != 0) {
      context.kernel().report(ViolationClass::api_misuse, d.name, "debugfs_create_file() of a name that is there already");
    } else {
      again = std::exchange(d.made, true);
      context.engine().begins(d.life);
    }
    word = 1;
  });
  // A dentry of its own: its first user is the file.
  if (again && !context.aborting()) context.write(users_op, d.users, {}, [](std::uint64_t& word) { word = 1; });
}

}  // namespace

void init_debugfs_file(Kernel& kernel, DebugfsFile& d, NameId unique_name, NameId declared, LifetimeId owner) {
  static constexpr std::string_view users = "active_users";
  d.dentry = kernel.engine().new_object(unique_name, 0);
  d.users = kernel.engine().new_object(kernel.engine().names().child(unique_name, users, 1), 1);
  d.name = declared;
  d.life = kernel.new_lifetime(unique_name, LifetimeKind::registration, declared, owner, false);
  d.unsafe = d.made = false;
  d.proxy = {};
  d.proxy.read = proxy_read;
  d.proxy.write = proxy_write;
  d.proxy.ioctl = proxy_ioctl;
  d.proxy.poll = proxy_poll;
  d.proxy.release = proxy_release;
  d.proxy.read_argument = d.proxy.write_argument = d.proxy.ioctl_argument = d.proxy.poll_argument = d.proxy.release_argument = &d;
}

void debugfs_create_file(Context& context, DebugfsFile& d) { create(context, d, false); }
void debugfs_create_file_unsafe(Context& context, DebugfsFile& d) { create(context, d, true); }

void debugfs_remove(Context& context, DebugfsFile& d) {
  const bool there = context.write(unlink_op, d.dentry, {}, [&](std::uint64_t& word) {
    const bool was = std::exchange(word, 0) != 0;
    if (was) context.engine().ends(d.life);
    return was;
  });
  if (!there || context.aborting()) return;
  context.write(drop_op, d.users, {}, [](std::uint64_t& word) { --word; });
  sim::Step s = context.make(drain_op);
  s.access = {d.users, sim::AccessKind::read};
  s.guard = sim::Guard::equal(0);
  context.wait(s, {"debugfs_remove", d.name, Owner::driver}, [](std::uint64_t&) {});
}

bool debugfs_file_get(Context& context, DebugfsFile& d) {
  if (context.read(linked_op, d.dentry, {}) == 0 || context.aborting()) return false;
  const TaskId me = context.engine().current();
  return context.write(get_op, d.users, {}, [&](std::uint64_t& word) {
    if (word == 0) return false;
    ++word;
    context.kernel().hold(d.users, me);
    return true;
  });
}

void debugfs_file_put(Context& context, DebugfsFile& d) {
  const TaskId me = context.engine().current();
  context.write(put_op, d.users, {}, [&](std::uint64_t& word) {
    --word;
    context.kernel().unhold(d.users, me);
  });
}

int debugfs_open(Context& context, DebugfsFile& d, File& file) {
  const Context::KernelFunction function(context, open_function);
  if (!debugfs_file_get(context, d) || context.aborting()) return enoent;
  int result = enxio;
  if (fops_get(context, d.real)) {
    result = d.real.open != nullptr ? d.real.open(context, file, d.real.open_argument) : 0;
    if (result != 0 && !context.aborting()) fops_put(context, d.real);
  }
  if (context.aborting()) return enoent;
  debugfs_file_put(context, d);
  if (result != 0) return result;
  file.ops = d.unsafe ? &d.real : &d.proxy;
  file.open = true;
  return 0;
}

}  // namespace unplug::model
