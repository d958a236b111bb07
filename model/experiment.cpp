#include "unplug/model/experiment.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include <fmt/format.h>

#include "unplug/sim/dpor/dpor.hpp"
#include "unplug/sim/schedule.hpp"
#include "unplug/sim/strategies/replay.hpp"
#include "unplug/sim/trial.hpp"

namespace unplug::model {
namespace {

class Judge {
 public:
  explicit Judge(Experiment& experiment) : experiment_(experiment) {}

  void take(const sim::Outcome& outcome) {
    if (outcome.kind == sim::Outcome::Kind::failed) throw std::runtime_error(outcome.message);
    if (outcome.kind != sim::Outcome::Kind::completed && outcome.kind != sim::Outcome::Kind::blocked) {
      ++findings_.cut;
      return;
    }
    ++findings_.executions;
    violations_.clear();
    checker_.judge(experiment_.kernel, experiment_.engine.trace(), violations_);
    std::vector<const Kept*> here;
    for (const Violation& v : violations_) {
      Kept& f = kept(v);
      if (std::ranges::find(here, &f) != here.end()) continue;
      here.push_back(&f);
      // The first of the shortest is shown.
      const sim::Trace& trace = experiment_.engine.trace();
      if (f.finding.executions++ != 0 && trace.events.size() >= f.schedule.size()) continue;
      const bool ordered = v.event == Violation::no_event || v.ended_by == Violation::no_event;
      f.schedule = ordered ? sim::canonical_schedule(trace, experiment_.engine.names())
                           : sim::canonical_schedule(trace, experiment_.engine.names(), v.ended_by, v.event);
      f.finding.detail = v.detail;
    }
  }
  // Each finding is shown by an execution of its own, in which the life ends before it is used.
  Findings finish(bool timed, std::uint64_t seed) {
    for (auto& f : list_) {
      sim::ScheduleReplay replay(f->schedule, timed);
      const sim::ExecutionInfo info{0, seed, &experiment_.engine.names()};
      replay.begin(info);
      experiment_.engine.run(experiment_, replay, info);
      violations_.clear();
      checker_.judge(experiment_.kernel, experiment_.engine.trace(), violations_);
      for (const Violation& v : violations_)
        if (same(f->finding, v) && f->finding.steps.empty()) f->finding.steps = steps_of(v);
      findings_.list.push_back(std::move(f->finding));
    }
    std::ranges::sort(findings_.list, {}, [](const Finding& f) { return std::tuple(f.violation_class, f.object, f.task); });
    return std::move(findings_);
  }

 private:
  struct Kept {
    Finding finding;
    sim::Schedule schedule;
  };
  [[nodiscard]] const std::string& object_of(const Violation& v) const {
    static const std::string none;
    return v.object ? experiment_.kernel.text(v.object) : none;
  }
  [[nodiscard]] const std::string& task_of(const Violation& v) const {
    return experiment_.kernel.text(experiment_.engine.trace().tasks[v.task.index()].name);
  }
  [[nodiscard]] bool same(const Finding& f, const Violation& v) const {
    return f.violation_class == v.violation_class && f.object == object_of(v) && f.task == task_of(v);
  }
  Kept& kept(const Violation& v) {
    for (const auto& f : list_)
      if (same(f->finding, v)) return *f;
    list_.push_back(std::make_unique<Kept>());
    Finding& f = list_.back()->finding;
    f.violation_class = v.violation_class;
    f.object = object_of(v);
    f.task = task_of(v);
    return *list_.back();
  }

