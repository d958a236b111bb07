#include "unplug/model/kernel/fs/chardev.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model {
namespace {

const Operation register_op{.name = "device node appears", .sync = sim::Sync::release}, deregister_op{.name = "device node removed"},
    lookup_op{.name = "open: look up device", .sync = sim::Sync::acquire},
    await_op{.name = "wait for the device node", .sync = sim::Sync::acquire, .outside = true};

const StaticName open_function{"vfs_open"};

// The lock around names that come and go; a cdev has none here.
void lock_names(Context& context, CharDevice& d) {
  if (d.misc_mtx != nullptr) mutex_lock(context, *d.misc_mtx);
  if (d.minor_rwsem != nullptr) down_write(context, *d.minor_rwsem);
}

void unlock_names(Context& context, CharDevice& d) {
  if (d.misc_mtx != nullptr) mutex_unlock(context, *d.misc_mtx);
  if (d.minor_rwsem != nullptr) up_write(context, *d.minor_rwsem);
}

}  // namespace

void init_char_device(Kernel& kernel, CharDevice& d, NameId unique_name, NameId declared, Mutex* misc_mtx, Rwsem* minor_rwsem) {
  d.registered = kernel.engine().new_object(unique_name, 0);
  d.name = declared;
  d.misc_mtx = misc_mtx;
  d.minor_rwsem = minor_rwsem;
  d.registrations.clear();
}

void init_registration(Kernel& kernel, CharDevice& d, Registration& r, NameId unique_name, LifetimeId owner) {
  d.registrations.push_back(&r);
  r.life = kernel.new_lifetime(unique_name, LifetimeKind::registration, d.name, owner, false);
}

void register_char_device(Context& context, CharDevice& d, Registration& r) {
  std::uint64_t number = 0;
  while (d.registrations[number] != &r) ++number;
  lock_names(context, d);
  sim::Step s = context.make(register_op);
  s.access = {d.registered, sim::AccessKind::write};
  s.begins = r.life;
  context.engine().step(s, [&](std::uint64_t& word) { word = number + 1; });
  unlock_names(context, d);
}

void deregister_char_device(Context& context, CharDevice& d, Registration& r) {
  std::uint64_t number = 0;
  while (d.registrations[number] != &r) ++number;
  lock_names(context, d);
  sim::Step s = context.make(deregister_op);
  s.access = {d.registered, sim::AccessKind::write};
  s.ends = r.life;
  context.engine().step(s, [number](std::uint64_t& word) {
    if (word == number + 1) word = 0;
  });
  unlock_names(context, d);
}

void await_device_node(Context& context, CharDevice& d) {
  sim::Step s = context.make(await_op);
  s.access = {d.registered, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(0);
  context.wait(s, {.what = "device node", .object = d.name, .owner = Owner::user, .idle = true, .sleeps = false}, [](std::uint64_t&) {});
}

int vfs_open(Context& context, CharDevice& d, File& file) {
  static const KernelSite look_site{"vfs_open", "look up"}, get_site{"vfs_open", "fops_get"}, enter_site{"vfs_open", "enter"},
      exit_site{"vfs_open", "leave"}, put_site{"vfs_open", "fops_put"}, unlock_site{"vfs_open", "misc_mtx unlock"},
      up_site{"vfs_open", "minor_rwsem up"};
  const Context::KernelFunction function(context, open_function);
  context.at(look_site);
  if (d.misc_mtx != nullptr) mutex_lock(context, *d.misc_mtx);
  if (d.minor_rwsem != nullptr) down_read(context, *d.minor_rwsem);
  const int gone = d.misc_mtx != nullptr || d.minor_rwsem != nullptr ? enodev : enxio;
  const std::uint64_t number = context.read(lookup_op, d.registered, {});
  if (context.aborting()) return gone;
  int result = number == 0 ? gone : 0;
  bool entered = true;
  if (result == 0) {
    Registration& r = *d.registrations[number - 1];
    file.ops = &r;
    context.at(get_site);
    if (!fops_get(context, r)) {
      result = gone;
    } else {
      guard_opened(context, r, file);
      if (r.open != nullptr && !context.aborting())
        result = guarded(context, r, file, enter_site, exit_site, entered, [&] { return r.open(context, file, r.open_argument); });
      if (result != 0 && !context.aborting()) {
        guard_closed(context, r, file);
        if (context.aborting()) return gone;
        context.at(put_site);
        fops_put(context, r);
      }
    }
  }
  if (d.misc_mtx != nullptr && !context.aborting()) {
    context.at(unlock_site);
    mutex_unlock(context, *d.misc_mtx);
  }
  if (d.minor_rwsem != nullptr && !context.aborting()) {
    context.at(up_site);
    up_read(context, *d.minor_rwsem);
  }
  if (context.aborting()) return gone;
  context.kernel().operations.count_open(result, !entered || ((result == enodev || result == enxio) && !file.acted));
  file.open = result == 0;
  return result;
}

}  // namespace unplug::model
