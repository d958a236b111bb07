#include "unplug/scenarios/world/world.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/checker/checker.hpp"
#include "unplug/model/kernel/lib/fault.hpp"
#include "unplug/scenarios/world/policy_steps.hpp"

namespace unplug::scenarios {
namespace {

const model::Operation call_op{.name = "call"}, return_op{.name = "return"};

}  // namespace

void Frame::leave_scopes(std::uint32_t depth) {
  while (scope_count > depth) {
    const Use& s = scopes[--scope_count];
    if (!aborting()) s.guard->release(context, *s.resource, s.token);
  }
}

std::uint32_t Frame::fail(const Instruction& i, int error) {
  result = error;
  if (i.to != no_local) locals[i.to] = 0;
  if (i.target == no_target) return end_of_function;
  leave_scopes(i.depth);
  return i.target;
}

int World::call(model::Context& context, std::uint32_t number, const Caller& caller) {
  const Function& f = program_->functions[number];
  const model::Context::Function function(context, function_names_[number],
                                          f.driver ? module_for(*caller.binding, f.module).text : sim::LifetimeId{},
                                          f.driver ? caller.runs_for : sim::LifetimeId{});
  Frame frame(*this, context, caller.binding, caller.file, caller.self);
  bool ended = false;
  frame.task = caller.task;
  frame.function = &f;
  frame.result = caller.result;
  frame.ended = caller.ended == nullptr ? &ended : caller.ended;
  frame.poll = caller.poll;
  frame.vma = caller.vma;
  if (f.binding_local != no_local) frame.locals[f.binding_local] = caller.binding->policy_state;
  for (const auto& [local, value] : caller.arguments) frame.locals[local] = value;
  if (f.watched != UINT32_MAX) {
    context.at(sites_[f.code.empty() || f.code[0].site == no_site ? f.return_site : f.code[0].site]);
    context.write(call_op, calls_of(f.watched), {}, [](std::uint64_t& word) { ++word; });
  }
  run(frame, 0, end_of_function);
  if (context.aborting() && f.driver) left_.push_back({frame.self, frame.locals});
  const int result = static_cast<int>(frame.result);
  if (caller.value != nullptr) *caller.value = static_cast<std::uint64_t>(frame.result);
  if (*frame.ended) return result;
  frame.leave_scopes(0);
  if (caller.locals != nullptr) *caller.locals = frame.locals;
  if (f.driver && !context.aborting()) {
    // Returning is executing: the last instruction of a function is in its module's text.
    context.at(sites_[f.return_site]);
    sim::Step s = context.make(return_op);
    if (f.watched != UINT32_MAX) s.access = {returns_of(f.watched), sim::AccessKind::write};
    engine_.step(s, [](std::uint64_t& word) { ++word; });
  }
  return result;
}

void World::run(Frame& frame, std::uint32_t from, std::uint32_t to) {
  const std::vector<Instruction>& code = frame.function->code;
  for (std::uint32_t pc = from; pc != to && pc < code.size() && !frame.aborting();) {
    const Instruction& i = code[pc];
    if (i.site != no_site) frame.context.at(sites_[i.site]);
    if (i.error != 0 && model::should_fail(frame.context)) {
      pc = frame.fail(i, i.error);
      continue;
    }
    if (!within_limit(i)) {
      pc = refuse(frame, i, pc + 1);
      continue;
    }
    pc = i.asks ? ask(frame, i, pc + 1) : i.execute(frame, i, pc + 1);
    if (frame.aborting()) return;
    if (i.site != no_site) sites_seen_[i.site] = true;
    if (i.acts && frame.function->driver && frame.file != nullptr) frame.file->acted = true;
  }
}

// A step that has acted as often as it may ("at_most").
std::uint32_t World::refuse(Frame& frame, const Instruction& i, std::uint32_t next) {
  if (i.to != no_local) frame.locals[i.to] = i.refused;
  if (i.target == no_target) return next;
  frame.leave_scopes(i.depth);
  return i.target;
}

// What a task of user space asks for: when it likes, and with an answer.
std::uint32_t World::ask(Frame& frame, const Instruction& i, std::uint32_t next) {
  record_.at_leisure.emplace_back(engine_.current(), here());
  const std::size_t number = record_.asked.size();
  record_.asked.push_back({i.site});
  frame.answer = 0;
  const std::uint32_t to = i.execute(frame, i, next);
  if (!frame.aborting()) record_.asked[number].answer = frame.answer < 0 ? Record::Asked::Answer::error : Record::Asked::Answer::success;
  return to;
}

int World::enter(model::Context& context, const Callback& c, Caller what) {
  const std::size_t number = record_.calls.size();
  record_.calls.push_back({c.function, from_here()});
  what.binding = c.binding;
  what.self = c.self;
  what.runs_for = c.binding->binding.life;
  const int answer = call(context, c.function, what);
  if (!context.aborting()) record_.calls[number].when.last = here();
  return answer;
}

int World::result_entry(model::Context& context, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  return c.binding->world->enter(context, c);
}

unsigned World::amount_entry(model::Context& context, void* argument, unsigned budget) {
  const int done = result_entry(context, argument);
  return std::min(static_cast<unsigned>(std::max(done, 0)), budget);
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
  w.on_cpu(context, static_cast<std::uint32_t>(t.spec - w.program_->tasks.data()));
  if (t.forked) {
    await_fork(context, t);
  } else {
    await_openable(context, w, t.spec->first_open);
  }
  if (context.aborting()) return;
  w.record_.began[static_cast<std::size_t>(t.spec - w.program_->tasks.data())] = true;
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

bool World::has_final_state() const { return !model::unfinished(kernel_, engine_.trace()); }

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
  World& w = *t.world;
  static const model::Operation gap{.name = "hardware: time passes", .pause = true, .outside = true};
  for (std::uint32_t n = 0; n < t.spec->times; ++n) {
    if (t.spec->start_spread != 0) {
      model::Context context(w.kernel_, model::ContextKind::process);
      context.sleep(gap, w.engine_.draw(sim::Stream::phase, t.spec->start_spread));
    }
    DeviceInstance& device = w.devices_[t.spec->device];
    if (!model::raise_irq(w.kernel_, device.irq_line(t.spec->irq), device.hardware.device(), t.spec->enabled_by)) return;
  }
}

void World::switch_interrupts(model::Context& context, DeviceInstance& device, std::uint32_t number, bool on) {
  const std::vector<TaskSpec>& tasks = program_->tasks;
  const auto comes = [&](const TaskSpec& t) { return t.enabled_by == number && t.device == device.number; };
  for (auto t = tasks.begin(); t != tasks.end() && !context.aborting(); ++t) {
    const auto same = [&](const TaskSpec& o) { return comes(o) && devices_.irq_root(o.irq) == devices_.irq_root(t->irq); };
    if (comes(*t) && std::find_if(tasks.begin(), t, same) == t) model::mask_at_device(context, device.irq_line(t->irq), number, !on);
  }
}

void World::on_cpu(model::Context& context, std::uint32_t task) {
  model::CpuInterrupts& own = interrupts_of(task);
  if (!own.sources.empty()) context.interrupts = &own;
}

void World::probe(model::Context& context, BindingInstance& b) {
  const model::MakeItFail marked(context);
  static const model::Operation failed_op{.name = "really_probe: failed"};
  const std::uint32_t function = program_->modules[b.device->spec->module].probe;
  const auto probe = [&](model::Context& c) {
    run_hook(*this, c, b, Hook::probe, UINT32_MAX, nullptr);
    return !c.aborting() && call(c, function, {.binding = &b}) == 0;
  };
  if (model::probe_device(context, b.binding, probe)) return;
  if (context.aborting()) return;
  // What the driver has not freed by now it never will.
  sim::Step failed = context.make(failed_op);
  failed.ends = b.binding.life;
  engine_.step(failed);
}

void World::probe_entry(void* argument) {
  auto& w = *static_cast<World*>(argument);
  model::Context context(w.kernel_, model::ContextKind::process);
  for (DeviceInstance& d : w.devices_) {
    for (model::IrqAction& a : d.other_actions) {
      static const model::StaticName other{"another driver"};
      const model::Context::KernelFunction function(context, other);
      model::request_irq(context, *a.line, a);
    }
  }
  w.on_cpu(context, TaskSpec::cpu_probe);
  if (w.program_->several()) {
    w.boot(context);
  } else {
    w.probe(context, *w.bindings_[0]);
  }
  context.finish();
}

// Modules that are loaded by steps are loaded first, in the file's order; then devices are probed, in theirs.
void World::boot(model::Context& context) {
  static const model::Operation probed_op{.name = "probed"};
  for (std::uint32_t i = 0; i < program_->modules.size(); ++i)
    if (!program_->loads[i].from_start && !load(context, i, *homes_[i])) return;
  for (DeviceInstance& d : devices_) {
    if (!d.spec->real || d.spec->added) continue;
    if (!context.aborting()) probe(context, *d.first);
    if (!context.aborting()) context.write(probed_op, devices_.probed(), {}, [](std::uint64_t& word) { ++word; });
  }
}

void World::attach(model::Context& context, DeviceInstance& device) { probe(context, *device.first); }

BindingInstance& World::elsewhere(BindingInstance& b, const Operand& o) {
  switch (o.scope) {
    case Scope::binding: return b;
    case Scope::device: return *devices_[o.owner].first;
    case Scope::module: return *homes_[current_load(b, o.owner)];
    case Scope::table: {
      const std::uint32_t d = program_->whose[o.owner][b.device->number];
      if (d == b.device->number) return b;
      return program_->devices[d].real ? *devices_[d].first : *homes_[current_load(b, program_->devices[d].module)];
    }
    case Scope::world: return *bindings_[0];
  }
  return b;
}

std::uint32_t World::current_load(const BindingInstance& b, std::uint32_t module) const {
  return program_->loads[b.load].module == module ? b.load : current_loads_[module];
}

model::Module& World::module_for(const BindingInstance& b, std::uint32_t module) { return modules_[current_load(b, module)]; }

Handle World::declared_for(BindingInstance& b, const Term& pointer) {
  return declared_allocation(owner(b, {.scope = pointer.scope, .owner = pointer.owner}), static_cast<std::uint32_t>(pointer.constant));
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
  const sim::NameId unique = engine_.own_name(program_->of(EntityKind::allocation)[allocation].name);
  Instance& made = next_instance(b, allocation, unique);
  made.parent = 0;
  lay_out(made, unique);
  return made;
}

Instance& World::next_instance(BindingInstance& b, std::uint32_t allocation, sim::NameId unique) {
  if (instance_count_ == instances_.size()) instances_.emplace_back();
  Instance& made = instances_[instance_count_++];
  made.binding = &b;
  made.allocation = allocation;
  made.handle = engine_.names().hash(unique) | Handle{1} << 63U;
  return made;
}

void World::new_file_state(BindingInstance& b, const model::File& file) {
  const std::uint32_t allocation = program_->state[static_cast<std::size_t>(PolicyState::file)];
  if (allocation != UINT32_MAX) file_states_.emplace_back(file.memory.life, new_instance(b, allocation).handle);
}

Handle World::file_state(const model::File& file) const {
  const auto found = std::ranges::find(file_states_, file.memory.life, &std::pair<sim::LifetimeId, Handle>::first);
  return found == file_states_.end() ? 0 : found->second;
}

Handle World::handle_of(const model::Allocation* memory) const {
  if (memory == nullptr) return 0;
  for (std::size_t i = 0; i < instance_count_; ++i)
    if (&instances_[i].memory == memory) return instances_[i].handle;
  for (std::size_t i = 0; i < allocations_.size(); ++i)
    if (&allocations_[i] == memory) return i + 1;
  return 0;
}

Handle World::container(Handle embedded, std::uint32_t declared) const {
  const auto& specs = program_->of(EntityKind::allocation);
  if (embedded != 0 && embedded <= allocations_.size())
    return (embedded - 1) % specs.size() == declared ? embedded - declared + specs[declared].allocation : 0;
  for (std::size_t i = 0; i < instance_count_; ++i)
    if (instances_[i].handle == embedded && instances_[i].allocation == declared) return instances_[i].parent;
  return 0;
}

bool World::within_limit(const Instruction& i) {
  if (i.limit == UINT32_MAX) return true;
  const std::size_t slot = std::size_t{engine_.current().index()} * program_->limits + i.number;
  if (slot >= limits_.size()) limits_.resize(slot + 1, 0);
  if (limits_[slot] >= i.limit) return false;
  ++limits_[slot];
  return true;
}

void World::report_null(model::Context& context, const Operand& o) {
  static const model::Operation op{.name = "NULL pointer dereference"};
  engine_.step(context.make(op), [&](std::uint64_t&) {
    kernel_.report(model::ViolationClass::null_deref, kernel_.intern(o.name),
                   fmt::format("'{}' is reached through a pointer that is NULL", o.name));
  });
}

std::string World::function_served(const sim::Access& access, sim::NameId task) const {
  const std::string object = access.kind == sim::AccessKind::none
                                 ? std::string{}
                                 : kernel_.text(kernel_.declared(access.object, engine_.trace().objects[access.object.index()].name));
  const std::string& who = kernel_.text(task);
  for (std::size_t k = first_listed_kind; k < entity_kinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    if (!has_function(kind)) continue;
    for (const EntitySpec& e : program_->of(kind))
      if (e.function != UINT32_MAX && (e.name == object || (who.size() > e.name.size() && who.ends_with(" " + e.name))))
        return program_->functions[e.function].name;
  }
  return {};
}

void World::file_opened(Origin& origin) {
  record_.files_open.push_back(from_here());
  origin.since = static_cast<std::uint32_t>(record_.files_open.size());
}

void World::file_closed(Origin& origin) {
  if (origin.since != 0) record_.files_open[origin.since - 1].last = here();
  origin.since = 0;
}

void World::count_waiting(const sim::Trace& trace) {
  for (const sim::TaskRecord& t : trace.tasks) {
    if (t.end != sim::TaskRecord::End::blocked || !t.pending_site || t.pending_site.index() >= site_numbers_.size()) continue;
    if (const std::uint32_t n = site_numbers_[t.pending_site.index()]; n != UINT32_MAX) sites_seen_[n] = true;
  }
}

}  // namespace unplug::scenarios
