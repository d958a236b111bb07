#include "unplug/scenarios/run/runner.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "unplug/scenarios/run/entry_kinds.hpp"
#include "unplug/scenarios/run/explain.hpp"
#include "unplug/scenarios/run/failure_file.hpp"
#include "unplug/scenarios/run/search.hpp"
#include "unplug/scenarios/run/tally.hpp"
#include "unplug/sim/campaign.hpp"
#include "unplug/sim/semantics.hpp"
#include "unplug/sim/trial.hpp"
#include "unplug/version.hpp"

namespace unplug::scenarios {
namespace {

// One thread's share of a cell.
class CellWorker final : public sim::CampaignWorker {
 public:
  CellWorker(std::shared_ptr<const Program> program, const model::PolicySpec& policy, const std::string& strategy, std::uint64_t seed,
             Tally& into)
      : world_(std::move(program), policy, engine_), strategy_(sim::make_strategy(strategy)),
        gatherer_(world_, strategy_->obeys_time() ? Gatherer::How::timed : Gatherer::How::sampled), seed_(seed), into_(into) {
    sim::run_trials(engine_, world_, *strategy_, seed_);
  }
  void run(std::uint64_t index) override {
    const sim::ExecutionInfo info{index, sim::execution_seed(seed_, index), &engine_.names()};
    if (!strategy_->begin(info)) return;
    const sim::Outcome outcome = engine_.run(world_, *strategy_, info);
    gatherer_.add(index, engine_.trace(), outcome);
  }
  void deliver() override { into_.merge(gatherer_.finish()); }

