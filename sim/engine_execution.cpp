// One execution from setup() to the unwinding of its last task; its steps are in engine.cpp.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/sim/engine.hpp"

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
  fibers_.describe_with([](void* argument) {
    const auto& task = *static_cast<const Task*>(argument);
    return task.engine->names_.text(task.spec.name).c_str();
  });
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
  running_ = nullptr;
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
  try {
    finish_trace();
  } catch (...) {  // no memory for it; but nobody may be left on a stack of this execution. Who has failed has no trace to be judged.
    if (!error_ && outcome_.kind != Outcome::Kind::failed) error_ = std::current_exception();
  }
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
  o.order_hash = o.run_hash = 0;
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
  // First what throws if there is no memory, for another place or for another stack: the task doesn't exist then.
  enabled_.add_task(TaskId{task_count_});
  t.fiber = fibers_.obtain(&Engine::task_entry, &t);
  const TaskId id{task_count_++};
  t.spec = spec;
  t.engine = this;
  t.self = id;
  t.name_hash = names_.hash(spec.name);
  t.choice_hash = 0;
  t.pending = nullptr;
  t.creator = current();
  t.creator_steps = running_ != nullptr ? running_->steps : 0;
  t.ready_at = t.free_at = t.pending_since = local_time();
  t.unblocked_by = {};
  t.steps = t.choices = t.refused = 0;
  t.own_names.clear();
  t.draws.fill(0);
  t.granted_choice = 0;
  t.site = {};
  t.frame = {};
  t.done = false;
  t.starting = true;
  t.starter = fibers_.running();
  // It runs up to its first step now: the pending step of every live task is known.
  Task* const creator = std::exchange(running_, &t);
  fibers_.switch_to(t.fiber);
  running_ = creator;
  return id;
}

TaskId Engine::spawn(std::string_view name, std::function<void()> body, bool daemon, std::uint32_t alike) {
  if (aborting_ || over_) return {};
  if (task_count_ == tasks_.size()) tasks_.push_back(std::make_unique<Task>());
  Task& slot = *tasks_[task_count_];
  slot.body = std::move(body);
  TaskSpec spec;
  spec.name = spec.role = names_.intern(name);
  spec.daemon = daemon;
  spec.alike = alike;
  spec.unwinds_by_throw = true;
  spec.entry = [](void* function) { (*static_cast<std::function<void()>*>(function))(); };
  spec.argument = &slot.body;
  return spawn(spec);
}

NameId Engine::own_name(std::string_view part) {
  if (running_ == nullptr) return names_.child(setup_name_, part, count_part(setup_names_, part));
  Task& t = *running_;
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

void Engine::refuse(Task& task) {
  // Destructors that take steps while the stack unwinds must not throw a second time. A task that ignores the refusal and loops is thrown
  // out in the end.
  const bool stubborn = ++task.refused > 10'000;
  if ((task.spec.unwinds_by_throw || stubborn) && std::uncaught_exceptions() == 0) throw TaskAborted{};
}

void Engine::fail(std::string message) {
  if (over_ || aborting_) return;
  end_execution({Outcome::Kind::failed, current(), std::move(message)});
}

void Engine::give_up(std::string message) {
  if (over_ || aborting_) return;
  end_execution({Outcome::Kind::step_bound, current(), std::move(message)});
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
    running_ = &t;
    fibers_.switch_to(t.fiber);
  }
  running_ = nullptr;
}

void Engine::finish_trace() {
  std::uint64_t fingerprint = 0;
  for (std::uint32_t i = 0; i < object_count_; ++i) {
    const Object& o = objects_[i];
    trace_.objects.push_back({o.name, o.word});
    fingerprint += combine(names_.hash(o.name), combine(o.order_hash, o.run_hash));
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
