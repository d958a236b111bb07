#include "unplug/sim/engine.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::sim {

// The object of the step, which has been granted; null if the execution is over.
Engine::Object* Engine::await_turn(const Step& s) {
  Task* const task = running_;
  if (task == nullptr || aborting_ || over_ || in_effect_ || task->steps >= limits_.steps_per_task || !well_formed(s)) [[unlikely]] {
    refuse_step(s);
    return nullptr;
  }
  announce(*task, s);
  if (task->starting) [[unlikely]] {
    task->starting = false;
    fibers_.switch_to(task->starter);
  } else {
    schedule(task->self);
  }
  if (aborting_) [[unlikely]] {
    refuse(*task);
    return nullptr;
  }
  return &grant(*task);
}

// A step that will not be taken: the execution is over, or ends here.
void Engine::refuse_step(const Step& s) {
  if (running_ == nullptr) {
    fail("a step was taken outside any task (in setup)");
    return;
  }
  Task& t = *running_;
  if (aborting_ || over_) {
    if (!aborting_) end_execution(std::move(outcome_));
  } else if (in_effect_) {
    fail(fmt::format("the effect of a step took another step ({})", s.operation->name));
  } else if (t.steps >= limits_.steps_per_task) {
    end_execution({Outcome::Kind::step_bound, t.self,
                   fmt::format("task '{}' took {} steps, at '{}': does it loop on a value that nothing changes any more?",
                               names_.text(t.spec.name), t.steps, s.operation->name)});
  } else {
    const char* what = s.awaited != nullptr                                ? "awaits something, and is no data choice or it does not exist"
                       : s.moved_by.index() >= object_count_ && s.moved_by ? "has a timing that an object moves that does not exist"
                       : s.access.kind == AccessKind::none                 ? "has a guard but no access"
                       : s.access.object.index() >= object_count_          ? "accesses an object that does not exist"
                                                                           : "is a data choice and accesses an object";
    fail(fmt::format("step '{}' {}", s.operation->name, what));
  }
  refuse(t);
}

bool Engine::well_formed(const Step& s) const {
  if (s.moved_by && (s.moved_by.index() >= object_count_ || s.awaited != nullptr)) [[unlikely]]
    return false;
  return s.access.kind == AccessKind::none ? s.guard.trivial() && (s.awaited == nullptr || (s.alternatives > 1 && exists(*s.awaited)))
                                           : s.access.object.index() < object_count_ && s.alternatives <= 1 && s.awaited == nullptr;
}

void Engine::await_change(Task& task, Object& o) {
  o.waiters.insert(std::ranges::upper_bound(o.waiters, task.self, {}, &Task::self), &task);
}

void Engine::await_no_more(const Task& task, Object& o) {
  o.waiters.erase(std::ranges::lower_bound(o.waiters, task.self, {}, &Task::self));
}

void Engine::announce(Task& task, const Step& s) {
  task.pending = &s;
  if (s.access.kind == AccessKind::add && !additions_commute_) [[unlikely]] {
    task.as_write = s;
    task.as_write.access.kind = AccessKind::write;
    task.pending = &task.as_write;
  }
  task.unblocked_by = {};
  task.pending_since = task.free_at;
  if (s.moved_by) [[unlikely]]
    await_change(task, objects_[s.moved_by.index()]);
  if (!s.guard.trivial()) {
    Object& o = objects_[s.access.object.index()];
    if (s.moved_by != s.access.object) await_change(task, o);
    if (!s.guard.holds(o.word)) {
      disable(task);
      return;
    }
  } else if (s.awaited != nullptr) [[unlikely]] {
    for (const Await& a : s.awaited->any) await_change(task, objects_[a.object.index()]);
    if (!may_go_on(s)) {
      disable(task);
      return;
    }
  }
  ready_from(task, task.free_at);
  enabled_.put(view_of(task));
}

// The pending step of the task could be taken from `at` on, or when its wait ends.
void Engine::ready_from(Task& task, Time at) {
  const Step& s = *task.pending;
  task.ready_at = s.timing == nullptr ? at : s.timing->ready(at);
  if (s.awaited != nullptr && s.awaited->until != Awaited::never && told(*s.awaited) == s.awaited->any.size())
    task.ready_at = std::max(task.ready_at, s.awaited->until);
}

std::uint32_t Engine::told(const Awaited& a) const {
  const auto holds = [&](const Await& x) { return x.guard.holds(objects_[x.object.index()].word); };
  return static_cast<std::uint32_t>(std::ranges::find_if(a.any, holds) - a.any.begin());
}

