// A World before its first step: everything that the program declares, laid out anew for each execution.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/kernel/dma.hpp"
#include "unplug/scenarios/policy_steps.hpp"
#include "unplug/scenarios/world.hpp"

namespace unplug::scenarios {
namespace {

// A resized deque keeps the addresses that tasks and mechanisms hold.
template <class T> void resize(std::deque<T>& d, std::size_t n) {
  while (d.size() < n) d.emplace_back();
  while (d.size() > n) d.pop_back();
}

}  // namespace

World::World(std::shared_ptr<const scenarios::Program> program, const model::PolicySpec& policy, sim::Engine& engine)
    : program_(std::move(program)), engine_(engine), kernel_(engine, program_->kernel), rcu_(kernel_) {
  for (const SiteSpec& s : program_->sites) {
    const sim::SiteId id = kernel_.site({s.function, s.step, s.verb, s.source, s.driver});
    if (id.index() >= site_numbers_.size()) site_numbers_.resize(id.index() + 1, UINT32_MAX);
    site_numbers_[id.index()] = static_cast<std::uint32_t>(sites_.size());
    sites_.push_back(id);
  }
  sites_seen_.assign(sites_.size(), false);
  for (const Function& f : program_->functions) function_names_.push_back(kernel_.intern(f.name));
  for (std::uint32_t i = 0; i < program_->bindings; ++i) {
    auto b = std::make_unique<BindingInstance>();
    b->world = this;
    b->number = i;
    b->policy = std::make_unique<model::Policy>(policy);
    install_hooks(*this, *b);
    bindings_.push_back(std::move(b));
  }
  resize(modules_, 1 + static_cast<std::size_t>(std::ranges::count(program_->removal, RemovalStage::Kind::insmod, &RemovalStage::kind)));
  resize(chardevs_, program_->of(EntityKind::chardev).size());
  const auto& irqs = program_->of(EntityKind::irq);
  resize(irq_lines_, irqs.size());
  for (std::uint32_t i = 0; i < irqs.size(); ++i) {
    irq_roots_.push_back(i);
    for (const Operand* o = irqs[i].thing(irq_key::shares); o != nullptr; o = irqs[o->index].thing(irq_key::shares))
      irq_roots_.back() = o->index;
  }
  resize(regions_, program_->of(EntityKind::mapping).size());
  resize(other_claims_, regions_.size());
  resize(tasks_, program_->tasks.size());
  resize(device_numbers_, program_->of(EntityKind::cdev).size());
  resize(device_nodes_, device_numbers_.size());
  resize(shared_files_, program_->shared_descriptors.size());
  const bool maps = std::ranges::any_of(program_->fops, [](const FopsSpec& f) { return f.of(FileOp::mmap) != UINT32_MAX; });
  resize(address_spaces_, maps ? chardevs_.size() + device_numbers_.size() : 0);
}

World::~World() = default;

sim::NameId World::unique(const BindingInstance& b, const std::string& name) {
  static constexpr std::string_view part = "binding";
  return engine_.names().child(kernel_.intern(name), part, b.number + 1);
}

void World::setup(sim::Engine&) {
  kernel_.reset();
  model::init_rcu(kernel_, rcu_);
  if (program_->watch_interrupts) model::rcu_watch_interrupts(kernel_, rcu_);
  if (program_->keventd) {
    static const model::StaticName events{"events"}, worker{"keventd"};
    const sim::NameId n = kernel_.intern(events);
    model::init_workqueue(kernel_, keventd_, n, n, {}, kernel_.intern(worker), 1, true);
  }
  static const model::StaticName misc{"misc_mtx"}, mutex{"module_mutex"};
  model::init_mutex(kernel_, misc_mtx_, kernel_.intern(misc), kernel_.intern(misc), {});
  model::init_mutex(kernel_, module_mutex_, kernel_.intern(mutex), kernel_.intern(mutex), {});
  const sim::NameId device_name = kernel_.intern(program_->module + " device");
  model::init_device(kernel_, device_, device_name, device_name);
  if ((program_->parts & part::drvdata) != 0) model::init_drvdata(kernel_, device_, kernel_.intern(program_->module + " drvdata"));
  if ((program_->parts & part::kfree_rcu) != 0) model::init_kvfree_rcu(kernel_, kvfree_rcu_, rcu_);
  setup_modules();
  setup_devices();
  setup_lines();
  const auto& mappings = program_->of(EntityKind::mapping);
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const sim::NameId n = kernel_.intern(mappings[i].name);
    model::init_region(kernel_, regions_[i], n, n);
    static constexpr std::string_view other = "other driver";
    model::init_mapping(kernel_, other_claims_[i], regions_[i], engine_.names().child(n, other, 1), n, {});
  }

