#include "unplug/scenarios/run/explain.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "unplug/scenarios/run/feasibility.hpp"
#include "unplug/sim/strategies/replay.hpp"
#include "unplug/sim/trial.hpp"

namespace unplug::scenarios {
namespace {

// A schedule is shown as it was where that says what its trace doesn't: latencies, and how few preemptions it needs.
enum class Shown : std::uint8_t { canonical, as_it_was };

class Describer {
 public:
  Describer(const model::Kernel& kernel, const sim::Trace& trace, bool timed) : kernel_(kernel), trace_(trace), timed_(timed) {}

  Place place(std::uint32_t event) const {
    const sim::Event& e = trace_.events[event];
    Place p = place(e.task, e.site, e.frame, e.operation);
    if (timed_) p.time_ns = e.time;
    return p;
  }
  Place pending(sim::TaskId task) const {
    const sim::TaskRecord& r = trace_.tasks[task.index()];
    return place(task, r.pending_site, r.pending_frame, r.pending_operation);
  }

 private:
  Place place(sim::TaskId task, sim::SiteId site, sim::FrameId frame, const sim::Operation* operation) const {
    Place p;
    const sim::TaskRecord& r = trace_.tasks[task.index()];
    p.task = kernel_.text(r.name);
    p.role = kernel_.text(r.role);
    if (site) {
      const model::Site& s = kernel_.site(site);
      p.function = s.function;
      p.step = s.step;
      p.source = s.source;
    }
    p.operation = operation == nullptr ? std::string{} : std::string(operation->name);
    p.call_chain = kernel_.call_chain(frame);
    // Whatever runs has a name: at least that of what it does.
    if (p.function.empty() && !p.call_chain.empty()) p.function = p.call_chain.front();
    if (p.function.empty()) p.function = p.operation.substr(0, p.operation.find(':'));
    return p;
  }
  const model::Kernel& kernel_;
  const sim::Trace& trace_;
  bool timed_;
};

std::string sentence(const Finding& f, const std::string& detail) {
  std::string who = fmt::format("'{}' {} {} ({})", f.offender.task, detail == "the task still sleeps there" ? "is asleep in" : "executes",
                                f.offender.operation, f.offender.function);
  if (f.ended_by) return fmt::format("{} after '{}' {} ({})", who, f.ended_by->task, f.ended_by->operation, f.ended_by->function);
  if (!detail.empty()) return detail;
  return who;
}

}  // namespace

struct Explainer::Impl {
  Impl(std::shared_ptr<const Program> program, const model::PolicySpec& policy) : world(std::move(program), policy, engine) {}

  // Runs and judges; the violation with that signature that comes first in canonical order, if any.
  sim::Outcome run(sim::Strategy& strategy, std::uint64_t index, std::uint64_t seed) {
    violations.clear();
    const sim::ExecutionInfo info{index, seed, &engine.names()};
    if (!strategy.begin(info)) return {};
    sim::Outcome o = engine.run(world, strategy, info);
    judge(world, checker, engine.trace(), o, strategy.obeys_time(), violations);
    return o;
  }
  const model::Violation* find(const std::string& signature) {
    const sim::Trace& t = engine.trace();
    const auto key = [&](const model::Violation& v) {
      const auto at = [&](std::uint32_t e) {
        return e == model::Violation::no_event ? std::pair<std::string, std::uint32_t>{"", UINT32_MAX}
                                               : std::pair<std::string, std::uint32_t>{
                                                     engine.names().text(t.tasks[t.events[e].task.index()].name), t.events[e].ordinal};
      };
      return std::tuple{engine.names().text(t.tasks[v.task.index()].name), at(v.event), at(v.ended_by)};
    };
    const model::Violation* best = nullptr;
    for (const model::Violation& v : violations)
      if (text(world.kernel(), signature_of(t, v)) == signature && (best == nullptr || key(v) < key(*best))) best = &v;
    return best;
  }
  Finding describe(const model::Violation& v, const std::string& signature, bool timed, const std::vector<std::uint64_t>& preemptions) {
    const sim::Trace& t = engine.trace();
    const Describer d(world.kernel(), t, timed);
    Finding f;
    const model::ViolationClassInfo& c = model::info(v.violation_class);
    f.violation_class = std::string(c.name);
    f.note = c.note;
    f.object = v.object ? world.kernel().text(v.object) : std::string{};
    f.signature = signature;
    f.offender = v.event == model::Violation::no_event ? d.pending(v.task) : d.place(v.event);
    if (v.ended_by != model::Violation::no_event) f.ended_by = d.place(v.ended_by);
    if (v.created_by != model::Violation::no_event) f.created_by = d.place(v.created_by);
    f.message = sentence(f, v.detail);
    f.feasibility = feasibility(world, t, v);
    f.serves = world.function_served(v.event == model::Violation::no_event ? t.tasks[v.task.index()].pending : t.events[v.event].access,
                                     t.tasks[v.task.index()].name);
    // Of two ends that nothing orders, each is the other's fault.
    if (v.unordered && f.ended_by) f.also_at = f.ended_by->function;
    const std::uint64_t until = v.event == model::Violation::no_event ? UINT64_MAX : v.event;
    f.preemptions = static_cast<unsigned>(std::ranges::count_if(preemptions, [until](std::uint64_t p) { return p <= until; }));
    return f;
  }

