#include "unplug/sim/engine.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::sim {
namespace {

constexpr std::size_t default_cpus = 4;

std::uint32_t count_part(std::vector<std::pair<std::uint64_t, std::uint32_t>>& counts, std::string_view part) {
  const std::uint64_t key = hash_bytes(part);
  for (auto& [have, n] : counts)
    if (have == key) return ++n;
  counts.emplace_back(key, 1U);
  return 1;
}

}  // namespace

Engine::Engine(EngineLimits limits, Fibers::Road road) : limits_(limits), fibers_(Fibers::default_stack_bytes, road) {
  setup_name_ = names_.intern("setup");
}

Engine::~Engine() = default;

void Engine::reset(Strategy& strategy, const ExecutionInfo& info) {
  trace_.clear();
  for (std::uint32_t i = 0; i < object_count_; ++i) objects_[i].waiters.clear();
  task_count_ = object_count_ = 0;
  enabled_.clear();
  setup_names_.clear();
  cpu_free_.assign(default_cpus, 0);
  default_cost_ = 0;
  ++execution_;
  strategy_ = &strategy;
  obeys_time_ = strategy.obeys_time();
  outcome_ = {};
  current_ = {};
  seed_ = info.seed;
  now_ = 0;
  aborting_ = over_ = in_effect_ = false;
}

Outcome Engine::run(Program& program, Strategy& strategy, const ExecutionInfo& info) {
  reset(strategy, info);
  try {
    program.setup(*this);
  } catch (...) {
    error_ = std::current_exception();
    end_execution({Outcome::Kind::cut, {}, {}});
  }
  if (!over_) schedule({});
  finish_trace();
  unwind();
  strategy.end(trace_);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return std::move(outcome_);
}

ObjectId Engine::new_object(NameId name, std::uint64_t word) {
  if (in_effect_) fail("an effect made an object: make it before the step");
  if (aborting_ || over_) return {};  // an effect may still hold a reference to a word, and the trace is complete
  if (!first_of_name(object_names_, name)) {
    fail(fmt::format("two objects are called '{}'", names_.text(name)));
    return {};
  }
  if (object_count_ == objects_.size()) objects_.emplace_back();
  Object& o = objects_[object_count_];
  o.word = word;
  o.order_hash = o.reads_hash = 0;
  o.name = name;
  return ObjectId{object_count_++};
}

bool Engine::first_of_name(std::vector<std::uint64_t>& last_used, NameId name) const {
  if (name.index() >= last_used.size()) last_used.resize(std::size_t{name.index()} + 1, 0);
  return std::exchange(last_used[name.index()], execution_) != execution_;
}

LifetimeId Engine::new_lifetime(NameId name, std::uint32_t kind, bool from_start) {
  if (aborting_ || over_) return {};
  trace_.lifetimes.push_back({name, kind, from_start});
  return LifetimeId{static_cast<std::uint32_t>(trace_.lifetimes.size() - 1)};
}

TaskId Engine::spawn(const TaskSpec& spec) {
  if (aborting_ || over_) return {};
  if (task_count_ >= limits_.tasks) {
    fail(fmt::format("more than {} tasks in one execution: does something start tasks in a loop?", limits_.tasks));
    return {};
  }
  if (!first_of_name(task_names_, spec.name)) {
    fail(fmt::format("two tasks are called '{}'", names_.text(spec.name)));
    return {};
  }
  if (task_count_ == tasks_.size()) tasks_.push_back(std::make_unique<Task>());
  Task& t = *tasks_[task_count_];
  t.fiber = fibers_.obtain(&Engine::task_entry, &t);  // first: it throws if there is no memory for another stack
  const TaskId id{task_count_++};
  t.spec = spec;
  t.engine = this;
  t.self = id;
  t.name_hash = names_.hash(spec.name);
  t.choice_hash = 0;
  t.pending = nullptr;
  t.creator = current_;
  t.creator_steps = current_ ? running_task().steps : 0;
  t.ready_at = t.free_at = t.pending_since = local_time();
  t.unblocked_by = {};
  t.steps = t.choices = t.refused = 0;
  t.place = 0;
  t.own_names.clear();
  t.draws.fill(0);
  t.granted_choice = 0;
  t.site = {};
  t.frame = {};
  t.enabled = t.done = false;
  t.starting = true;
  t.starter = fibers_.running();
  // It runs up to its first step now: the pending step of every live task is known.
  const TaskId creator = current_;
  current_ = id;
  fibers_.switch_to(t.fiber);
  current_ = creator;
  return id;
}