  const auto& allocations = program_->of(EntityKind::allocation);
  resize(allocations_, allocations.size() * bindings_.size());
  srcu_usages_.reset();
  devres_lists_.reset();
  instance_count_ = 0;
  file_states_.clear();
  calls_.clear();
  removals_.clear();
  files_open_.clear();
  unloads_.clear();
  known_files_.clear();
  epoll_links_used_ = 0;
  setup_hardware();
  for (auto& b : bindings_) setup_binding(*b);
  setup_effects();
  setup_tasks();
}

void World::setup_lines() {
  static constexpr std::string_view other = "another driver";
  const auto& irqs = program_->of(EntityKind::irq);
  std::size_t others = 0;
  for (std::size_t i = 0; i < irqs.size(); ++i) {
    const sim::NameId n = kernel_.intern(irqs[i].name);
    model::init_irq_line(kernel_, irq_lines_[i], n, n);
    irq_lines_[i].level = (irqs[i].number(irq_key::flags) & irq_flag::level) != 0;
    others += irqs[i].number(irq_key::other_drivers);
  }
  resize(other_actions_, others);
  others = 0;
  for (std::uint32_t i = 0; i < irqs.size(); ++i) {
    for (std::uint64_t k = 0; k < irqs[i].number(irq_key::other_drivers); ++k) {
      model::IrqAction& a = other_actions_[others++];
      a = {};
      a.handler = [](model::Context&, void*) {};
      a.shared = true;
      a.oneshot = (irqs[i].number(irq_key::flags) & irq_flag::oneshot) != 0;
      a.line = &irq_line(i);
      model::init_irq_action(kernel_, *a.line, a,
                             engine_.names().child(kernel_.intern(irqs[i].name), other, static_cast<std::uint32_t>(k + 1)), {});
    }
  }
}

model::CpuInterrupts& World::interrupts_of(std::uint32_t task) {
  if (task == TaskSpec::cpu_probe) return own_interrupts_[0];
  return task == TaskSpec::cpu_remove ? own_interrupts_[1] : tasks_[task].interrupts;
}

// A module for each loading; who binds again does so from the one that is loaded.
void World::setup_modules() {
  bindings_[0]->module = &modules_[0];
  std::uint32_t loaded = 0, bound = 0;
  for (const RemovalStage& stage : program_->removal)
    if (stage.binds()) bindings_[++bound]->module = &modules_[loaded += stage.kind == RemovalStage::Kind::insmod ? 1 : 0];
  for (const auto& b : bindings_) {
    if (b->number == 0 || b->module != bindings_[b->number - 1]->module) {
      model::init_module(kernel_, *b->module, unique(*b, program_->module + ".ko"), kernel_.intern(program_->module), b->number == 0);
      if (program_->module_data) model::init_module_data(kernel_, *b->module, unique(*b, program_->module + ".ko data"), b->number == 0);
    }
  }
}