  [[nodiscard]] std::vector<std::string> steps_of(const Violation& v) const {
    const Kernel& k = experiment_.kernel;
    const sim::Trace& trace = experiment_.engine.trace();
    std::vector<std::string> out;
    for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
      const sim::Event& e = trace.events[i];
      std::string line = fmt::format("{} {}: {}",
                                     i == v.event      ? "->"
                                     : i == v.ended_by ? " *"
                                                       : "  ",
                                     k.text(trace.tasks[e.task.index()].name), e.operation->name);
      if (e.access.kind != sim::AccessKind::none)
        line += fmt::format(" ({})", k.text(k.declared(e.access.object, trace.objects[e.access.object.index()].name)));
      if (e.alternatives > 1) line += fmt::format(": {} of {}", e.choice, e.alternatives);
      out.push_back(std::move(line));
    }
    if (v.event == Violation::no_event) {
      const sim::TaskRecord& t = trace.tasks[v.task.index()];
      if (t.pending_operation != nullptr) out.push_back(fmt::format("-> {}: waits in {}", k.text(t.name), t.pending_operation->name));
    }
    return out;
  }

  Experiment& experiment_;
  Findings findings_;
  Checker checker_;
  std::vector<Violation> violations_;
  std::vector<std::unique_ptr<Kept>> list_;
};

}  // namespace

Experiment::Experiment(Layout layout, const KernelConfig& config) : kernel(engine, config), rcu(kernel), layout_(std::move(layout)) {}

void Experiment::setup(sim::Engine& /*engine*/) {
  kernel.reset();
  init_rcu(kernel, rcu);
  kept_.clear();
  layout_(*this);
}

TaskId Experiment::task(std::string_view name, Body body, ContextKind kind, bool daemon) {
  return engine.spawn(
      name,
      [this, kind, body = std::move(body)] {
        Context context(kernel, kind);
        body(context);
        context.finish();
      },
      daemon);
}

TaskId Experiment::remover(std::string_view name, Body body) {
  // The task runs up to its first step inside spawn(); what it does there is no removal yet.
  return kernel.remover = task(name, std::move(body));
}

const Finding* Findings::find(ViolationClass c, std::string_view object, std::string_view task) const {
  const auto found =
      std::ranges::find_if(list, [&](const Finding& f) { return f.violation_class == c && f.object == object && f.task == task; });
  return found == list.end() ? nullptr : &*found;
}

Findings explore(Experiment& experiment, std::uint64_t most) {
  sim::DporOptions options;
  options.max_executions = most;
  Judge judge(experiment);
  const auto result = sim::Dpor::explore(experiment.engine, experiment, options, [&](const sim::Outcome& o) {
    judge.take(o);
    return true;
  });
  if (result.kind == sim::Dpor::Result::Kind::failed) throw std::runtime_error(result.message);
  Findings findings = judge.finish(false, options.seed);
  findings.exhaustive = result.kind == sim::Dpor::Result::Kind::complete && findings.cut == 0;
  return findings;
}

Findings sample(Experiment& experiment, std::uint64_t executions, std::string_view strategy, std::uint64_t seed) {
  const auto s = sim::make_strategy(strategy);
  if (s == nullptr) throw std::invalid_argument(fmt::format("no strategy '{}'", strategy));
  Judge judge(experiment);
  sim::run_trials(experiment.engine, experiment, *s, seed);
  for (std::uint64_t i = 0; i < executions; ++i) {
    const sim::ExecutionInfo info{i, sim::execution_seed(seed, i), &experiment.engine.names()};
    if (!s->begin(info)) break;
    judge.take(experiment.engine.run(experiment, *s, info));
  }
  return judge.finish(s->obeys_time(), seed);
}

std::string describe(const Findings& findings) {
  std::string out = fmt::format("{} executions{}\n", findings.executions, findings.exhaustive ? ": all there are" : "");
  if (findings.cut != 0) out += fmt::format("{} cut by the bound on steps, not judged\n", findings.cut);
  if (findings.list.empty()) out += "nothing found\n";
  for (const Finding& f : findings.list) {
    out += fmt::format("{}({}) @ {}, in {} of them{}{}\n", info(f.violation_class).name, f.object, f.task, f.executions,
                       f.detail.empty() ? "" : ": ", f.detail);
    for (const std::string& s : f.steps) out += fmt::format("  {}\n", s);
  }
  return out;
}

}  // namespace unplug::model
