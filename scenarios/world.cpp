#include "unplug/scenarios/world.hpp"

#include <fmt/format.h>

namespace unplug::scenarios {
namespace {

const model::Operation return_op{.name = "return"};

}  // namespace

void Frame::leave_scopes(std::uint32_t depth) {
  while (scope_count > depth) {
    const Scope& s = scopes[--scope_count];
    if (!aborting()) binding->policy->resource().release(context, *s.resource, s.token);
  }
}

int World::call(model::Context& context, std::uint32_t number, const Caller& caller) {
  const Function& f = program_->functions[number];
  const model::Context::Function function(context, function_names_[number], f.driver ? caller.binding->module->text : sim::LifetimeId{},
                                          f.driver ? caller.runs_for : sim::LifetimeId{});
  Frame frame(*this, context, caller.binding, caller.file, caller.self);
  frame.task = caller.task;
  frame.poll = caller.poll;
  frame.vma = caller.vma;
  for (const auto& [local, value] : caller.arguments) frame.locals[local] = value;
  std::uint32_t pc = 0;
  while (pc < f.code.size() && !context.aborting()) {
    const Instruction& i = f.code[pc];
    if (i.site != no_site) context.at(sites_[i.site]);
    pc = i.execute(frame, i, pc + 1);
    if (i.acts && caller.file != nullptr) caller.file->acted = true;
  }
  frame.leave_scopes(0);
  if (f.driver && !context.aborting()) {
    // Returning is executing: the last instruction of a function is in its module's text.
    context.at(sites_[f.return_site]);
    engine_.step(context.make(return_op));
  }
  return frame.result;
}

int World::enter(model::Context& context, const Callback& c, Caller what) {
  const std::size_t number = calls_.size();
  calls_.push_back({c.function, from_here()});
  what.binding = c.binding;
  what.self = c.self;
  what.runs_for = c.binding->binding.life;
  const int result = call(context, c.function, what);
  if (!context.aborting()) calls_[number].when.last = here();
  return result;
}

int World::result_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  return c.binding->world->enter(context, c);
}

bool World::restart_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  return c.binding->world->enter(context, c) == 1;  // HRTIMER_RESTART
}

void World::callback_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  c.binding->world->enter(context, c);
}

void World::user_entry(void* argument) {
  auto& t = *static_cast<TaskState*>(argument);
  World& w = *t.world;
  model::Context context(w.kernel_, model::ContextKind::process);
  if (t.forked) {
    await_fork(context, t);
  } else {
    await_openable(context, w, t.spec->first_open);
  }
  if (context.aborting()) return;
  w.call(context, t.spec->function, {.binding = w.bindings_[0].get(), .task = &t});
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
    if (!model::raise_irq(t.world->kernel_, t.world->irq_lines_[t.spec->irq], t.world->hardware_.device())) return;
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

void World::file_opened(Origin& origin) {
  files_open_.push_back(from_here());
  origin.since = static_cast<std::uint32_t>(files_open_.size());
}

void World::file_closed(Origin& origin) {
  if (origin.since != 0) files_open_[origin.since - 1].last = here();
  origin.since = 0;
}

void World::count_coverage(const sim::Trace& trace) {
  for (const sim::Event& e : trace.events) {
    if (!e.site || e.site.index() >= site_numbers_.size()) continue;
    const std::uint32_t n = site_numbers_[e.site.index()];
    if (n != UINT32_MAX) sites_seen_[n] = true;
  }
}

}  // namespace unplug::scenarios