void World::setup_devices() {
  const auto& chardevs = program_->of(EntityKind::chardev);
  const auto is = [](const EntitySpec& e, NodeOf of) { return e.flags == static_cast<std::uint8_t>(of); };
  if (std::ranges::any_of(chardevs, [&](const EntitySpec& e) { return is(e, NodeOf::usb); })) {
    static const model::StaticName minor{"minor_rwsem"};
    model::init_rwsem(kernel_, minor_rwsem_, kernel_.intern(minor), kernel_.intern(minor), {});
  }
  for (std::size_t i = 0; i < chardevs.size(); ++i) {
    const sim::NameId n = kernel_.intern(chardevs[i].name);
    model::init_char_device(kernel_, chardevs_[i], n, n, is(chardevs[i], NodeOf::misc) ? &misc_mtx_ : nullptr,
                            is(chardevs[i], NodeOf::usb) ? &minor_rwsem_ : nullptr);
  }
  const auto& cdevs = program_->of(EntityKind::cdev);
  if (!cdevs.empty()) model::init_cdev_map(kernel_, cdev_map_);
  for (std::size_t i = 0; i < cdevs.size(); ++i) {
    const sim::NameId n = kernel_.intern(cdevs[i].name);
    static constexpr std::string_view number = "number", node = "node";
    model::init_device_number(kernel_, cdev_map_, device_numbers_[i], engine_.names().child(n, number, 1));
    model::init_device_node(kernel_, device_numbers_[i], device_nodes_[i], engine_.names().child(n, node, 1), n);
  }
  for (std::size_t i = 0; i < address_spaces_.size(); ++i) {
    static constexpr std::string_view mapping = "i_mapping";
    const auto& specs = i < chardevs.size() ? chardevs : cdevs;
    const sim::NameId n = kernel_.intern(specs[i < chardevs.size() ? i : i - chardevs.size()].name);
    model::init_address_space(kernel_, address_spaces_[i], engine_.names().child(n, mapping, 1));
  }
  if (!program_->of(EntityKind::drm_device).empty()) {
    static const model::StaticName srcu{"drm_unplug_srcu"};
    model::init_srcu(kernel_, drm_unplug_srcu_, kernel_.intern(srcu), kernel_.intern(srcu), {});
  }
}

void World::setup_hardware() {
  using enum RemovalStage::Kind;
  const HardwareSpec& spec = program_->hardware;
  const auto takes = [&](RemovalStage::Kind k) {
    return std::ranges::find(program_->removal, k, &RemovalStage::kind) != program_->removal.end();
  };
  hardware_.watched = spec.presence;
  if (!spec.presence && !takes(pci_remove) && !takes(usb_disconnect)) return;
  const sim::NameId name = kernel_.intern(program_->module + " device");
  static constexpr std::string_view presence = "hardware", bus = "bus", pci = "pci", port = "usb device";
  if (spec.presence) model::init_presence(kernel_, hardware_.presence, engine_.names().child(name, presence, 1), name);
  if (spec.pci) model::init_pci_device(kernel_, hardware_.pci, hardware_.presence, engine_.names().child(name, pci, 1), name);
  if (!spec.registers.empty()) model::init_bus(kernel_, hardware_.presence, engine_.names().child(name, bus, 1));
  resize(hardware_.registers, spec.registers.size());
  for (std::size_t i = 0; i < spec.registers.size(); ++i) {
    const HardwareSpec::Register& r = spec.registers[i];
    model::DeviceRegister& made = hardware_.registers[i];
    made.effect = nullptr;
    model::init_register(made, hardware_.presence, kernel_.intern(program_->of(EntityKind::mapping)[r.mapping].name + "." + r.name),
                         r.initial);
  }
  if (takes(pci_remove)) {
    static const model::StaticName lock{"pci_rescan_remove_lock"};
    model::init_mutex(kernel_, hardware_.rescan_remove, kernel_.intern(lock), kernel_.intern(lock), {});
  }
  if (takes(pci_remove) || takes(usb_disconnect)) {
    model::init_device_core(kernel_, device_, name, {}, true);
    device_.release = [](model::Context&) {};  // of the bus's, which is not looked at
  }
  if (takes(usb_disconnect)) {
    const sim::NameId n = engine_.names().child(name, port, 1);
    model::init_device(kernel_, hardware_.hub_port, n, name);
    model::init_device_core(kernel_, hardware_.hub_port, n, {}, true);
    hardware_.hub_port.release = [](model::Context&) {};
    model::set_parent(device_, hardware_.hub_port, true);
  }
}