 private:
  sim::Engine engine_{engine_limits};
  World world_;
  std::unique_ptr<sim::Strategy> strategy_;
  Gatherer gatherer_;
  std::uint64_t seed_;
  Tally& into_;
};

Quantiles quantiles(const sim::Histogram& h) { return {h.count(), h.quantile(500), h.quantile(900), h.quantile(990), h.max()}; }

Wait::Phase phase(model::RemovalPhase p) {
  switch (p) {
    case model::RemovalPhase::devres: return Wait::Phase::devres;
    case model::RemovalPhase::module_exit: return Wait::Phase::module_exit;
    case model::RemovalPhase::module_free: return Wait::Phase::module_free;
    case model::RemovalPhase::none:
    case model::RemovalPhase::remove: break;
  }
  return Wait::Phase::remove;
}

// The workload's bounds belong to the program and are printed with the verdict.
std::vector<std::string> program_bounds(const Program& p) {
  std::vector<std::string> out;
  std::map<std::string, std::uint32_t> users;
  for (const TaskSpec& t : p.tasks) {
    if (t.kind != TaskSpec::Kind::hardware) {
      ++users[t.role];
    } else {
      out.push_back(fmt::format("interrupt '{}' arrives at most {} time(s)", p.of(EntityKind::irq)[t.irq].name, t.times));
    }
  }
  if (p.kernel.faults != 0) out.push_back(fmt::format("at most {} call(s) of a probe fail for want of memory", p.kernel.faults));
  for (const auto& [role, n] : users) out.push_back(fmt::format("{} task(s) '{}'", n, role));
  return out;
}

// Entries that were never under way while the driver was removed: what is said about removal says nothing about them. Where no removal
// happens there is nothing to say.
std::vector<std::string> never_overlapped(const Program& p, const Tally& t) {
  if (p.removal.empty()) return {};
  std::set<std::uint32_t> entries;
  for (const FopsSpec& f : p.fops) entries.insert(f.functions.begin(), f.functions.end());
  for (const VmOpsSpec& v : p.vm_ops) entries.insert({v.open, v.close, v.fault});
  for (std::size_t k = 0; k < entity_kinds; ++k)
    if (const auto kind = static_cast<EntityKind>(k); has_function(kind))
      for (const EntitySpec& e : p.of(kind)) entries.insert(e.function);
  for (std::uint32_t i = 0; i < t.entered.size(); ++i)
    if (t.entered[i]) entries.insert(i);  // a callback of call_rcu()
  std::vector<std::string> out;
  for (const std::uint32_t i : entries) {
    if (i >= p.functions.size() || (i < t.overlapped.size() && t.overlapped[i])) continue;
    const std::uint32_t remove = p.modules[p.functions[i].module].remove;
    out.push_back(fmt::format("{} with {}", p.functions[i].name, remove == UINT32_MAX ? "unbind" : p.functions[remove].name));
  }
  return out;
}

Cell make_cell(const Program& program, const Tally& t, bool timed, const std::optional<Searched>& searched) {
  Cell c;
  c.executions = t.executions;
  c.blocked = t.blocked;
  c.failing = t.failing;
  c.evidence.kind = t.cut != 0 || (searched && !searched->complete) ? Evidence::Kind::bounded
                    : searched                                      ? Evidence::Kind::exhaustive
                                                                    : Evidence::Kind::sampled;
  c.evidence.executions = t.executions;
  c.evidence.distinct_traces = t.fingerprints.empty() ? t.executions : t.fingerprints.size();
  c.evidence.bounds = program_bounds(program);
  if (searched && !searched->complete) c.evidence.bounds.push_back(searched->why);
  if (t.cut != 0) c.evidence.bounds.push_back(fmt::format("{} execution(s) cut: {}", t.cut, t.cut_message));
  if (timed) {
    c.remove_ns = quantiles(t.remove_ns);
    c.unbind_ns = quantiles(t.unbind_ns);
    if (t.rmmod_ns.count() != 0) c.rmmod_ns = quantiles(t.rmmod_ns);
  }
  c.grace_periods = quantiles(t.grace_periods);
  std::vector<std::pair<std::uint32_t, Tally::WaitKey>> order;
  for (const auto& [key, place] : t.wait_order) order.emplace_back(place, key);
  std::sort(order.begin(), order.end());
  for (const auto& [place, key] : order) {
    const Tally::WaitCount& w = t.waits.at(key);
    const auto& [p, what, function, owner] = key;
    Wait out;
    out.phase = phase(p);
    out.what = what;
    out.function = function;
    out.owner = owner;
    out.waited_for.assign(w.waited_for.begin(), w.waited_for.end());
    out.bounded = w.bounded;
    out.executions = w.executions;
    out.blocked = w.blocked;
    if (timed) out.ns = quantiles(w.ns);
    c.waits.push_back(std::move(out));
  }
  c.operations = {t.operations.started,
                  t.operations.completed,
                  t.operations.refused_at_entry,
                  t.operations.torn,
                  t.operations.failed,
                  t.operations.unfinished,
                  static_cast<unsigned>(t.entry_branches.size()),
                  static_cast<unsigned>(t.torn_branches.size())};
  c.unload = t.unload;
  for (std::size_t i = 0; i < program.sites.size(); ++i) {
    const SiteSpec& s = program.sites[i];
    // Verbs that are no steps (labels, branches, declarations without access) are never seen in a trace.
    const Verb* v = find_verb(s.verb);
    if (!s.driver) continue;  // what a task outside the driver asks of the kernel is seen at the kernel's own places
    if (v == nullptr || v->models.empty() || (v->operand == OperandKind::declaration && !v->acts)) continue;
    if (i >= t.sites_seen.size() || !t.sites_seen[i]) c.never_reached.push_back(s.function + "/" + s.step);
  }
  c.never_overlapped = never_overlapped(program, t);
  c.final_states = t.final_states.size();
  for (std::size_t i = 0; i < program.final_state.require.size(); ++i)
    c.required.push_back({program.final_state.require[i].text, i < t.required.size() && t.required[i]});
  return c;
}

struct CellRun {
  const Scenario& scenario;
  const RunOptions& options;
  const LoadOptions& load;
  std::vector<RunProblem>& problems;

  FailureFile failure(std::size_t member, const std::string& form, const PolicyFile& policy, const std::string& strategy,
                      std::uint64_t index, const Explanation& e) const {
    FailureFile f;
    f.engine_semantics = sim::engine_semantics;
    f.tool_version = std::string(version);
    f.scenario_path = scenario.path;
    f.scenario_text = scenario.document->text();
    f.scenario_hash = text_hash(f.scenario_text);
    f.policy = policy;
    f.form = form;
    f.params = scenario.members[member].values;
    f.removal = removal_name(scenario.members[member].removal);
    f.grace_period = load.grace_period;
    f.strategy = strategy;
    f.seed = options.seed;
    f.index = index;
    f.timed = e.timed;
    f.signature = e.finding.signature;
    f.violation_class = e.finding.violation_class;
    f.message = e.finding.message;
    f.fingerprint = e.fingerprint;
    f.steps = e.steps;
    f.decisions = e.decisions;
    return f;
  }

