#include "unplug/model/kernel/fs/drm_drv.hpp"

namespace unplug::model {
namespace {

const Operation init_op{.name = "drm_dev_init"}, load_op{.name = "drm_dev_enter: load unplugged", .marked = true},
    store_op{.name = "drm_dev_unplug: store unplugged", .marked = true};

const StaticName enter_function{"drm_dev_enter"}, unplug_function{"drm_dev_unplug"};

}  // namespace

void init_drm_device(Kernel& kernel, DrmDevice& d, Srcu& unplug_srcu, NameId unique_name, NameId declared, LifetimeId home) {
  d.unplugged = kernel.engine().new_object(unique_name, 0);
  d.unplug_srcu = &unplug_srcu;
  d.name = declared;
  d.home = home;
  d.minors.clear();
  d.mapping = nullptr;
}

void set_up_again(Context& context, DrmDevice& d) {
  context.write(init_op, d.unplugged, d.home, [](std::uint64_t& word) { word = 0; });
}

bool drm_dev_enter(Context& context, DrmDevice& d, std::uint64_t& index) {
  const Context::KernelFunction function(context, enter_function);
  index = srcu_read_lock(context, *d.unplug_srcu);
  if (context.aborting()) return false;
  const bool gone = context.read(load_op, d.unplugged, d.home) != 0;
  if (gone && !context.aborting()) srcu_read_unlock(context, *d.unplug_srcu, index);
  return !gone && !context.aborting();
}

void drm_dev_exit(Context& context, Srcu& unplug_srcu, std::uint64_t index) { srcu_read_unlock(context, unplug_srcu, index); }

void drm_dev_unplug(Context& context, DrmDevice& d) {
  const Context::KernelFunction function(context, unplug_function);
  context.write(store_op, d.unplugged, d.home, [](std::uint64_t& word) { word = 1; });
  if (context.aborting()) return;
  synchronize_srcu(context, *d.unplug_srcu);
  for (const auto& [device, registration] : d.minors) {
    if (!context.aborting()) deregister_char_device(context, *device, *registration);
  }
  if (d.mapping != nullptr && !context.aborting()) unmap_mapping_range(context, *d.mapping);
}

}  // namespace unplug::model