// Engines are known when the first binding is laid out.
void World::setup_effects() {
  resize(register_effects_, hardware_.registers.size());
  for (std::size_t i = 0; i < register_effects_.size(); ++i) {
    const HardwareSpec::Register& r = program_->hardware.registers[i];
    if (r.doorbell.kind == Operand::Kind::none && !r.masks) continue;
    register_effects_[i] = {this, &r};
    hardware_.registers[i].effect = &World::register_written;
    hardware_.registers[i].argument = &register_effects_[i];
  }
}

void World::register_written(model::Context& context, std::uint64_t value, void* argument) {
  const auto& [world, r] = *static_cast<RegisterEffect*>(argument);
  if (r->masks) world->switch_interrupts(context, *r->masks, value != 0);
  if (r->doorbell.kind == Operand::Kind::none || context.aborting()) return;
  model::dma_doorbell(context, value, &world->bindings_[0]->things.get<EntityKind::dma_engine>(r->doorbell.index));
}

// What user space can do with files of binding `b`, as far as the program asks for more than a simple device.
void World::setup_files(BindingInstance& b) {
  resize(b.file_callbacks, program_->functions.size());
  for (std::uint32_t i = 0; i < b.file_callbacks.size(); ++i) b.file_callbacks[i] = {&b, i};
  resize(b.fops, program_->fops.size());
  for (std::size_t i = 0; i < b.fops.size(); ++i) fill(b.fops[i], b, program_->fops[i], b.policy.get());
  resize(b.vm_ops, program_->vm_ops.size());
  const auto callback = [&](std::uint32_t function) { return function == UINT32_MAX ? nullptr : &b.file_callbacks[function]; };
  for (std::size_t i = 0; i < b.vm_ops.size(); ++i) {
    const VmOpsSpec& v = program_->vm_ops[i];
    b.vm_ops[i] = {callback(v.open), callback(v.close), callback(v.fault)};
  }
}

