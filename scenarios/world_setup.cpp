// A World before its first step: everything that the program declares, laid out anew for each execution.
#include <fmt/format.h>

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
    bindings_.push_back(std::move(b));
  }
  resize(modules_, program_->bindings);
  resize(chardevs_, program_->of(EntityKind::chardev).size());
  resize(irq_lines_, program_->of(EntityKind::irq).size());
  resize(regions_, program_->of(EntityKind::mapping).size());
  resize(other_claims_, regions_.size());
  resize(tasks_, program_->tasks.size());
}

World::~World() = default;

sim::NameId World::unique(const BindingInstance& b, const std::string& name) {
  static constexpr std::string_view part = "binding";
  return engine_.names().child(kernel_.intern(name), part, b.number + 1);
}

sim::LifetimeId World::home(const BindingInstance& b, const EntitySpec& e) {
  return e.allocation == UINT32_MAX ? sim::LifetimeId{} : allocations_[b.first_allocation + e.allocation].life;
}

void World::setup(sim::Engine&) {
  kernel_.reset();
  model::init_rcu(kernel_, rcu_);
  static const model::StaticName misc{"misc_mtx"}, mutex{"module_mutex"};
  model::init_mutex(kernel_, misc_mtx_, kernel_.intern(misc), kernel_.intern(misc), {});
  model::init_mutex(kernel_, module_mutex_, kernel_.intern(mutex), kernel_.intern(mutex), {});
  const sim::NameId device_name = kernel_.intern(program_->module + " device");
  model::init_device(kernel_, device_, device_name, device_name);
  for (std::uint32_t i = 0; i < modules_.size(); ++i)
    model::init_module(kernel_, modules_[i], unique(*bindings_[i], program_->module + ".ko"), kernel_.intern(program_->module), i == 0);

  const auto& chardevs = program_->of(EntityKind::chardev);
  for (std::size_t i = 0; i < chardevs.size(); ++i) {
    const sim::NameId n = kernel_.intern(chardevs[i].name);
    model::init_char_device(kernel_, chardevs_[i], n, n, chardevs[i].misc ? &misc_mtx_ : nullptr);
  }
  const auto& irqs = program_->of(EntityKind::irq);
  for (std::size_t i = 0; i < irqs.size(); ++i) {
    const sim::NameId n = kernel_.intern(irqs[i].name);
    model::init_irq_line(kernel_, irq_lines_[i], n, n);
  }
  const auto& mappings = program_->of(EntityKind::mapping);
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const sim::NameId n = kernel_.intern(mappings[i].name);
    model::init_region(kernel_, regions_[i], n, n);
    static constexpr std::string_view other = "other driver";
    model::init_mapping(kernel_, other_claims_[i], regions_[i], engine_.names().child(n, other, 1), n, {});
  }

  const auto& allocations = program_->of(EntityKind::allocation);
  resize(allocations_, allocations.size() * bindings_.size());
  rcu_callback_count_ = 0;
  calls_.clear();
  removals_.clear();
  files_open_.clear();
  unloads_.clear();
  for (auto& b : bindings_) setup_binding(*b);
  setup_tasks();
}

void World::setup_binding(BindingInstance& b) {
  b.module = &modules_[b.number];
  model::init_binding(kernel_, b.binding, device_, *b.module, unique(b, program_->module), kernel_.intern(program_->module), b.number + 1);
  const auto& allocations = program_->of(EntityKind::allocation);
  b.first_allocation = static_cast<std::uint32_t>(b.number * allocations.size());
  for (std::size_t i = 0; i < allocations.size(); ++i) {
    model::Allocation& a = allocations_[b.first_allocation + i];
    model::init_allocation(kernel_, a, unique(b, allocations[i].name), kernel_.intern(allocations[i].name), b.binding.life, false);
    for (const FieldSpec& f : allocations[i].fields) model::add_field(kernel_, a, kernel_.intern(f.name), f.initial);
  }
  setup_entities(b);

  b.policy->init(kernel_, rcu_, unique(b, "policy"), b.resources);
  b.binding.before_devres = [&b](model::Context& c) { b.policy->resource().before_devres(c, b.resources); };

  const auto& chardevs = program_->of(EntityKind::chardev);
  resize(b.registrations, chardevs.size());
  resize(b.callbacks, program_->functions.size());
  for (std::uint32_t i = 0; i < b.callbacks.size(); ++i) b.callbacks[i] = {&b, i};
  for (std::size_t i = 0; i < chardevs.size(); ++i) {
    model::Registration& r = b.registrations[i];
    r = {};
    r.binding = &b.binding;
    r.policy = b.policy.get();
    switch (program_->owner) {
      case FopsOwner::null: break;
      case FopsOwner::module: r.owner = b.module; break;
      case FopsOwner::policy: r.owner = b.policy->pin().pinned(*b.module); break;
    }
    const auto set = [&](std::uint32_t function, model::FileOperation& op, void*& argument) {
      if (function == UINT32_MAX) return;
      op = &World::file_operation;
      argument = &b.callbacks[function];
    };
    set(program_->open, r.open, r.open_argument);
    set(program_->ioctl, r.ioctl, r.ioctl_argument);
    set(program_->release, r.release, r.release_argument);
    model::init_registration(kernel_, chardevs_[i], r, unique(b, chardevs[i].name), b.binding.life);
  }
}

