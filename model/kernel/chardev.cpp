#include "unplug/model/kernel/chardev.hpp"

namespace unplug::model {
namespace {

const Operation register_op{.name = "device node appears", .sync = sim::Sync::release}, deregister_op{.name = "device node removed"},
    lookup_op{.name = "open: look up device", .sync = sim::Sync::acquire},
    await_op{.name = "wait for the device node", .sync = sim::Sync::acquire};

constexpr int enodev = -19, eopnotsupp = -95;

const StaticName open_function{"vfs_open"}, ioctl_function{"vfs_ioctl"}, close_function{"__fput"};

// Calls a driver's operation under the entry guard. `entered`: false if the guard refused.
int call(Context& context, File& file, FileOperation operation, void* argument, const KernelSite& enter, const KernelSite& exit,
         bool& entered) {
  EntryGuard& guard = file.registration->policy->entry();
  Token token = 0;
  context.at(enter);
  entered = guard.enter(context, token);
  if (!entered || context.aborting()) return enodev;
  const int result = [&] {
    const Context::Call run(context, "a file operation");
    return operation(context, file, argument);
  }();
  if (context.aborting()) return result;
  context.at(exit);
  guard.exit(context, token);
  return result;
}

}  // namespace

void init_char_device(Kernel& kernel, CharDevice& d, NameId unique_name, NameId declared, Mutex* misc_mtx) {
  d.registered = kernel.engine().new_object(unique_name, 0);
  d.name = declared;
  d.misc_mtx = misc_mtx;
  d.registrations.clear();
}

void init_registration(Kernel& kernel, CharDevice& d, Registration& r, NameId unique_name, LifetimeId owner) {
  d.registrations.push_back(&r);
  r.life = kernel.new_lifetime(unique_name, LifetimeKind::registration, d.name, owner, false);
}

void register_char_device(Context& context, CharDevice& d, Registration& r) {
  std::uint64_t number = 0;
  while (d.registrations[number] != &r) ++number;
  if (d.misc_mtx != nullptr) mutex_lock(context, *d.misc_mtx);
  sim::Step s = context.make(register_op);
  s.access = {d.registered, sim::AccessKind::write};
  s.begins = r.life;
  context.engine().step(s, [number](std::uint64_t& word) { word = number + 1; });
  if (d.misc_mtx != nullptr) mutex_unlock(context, *d.misc_mtx);
}

void deregister_char_device(Context& context, CharDevice& d, Registration& r) {
  std::uint64_t number = 0;
  while (d.registrations[number] != &r) ++number;
  if (d.misc_mtx != nullptr) mutex_lock(context, *d.misc_mtx);
  sim::Step s = context.make(deregister_op);
  s.access = {d.registered, sim::AccessKind::write};
  s.ends = r.life;
  context.engine().step(s, [number](std::uint64_t& word) {
    if (word == number + 1) word = 0;
  });
  if (d.misc_mtx != nullptr) mutex_unlock(context, *d.misc_mtx);
}

void init_file(Kernel& kernel, File& file) {
  static constexpr std::string_view part = "file";
  static const StaticName declared{"file"}, field{"private_data"};
  file.registration = nullptr;
  file.open = file.acted = file.torn = false;
  init_allocation(kernel, file.memory, kernel.engine().own_name(part), kernel.intern(declared), {}, true);
  add_field(kernel, file.memory, kernel.intern(field), 0);
  file.private_data = file.memory.fields.back().second;
}

void await_device_node(Context& context, CharDevice& d) {
  sim::Step s = context.make(await_op);
  s.access = {d.registered, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(0);
  context.wait(s, {.what = "device node", .object = d.name, .owner = Owner::user, .idle = true, .sleeps = false}, [](std::uint64_t&) {});
}

int vfs_open(Context& context, CharDevice& d, File& file) {
  static const KernelSite look_site{"vfs_open", "look up"}, get_site{"vfs_open", "fops_get"}, enter_site{"vfs_open", "enter"},
      exit_site{"vfs_open", "leave"}, put_site{"vfs_open", "fops_put"}, unlock_site{"vfs_open", "misc_mtx unlock"};
  const Context::KernelFunction function(context, open_function);
  context.at(look_site);
  if (d.misc_mtx != nullptr) mutex_lock(context, *d.misc_mtx);
  const std::uint64_t number = context.read(lookup_op, d.registered, {});
  if (context.aborting()) return enodev;
  int result = number == 0 ? enodev : 0;
  bool entered = true;
  if (result == 0) {
    Registration& r = *d.registrations[number - 1];
    file.registration = &r;
    context.at(get_site);
    if (!try_module_get(context, r.owner)) {
      result = enodev;
    } else if (r.open != nullptr) {
      result = call(context, file, r.open, r.open_argument, enter_site, exit_site, entered);
      if (result != 0 && !context.aborting()) {
        context.at(put_site);
        module_put(context, r.owner);
      }
    }
  }
  if (d.misc_mtx != nullptr && !context.aborting()) {
    context.at(unlock_site);
    mutex_unlock(context, *d.misc_mtx);
  }
  if (context.aborting()) return enodev;
  if (!entered || (result == enodev && !file.acted)) {
    ++context.kernel().operations.refused_at_entry;
  }
  file.open = result == 0;
  return result;
}

int vfs_ioctl(Context& context, File& file) {
  static const KernelSite enter_site{"vfs_ioctl", "enter"}, exit_site{"vfs_ioctl", "leave"};
  const Context::KernelFunction function(context, ioctl_function);
  Kernel& k = context.kernel();
  if (context.aborting()) return enodev;
  Registration& r = *file.registration;
  if (r.ioctl == nullptr) return eopnotsupp;
  file.acted = file.torn = false;
  ++k.operations.started;
  ++k.operations.unfinished;  // until it has ended
  bool entered = true;
  const int result = call(context, file, r.ioctl, r.ioctl_argument, enter_site, exit_site, entered);
  if (context.aborting()) return result;
  --k.operations.unfinished;
  if (!entered) {
    ++k.operations.refused_at_entry;
    k.count_refusal(false, context.kernel().site(enter_site));
  } else if (file.torn) {
    ++k.operations.torn;
  } else if (result != 0) {
    ++k.operations.failed;
  } else {
    ++k.operations.completed;
  }
  return result;
}

void vfs_close(Context& context, File& file) {
  static const KernelSite enter_site{"__fput", "enter"}, exit_site{"__fput", "leave"}, put_site{"__fput", "fops_put"},
      free_site{"__fput", "free file"};
  const Context::KernelFunction function(context, close_function);
  if (!file.open) return;
  Registration& r = *file.registration;
  bool entered = true;
  if (r.release != nullptr) call(context, file, r.release, r.release_argument, enter_site, exit_site, entered);
  if (context.aborting()) return;
  context.at(put_site);
  module_put(context, r.owner);
  context.at(free_site);
  kfree(context, file.memory);
  file.open = false;
}

}  // namespace unplug::model
