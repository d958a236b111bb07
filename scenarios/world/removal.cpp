// What the administrator does, or somebody at the slot: the stages of removal, one after another.
#include <algorithm>
#include <utility>

#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {

bool World::release_driver(model::Context& context, BindingInstance& b) {
  const bool ours = model::release_driver(context, b.binding, b.binding.remove);
  removals_over(context);
  return ours;
}

void World::removals_over(model::Context& context) {
  if (context.aborting()) return;
  for (Interval& i : record_.removals)
    if (i.task == engine_.current()) i.last = std::min(i.last, here());
}

void World::remover_entry(void* argument) {
  static const model::Operation wait_op{.name = "administrator: time passes", .pause = true, .outside = true};
  auto& w = *static_cast<World*>(argument);
  model::Context context(w.kernel_, model::ContextKind::process);
  w.on_cpu(context, TaskSpec::cpu_remove);
  w.await_probed(context, w.program_->stages.front());
  if (context.aborting()) return;
  const sim::Duration spread = w.program_->removal_spread;
  context.sleep(wait_op, w.program_->removal_from + (spread == 0 ? 0 : w.engine_.draw(sim::Stream::phase, spread)));
  w.kernel_.removal.unplug = w.engine_.local_time();
  bool first = true;
  for (const PlannedStage& stage : w.program_->stages) {
    if (!std::exchange(first, false) && w.program_->several() && !context.aborting()) w.await_probed(context, stage);
    w.record_.at_leisure.emplace_back(w.engine_.current(), w.here());
    if (context.aborting() || !w.remove(context, stage)) return;
  }
  context.finish();
}

// Until what the stage is about has been bound, or not. The wait is idle.
void World::await_probed(model::Context& context, const PlannedStage& stage) {
  if (!program_->several()) return model::await_bound(context, devices_[0].device);
  static const model::Operation op{.name = "wait for devices to be probed", .sync = sim::Sync::acquire};
  sim::Step s = context.make(op);
  s.access = {devices_.probed(), sim::AccessKind::read};
  s.guard = sim::Guard::at_least(stage.probed);
  context.wait(s, {.what = "devices probed", .object = {}, .owner = model::Owner::user, .idle = true, .sleeps = false},
               [](std::uint64_t&) {});
}

// false: nothing can come after it.
bool World::remove(model::Context& context, const PlannedStage& stage) {
  using enum RemovalStage::Kind;
  static const model::StaticName bind_function{"bind_store"};
  static const model::KernelSite pull_site{"pciehp_unconfigure_device", "the device is gone"};
  BindingInstance& b = *bindings_[stage.binding];
  Hardware& hardware = b.device->hardware;
  switch (stage.kind) {
    case unbind: release_driver(context, b); return true;
    case rmmod: return unload(context, stage);
    case insmod:
      if (!load(context, stage.load, b)) return false;
      for (const std::uint32_t n : stage.bindings)
        if (!context.aborting()) probe(context, *bindings_[n]);
      return true;
    case bind: {
      const model::Context::KernelFunction function(context, bind_function);
      probe(context, b);
      return true;
    }
    case unplug:
      context.at(pull_site);
      model::surprise_removal(context, hardware.presence);
      if (!context.aborting()) release_driver(context, b);
      return true;
    case pci_remove:
      model::pci_stop_and_remove_bus_device_locked(context, devices_.rescan_remove(), b.device->device);
      removals_over(context);
      return true;
    case usb_disconnect: {
      std::vector<model::UsbInterface*> urbs;
      for (const auto& bound : bindings_)
        if (bound->device == b.device && !bound->usb.urbs.empty()) urbs.push_back(&bound->usb);
      model::get_device(context, hardware.hub_port);  // the interface's, which device_add() took
      model::usb_disconnect(context, hardware.hub_port, urbs);
      removals_over(context);
      return true;
    }
    case sysfs_write: model::sysfs_access(context, b.things.get<EntityKind::attribute>(stage.attribute)); return true;
  }
  return true;
}

// module_exit: the driver is taken off its devices, then what is the module's own goes.
void World::leave_module(model::Context& context, const PlannedStage& stage) {
  static const model::StaticName exit_function{"driver_unregister"};
  static const model::KernelSite barrier_site{"module exit", "rcu_barrier"};
  static const model::Operation over_op{.name = "exit: over"};
  BindingInstance& b = *bindings_[stage.binding];
  if (!stage.bindings.empty()) {
    const model::Context::KernelFunction unregister(context, exit_function);
    for (const std::uint32_t n : stage.bindings)
      if (!context.aborting()) release_driver(context, *bindings_[n]);
  }
  if (context.aborting()) return;
  kernel_.removal_phase = model::RemovalPhase::module_exit;
  if (const std::uint32_t exit = program_->modules[b.device->spec->module].exit; exit != UINT32_MAX) {
    record_.removals.push_back(from_here());
    call(context, exit, {.binding = &b});
    removals_over(context);
  }
  context.at(barrier_site);
  b.policy->exit_barrier().at_exit(context, rcu_);
  if (b.device->spec->real || context.aborting()) return;
  // What it has not freed by now it never will.
  sim::Step over = context.make(over_op);
  over.ends = b.binding.life;
  engine_.step(over);
}

bool World::unload(model::Context& context, const PlannedStage& stage) {
  static const model::StaticName rmmod_function{"delete_module"};
  static const model::KernelSite stop_site{"delete_module", "try to stop"}, free_site{"delete_module", "free_module"};
  const model::Context::KernelFunction function(context, rmmod_function);
  kernel_.removal.rmmod = engine_.local_time();
  kernel_.removal_phase = model::RemovalPhase::module_exit;
  context.at(stop_site);
  const model::DeleteResult r = model::delete_module(context, modules_[stage.load], rcu_, [&] {
    leave_module(context, stage);
    if (context.aborting()) return;
    kernel_.removal_phase = model::RemovalPhase::module_free;
    context.at(free_site);
  });
  if (context.aborting()) return false;
  kernel_.removal_phase = model::RemovalPhase::none;
  kernel_.removal.rmmod_refused = r != model::DeleteResult::gone;
  if (kernel_.removal.rmmod_refused) record_.refusals.push_back({engine_.current(), here() - 1, here()});
  if (kernel_.removal.rmmod_refused) return false;  // nothing to load over a module that stays
  kernel_.removal.module_gone = engine_.local_time();
  record_.unloads.push_back({engine_.current(), here() - 1, here()});
  return true;
}

// false: its init() failed.
bool World::load(model::Context& context, std::uint32_t number, BindingInstance& b) {
  static const model::StaticName insmod_function{"init_module"};
  static const model::KernelSite load_site{"init_module", "load_module"};
  const model::Context::KernelFunction function(context, insmod_function);
  const std::uint32_t module = program_->loads[number].module;
  const ModuleSpec& spec = program_->modules[module];
  context.at(load_site);
  for (const std::uint32_t on : spec.depends)
    if (!context.aborting()) model::ref_module(context, modules_[number], modules_[current_loads_[on]]);
  if (context.aborting()) return false;
  current_loads_[module] = number;
  if (spec.init != UINT32_MAX)
    return model::do_init_module(context, modules_[number], rcu_, [&] { return call(context, spec.init, {.binding = &b}); }) == 0;
  model::load_module(context, modules_[number]);
  return true;
}

}  // namespace unplug::scenarios
