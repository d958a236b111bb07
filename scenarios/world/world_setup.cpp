// A World before its first step: everything that the program declares, laid out anew for each execution.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/program/alike.hpp"
#include "unplug/scenarios/world/policy_steps.hpp"
#include "unplug/scenarios/world/resize.hpp"
#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {
namespace {}  // namespace

World::World(std::shared_ptr<const scenarios::Program> program, const model::PolicySpec& policy, sim::Engine& engine)
    : program_(std::move(program)), engine_(engine), kernel_(engine, program_->kernel), rcu_(kernel_), devices_(*this) {
  for (const PartKind* const k : program_->parts) parts_.push_back({k, k->make()});
  for (const SiteSpec& s : program_->sites) {
    const sim::SiteId id = kernel_.site({s.function, s.step, s.verb, s.source, s.driver});
    if (id.index() >= site_numbers_.size()) site_numbers_.resize(id.index() + 1, UINT32_MAX);
    site_numbers_[id.index()] = static_cast<std::uint32_t>(sites_.size());
    sites_.push_back(id);
  }
  sites_seen_.assign(sites_.size(), false);
  for (const Function& f : program_->functions) function_names_.push_back(kernel_.intern(f.name));
  const auto alone = static_cast<std::uint32_t>(std::ranges::count(program_->devices, false, &DeviceSpec::real));
  resize(modules_, program_->loads.size());
  homes_.assign(program_->loads.size(), nullptr);
  std::uint32_t real = 0, others = 0;
  for (std::uint32_t i = 0; i < program_->bindings.size(); ++i) {
    auto b = std::make_unique<BindingInstance>();
    b->world = this;
    b->number = i;
    b->device = &devices_[program_->bindings[i].device];
    b->load = program_->bindings[i].load;
    b->module = &modules_[b->load];
    b->label = b->device->spec->real ? real++ : static_cast<std::uint32_t>(program_->bindings.size()) - alone + others++;
    if (b->device->first == nullptr) b->device->first = b.get();
    if (homes_[b->load] == nullptr) homes_[b->load] = b.get();  // what stands for the module alone comes first
    b->home = homes_[b->load];
    b->policy = std::make_unique<model::Policy>(policy);
    install_hooks(*this, *b);
    bindings_.push_back(std::move(b));
  }
  // Things may refer to those of a binding that is laid out after their own.
  for (std::size_t k = first_listed_kind; k < entity_kinds; ++k)
    if (const auto kind = static_cast<EntityKind>(k); !program_->of(kind).empty())
      for (const auto& b : bindings_) b->things.of(kind).resize(program_->of(kind).size());
  resize(tasks_, program_->tasks.size());
  alike_ = alike_tasks(*program_);
  resize(shared_files_, program_->shared_descriptors.size());
}

World::~World() = default;

sim::NameId World::unique(const BindingInstance& b, const std::string& name) {
  static constexpr std::string_view part = "binding";
  return engine_.names().child(kernel_.intern(name), part, b.label + 1);
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
  devres_lists_.reset();
  setup_watched();
  setup_modules();
  devices_.setup();
  for (PartOf& p : parts_) p.ready = false;
  for (const PartKind* const k : program_->parts) part_of(*k);
  const auto& allocations = program_->of(EntityKind::allocation);
  resize(allocations_, allocations.size() * bindings_.size());
  instance_count_ = 0;
  file_states_.clear();
  left_.clear();
  record_.begin(program_->tasks.size());
  known_files_.clear();
  epoll_links_used_ = 0;
  for (auto& b : bindings_) setup_binding(*b);
  devices_.setup_effects();
  setup_tasks();
}

WorldPart& World::part_of(const PartKind& kind) {
  auto p = std::ranges::find(parts_, &kind, &PartOf::kind);
  if (p == parts_.end()) p = parts_.insert(p, {&kind, kind.make()});
  if (!p->ready) {
    p->ready = true;
    p->part->setup(*this);
  }
  return *p->part;
}

model::CpuInterrupts& World::interrupts_of(std::uint32_t task) {
  if (task == TaskSpec::cpu_probe) return own_interrupts_[0];
  return task == TaskSpec::cpu_remove ? own_interrupts_[1] : tasks_[task].interrupts;
}