  // Of the execution that has just ended.
  std::optional<Explanation> explain_last(std::uint64_t execution, const std::string& signature, Shown how) {
    const model::Violation* v = find(signature);
    if (v == nullptr) return {};
    const sim::Trace& t = engine.trace();
    // Latencies exist only in the schedule that was timed.
    const bool timed = v->violation_class == model::ViolationClass::slow_remove;
    const bool as_it_was = timed || how == Shown::as_it_was;
    const bool pair = v->event != model::Violation::no_event && v->ended_by != model::Violation::no_event && v->event != v->ended_by &&
                      v->violation_class != model::ViolationClass::data_race;
    // The step after which it was cut has to come last: the bound ends the execution there.
    const bool endless = std::ranges::any_of(t.tasks, [](const sim::TaskRecord& r) { return r.end == sim::TaskRecord::End::cut; });
    const std::size_t last = t.events.size() - 1;
    const sim::Schedule schedule = as_it_was ? sim::schedule_of(t)
                                   : endless ? sim::canonical_schedule(t, engine.names(), last, last)
                                   : pair    ? sim::canonical_schedule(t, engine.names(), v->ended_by, v->event)
                                             : sim::canonical_schedule(t, engine.names());
    const std::uint64_t fingerprint = t.fingerprint;
    sim::ScheduleReplay replay(schedule, timed);
    sim::Recorder recorder(replay);
    run(recorder, 0, execution);
    const model::Violation* again = find(signature);
    if (replay.diverged() || again == nullptr || engine.trace().fingerprint != fingerprint) return {};
    Explanation e;
    e.finding = describe(*again, signature, timed, recorder.preemptions());
    e.decisions = recorder.decisions();
    e.fingerprint = fingerprint;
    e.steps = engine.trace().events.size();
    e.timed = timed;
    return e;
  }

  sim::Engine engine{engine_limits};
  World world;
  model::Checker checker;
  std::vector<model::Violation> violations;
};

Explainer::Explainer(std::shared_ptr<const Program> program, const model::PolicySpec& policy)
    : impl_(std::make_unique<Impl>(std::move(program), policy)) {}
Explainer::~Explainer() = default;

std::optional<Explanation> Explainer::explain(const std::string& strategy_name, std::uint64_t seed, std::uint64_t index,
                                              const std::string& signature) {
  const auto strategy = sim::make_strategy(strategy_name);
  sim::run_trials(impl_->engine, impl_->world, *strategy, seed);
  const std::uint64_t execution = sim::execution_seed(seed, index);
  impl_->run(*strategy, index, execution);
  return impl_->explain_last(execution, signature, Shown::canonical);
}

std::optional<Explanation> Explainer::explain(const NamedSchedule& schedule, std::uint64_t execution_seed, const std::string& signature,
                                              bool as_it_is) {
  sim::Schedule labels;
  for (const auto& [task, choice] : schedule) labels.push_back({impl_->engine.names().intern(task), choice});
  sim::ScheduleReplay replay(std::move(labels));
  impl_->run(replay, 0, execution_seed);
  if (replay.diverged()) return {};
  return impl_->explain_last(execution_seed, signature, as_it_is ? Shown::as_it_was : Shown::canonical);
}

Explainer::Replay Explainer::replay(const std::vector<sim::Decision>& decisions, std::uint64_t execution_seed, bool timed,
                                    const std::string& signature, bool lenient) {
  sim::DecisionReplay strict(decisions, timed);
  sim::LenientReplay loose(decisions, timed);
  sim::Recorder recorder(lenient ? static_cast<sim::Strategy&>(loose) : strict);
  Replay r;
  r.outcome = impl_->run(recorder, 0, execution_seed);
  if (lenient) {
    r.replaced = loose.replaced();
  } else {
    r.divergence = strict.divergence();
  }
  const sim::Trace& t = impl_->engine.trace();
  r.fingerprint = t.fingerprint;
  r.steps = t.events.size();
  for (const model::Violation& v : impl_->violations) r.signatures.push_back(text(impl_->world.kernel(), signature_of(t, v)));
  std::sort(r.signatures.begin(), r.signatures.end());
  r.signatures.erase(std::unique(r.signatures.begin(), r.signatures.end()), r.signatures.end());
  if (const model::Violation* v = impl_->find(signature)) r.finding = impl_->describe(*v, signature, timed, recorder.preemptions());
  const Describer d(impl_->world.kernel(), t, timed);
  for (std::uint32_t i = 0; i < t.events.size(); ++i) {
    const Place p = d.place(i);
    r.last_steps.push_back(fmt::format("{:>4}  {:<16} {:<28} {}{}", i, p.task, p.function.empty() ? p.step : p.function + "/" + p.step,
                                       p.operation, p.source.empty() ? std::string{} : "  " + p.source));
  }
  return r;
}

}  // namespace unplug::scenarios