TaskId Engine::spawn(std::string_view name, std::function<void()> body, bool daemon) {
  if (aborting_ || over_) return {};
  if (task_count_ == tasks_.size()) tasks_.push_back(std::make_unique<Task>());
  Task& slot = *tasks_[task_count_];
  slot.body = std::move(body);
  TaskSpec spec;
  spec.name = spec.role = names_.intern(name);
  spec.daemon = daemon;
  spec.unwinds_by_throw = true;
  spec.entry = [](void* function) { (*static_cast<std::function<void()>*>(function))(); };
  spec.argument = &slot.body;
  return spawn(spec);
}

NameId Engine::own_name(std::string_view part) {
  if (!current_) return names_.child(setup_name_, part, count_part(setup_names_, part));
  Task& t = running_task();
  return names_.child(t.spec.name, part, count_part(t.own_names, part));
}

void Engine::task_entry(void* argument) {
  auto& task = *static_cast<Task*>(argument);
  task.engine->run_task(task);
}

void Engine::run_task(Task& task) {
  std::string thrown;
  try {
    task.spec.entry(task.spec.argument);
  } catch (const TaskAborted&) {
  } catch (const std::exception& e) {
    thrown = fmt::format("the code of task '{}' threw an exception: {}", names_.text(task.spec.name), e.what());
  } catch (...) {
    thrown = fmt::format("the code of task '{}' threw an exception", names_.text(task.spec.name));
  }
  // No switch may happen inside a catch block; from here on none is active.
  task.done = true;
  disable(task);
  fibers_.give_back(task.fiber);
  if (!thrown.empty() && !over_) {
    over_ = true;
    outcome_ = {Outcome::Kind::failed, task.self, std::move(thrown)};
  }
  if (aborting_ || over_) {
    fibers_.switch_to(Fibers::main);
  } else if (task.starting) {
    task.starting = false;
    fibers_.switch_to(task.starter);
  } else {
    schedule({});
  }
  // This fiber serves another task by now: touch nothing.
}

bool Engine::refuse(Task& task) {
  // Destructors that take steps while the stack unwinds must not throw a second time. A task that ignores the refusal and loops is thrown
  // out in the end.
  const bool stubborn = ++task.refused > 10'000;
  if ((task.spec.unwinds_by_throw || stubborn) && std::uncaught_exceptions() == 0) throw TaskAborted{};
  return false;
}

bool Engine::await_turn(const Step& s) {
  if (!current_) {
    fail("a step was taken outside any task (in setup)");
    return false;
  }
  Task& t = running_task();
  if (aborting_ || over_) {
    if (over_ && !aborting_) end_execution(std::move(outcome_));
    return refuse(t);
  }
  if (in_effect_) {
    fail(fmt::format("the effect of a step took another step ({})", s.operation->name));
    return refuse(t);
  }
  if (t.steps >= limits_.steps_per_task) {
    end_execution({Outcome::Kind::step_bound, t.self,
                   fmt::format("task '{}' took {} steps, at '{}': does it loop on a value that nothing changes any more?",
                               names_.text(t.spec.name), t.steps, s.operation->name)});
    return refuse(t);
  }
  if (!well_formed(s)) return refuse(t);
  announce(t, s);
  if (t.starting) {
    t.starting = false;
    fibers_.switch_to(t.starter);
  } else {
    schedule(t.self);
  }
  if (aborting_) return refuse(t);
  grant(t);
  return true;
}

bool Engine::well_formed(const Step& s) {
  const bool accesses = s.access.kind != AccessKind::none;
  if (accesses ? s.access.object.index() < object_count_ && s.alternatives <= 1 : s.guard.trivial()) return true;
  const char* what = !accesses                                  ? "has a guard but no access"
                     : s.access.object.index() >= object_count_ ? "accesses an object that does not exist"
                                                                : "is a data choice and accesses an object";
  fail(fmt::format("step '{}' {}", s.operation->name, what));
  return false;
}

void Engine::announce(Task& task, const Step& s) {
  task.pending = &s;
  task.unblocked_by = {};
  task.pending_since = task.free_at;
  const bool guarded = !s.guard.trivial();
  if (guarded) objects_[s.access.object.index()].waiters.push_back(task.self);
  if (!guarded || s.guard.holds(objects_[s.access.object.index()].word)) {
    enable(task, task.free_at);
  } else {
    disable(task);
  }
}

void Engine::enable(Task& task, Time at) {
  const Step& s = *task.pending;
  task.ready_at = s.timing != nullptr ? s.timing->ready(at) : at;
  const NameId object = s.access.kind == AccessKind::none ? NameId{} : objects_[s.access.object.index()].name;
  const TaskView view{task.self, s.access, object, s.alternatives, task.ready_at, task.spec.name, s.operation};
  if (task.enabled && task.place < enabled_.size() && enabled_[task.place].id == task.self) {
    enabled_[task.place] = view;  // mostly it is where it was when it announced its last step
    return;
  }
  const auto place = place_of(task);
  task.place = static_cast<std::uint32_t>(place - enabled_.begin());
  if (task.enabled) {
    *place = view;
  } else {
    enabled_.insert(place, view);
    task.enabled = true;
  }
}

