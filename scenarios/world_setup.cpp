// A World before its first step: everything that the program declares, laid out anew for each execution.
#include <algorithm>

#include <fmt/format.h>

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
  resize(modules_, program_->bindings);
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
  for (std::uint32_t i = 0; i < modules_.size(); ++i) {
    model::init_module(kernel_, modules_[i], unique(*bindings_[i], program_->module + ".ko"), kernel_.intern(program_->module), i == 0);
    if (program_->module_data) model::init_module_data(kernel_, modules_[i], unique(*bindings_[i], program_->module + ".ko data"), i == 0);
  }

  const auto& chardevs = program_->of(EntityKind::chardev);
  for (std::size_t i = 0; i < chardevs.size(); ++i) {
    const sim::NameId n = kernel_.intern(chardevs[i].name);
    model::init_char_device(kernel_, chardevs_[i], n, n, chardevs[i].flags != 0 ? &misc_mtx_ : nullptr);
  }
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
  for (auto& b : bindings_) setup_binding(*b);
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

void World::setup_binding(BindingInstance& b) {
  b.module = &modules_[b.number];
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
  resize(b.file_callbacks, program_->functions.size());
  for (std::uint32_t i = 0; i < b.file_callbacks.size(); ++i) b.file_callbacks[i] = {&b, i};
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
  b.policy->init(kernel_, rcu_, unique(b, "policy"), b.resources);
  if (program_->post_unbind != UINT32_MAX)
    b.binding.post_unbind = [&b](model::Context& c) { b.world->call(c, b.world->program_->post_unbind, {.binding = &b}); };
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
  for (std::size_t i = 0; i < program_->tasks.size(); ++i) {
    TaskState& t = tasks_[i];
    t.world = this;
    t.spec = &program_->tasks[i];
    resize(t.files, t.spec->files);
    for (model::File& f : t.files) f.open = false;
    t.open_since.assign(t.spec->files, 0);
    t.ended = false;
    t.interrupts.sources.clear();
  }
  for (model::CpuInterrupts& own : own_interrupts_) own.sources.clear();
  // Before any task begins.
  for (TaskState& t : tasks_) {
    if (t.spec->cpu == TaskSpec::cpu_elsewhere) continue;
    t.here = {&irq_line(t.spec->irq), nullptr, t.spec->enabled_by};
    interrupts_of(t.spec->cpu).sources.push_back(model::irq_on_this_cpu(t.here, t.spec->times));
  }
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