  // Nothing, if it was stopped.
  std::optional<Cell> run(std::size_t member, std::size_t form, std::size_t policy_number, const std::string& strategy,
                          const std::function<void(std::uint64_t)>& progress) const {
    const PolicyFile& policy = scenario.policies[policy_number];
    const std::shared_ptr<const Program> program = scenario.program(member, form, policy_number);
    Tally tally;
    const bool searches = sim::searches(strategy);
    const bool timed = !searches && sim::make_strategy(strategy)->obeys_time();
    std::optional<Searched> searched;
    try {
      if (searches) {
        const std::optional<std::uint32_t> bound = sim::preemption_bound(strategy);
        searched = bound ? search_bounded(program, policy.spec, *bound, options, tally, progress)
                         : search_traces(program, policy.spec, options, tally, progress);
        if (searched->stopped) return {};
      } else if (!sim::run_campaign(
                     options.executions, options.jobs,
                     [&] { return std::make_unique<CellWorker>(program, policy.spec, strategy, options.seed, tally); }, progress,
                     options.stop)) {
        return {};
      }
    } catch (const std::exception& e) {
      problems.push_back({true, fmt::format("{}, policy {}, strategy {}: {}", scenario.path, policy.name, strategy, e.what())});
    }
    Cell cell = make_cell(*program, tally, timed, searched);
    cell.member = scenario.members[member].name;
    cell.form = scenario.forms[form];
    cell.policy = policy.name;
    cell.strategy = strategy;
    cell.seed = options.seed;
    if (tally.signatures.empty()) return cell;

    Explainer explainer(program, policy.spec);
    for (const auto& [signature, count] : tally.signatures) {
      const std::uint64_t index = searched ? 0 : count.lowest;
      const auto e = searched ? explainer.explain(count.schedule, sim::execution_seed(options.seed, 0), signature)
                              : explainer.explain(strategy, options.seed, index, signature);
      if (!e) {
        ++cell.unreplayed_predictions;
        continue;
      }
      Finding f = e->finding;
      f.count = count.count;
      if (count.shown_with != UINT64_MAX) {
        f.preemptions = static_cast<unsigned>(count.shown_with);
        f.fewest = true;
      }
      f.lowest_index = index;
      if (!options.failures.empty()) {
        const std::string variant = fmt::format("{}|{}|{}|{}|{}", scenario.name, cell.member, cell.form, cell.policy, cell.strategy);
        f.failure_file = fmt::format("{}/{}", options.failures, file_name(f, variant));
        std::string error;
        if (write_atomically(f.failure_file, to_json(failure(member, cell.form, policy, strategy, index, *e)), error)) {
          f.replay_command = fmt::format("{} replay {}", options.command, f.failure_file);
        } else {
          problems.push_back({false, error});
          f.failure_file.clear();
        }
      }
      (f.note ? cell.notes : cell.violations).push_back(std::move(f));
    }
    const auto order = [](const Finding& a, const Finding& b) {
      return std::tie(a.violation_class, a.signature) < std::tie(b.violation_class, b.signature);
    };
    std::sort(cell.violations.begin(), cell.violations.end(), order);
    std::sort(cell.notes.begin(), cell.notes.end(), order);
    return cell;
  }
};

constexpr std::string_view bounded_search = "bounded(2)";  // nearly all bugs show with two preemptions

std::vector<std::string> kernel_lines(const Program& p) {
  const model::KernelConfig& k = p.kernel;
  static constexpr std::array<std::string_view, 4> presets{"idle", "busy", "pathological", "idle-one-cpu"};
  std::vector<std::string> lines{fmt::format("version {}", k.version),
                                 fmt::format("PREEMPT_RCU {}", k.preempt_rcu ? "y" : "n"),
                                 fmt::format("HZ {}", k.hz),
                                 fmt::format("cpus {} (under timed)", k.cpus),
                                 k.grace_period ? fmt::format("grace period {} us, exactly", *k.grace_period / 1000)
                                                : fmt::format("grace periods {}", presets[static_cast<std::size_t>(k.grace_periods)]),
                                 fmt::format("module unload {} a grace period", k.unload_grace_period ? "waits for" : "does not wait for")};
  if (p.watch_interrupts) lines.emplace_back("grace periods wait for interrupt and softirq handlers");
  if (k.debug_shirq) lines.emplace_back("DEBUG_SHIRQ y");
  if (p.keventd) lines.emplace_back("one thread takes what is on the system's queue");
  return lines;
}

void describe(const Scenario& s, const std::vector<PolicyFile>& policies, ScenarioResult& r) {
  const Program& first = *s.programs.front();
  r.name = s.name;
  r.path = s.path;
  r.title = s.title;
  r.source = s.source;
  r.text_hash = text_hash(s.document->text());
  r.kernel = kernel_lines(first);
  r.defaults_taken = s.defaults_taken;
  r.model_limits = {"memory is sequentially consistent: no weak-memory reordering", entry_kinds_missing(s)};
  std::map<std::string, std::string> primitives;
  for (const auto& p : s.programs) {
    for (const SiteSpec& site : p->sites) {
      const Verb* v = find_verb(site.verb);
      if (v == nullptr || v->models.empty()) continue;
      primitives[std::string(v->name)] =
          fmt::format("{}: {}{}", v->name, v->models, v->leaves_out.empty() ? "" : fmt::format("; leaves out {}", v->leaves_out));
    }
  }
  for (const auto& [name, line] : primitives) r.primitives.push_back(line);
  for (const PolicyFile& p : policies) r.policies.push_back(label(p));
}

// A member that leaves tasks out says nothing of what only they do: that another one of the family reached it is enough.
void look_at_the_family(ScenarioResult& result, const std::vector<bool>& leaves_tasks_out) {
  const auto by_another = [&](const Cell& c, std::vector<std::string> Cell::*list, const std::string& what) {
    return std::ranges::any_of(result.cells, [&](const Cell& other) {
      return other.form == c.form && other.policy == c.policy && other.strategy == c.strategy &&
             std::ranges::find(other.*list, what) == (other.*list).end();
    });
  };
  std::vector<Cell> judged = result.cells;
  for (std::size_t i = 0; i < judged.size(); ++i) {
    if (!leaves_tasks_out[i]) continue;
    for (const auto list : {&Cell::never_reached, &Cell::never_overlapped})
      std::erase_if(judged[i].*list, [&](const std::string& what) { return by_another(judged[i], list, what); });
  }
  result.cells = std::move(judged);
}

}  // namespace

std::vector<std::string> strategies_of(const Scenario& s, const RunOptions& options, std::size_t member, std::size_t form,
                                       std::size_t policy) {
  if (options.strategies_given) return options.strategies;
  if (!s.strategies.empty()) return s.strategies;
  // Where a row asks for more than a sample, that is what has to be done.
  std::string_view asked;
  for (const ExpectRow& row : s.expect) {
    if (!row.speaks_of(s.members[member], s.forms[form], s.policies[policy].name)) continue;
    if (row.evidence == "exhaustive" || (row.evidence == "bounded" && asked.empty())) asked = row.evidence;
  }
  if (asked.empty()) return options.strategies;
  return {std::string(asked == "bounded" ? bounded_search : sim::exhaustive_strategy)};
}

std::size_t cell_count(const Scenario& s, const RunOptions& options) {
  std::size_t cells = 0;
  for (std::size_t m = 0; m < s.members.size(); ++m)
    for (std::size_t f = 0; f < s.forms.size(); ++f)
      for (std::size_t p = 0; p < s.policies.size(); ++p) cells += strategies_of(s, options, m, f, p).size();
  return cells;
}

ScenarioResult run_scenario(const Scenario& scenario, const RunOptions& options, const LoadOptions& load,
                            std::vector<RunProblem>& problems) {
  ScenarioResult result;
  describe(scenario, scenario.policies, result);
  const CellRun run{scenario, options, load, problems};
  const std::size_t cells = cell_count(scenario, options);
  std::size_t cell = 0;
  std::vector<bool> leaves_tasks_out;
  for (std::size_t m = 0; m < scenario.members.size(); ++m) {
    for (std::size_t f = 0; f < scenario.forms.size(); ++f) {
      for (std::size_t p = 0; p < scenario.policies.size(); ++p) {
        for (const std::string& strategy : strategies_of(scenario, options, m, f, p)) {
          ++cell;
          std::function<void(std::uint64_t)> progress;
          if (options.progress) progress = [&, cell](std::uint64_t done) { options.progress(cell, cells, done, options.executions); };
          auto done = run.run(m, f, p, strategy, progress);
          if (!done) return result;
          result.cells.push_back(std::move(*done));
          leaves_tasks_out.push_back(scenario.program(m, f, p)->leaves_tasks_out);
        }
      }
    }
  }
  if (std::ranges::find(leaves_tasks_out, true) != leaves_tasks_out.end()) look_at_the_family(result, leaves_tasks_out);
  judge_expectations(scenario, result);
  return result;
}

}  // namespace unplug::scenarios
