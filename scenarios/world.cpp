#include "unplug/scenarios/world.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::scenarios {
namespace {

const model::Operation return_op{.name = "return"};

// A resized deque keeps the addresses that tasks and mechanisms hold.
template <class T> void resize(std::deque<T>& d, std::size_t n) {
  while (d.size() < n) d.emplace_back();
  while (d.size() > n) d.pop_back();
}

}  // namespace

void Frame::leave_scopes(std::uint32_t depth) {
  while (scope_count > depth) {
    const Scope& s = scopes[--scope_count];
    if (!aborting()) binding->policy->resource().release(context, *s.resource, s.token);
  }
}

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
  const auto spawn = [&](sim::NameId name, sim::NameId role, void (*entry)(void*), void* argument, bool daemon) {
    sim::TaskSpec s;
    s.name = name;
    s.role = role;
    s.daemon = daemon;
    s.entry = entry;
    s.argument = argument;
    return engine_.spawn(s);
  };
  spawn(kernel_.intern(probe_name), kernel_.intern(probe_name), &World::probe_entry, this, false);
  if (!program_->removal.empty())
    kernel_.remover = spawn(kernel_.intern(remove_name), kernel_.intern(remove_name), &World::remover_entry, this, false);
  for (TaskState& t : tasks_) {
    const bool hardware = t.spec->irq != UINT32_MAX;
    spawn(kernel_.intern(t.spec->name), kernel_.intern(t.spec->role), hardware ? &World::hardware_entry : &World::user_entry, &t, hardware);
  }
}

int World::call(model::Context& context, std::uint32_t number, BindingInstance* binding, model::File* file, TaskState* task,
                sim::LifetimeId runs_for) {
  const Function& f = program_->functions[number];
  const model::Context::Function function(context, function_names_[number], f.driver ? binding->module->text : sim::LifetimeId{},
                                          f.driver ? runs_for : sim::LifetimeId{});
  Frame frame(*this, context, binding, file);
  frame.task = task;
  std::uint32_t pc = 0;
  while (pc < f.code.size() && !context.aborting()) {
    const Instruction& i = f.code[pc];
    if (i.site != no_site) context.at(sites_[i.site]);
    pc = i.execute(frame, i, pc + 1);
    if (i.acts && file != nullptr) file->acted = true;
  }
  frame.leave_scopes(0);
  if (f.driver && !context.aborting()) {
    // Returning is executing: the last instruction of a function is in its module's text.
    context.at(sites_[f.return_site]);
    engine_.step(context.make(return_op));
  }
  return frame.result;
}

int World::enter(model::Context& context, const BindingInstance::Callback& c, model::File* file) {
  const std::size_t number = calls_.size();
  calls_.push_back({c.function, from_here()});
  const int result = call(context, c.function, c.binding, file, nullptr, c.binding->binding.life);
  if (!context.aborting()) calls_[number].when.last = here();
  return result;
}

int World::file_operation(model::Context& context, model::File& file, void* argument) {
  const auto& c = *static_cast<BindingInstance::Callback*>(argument);
  return c.binding->world->enter(context, c, &file);
}

int World::result_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<BindingInstance::Callback*>(argument);
  return c.binding->world->enter(context, c, nullptr);
}

bool World::restart_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<BindingInstance::Callback*>(argument);
  return c.binding->world->enter(context, c, nullptr) == 1;  // HRTIMER_RESTART
}

void World::callback_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<BindingInstance::Callback*>(argument);
  c.binding->world->enter(context, c, nullptr);
}

void World::user_entry(void* argument) {
  auto& t = *static_cast<TaskState*>(argument);
  World& w = *t.world;
  model::Context context(w.kernel_, model::ContextKind::process);
  if (t.spec->first_node != UINT32_MAX) model::await_device_node(context, w.chardevs_[t.spec->first_node]);
  if (context.aborting()) return;
  w.call(context, t.spec->function, w.bindings_[0].get(), nullptr, &t, {});
  context.finish();
}

void World::hardware_entry(void* argument) {
  auto& t = *static_cast<TaskState*>(argument);
  static const model::Operation gap{.name = "hardware: time passes", .pause = true};
  for (std::uint32_t n = 0; n < t.spec->times; ++n) {
    if (t.spec->start_spread != 0) {
      model::Context context(t.world->kernel_, model::ContextKind::process);
      context.sleep(gap, t.world->engine_.draw(sim::Stream::phase, t.spec->start_spread));
    }
    if (!model::raise_irq(t.world->kernel_, t.world->irq_lines_[t.spec->irq])) return;
  }
}

void World::probe(model::Context& context, BindingInstance& b) {
  model::probe_device(context, b.binding, [&](model::Context& c) { return call(c, program_->probe, &b, nullptr, nullptr, {}) == 0; });
}

void World::probe_entry(void* argument) {
  auto& w = *static_cast<World*>(argument);
  model::Context context(w.kernel_, model::ContextKind::process);
  w.probe(context, *w.bindings_[0]);
  context.finish();
}