void World::setup_binding(BindingInstance& b) {
  b.removal = UINT32_MAX;
  model::init_binding(kernel_, b.binding, device_, *b.module, unique(b, program_->module), kernel_.intern(program_->module), b.number + 1);
  const auto& allocations = program_->of(EntityKind::allocation);
  b.first_allocation = static_cast<std::uint32_t>(b.number * allocations.size());
  for (std::size_t i = 0; i < allocations.size(); ++i) {
    model::Allocation& a = allocations_[b.first_allocation + i];
    if (allocations[i].from_start && b.number == 0) {
      setup_shared(static_cast<std::uint32_t>(i));
      continue;
    }
    const sim::NameId declared = kernel_.intern(allocations[i].name);
    if (allocations[i].is_static) {
      model::init_module_variable(*b.module, a, declared);
    } else if (allocations[i].allocation != UINT32_MAX) {
      model::init_embedded(a, allocations_[b.first_allocation + allocations[i].allocation].life, declared);
    } else {
      model::init_allocation(kernel_, a, unique(b, allocations[i].name), declared, b.binding.life, false);
    }
    for (const FieldSpec& f : allocations[i].fields) model::add_field(kernel_, a, kernel_.intern(f.name), f.initial);
  }
  b.sources = {};
  b.callbacks.clear();
  b.resources.resize(program_->of(EntityKind::mapping).size());
  b.binding.remove = [this, &b](model::Context& c) {
    b.removal = static_cast<std::uint32_t>(removals_.size());
    removals_.push_back(from_here());
    static const model::StaticName usb_function{"usb_unbind_interface"};
    std::optional<model::Context::KernelFunction> usb;
    if (!program_->of(EntityKind::urb).empty()) {
      usb.emplace(c, usb_function);
      model::usb_disable_interface(c, b.usb);
    }
    if (program_->remove != UINT32_MAX && !c.aborting()) call(c, program_->remove, {.binding = &b});
  };
  if (!program_->of(EntityKind::urb).empty()) {
    static constexpr std::string_view endpoints = "endpoints";
    model::init_usb_interface(kernel_, b.usb, engine_.names().child(unique(b, program_->module), endpoints, 1));
  }
  b.pci = hardware_.pci;
  setup_files(b);
  for (std::size_t k = first_listed_kind; k < entity_kinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    const auto& specs = program_->of(kind);
    if (specs.empty()) continue;
    ThingList& list = b.things.of(kind);
    list.resize(specs.size());
    for (std::uint32_t i = 0; i < specs.size(); ++i) {
      const EntitySpec& e = specs[i];
      const bool embedded = e.allocation != UINT32_MAX;
      list.lay_out(i, {*this, kernel_, b, e, i, unique(b, e.name), kernel_.intern(e.name),
                       embedded ? allocations_[b.first_allocation + e.allocation].life : sim::LifetimeId{}, b.callbacks,
                       embedded ? declared_allocation(b, e.allocation) : 0, false, b.things});
    }
  }
  set_up_policy_state(*this, b);
  for (const std::uint32_t a : program_->dev_groups) b.binding.dev_groups.push_back(&b.things.get<EntityKind::attribute>(a));
  setup_attribute_files(b);
  b.policy->init(kernel_, rcu_, unique(b, "policy"), b.resources);
  if (program_->post_unbind != UINT32_MAX)
    b.binding.post_unbind = [&b](model::Context& c) { b.world->call(c, b.world->program_->post_unbind, {.binding = &b}); };
  if (program_->hooks[static_cast<std::size_t>(Hook::unbound)] != UINT32_MAX)
    b.binding.unbound = [&b](model::Context& c) { run_hook(*b.world, c, b, Hook::unbound, UINT32_MAX, nullptr); };
  b.binding.before_devres = [&b](model::Context& c) { b.policy->resource().before_devres(c, b.resources); };
}

void World::setup_shared(std::uint32_t number) {
  const EntitySpec& spec = program_->of(EntityKind::allocation)[number];
  model::Allocation& a = allocations_[number];
  if (number != program_->shared) {
    const sim::NameId name = kernel_.intern(spec.name);
    model::init_allocation(kernel_, a, name, name, {}, true);
    for (const FieldSpec& f : spec.fields) model::add_field(kernel_, a, kernel_.intern(f.name), f.initial);
    return;
  }
  // Words: nothing that could end, and no name before theirs.
  a = {};
  for (const FieldSpec& f : spec.fields) {
    const sim::NameId name = kernel_.intern(f.name);
    const sim::ObjectId object = engine_.new_object(name, f.initial);
    kernel_.declare_object(object, name);
    a.fields.emplace_back(name, object);
  }
}

// Descriptors of attributes, if somebody opens one.
void World::setup_attribute_files(BindingInstance& b) {
  if (!program_->attribute_descriptors) return;
  const auto& specs = program_->of(EntityKind::attribute);
  resize(b.attribute_files, specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i)
    model::init_sysfs_file(kernel_, b.attribute_files[i], b.things.get<EntityKind::attribute>(i), unique(b, specs[i].name + " file"),
                           kernel_.intern(specs[i].name));
}