void Engine::disable(Task& task) {
  if (!task.enabled) return;
  enabled_.erase(place_of(task));
  task.enabled = false;
}

// Where the task is in enabled_, or where it would have to be.
std::vector<TaskView>::iterator Engine::place_of(const Task& task) {
  return std::lower_bound(enabled_.begin(), enabled_.end(), task.self, [](const TaskView& v, TaskId id) { return v.id < id; });
}

void Engine::wake(const Step& written) {
  if (aborting_) return;  // an effect that was left by fail(); the steps of tasks that were unwound before are gone
  const Object& o = objects_[written.access.object.index()];
  const Time done = running_task().free_at - written.sleep;  // the writer's sleep comes after its write
  for (const TaskId id : o.waiters) {
    Task& t = *tasks_[id.index()];
    const bool holds = t.pending->guard.holds(o.word);
    if (holds && !t.enabled) {
      t.unblocked_by = current_;
      enable(t, std::max(t.free_at, done));
    } else if (!holds && t.enabled) {
      disable(t);
    }
  }
}

void Engine::schedule(TaskId last) {
  Task* next = nullptr;
  try {
    next = consult(last);
  } catch (...) {
    // Not for the task on whose stack this happens to be: run() throws it again on its caller's.
    error_ = std::current_exception();
    outcome_ = {Outcome::Kind::cut, {}, {}};
  }
  if (next == nullptr) {
    end_execution(std::move(outcome_));
    return;
  }
  current_ = next->self;
  fibers_.switch_to(next->fiber);
}

// A task that would compute but finds all CPUs taken is eligible when one gets free; those that came later stand behind it.
void Engine::queue_for_cpus() {
  const Time free = *std::min_element(cpu_free_.begin(), cpu_free_.end());
  Time first = UINT64_MAX;
  for (const TaskView& v : enabled_) {
    const Task& t = *tasks_[v.id.index()];
    if (cost_of(*t.pending) != 0) first = std::min(first, t.ready_at);
  }
  for (TaskView& v : enabled_) {
    const Task& t = *tasks_[v.id.index()];
    if (cost_of(*t.pending) != 0) v.eligible = t.ready_at <= free ? free + (t.ready_at == first ? 0 : 1) : t.ready_at;
  }
}

// The task that the strategy wants next, its data choice made; null if the execution ends here, with outcome_ to say how.
Engine::Task* Engine::consult(TaskId last) {
  if (enabled_.empty()) {
    for (std::uint32_t i = 0; i < task_count_; ++i)
      if (!tasks_[i]->done && !tasks_[i]->spec.daemon) outcome_.kind = Outcome::Kind::blocked;
    return nullptr;
  }
  const auto cut = [this] {
    outcome_.kind = Outcome::Kind::cut;
    return nullptr;
  };
  if (obeys_time_) queue_for_cpus();
  const TaskId next = strategy_->pick(enabled_, last);
  if (!next) return cut();
  if (next.index() >= task_count_ || !tasks_[next.index()]->enabled) {
    outcome_ = {Outcome::Kind::failed, {}, fmt::format("strategy '{}' picked a task that is not enabled", strategy_->describe())};
    return nullptr;
  }
  Task& t = *tasks_[next.index()];
  t.granted_choice = 0;
  if (t.pending->alternatives > 1) {
    t.granted_choice = strategy_->choose({next, t.spec.name, t.choices, t.pending->operation}, t.pending->alternatives);
    if (t.granted_choice >= t.pending->alternatives) return cut();
    ++t.choices;
  }
  return &t;
}

