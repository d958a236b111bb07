#include "unplug/scenarios/world.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::scenarios {
namespace {

const model::Operation return_op{.name = "return"}, loop_op{.name = "a loop without a step"};
constexpr std::uint32_t free_loops = 100;

}  // namespace

void Frame::leave_scopes(std::uint32_t depth) {
  while (scope_count > depth) {
    const Scope& s = scopes[--scope_count];
    if (!aborting()) binding->policy->resource().release(context, *s.resource, s.token);
  }
}

void Frame::looped() {
  const std::uint32_t events = world.here();
  if (events != seen_) {
    seen_ = events;
    loops_ = 0;
  } else if (++loops_ == free_loops) {
    context.engine().step(context.make(loop_op));
  }
}

int World::call(model::Context& context, std::uint32_t number, const Caller& caller) {
  const Function& f = program_->functions[number];
  const model::Context::Function function(context, function_names_[number], f.driver ? caller.binding->module->text : sim::LifetimeId{},
                                          f.driver ? caller.runs_for : sim::LifetimeId{});
  Frame frame(*this, context, caller.binding, caller.file, caller.self);
  frame.task = caller.task;
  for (const auto& [local, value] : caller.arguments) frame.locals[local] = value;
  std::uint32_t pc = 0;
  while (pc < f.code.size() && !context.aborting()) {
    const Instruction& i = f.code[pc];
    if (i.site != no_site) context.at(sites_[i.site]);
    pc = i.execute(frame, i, pc + 1);
    if (i.acts && caller.file != nullptr) caller.file->acted = true;
  }
  frame.leave_scopes(0);
  if (caller.locals != nullptr) *caller.locals = frame.locals;
  if (f.driver && !context.aborting()) {
    // Returning is executing: the last instruction of a function is in its module's text.
    context.at(sites_[f.return_site]);
    engine_.step(context.make(return_op));
  }
  return frame.result;
}

int World::enter(model::Context& context, const Callback& c, model::File* file) {
  const std::size_t number = calls_.size();
  calls_.push_back({c.function, from_here()});
  const int result = call(context, c.function, {.binding = c.binding, .file = file, .self = c.self, .runs_for = c.binding->binding.life});
  if (!context.aborting()) calls_[number].when.last = here();
  return result;
}

int World::file_operation(model::Context& context, model::File& file, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  return c.binding->world->enter(context, c, &file);
}

int World::result_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  return c.binding->world->enter(context, c, nullptr);
}

bool World::restart_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  return c.binding->world->enter(context, c, nullptr) == 1;  // HRTIMER_RESTART
}

void World::callback_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  c.binding->world->enter(context, c, nullptr);
}

void World::user_entry(void* argument) {
  auto& t = *static_cast<TaskState*>(argument);
  World& w = *t.world;
  model::Context context(w.kernel_, model::ContextKind::process);
  if (t.spec->first_node != UINT32_MAX) model::await_device_node(context, w.chardevs_[t.spec->first_node]);
  if (context.aborting()) return;
  w.call(context, t.spec->function, {.binding = w.bindings_[0].get(), .task = &t});
  context.finish();
}

void World::thread_entry(void* argument) {
  auto& t = *static_cast<TaskState*>(argument);
  World& w = *t.world;
  model::Context context(w.kernel_, model::ContextKind::process);
  std::vector<std::pair<std::uint32_t, std::uint64_t>> arguments;
  if (t.spec->number) arguments.emplace_back(0, *t.spec->number);
  w.call(context, t.spec->function, {.binding = w.bindings_[0].get(), .task = &t, .arguments = arguments, .locals = &t.locals});
  if (context.aborting()) return;
  context.finish();
  t.ended = true;
}

bool World::threads_ended() const {
  return std::ranges::all_of(tasks_, [](const TaskState& t) { return t.ended || t.spec->kind != TaskSpec::Kind::thread; });
}

std::uint64_t World::final_value(const FinalTerm& t) const {
  switch (t.kind) {
    case FinalTerm::Kind::constant: return t.constant;
    case FinalTerm::Kind::local: return tasks_[t.task].locals[t.local];
    case FinalTerm::Kind::word: return engine_.trace().objects[allocations_[t.allocation].fields[t.field].second.index()].word;
  }
  return 0;
}

bool World::holds(const FinalCondition& c) const {
  return std::ranges::all_of(
      c.parts, [&](const FinalCondition::Part& p) { return scenarios::holds(p.op, final_value(p.left), final_value(p.right)); });
}

void World::final_state(std::vector<std::uint64_t>& out) const {
  out.clear();
  for (const FinalTerm& t : program_->final_state.observed) out.push_back(final_value(t));
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
  model::probe_device(context, b.binding, [&](model::Context& c) { return call(c, program_->probe, {.binding = &b}) == 0; });
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
    if (program_->remove != UINT32_MAX) call(c, program_->remove, {.binding = &b});
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
          if (w.program_->exit != UINT32_MAX) w.call(context, w.program_->exit, {.binding = &b});
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
  if (handle == 0) return nullptr;
  if (handle <= allocations_.size()) return &allocations_[handle - 1];
  Instance* const made = instance(handle);
  return made == nullptr ? nullptr : &made->memory;
}

Instance* World::instance(Handle handle) {
  for (std::size_t i = instance_count_; i-- > 0;)
    if (instances_[i].handle == handle) return &instances_[i];
  return nullptr;
}

Instance& World::new_instance(BindingInstance& b, std::uint32_t allocation) {
  if (instance_count_ == instances_.size()) instances_.emplace_back();
  Instance& made = instances_[instance_count_++];
  made.binding = &b;
  made.allocation = allocation;
  const sim::NameId unique = engine_.own_name(program_->of(EntityKind::allocation)[allocation].name);
  made.handle = engine_.names().hash(unique) | Handle{1} << 63U;
  lay_out(made, unique);
  return made;
}

bool World::within_limit(const Instruction& i) {
  if (i.limit == UINT32_MAX) return true;
  const std::size_t slot = std::size_t{engine_.current().index()} * program_->limits + i.number;
  if (slot >= limits_.size()) limits_.resize(slot + 1, 0);
  if (limits_[slot] >= i.limit) return false;
  ++limits_[slot];
  return true;
}

void World::report_null(const Operand& o) {
  kernel_.report(model::ViolationClass::null_deref, kernel_.intern(o.name),
                 fmt::format("'{}' is reached through a pointer that is NULL", o.name));
}

model::RcuCallback& World::new_callback(BindingInstance& b, std::uint32_t function) {
  if (rcu_callback_count_ == rcu_callbacks_.size()) rcu_callbacks_.emplace_back();
  model::RcuCallback& c = rcu_callbacks_[rcu_callback_count_++];
  c.task_name = engine_.own_name("rcu callback");
  c.body = &World::callback_entry;
  c.argument = &b.file_callbacks[function];
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