void World::lay_out(Instance& made, sim::NameId name) {
  const EntitySpec& memory = program_->of(EntityKind::allocation)[made.allocation];
  const sim::NameId declared = kernel_.intern(memory.name);
  if (memory.from_start) {  // words, with nothing that could end
    made.memory = {};
    made.memory.name = declared;
  } else if (Instance* const parent = instance(made.parent)) {
    model::init_embedded(made.memory, parent->memory.life, declared);
  } else {
    // It may outlive its binding, as what an open file refers to does; not its module.
    model::init_allocation(kernel_, made.memory, name, declared, memory.of_policy ? sim::LifetimeId{} : made.binding->module->text, false);
  }
  for (const FieldSpec& f : memory.fields) model::add_field(kernel_, made.memory, kernel_.intern(f.name), f.initial);
  for (std::size_t k = first_listed_kind; k < entity_kinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    const auto& specs = program_->of(kind);
    const auto here = [&](const EntitySpec& e) { return e.allocation == made.allocation; };
    const auto count = static_cast<std::size_t>(std::ranges::count_if(specs, here));
    if (count == 0) continue;
    ThingList& list = made.things.of(kind);
    list.resize(count);
    std::size_t n = 0;
    for (std::uint32_t i = 0; i < specs.size(); ++i)
      if (here(specs[i]))
        list.lay_out(n++, {*this, kernel_, *made.binding, specs[i], i, kernel_.member(name, kernel_.intern(specs[i].member)),
                           kernel_.intern(specs[i].name), made.memory.life, made.binding->callbacks, made.handle, true, made.things});
  }
  const auto& allocations = program_->of(EntityKind::allocation);
  for (std::uint32_t i = 0; i < allocations.size(); ++i) {
    if (allocations[i].allocation != made.allocation) continue;
    const sim::NameId part = kernel_.member(name, kernel_.intern(allocations[i].member));
    Instance& inside = next_instance(*made.binding, i, part);
    inside.parent = made.handle;
    lay_out(inside, part);
  }
}

void World::setup_tasks() {
  static const model::StaticName probe_name{"probe"}, remove_name{"remove"};
  for (std::size_t i = 0; i < program_->tasks.size(); ++i) init_task(kernel_, tasks_[i], *this, program_->tasks[i]);
  for (std::uint32_t i = 0; i < shared_files_.size(); ++i) {
    static const model::StaticName fd{"shared fd"};
    static constexpr std::string_view part = "slot";
    model::init_descriptor(kernel_, shared_files_[i].descriptor, engine_.names().child(kernel_.intern(fd), part, i + 1));
    shared_files_[i].origin.since = 0;
  }
  for (model::CpuInterrupts& own : own_interrupts_) own.sources.clear();
  // Before any task begins.
  for (TaskState& t : tasks_) {
    if (t.spec->cpu == TaskSpec::cpu_elsewhere) continue;
    t.here = {&irq_line(t.spec->irq), hardware_.device(), t.spec->enabled_by};
    interrupts_of(t.spec->cpu).sources.push_back(model::irq_on_this_cpu(t.here, t.spec->times));
  }
  operation_arguments_.clear();
  limits_.clear();
  if (program_->probe != UINT32_MAX)
    kernel_.spawn(kernel_.intern(probe_name), kernel_.intern(probe_name), &World::probe_entry, this, false);
  if (!program_->removal.empty())
    kernel_.remover = kernel_.spawn(kernel_.intern(remove_name), kernel_.intern(remove_name), &World::remover_entry, this, false);
  for (TaskState& t : tasks_) {
    if (t.spec->cpu != TaskSpec::cpu_elsewhere) continue;
    using Kind = TaskSpec::Kind;
    const Kind kind = t.spec->kind;
    t.id = kernel_.spawn(kernel_.intern(t.spec->name), kernel_.intern(t.spec->role),
                         kind == Kind::hardware ? &World::hardware_entry
                         : kind == Kind::thread ? &World::thread_entry
                                                : &World::user_entry,
                         &t, kind == Kind::hardware);
  }
}

}  // namespace unplug::scenarios