void Engine::grant(Task& task) {
  const Step& s = *task.pending;
  const Duration cost = cost_of(s);
  Time start = std::max(now_, task.ready_at);
  if (obeys_time_ && cost != 0) {
    const auto cpu = std::min_element(cpu_free_.begin(), cpu_free_.end());
    start = std::max(start, *cpu);
    *cpu = start + cost;
  }
  now_ = start;
  task.free_at = start + cost + s.sleep;

  Event& e = trace_.events.emplace_back();  // filled in place: it is two cache lines
  e.task = task.self;
  e.ordinal = task.steps;
  e.access = s.access;
  e.guard = s.guard;
  e.operation = s.operation;
  e.site = task.site;
  e.frame = task.frame;
  e.choice = task.granted_choice;
  e.alternatives = s.alternatives;
  e.first_use = static_cast<std::uint32_t>(trace_.uses.size());
  e.use_count = static_cast<std::uint32_t>(s.uses.size());
  if (s.uses.size() != 0) trace_.uses.insert(trace_.uses.end(), s.uses.begin(), s.uses.end());
  if (s.ends && std::find(s.uses.begin(), s.uses.end(), s.ends) == s.uses.end()) {
    trace_.uses.push_back(s.ends);  // ending a lifetime is a use of what it ends
    ++e.use_count;
  }
  e.begins = s.begins;
  e.ends = s.ends;
  e.time = start;
  e.eligible = task.ready_at;
  e.waited = task.ready_at - task.pending_since;
  e.unblocked_by = task.unblocked_by;

  // The fingerprint: per object the alternation of writes and sets of reads, an event being (task, n-th step).
  const std::uint64_t event_hash = combine(task.name_hash, task.steps);
  if (s.access.kind != AccessKind::none) {
    Object& o = objects_[s.access.object.index()];
    e.before = o.word;
    if (s.access.kind == AccessKind::write) {
      o.order_hash = combine(o.order_hash ^ o.reads_hash, event_hash);
      o.reads_hash = 0;
    } else {
      o.reads_hash += mix(event_hash);
    }
    if (!s.guard.trivial()) std::erase(o.waiters, task.self);
  }
  if (s.alternatives > 1) task.choice_hash = combine(task.choice_hash, combine(task.steps, task.granted_choice));
  ++task.steps;
  task.pending = nullptr;
  in_effect_ = true;
}

std::uint32_t Engine::choose(const Operation& operation, std::uint32_t alternatives, const Witnesses& uses) {
  Step s;
  s.operation = &operation;
  s.uses = uses;
  s.alternatives = alternatives;
  return choose(s);
}

std::uint32_t Engine::choose(const Step& s) {
  return step(s, [this](std::uint64_t&) { return running_task().granted_choice; });
}

std::uint64_t Engine::draw(Stream stream, std::uint64_t bound) {
  const auto kind = static_cast<std::size_t>(stream);
  if (!current_) return 0;
  Task& t = running_task();
  return reduce(combine(combine(seed_, 0xd1b54a32d192ed03U + kind), combine(t.name_hash, t.draws[kind]++)), bound);
}

NameId Engine::current_name() const { return current_ ? tasks_[current_.index()]->spec.name : setup_name_; }

Time Engine::local_time() const { return current_ ? std::max(tasks_[current_.index()]->free_at, now_) : now_; }

void Engine::set_site(SiteId site, FrameId frame) {
  if (!current_) return;
  running_task().site = site;
  running_task().frame = frame;
}

void Engine::fail(std::string message) {
  if (over_ || aborting_) return;
  end_execution({Outcome::Kind::failed, current_, std::move(message)});
}

void Engine::set_cpus(std::uint32_t cpus) { cpu_free_.assign(std::max(cpus, 1U), 0); }

void Engine::end_execution(Outcome outcome) {
  outcome_ = std::move(outcome);
  over_ = true;
  if (fibers_.running() != Fibers::main) fibers_.switch_to(Fibers::main);
}

void Engine::unwind() {
  aborting_ = true;
  in_effect_ = false;
  for (std::uint32_t i = 0; i < task_count_; ++i) {
    Task& t = *tasks_[i];
    if (t.done) continue;
    current_ = t.self;
    fibers_.switch_to(t.fiber);
  }
  current_ = {};
}

void Engine::finish_trace() {
  std::uint64_t fingerprint = 0;
  for (std::uint32_t i = 0; i < object_count_; ++i) {
    const Object& o = objects_[i];
    trace_.objects.push_back({o.name, o.word});
    fingerprint += combine(names_.hash(o.name), combine(o.order_hash, o.reads_hash));
  }
  const bool cut = outcome_.kind != Outcome::Kind::completed && outcome_.kind != Outcome::Kind::blocked;
  for (std::uint32_t i = 0; i < task_count_; ++i) {
    const Task& t = *tasks_[i];
    TaskRecord r;
    r.name = t.spec.name;
    r.role = t.spec.role;
    r.creator = t.creator;
    r.creator_steps = t.creator_steps;
    r.steps = t.steps;
    r.daemon = t.spec.daemon;
    if (!t.done) {
      r.end = cut ? TaskRecord::End::cut : TaskRecord::End::blocked;
      r.pending_site = t.site;
      r.pending_frame = t.frame;
      r.pending_since = t.pending_since;
      if (t.pending != nullptr) {
        r.pending = t.pending->access;
        r.pending_guard = t.pending->guard;
        r.pending_operation = t.pending->operation;
        r.pending_uses = t.pending->uses;
        if (t.pending->ends) r.pending_uses.add(t.pending->ends);
      }
    }
    trace_.tasks.push_back(r);
    fingerprint += combine(t.name_hash, combine(t.steps, t.choice_hash));
  }
  trace_.fingerprint = mix(fingerprint);
  trace_.end_time = now_;
}

}  // namespace unplug::sim