bool Engine::exists(const Awaited& a) const {
  return !a.any.empty() && std::ranges::all_of(a.any, [&](const Await& x) { return x.object.index() < object_count_; });
}

// Who obeys time makes no choice before there is something to tell.
bool Engine::may_go_on(const Step& s) const {
  if (s.awaited != nullptr) [[unlikely]]
    return !obeys_time_ || s.awaited->until != Awaited::never || told(*s.awaited) != s.awaited->any.size();
  return s.guard.trivial() || s.guard.holds(objects_[s.access.object.index()].word);
}

TaskView Engine::view_of(const Task& task) const {
  const Access& access = task.pending->access;
  const NameId object = access.kind == AccessKind::none ? NameId{} : objects_[access.object.index()].name;
  return {task.self, task.spec.name, task.pending, object, task.ready_at};
}

void Engine::disable(const Task& task) {
  if (enabled_.has(task.self)) enabled_.erase(task.self);
}

void Engine::wake(const Object& o, Duration sleep) {
  if (aborting_) return;  // an effect that was left by fail(); the steps of tasks that were unwound before are gone
  const TaskId writer = running_->self;
  const Time done = running_->free_at - sleep;  // its sleep comes after its write
  // All in one go: a contended lock lets many in and shuts them out again.
  woken_.clear();
  bool fewer = false;
  for (Task* const t : o.waiters) {
    const bool holds = may_go_on(*t->pending);
    if (holds == enabled_.has(t->self)) {
      const Step& s = *t->pending;
      if (!holds || (s.awaited == nullptr && (s.timing == nullptr || !s.timing->moves()))) continue;
      ready_from(*t, std::max(t->free_at, done));
      enabled_.put(view_of(*t));
    } else if (holds) {
      t->unblocked_by = writer;
      ready_from(*t, std::max(t->free_at, done));
      woken_.push_back({t->self, t->spec.name, t->pending, o.name, t->ready_at});
    } else {
      enabled_.drop(t->self);
      fewer = true;
    }
  }
  if (fewer) enabled_.close_ranks();
  if (!woken_.empty()) enabled_.merge(woken_);
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
  if (next == running_) return;
  running_ = next;
  fibers_.switch_to(next->fiber);
}

// A task that would compute but finds all CPUs taken is eligible when one gets free; those that came later stand behind it.
void Engine::queue_for_cpus() {
  const Time free = *std::min_element(cpu_free_.begin(), cpu_free_.end());
  Time first = UINT64_MAX;
  for (const TaskView& v : enabled_.views()) {
    const Task& t = *tasks_[v.id.index()];
    if (cost_of(*t.pending) != 0) first = std::min(first, t.ready_at);
  }
  for (TaskView& v : enabled_.views()) {
    const Task& t = *tasks_[v.id.index()];
    if (cost_of(*t.pending) != 0) v.eligible = t.ready_at <= free ? free + (t.ready_at == first ? 0 : 1) : t.ready_at;
  }
}

// The task that the strategy wants next, its data choice made; null if the execution ends here, with outcome_ to say how.
Engine::Task* Engine::consult(TaskId last) {
  if (enabled_.views().empty()) {
    for (std::uint32_t i = 0; i < task_count_; ++i)
      if (!tasks_[i]->done && !tasks_[i]->spec.daemon) outcome_.kind = Outcome::Kind::blocked;
    return nullptr;
  }
  const auto cut = [this] {
    outcome_.kind = Outcome::Kind::cut;
    return nullptr;
  };
  if (obeys_time_) queue_for_cpus();
  const TaskId next = strategy_->pick(enabled_.views(), last);
  if (!next) return cut();
  if (next.index() >= task_count_ || !enabled_.has(next)) {
    outcome_ = {Outcome::Kind::failed, {}, fmt::format("strategy '{}' picked a task that is not enabled", strategy_->describe())};
    return nullptr;
  }
  Task& t = *tasks_[next.index()];
  t.granted_choice = 0;
  if (const std::uint32_t bound = t.pending->alternatives; bound > 1) {
    ChoicePoint point{next, t.spec.name, t.choices, t.pending->operation};
    if (t.pending->awaited != nullptr) point.told = told(*t.pending->awaited);
    t.granted_choice = strategy_->choose(point, bound);
    if (t.granted_choice >= bound) return cut();
    ++t.choices;
  }
  return &t;
}