sim::NameId World::task_name(std::string_view what, const BindingInstance& b, const EntitySpec& e) {
  return kernel_.intern(b.number == 0 ? fmt::format("{} {}", what, e.name) : fmt::format("{} {} #{}", what, e.name, b.number + 1));
}

void World::setup_entities(BindingInstance& b) {
  const auto each = [&](EntityKind kind, auto& list, auto&& init) {
    const auto& specs = program_->of(kind);
    resize(list, specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i) init(list[i], specs[i], unique(b, specs[i].name), kernel_.intern(specs[i].name));
  };
  b.sources = {};
  resize(b.callbacks, program_->functions.size());
  each(EntityKind::mutex, b.mutexes,
       [&](auto& x, const EntitySpec& e, auto u, auto d) { model::init_mutex(kernel_, x, u, d, home(b, e)); });
  each(EntityKind::rwsem, b.rwsems, [&](auto& x, const EntitySpec& e, auto u, auto d) { model::init_rwsem(kernel_, x, u, d, home(b, e)); });
  each(EntityKind::spinlock, b.spinlocks,
       [&](auto& x, const EntitySpec& e, auto u, auto d) { model::init_spinlock(kernel_, x, u, d, home(b, e)); });
  each(EntityKind::srcu, b.srcus, [&](auto& x, const EntitySpec& e, auto u, auto d) { model::init_srcu(kernel_, x, u, d, home(b, e)); });
  const auto waiter = [&](auto& x, const EntitySpec& e, auto u, auto d) {
    model::init_waiter(kernel_, x, u, d, home(b, e), e.owner);
    b.sources.waiters.push_back(&x);
  };
  each(EntityKind::completion, b.completions, waiter);
  each(EntityKind::fence, b.fences, waiter);
  each(EntityKind::work, b.works, [&](model::Work& x, const EntitySpec& e, auto u, auto d) {
    x.function = &World::callback_entry;
    x.argument = &b.callbacks[e.function];
    model::init_work(kernel_, x, u, d, home(b, e), task_name("kworker", b, e));
    b.sources.works.push_back(&x);
  });
  each(EntityKind::delayed_work, b.delayed_works, [&](model::DelayedWork& x, const EntitySpec& e, auto u, auto d) {
    x.work.function = &World::callback_entry;
    x.work.argument = &b.callbacks[e.function];
    model::init_delayed_work(kernel_, x, u, d, home(b, e), task_name("kworker", b, e), unique(b, e.name + " timer"),
                             task_name("softirq", b, e));
  });
  each(EntityKind::timer, b.timers, [&](model::Timer& x, const EntitySpec& e, auto u, auto d) {
    x.function = &World::callback_entry;
    x.argument = &b.callbacks[e.function];
    model::init_timer(kernel_, x, u, d, home(b, e), task_name("softirq", b, e));
  });
  each(EntityKind::hrtimer, b.hrtimers, [&](model::Timer& x, const EntitySpec& e, auto u, auto d) {
    x.hr_function = &World::restart_entry;
    x.argument = &b.callbacks[e.function];
    model::init_timer(kernel_, x, u, d, home(b, e), task_name("hardirq", b, e));
  });
  each(EntityKind::kthread, b.kthreads, [&](model::Kthread& x, const EntitySpec& e, auto u, auto d) {
    x.function = &World::result_entry;
    x.argument = &b.callbacks[e.function];
    model::init_kthread(kernel_, x, u, d, task_name("kthread", b, e));
  });
  each(EntityKind::attribute, b.attributes, [&](model::SysfsAttribute& x, const EntitySpec& e, auto u, auto d) {
    x.operation = &World::result_entry;
    x.argument = &b.callbacks[e.function];
    model::init_sysfs_attribute(kernel_, x, u, d, b.binding.life);
  });
  each(EntityKind::irq, b.irqs, [&](model::IrqAction& x, const EntitySpec& e, auto u, auto) {
    x.handler = &World::callback_entry;
    x.argument = &b.callbacks[e.function];
    const auto i = static_cast<std::size_t>(&e - program_->of(EntityKind::irq).data());
    model::init_irq_action(kernel_, irq_lines_[i], x, u, b.binding.life);
    b.sources.irqs.push_back({&irq_lines_[i], &x});
  });
  b.resources.resize(program_->of(EntityKind::mapping).size());
  each(EntityKind::mapping, b.mappings, [&](model::Mapping& x, const EntitySpec& e, auto u, auto d) {
    const auto i = static_cast<std::size_t>(&e - program_->of(EntityKind::mapping).data());
    model::init_mapping(kernel_, x, regions_[i], u, d, b.binding.life);
    b.resources[i] = {&x, {}, d};
  });
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
  }
  limits_.clear();
  kernel_.spawn(kernel_.intern(probe_name), kernel_.intern(probe_name), &World::probe_entry, this, false);
  if (!program_->removal.empty())
    kernel_.remover = kernel_.spawn(kernel_.intern(remove_name), kernel_.intern(remove_name), &World::remover_entry, this, false);
  for (TaskState& t : tasks_) {
    const bool hardware = t.spec->irq != UINT32_MAX;
    kernel_.spawn(kernel_.intern(t.spec->name), kernel_.intern(t.spec->role), hardware ? &World::hardware_entry : &World::user_entry, &t,
                  hardware);
  }
}

}  // namespace unplug::scenarios