void World::remove_driver(model::Context& context, BindingInstance& b) {
  model::release_driver(context, b.binding, [&](model::Context& c) {
    removals_.push_back(from_here());
    if (program_->remove != UINT32_MAX) call(c, program_->remove, &b, nullptr, nullptr, {});
  });
  if (!context.aborting() && !removals_.empty()) removals_.back().last = std::min(removals_.back().last, here());
}

void World::remover_entry(void* argument) {
  static const model::Operation wait_op{.name = "administrator: time passes", .pause = true};
  static const model::StaticName rmmod_function{"delete_module"}, exit_function{"driver_unregister"}, insmod_function{"init_module"};
  static const model::KernelSite stop_site{"delete_module", "try to stop"}, barrier_site{"module exit", "rcu_barrier"},
      free_site{"delete_module", "free_module"}, load_site{"init_module", "load_module"};
  auto& w = *static_cast<World*>(argument);
  model::Kernel& k = w.kernel_;
  model::Context context(k, model::ContextKind::process);
  model::await_bound(context, w.device_);
  if (context.aborting()) return;
  const sim::Duration spread = w.program_->removal_spread;
  context.sleep(wait_op, w.program_->removal_from + (spread == 0 ? 0 : w.engine_.draw(sim::Stream::phase, spread)));
  std::uint32_t current = 0;
  k.removal.unplug = w.engine_.local_time();
  for (const RemovalStage stage : w.program_->removal) {
    if (context.aborting()) return;
    BindingInstance& b = *w.bindings_[current];
    switch (stage) {
      case RemovalStage::unbind: w.remove_driver(context, b); break;
      case RemovalStage::rmmod: {
        const model::Context::KernelFunction function(context, rmmod_function);
        k.removal.rmmod = w.engine_.local_time();
        k.removal_phase = model::RemovalPhase::module_exit;
        context.at(stop_site);
        const model::DeleteResult r = model::delete_module(context, *b.module, w.rcu_, [&] {
          {
            const model::Context::KernelFunction unregister(context, exit_function);
            w.remove_driver(context, b);
          }
          if (context.aborting()) return;
          k.removal_phase = model::RemovalPhase::module_exit;
          if (w.program_->exit != UINT32_MAX) w.call(context, w.program_->exit, &b, nullptr, nullptr, {});
          context.at(barrier_site);
          b.policy->exit_barrier().at_exit(context, w.rcu_);
          k.removal_phase = model::RemovalPhase::module_free;
          context.at(free_site);
        });
        if (context.aborting()) return;
        k.removal_phase = model::RemovalPhase::none;
        if (r == model::DeleteResult::gone) {
          k.removal.module_gone = w.engine_.local_time();
          w.unloads_.push_back({w.engine_.current(), w.here() - 1, w.here()});
        } else {
          k.removal.rmmod_refused = true;
          return;  // nothing to load over a module that stays
        }
        break;
      }
      case RemovalStage::insmod: {
        const model::Context::KernelFunction function(context, insmod_function);
        BindingInstance& next = *w.bindings_[++current];
        context.at(load_site);
        model::load_module(context, *next.module);
        if (!context.aborting()) w.probe(context, next);
        break;
      }
    }
  }
  context.finish();
}

model::Allocation* World::allocation(Handle handle) {
  return handle == 0 || handle > allocations_.size() ? nullptr : &allocations_[handle - 1];
}

bool World::within_limit(const Instruction& i) {
  if (i.limit == UINT32_MAX) return true;
  const std::size_t slot = std::size_t{engine_.current().index()} * program_->limits + i.number;
  if (slot >= limits_.size()) limits_.resize(slot + 1, 0);
  if (limits_[slot] >= i.limit) return false;
  ++limits_[slot];
  return true;
}

void World::report_null(const Instruction& i) {
  kernel_.report(model::ViolationClass::null_deref, kernel_.intern(i.operand.name),
                 fmt::format("'{}' is reached through a pointer that is NULL", i.operand.name));
}

model::RcuCallback& World::new_callback(BindingInstance& b, std::uint32_t function) {
  if (rcu_callback_count_ == rcu_callbacks_.size()) rcu_callbacks_.emplace_back();
  model::RcuCallback& c = rcu_callbacks_[rcu_callback_count_++];
  c.task_name = engine_.own_name("rcu callback");
  c.body = &World::callback_entry;
  c.argument = &b.callbacks[function];
  return c;
}

void World::file_opened(TaskState& task, std::uint32_t file) {
  files_open_.push_back(from_here());
  task.open_since[file] = static_cast<std::uint32_t>(files_open_.size());
}

void World::file_closed(TaskState& task, std::uint32_t file) {
  if (task.open_since[file] != 0) files_open_[task.open_since[file] - 1].last = here();
  task.open_since[file] = 0;
}

void World::count_coverage(const sim::Trace& trace) {
  for (const sim::Event& e : trace.events) {
    if (!e.site || e.site.index() >= site_numbers_.size()) continue;
    const std::uint32_t n = site_numbers_[e.site.index()];
    if (n != UINT32_MAX) sites_seen_[n] = true;
  }
}

}  // namespace unplug::scenarios