Engine::Object& Engine::grant(Task& task) {
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
    trace_.boundaries.clear();
  }
  const auto first_use = static_cast<std::uint32_t>(trace_.uses.size());
  for (const LifetimeId l : s.uses) trace_.uses.push_back(l);
  if (s.ends && std::ranges::find(s.uses, s.ends) == s.uses.end()) trace_.uses.push_back(s.ends);  // ending a lifetime is a use of it
  if (s.begins || s.ends) trace_.boundaries.push_back(static_cast<std::uint32_t>(trace_.events.size()));
  Event& e = trace_.events.emplace_back(s);  // filled in place: it is two cache lines
  e.task = task.self;
  e.ordinal = task.steps;
  e.site = task.site;
  e.frame = task.frame;
  e.choice = task.granted_choice;
  e.first_use = first_use;
  e.use_count = static_cast<std::uint32_t>(trace_.uses.size()) - first_use;
  e.time = start;
  e.eligible = task.ready_at;
  e.waited = task.ready_at - task.pending_since;
  e.unblocked_by = task.unblocked_by;
  e.modelled = s.timing != nullptr && s.timing->modelled();

  // The fingerprint: per object the sequence of writes, sets of reads and sets of additions, an event being (task, n-th step).
  const std::uint64_t event_hash = combine(task.name_hash, task.steps);
  const bool accesses = s.access.kind != AccessKind::none;
  Object& o = accesses ? objects_[s.access.object.index()] : no_object_;
  if (accesses) {
    e.before = o.word;
    if (s.access.kind == AccessKind::write) {
      o.order_hash = combine(o.order_hash ^ o.run_hash, event_hash);
      o.run_hash = 0;
    } else {
      if (s.access.kind != o.run && o.run_hash != 0) [[unlikely]] {
        o.order_hash = combine(o.order_hash ^ o.run_hash, 0);
        o.run_hash = 0;
      }
      o.run = s.access.kind;
      o.run_hash += mix(event_hash);
    }
    if (!s.guard.trivial()) await_no_more(task, o);
  } else {
    o.word = 0;
    if (s.awaited != nullptr) [[unlikely]]
      for (const Await& a : s.awaited->any) await_no_more(task, objects_[a.object.index()]);
  }
  if (s.moved_by && (s.guard.trivial() || s.moved_by != s.access.object)) [[unlikely]]
    await_no_more(task, objects_[s.moved_by.index()]);
  if (s.alternatives > 1) task.choice_hash = combine(task.choice_hash, combine(task.steps, task.granted_choice));
  ++task.steps;
  task.pending = nullptr;
  in_effect_ = true;
  return o;
}

void Engine::moved(ObjectId object) {
  if (in_effect_ && object.index() < object_count_) wake(objects_[object.index()], 0);
}

void Engine::begins(LifetimeId life) {
  if (!in_effect_) return;
  mark_boundary();
  trace_.events.back().begins = life;
}

void Engine::ends(LifetimeId life) {
  if (!in_effect_) return;
  mark_boundary();
  trace_.events.back().ends = life;
  uses(life);
}

void Engine::uses(LifetimeId life) {
  if (!in_effect_) return;
  Event& e = trace_.events.back();
  const std::span<const LifetimeId> known = trace_.uses_of(e);
  if (std::ranges::find(known, life) != known.end()) return;
  trace_.uses.push_back(life);  // the last event's are the last
  ++e.use_count;
}

void Engine::mark_boundary() {
  const auto last = static_cast<std::uint32_t>(trace_.events.size() - 1);
  if (trace_.boundaries.empty() || trace_.boundaries.back() != last) trace_.boundaries.push_back(last);
}

std::uint32_t Engine::choose(const Operation& operation, std::uint32_t alternatives, const Witnesses& uses) {
  Step s;
  s.operation = &operation;
  s.uses = uses;
  s.alternatives = alternatives;
  return choose(s);
}

std::uint32_t Engine::choose(const Step& s) {
  return step(s, [this](std::uint64_t&) { return running_->granted_choice; });
}

std::uint64_t Engine::draw(Stream stream, std::uint64_t bound) {
  const auto kind = static_cast<std::size_t>(stream);
  if (running_ == nullptr) return 0;
  Task& t = *running_;
  return reduce(combine(combine(seed_, 0xd1b54a32d192ed03U + kind), combine(t.name_hash, t.draws[kind]++)), bound);
}

NameId Engine::current_name() const { return running_ != nullptr ? running_->spec.name : setup_name_; }

Time Engine::local_time() const { return running_ != nullptr ? std::max(running_->free_at, now_) : now_; }

void Engine::set_site(SiteId site, FrameId frame) {
  if (running_ == nullptr) return;
  running_->site = site;
  running_->frame = frame;
}

}  // namespace unplug::sim
