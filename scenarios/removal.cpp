// What the administrator does, or somebody at the slot: the stages of removal, one after another.
#include <algorithm>

#include "unplug/scenarios/world.hpp"

namespace unplug::scenarios {

bool World::release_driver(model::Context& context, BindingInstance& b) {
  const bool ours = model::release_driver(context, b.binding, b.binding.remove);
  removal_over(context, b);
  return ours;
}

void World::removal_over(model::Context& context, const BindingInstance& b) {
  if (!context.aborting() && b.removal != UINT32_MAX) removals_[b.removal].last = std::min(removals_[b.removal].last, here());
}

void World::remover_entry(void* argument) {
  static const model::Operation wait_op{.name = "administrator: time passes", .pause = true};
  auto& w = *static_cast<World*>(argument);
  model::Context context(w.kernel_, model::ContextKind::process);
  w.on_cpu(context, TaskSpec::cpu_remove);
  model::await_bound(context, w.device_);
  if (context.aborting()) return;
  const sim::Duration spread = w.program_->removal_spread;
  context.sleep(wait_op, w.program_->removal_from + (spread == 0 ? 0 : w.engine_.draw(sim::Stream::phase, spread)));
  std::uint32_t current = 0;
  w.kernel_.removal.unplug = w.engine_.local_time();
  for (const RemovalStage& stage : w.program_->removal)
    if (context.aborting() || !w.remove(context, stage, current)) return;
  context.finish();
}

// false: nothing can come after it.
bool World::remove(model::Context& context, const RemovalStage& stage, std::uint32_t& current) {
  using enum RemovalStage::Kind;
  static const model::StaticName bind_function{"bind_store"};
  static const model::KernelSite pull_site{"pciehp_unconfigure_device", "the device is gone"};
  BindingInstance& b = *bindings_[current];
  switch (stage.kind) {
    case unbind: release_driver(context, b); return true;
    case rmmod: return unload(context, b);
    case insmod: load(context, *bindings_[++current]); return true;
    case bind: {
      const model::Context::KernelFunction function(context, bind_function);
      probe(context, *bindings_[++current]);
      return true;
    }
    case unplug:
      context.at(pull_site);
      model::surprise_removal(context, hardware_.presence);
      if (!context.aborting()) release_driver(context, b);
      return true;
    case pci_remove:
      model::pci_stop_and_remove_bus_device_locked(context, hardware_.rescan_remove, device_);
      removal_over(context, b);
      return true;
    case usb_disconnect:
      model::get_device(context, hardware_.hub_port);  // the interface's, which device_add() took
      model::usb_disconnect(context, hardware_.hub_port);
      removal_over(context, b);
      return true;
    case sysfs_write: write_attribute(context, b, stage.attribute); return true;
  }
  return true;
}

bool World::unload(model::Context& context, BindingInstance& b) {
  static const model::StaticName rmmod_function{"delete_module"}, exit_function{"driver_unregister"};
  static const model::KernelSite stop_site{"delete_module", "try to stop"}, barrier_site{"module exit", "rcu_barrier"},
      free_site{"delete_module", "free_module"};
  const model::Context::KernelFunction function(context, rmmod_function);
  kernel_.removal.rmmod = engine_.local_time();
  kernel_.removal_phase = model::RemovalPhase::module_exit;
  context.at(stop_site);
  const model::DeleteResult r = model::delete_module(context, *b.module, rcu_, [&] {
    {
      const model::Context::KernelFunction unregister(context, exit_function);
      release_driver(context, b);
    }
    if (context.aborting()) return;
    kernel_.removal_phase = model::RemovalPhase::module_exit;
    if (program_->exit != UINT32_MAX) call(context, program_->exit, {.binding = &b});
    context.at(barrier_site);
    b.policy->exit_barrier().at_exit(context, rcu_);
    kernel_.removal_phase = model::RemovalPhase::module_free;
    context.at(free_site);
  });
  if (context.aborting()) return false;
  kernel_.removal_phase = model::RemovalPhase::none;
  kernel_.removal.rmmod_refused = r != model::DeleteResult::gone;
  if (kernel_.removal.rmmod_refused) return false;  // nothing to load over a module that stays
  kernel_.removal.module_gone = engine_.local_time();
  unloads_.push_back({engine_.current(), here() - 1, here()});
  return true;
}

void World::load(model::Context& context, BindingInstance& b) {
  static const model::StaticName insmod_function{"init_module"};
  static const model::KernelSite load_site{"init_module", "load_module"};
  const model::Context::KernelFunction function(context, insmod_function);
  context.at(load_site);
  model::load_module(context, *b.module);
  if (!context.aborting()) probe(context, b);
}

void World::write_attribute(model::Context& context, BindingInstance& b, const std::string& attribute) {
  const auto& specs = program_->of(EntityKind::attribute);
  const auto found = std::ranges::find(specs, attribute, &EntitySpec::name);
  model::sysfs_access(context, b.things.get<EntityKind::attribute>(static_cast<std::size_t>(found - specs.begin())));
}

}  // namespace unplug::scenarios
