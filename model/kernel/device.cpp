#include "unplug/model/kernel/device.hpp"

namespace unplug::model {
namespace {

const Operation add_op{.name = "devres_add"}, remove_op{.name = "devres_remove"}, detach_op{.name = "devres_release_all: detach list"},
    bind_op{.name = "dev->driver set", .sync = sim::Sync::release}, look_op{.name = "dev->driver read", .sync = sim::Sync::acquire},
    unbind_op{.name = "dev->driver cleared"}, await_op{.name = "wait for the device to be bound", .sync = sim::Sync::acquire};

const StaticName release_function{"__device_release_driver"}, probe_function{"really_probe"}, devres_function{"devres_release_all"};

void devres_release_all(Context& context, Binding& b) {
  const Context::KernelFunction function(context, devres_function);
  static const KernelSite detach_site{"devres_release_all", "detach list"};
  context.at(detach_site);
  std::vector<Binding::Node> todo;
  context.write(detach_op, b.devres, {}, [&](std::uint64_t& word) {
    todo.swap(b.nodes);
    ++word;
  });
  for (auto node = todo.rbegin(); node != todo.rend() && !context.aborting(); ++node) {
    context.at(context.kernel().site(
        {"devres_release_all", std::string(node->release_name->text), std::string(node->release_name->text), {}, false}));
    node->release(context);
  }
}

}  // namespace

void init_device(Kernel& kernel, Device& d, NameId unique_name, NameId declared) {
  static constexpr std::string_view lock = "device_lock";
  d.driver = kernel.engine().new_object(unique_name, 0);
  d.name = declared;
  init_mutex(kernel, d.lock, kernel.engine().names().child(unique_name, lock, 1), kernel.intern(lock), {});
  d.lock.unchecked = true;
}

void init_binding(Kernel& kernel, Binding& b, Device& device, Module& module, NameId unique_name, NameId declared, std::uint64_t number) {
  static constexpr std::string_view devres = "devres";
  b.device = &device;
  b.module = &module;
  b.name = declared;
  b.number = number;
  b.nodes.clear();
  b.before_devres = nullptr;
  b.life = kernel.new_lifetime(unique_name, LifetimeKind::binding, declared, {}, true);
  b.devres = kernel.engine().new_object(kernel.engine().names().child(unique_name, devres, 1), 0);
}

void devres_add(Context& context, Binding& b, Binding::Node node) {
  context.write(add_op, b.devres, {}, [&](std::uint64_t& word) {
    b.nodes.push_back(std::move(node));
    ++word;
  });
}

bool devres_remove(Context& context, Binding& b, const void* key) {
  return context.write(remove_op, b.devres, {}, [&](std::uint64_t& word) {
    for (auto n = b.nodes.rbegin(); n != b.nodes.rend(); ++n) {
      if (n->key != key) continue;
      b.nodes.erase(std::next(n).base());
      ++word;
      return true;
    }
    return false;
  });
}

bool probe_device(Context& context, Binding& b, const std::function<bool(Context&)>& probe) {
  const Context::KernelFunction function(context, probe_function);
  static const KernelSite lock_site{"really_probe", "device_lock"}, bind_site{"really_probe", "bind"},
      unlock_site{"really_probe", "device_unlock"};
  context.at(lock_site);
  mutex_lock(context, b.device->lock);
  const bool bound = probe(context);
  if (context.aborting()) return false;
  if (bound) {
    context.at(bind_site);
    context.write(bind_op, b.device->driver, {}, [&](std::uint64_t& word) { word = b.number; });
  } else {
    devres_release_all(context, b);
  }
  context.at(unlock_site);
  mutex_unlock(context, b.device->lock);
  return bound;
}

bool release_driver(Context& context, Binding& b, const std::function<void(Context&)>& remove) {
  const Context::KernelFunction function(context, release_function);
  static const KernelSite lock_site{"__device_release_driver", "device_lock"}, look_site{"__device_release_driver", "look"},
      cleared_site{"__device_release_driver", "unbound"}, unlock_site{"__device_release_driver", "device_unlock"};
  Kernel& k = context.kernel();
  const bool removing = context.engine().current() == k.remover;  // the phases are those of one task
  context.at(lock_site);
  if (removing) k.removal_phase = RemovalPhase::remove;
  mutex_lock(context, b.device->lock);
  context.at(look_site);
  const bool ours = context.read(look_op, b.device->driver, {}) == b.number;
  if (context.aborting()) return false;
  if (ours) {
    remove(context);
    if (context.aborting()) return false;
    k.removal.remove_done = context.engine().local_time();
    if (removing) k.removal_phase = RemovalPhase::devres;
    if (b.before_devres) b.before_devres(context);
    devres_release_all(context, b);
    if (context.aborting()) return false;
    // From here on, code that still runs for this binding runs after its unbind.
    context.at(cleared_site);
    sim::Step s = context.make(unbind_op);
    s.access = {b.device->driver, sim::AccessKind::write};
    s.ends = b.life;
    context.engine().step(s, [](std::uint64_t& word) { word = 0; });
    k.removal.unbind_done = context.engine().local_time();
  }
  context.at(unlock_site);
  mutex_unlock(context, b.device->lock);
  if (removing && !context.aborting()) k.removal_phase = RemovalPhase::none;
  return ours;
}

void await_bound(Context& context, Device& d) {
  sim::Step s = context.make(await_op);
  s.access = {d.driver, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(0);
  context.wait(s, {.what = "device bound", .object = d.name, .owner = Owner::user, .idle = true, .sleeps = false}, [](std::uint64_t&) {});
}

}  // namespace unplug::model