void World::setup_modules() {
  const auto& specs = program_->modules;
  for (std::uint32_t i = 0; i < modules_.size(); ++i) {
    const scenarios::Program::Load& loaded = program_->loads[i];
    const ModuleSpec& m = specs[loaded.module];
    static constexpr std::string_view part = "binding";
    const auto named = [&](const char* what) { return engine_.names().child(kernel_.intern(m.name + what), part, i + 1); };
    const auto uses = [&](std::uint32_t other) {
      return program_->loads[other].from_start && std::ranges::find(specs[other].depends, loaded.module) != specs[other].depends.end();
    };
    std::uint32_t dependants = 0;
    for (std::uint32_t k = 0; k < specs.size() && loaded.from_start; ++k) dependants += uses(k) ? 1 : 0;
    model::init_module(kernel_, modules_[i], named(".ko"), kernel_.intern(m.name), loaded.from_start, dependants);
    if (m.data) model::init_module_data(kernel_, modules_[i], named(".ko data"), loaded.from_start);
  }
  current_loads_.resize(specs.size());
  for (std::uint32_t i = 0; i < specs.size(); ++i) {
    current_loads_[i] = i;
    for (const std::uint32_t on : specs[i].depends)
      if (program_->loads[i].from_start) model::init_dependency(modules_[i], modules_[on]);
  }
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

// What is a module's own is laid out where that is, and what is shared with the first binding.
bool World::belongs(const EntitySpec& e, const BindingInstance& b) const {
  switch (e.scope) {
    case Scope::binding:
    case Scope::device:
    case Scope::table: return true;
    case Scope::module: return b.home == &b && program_->loads[b.load].module == e.module;
    case Scope::world: return b.number == 0;
  }
  return true;
}

void World::setup_binding(BindingInstance& b) {
  model::Device& device = b.device->device;
  const ModuleSpec& module = program_->modules[b.device->spec->module];
  model::init_binding(kernel_, b.binding, device, *b.module, unique(b, module.name), kernel_.intern(module.name),
                      device.bindings.size() + 1);
  const auto& allocations = program_->of(EntityKind::allocation);
  b.first_allocation = static_cast<std::uint32_t>(b.number * allocations.size());
  for (std::size_t i = 0; i < allocations.size(); ++i) {
    model::Allocation& a = allocations_[b.first_allocation + i];
    if (allocations[i].from_start && b.number == 0) {
      setup_shared(static_cast<std::uint32_t>(i));
      continue;
    }
    if (!belongs(allocations[i], b)) {
      a = {};
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
  allow_again(b);
  b.sources = {};
  b.callbacks.clear();
  b.resources.resize(program_->of(EntityKind::mapping).size());
  b.binding.remove = [this, &b](model::Context& c) {
    record_.removals.push_back(from_here());
    static const model::StaticName usb_function{"usb_unbind_interface"};
    std::optional<model::Context::KernelFunction> usb;
    if (!program_->of(EntityKind::urb).empty()) {
      usb.emplace(c, usb_function);
      model::usb_disable_interface(c, b.usb);
    }
    const std::uint32_t remove = program_->modules[b.device->spec->module].remove;
    if (remove != UINT32_MAX && !c.aborting()) call(c, remove, {.binding = &b});
  };
  b.usb.urbs.clear();
  b.pci = b.device->hardware.pci;
  setup_files(b);
  for (std::size_t k = first_listed_kind; k < entity_kinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    const auto& specs = program_->of(kind);
    if (specs.empty()) continue;
    ThingList& list = b.things.of(kind);
    for (std::uint32_t i = 0; i < specs.size(); ++i) {
      const EntitySpec& e = specs[i];
      if (!belongs(e, b)) continue;
      const bool embedded = e.allocation != UINT32_MAX;
      list.lay_out(i, {*this, kernel_, b, e, i, unique(b, e.name), kernel_.intern(e.name),
                       embedded ? allocations_[b.first_allocation + e.allocation].life : sim::LifetimeId{}, b.callbacks,
                       embedded ? declared_allocation(b, e.allocation) : 0, false, b.things});
    }
  }
  set_up_policy_state(*this, b);
  for (const std::uint32_t a : module.dev_groups) b.binding.dev_groups.push_back(&b.things.get<EntityKind::attribute>(a));
  setup_attribute_files(b);
  const bool last =
      std::ranges::none_of(bindings_, [&](const auto& later) { return later->number > b.number && later->device == b.device; });
  if (b.device->spec->counted && last) kernel_.note_references({&device.references, device.name, b.binding.life, "put_device"});
  b.policy->init(kernel_, rcu_, unique(b, "policy"), b.resources);
  if (module.post_unbind != UINT32_MAX)
    b.binding.post_unbind = [&b, f = module.post_unbind](model::Context& c) { b.world->call(c, f, {.binding = &b}); };
  if (program_->hooks[static_cast<std::size_t>(Hook::unbound)] != UINT32_MAX)
    b.binding.unbound = [&b](model::Context& c) { run_hook(*b.world, c, b, Hook::unbound, UINT32_MAX, nullptr); };
  b.binding.before_devres = [&b](model::Context& c) { b.policy->resource().before_devres(c, b.resources); };
}

// What a driver frees and allocates again is as it was at first, with all that is embedded in it.
void World::allow_again(BindingInstance& b) {
  const auto& allocations = program_->of(EntityKind::allocation);
  const auto own = [&](std::size_t i) {
    return belongs(allocations[i], b) && !allocations[i].is_static && !(allocations[i].from_start && b.number == 0);
  };
  for (std::size_t i = 0; i < allocations.size(); ++i) {
    if (!own(i) || allocations[i].allocation == UINT32_MAX) continue;
    std::size_t whole = i;
    while (allocations[whole].allocation != UINT32_MAX) whole = allocations[whole].allocation;
    const auto& part = allocations_[b.first_allocation + i].contents;
    auto& contents = allocations_[b.first_allocation + whole].contents;
    contents.insert(contents.end(), part.begin(), part.end());
  }
  for (std::size_t i = 0; i < allocations.size(); ++i) {
    model::Allocation& a = allocations_[b.first_allocation + i];
    if (own(i) && allocations[i].allocation == UINT32_MAX && !a.contents.empty())
      model::allow_again(kernel_, a, unique(b, allocations[i].name));
  }
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

void World::setup_watched() {
  static constexpr std::string_view calls = "calls", returns = "returns";
  watched_.clear();
  for (const std::uint32_t f : program_->watched)
    watched_.emplace_back(engine_.new_object(engine_.names().child(function_names_[f], calls, 1), 0),
                          engine_.new_object(engine_.names().child(function_names_[f], returns, 1), 0));
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
    // It may outlive its binding, as what an open file refers to does: lost_memory() tells whether it does so in vain.
    model::init_allocation(kernel_, made.memory, name, declared, {}, false);
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
    DeviceInstance& device = devices_[t.spec->device];
    t.here = {&device.irq_line(t.spec->irq), device.hardware.device(), t.spec->enabled_by};
    interrupts_of(t.spec->cpu).sources.push_back(model::irq_on_this_cpu(t.here, t.spec->times));
  }
  operation_arguments_.clear();
  limits_.clear();
  if (program_->several() || program_->modules[0].probe != UINT32_MAX)
    kernel_.spawn(kernel_.intern(probe_name), kernel_.intern(probe_name), &World::probe_entry, this, false);
  if (!program_->removal.empty())
    kernel_.remover = kernel_.spawn(kernel_.intern(remove_name), kernel_.intern(remove_name), &World::remover_entry, this, false);
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    TaskState& t = tasks_[i];
    if (t.spec->cpu != TaskSpec::cpu_elsewhere) continue;
    using Kind = TaskSpec::Kind;
    const Kind kind = t.spec->kind;
    t.id = kernel_.spawn(kernel_.intern(t.spec->name), kernel_.intern(t.spec->role),
                         kind == Kind::hardware ? &World::hardware_entry
                         : kind == Kind::thread ? &World::thread_entry
                                                : &World::user_entry,
                         &t, kind == Kind::hardware, alike_[i]);
  }
}

}  // namespace unplug::scenarios
