#include "unplug/sim/engine.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::sim {

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

// What strategies see of a task that could go on from `at`.
TaskView Engine::view_of(Task& task, Time at) {
  const Step& s = *task.pending;
  task.ready_at = s.timing != nullptr ? s.timing->ready(at) : at;
  const NameId object = s.access.kind == AccessKind::none ? NameId{} : objects_[s.access.object.index()].name;
  return {task.self, s.access, object, s.alternatives, task.ready_at, task.spec.name, s.operation};
}

void Engine::enable(Task& task, Time at) {
  const TaskView view = view_of(task, at);
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
  // All in one go: a contended lock lets many in and shuts them out again.
  bool more = false, fewer = false;
  for (const TaskId id : o.waiters) {
    Task& t = *tasks_[id.index()];
    const bool holds = t.pending->guard.holds(o.word);
    if (holds == t.enabled) continue;
    t.enabled = holds;
    if (holds) {
      t.unblocked_by = current_;
      enabled_.push_back(view_of(t, std::max(t.free_at, done)));
      more = true;
    } else {
      fewer = true;
    }
  }
  if (fewer) std::erase_if(enabled_, [this](const TaskView& v) { return !tasks_[v.id.index()]->enabled; });
  if (more) std::ranges::sort(enabled_, {}, &TaskView::id);
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

  if (!keep_events_) {
    trace_.events.clear();
    trace_.uses.clear();
  }
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

}  // namespace unplug::sim
