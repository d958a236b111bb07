#include "unplug/scenarios/run/cell_run.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "unplug/model/core/violation_class.hpp"
#include "unplug/scenarios/run/cell.hpp"
#include "unplug/scenarios/run/never.hpp"
#include "unplug/sim/campaign.hpp"
#include "unplug/sim/semantics.hpp"
#include "unplug/sim/trial.hpp"
#include "unplug/version.hpp"

namespace unplug::scenarios {
namespace {

// Looked for afterwards, for each violation: a schedule with few preemptions. As far as that comes within so many schedules.
constexpr std::uint64_t calm_schedules = 3000;
constexpr std::uint32_t calm_preemptions = 3;

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

}  // namespace

// What a cell is about, and what was gathered of it.
struct CellRun::Gathered {
  std::shared_ptr<const Program> program;
  const PolicyFile& policy;
  std::function<void(std::string_view, std::uint64_t, std::uint64_t)> told{};
  std::function<bool()> stop{};  // the run's, or this cell's limit
  std::string strategy{};        // on which the verdict rests
  Tally tally{};
  std::optional<Searched> searched{};  // none: executions were drawn
  std::uint64_t drawn = 0, given_up = 0;
  bool stopped = false;
  std::map<std::string, Tally::Count> calm{};  // by signature: schedules with as few preemptions as there are
};

void CellRun::search(Gathered& g, std::optional<std::uint64_t> budget) const {
  const std::optional<std::uint32_t> bound = sim::preemption_bound(g.strategy);
  SearchOptions o;
  o.seed = options_.seed;
  o.jobs = jobs_;
  o.most = budget ? budget : options_.max_traces;
  o.may_give_up = budget.has_value();
  o.profile = options_.profile;
  o.reductions = options_.reductions;
  o.stop = g.stop;
  if (g.told)
    o.progress = [&](std::uint64_t visited, std::uint64_t all) {
      g.told(sim::unit_of(g.strategy), visited, budget ? std::min(all, *budget) : all);
    };
  g.searched = bound ? search_bounded(g.program, g.policy.spec, *bound, o, g.tally) : search_traces(g.program, g.policy.spec, o, g.tally);
  g.stopped = g.searched->stopped;
}

void CellRun::draw(Gathered& g) const {
  std::function<void(std::uint64_t)> told;
  if (g.told) told = [&](std::uint64_t done) { g.told("execution", done, options_.executions); };
  g.searched.reset();
  g.drawn = options_.executions;
  g.stopped = !sim::run_campaign(
      options_.executions, jobs_,
      [&] { return std::make_unique<CellWorker>(g.program, g.policy.spec, g.strategy, options_.seed, g.tally); }, told, g.stop);
}

void CellRun::gather(const CellKey& key, Gathered& g) const {
  if (key.strategy != sim::automatic_strategy) {
    g.strategy = key.strategy;
    sim::searches(g.strategy) ? search(g, {}) : draw(g);
    return;
  }
  g.strategy = std::string(sim::exhaustive_strategy);
  search(g, search_budget(options_));
  if (g.searched->complete || g.stopped) return;
  g.strategy = key.otherwise;
  if (sim::searches(g.strategy)) {
    g.tally = {};  // it visits schedules, which are no traces
    return search(g, {});
  }
  // What was seen until then counts beside what is drawn.
  g.given_up = g.tally.executions;
  draw(g);
}

// Of a trace that breaks, any linearisation does: the one with the fewest preemptions convinces. Found by visiting those with fewer first.
void CellRun::find_calm_schedules(Gathered& g) const {
  if (g.tally.signatures.empty() || sim::preemption_bound(g.strategy)) return;
  if (!sim::searches(g.strategy) && sim::make_strategy(g.strategy)->obeys_time()) return;
  SearchOptions o;
  o.seed = options_.seed;
  o.most = calm_schedules;
  o.stop = options_.stop;
  Tally calm;
  search_bounded(g.program, g.policy.spec, calm_preemptions, o, calm);
  g.calm = std::move(calm.signatures);
}

FailureFile CellRun::failure(const CellKey& key, const std::string& strategy, std::uint64_t index, const Explanation& e) const {
  FailureFile f;
  f.engine_semantics = sim::engine_semantics;
  f.tool_version = std::string(version);
  f.scenario_path = scenario_.path;
  f.scenario_text = scenario_.document->text();
  f.scenario_hash = text_hash(f.scenario_text);
  f.policy = scenario_.policies[key.policy];
  f.form = scenario_.forms[key.form];
  f.params = scenario_.members[key.member].values;
  f.removal = removal_name(scenario_.members[key.member].removal);
  f.grace_period = load_.grace_period;
  f.strategy = strategy;
  f.seed = options_.seed;
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

void CellRun::explain(const CellKey& key, Gathered& g, Done& done) const {
  Cell& cell = *done.cell;
  Explainer explainer(g.program, g.policy.spec);
  // A search that was complete has seen whatever a schedule with few preemptions shows.
  for (const auto& [signature, count] : g.calm) {
    if (g.tally.signatures.contains(signature)) continue;
    if (g.searched && g.searched->complete && g.tally.cut == 0)
      done.problems.push_back(
          {true, fmt::format("{}, policy {}: a search of all traces has missed '{}'", scenario_.path, g.policy.name, signature)});
    g.tally.signatures[signature].add(count);
  }
  const std::uint64_t search_seed = sim::execution_seed(options_.seed, 0);
  for (const auto& [signature, count] : g.tally.signatures) {
    const auto calm = g.calm.find(signature);
    const bool bounded = calm != g.calm.end() || sim::preemption_bound(g.strategy).has_value();
    const Tally::Count& shown = calm != g.calm.end() ? calm->second : count;
    const bool drawn = !shown.schedule.has_value();
    const std::uint64_t index = drawn ? shown.lowest : 0;
    std::optional<Explanation> e = drawn ? explainer.explain(g.strategy, options_.seed, index, signature)
                                         : explainer.explain(*shown.schedule, search_seed, signature, bounded);
    if (!e) {
      ++cell.unreplayed_predictions;
      continue;
    }
    Finding f = e->finding;
    f.count = count.count;
    f.fewest = bounded;
    f.lowest_index = index;
    if (options_.failures != nullptr && !f.note) {
      const FailureStore::Simplicity simplicity{f.preemptions.value_or(UINT32_MAX), e->steps, key.number};
      f.failure_file = options_.failures->offer(failure(key, g.strategy, index, *e), f, scenario_.name, simplicity);
      if (!f.failure_file.empty()) f.replay_command = fmt::format("{} replay {}", options_.command, f.failure_file);
    }
    (f.note ? cell.notes : cell.violations).push_back(std::move(f));
  }
  for (auto* const list : {&cell.violations, &cell.notes})
    std::ranges::sort(*list, {}, [](const Finding& f) { return std::pair(model::fear_rank(f.violation_class), f.signature); });
}

CellRun::Done CellRun::run(const CellKey& key, const std::function<void(std::string_view, std::uint64_t, std::uint64_t)>& told) const {
  Gathered g{.program = scenario_.program(key.member, key.form, key.policy), .policy = scenario_.policies[key.policy], .told = told};
  const std::function<bool()> over = options_.limit ? options_.limit() : std::function<bool()>{};
  if (options_.stop || over) g.stop = [this, over] { return (options_.stop && options_.stop()) || (over && over()); };
  Done done;
  try {
    gather(key, g);
    if (!options_.stop || !options_.stop()) find_calm_schedules(g);
  } catch (const std::exception& e) {
    done.problems.push_back({true, fmt::format("{}, policy {}, strategy {}: {}", scenario_.path, g.policy.name, g.strategy, e.what())});
  }
  done.stopped = g.stopped;
  if (g.stopped) {
    if (g.tally.executions == 0) return done;
    const bool interrupted = options_.stop && options_.stop();
    if (!g.searched) g.searched.emplace();
    g.searched->complete = false;
    g.searched->why =
        fmt::format("{} after {} {}s", interrupted ? "interrupted" : fmt::format("stopped by its limit of {}", options_.limit_words),
                    g.tally.executions, sim::unit_of(g.strategy));
    done.stopped = interrupted;
  }
  const bool timed = !sim::searches(g.strategy) && sim::make_strategy(g.strategy)->obeys_time();
  done.cell = make_cell(*g.program, g.tally, timed, g.searched, g.drawn, g.given_up);
  done.cell->member = scenario_.members[key.member].name;
  done.cell->form = scenario_.forms[key.form];
  done.cell->policy = g.policy.name;
  done.cell->strategy = g.strategy;
  done.cell->seed = options_.seed;
  try {
    if (!g.tally.signatures.empty() || !g.calm.empty()) explain(key, g, done);
  } catch (const std::exception& e) {
    done.problems.push_back({true, fmt::format("{}, policy {}, strategy {}: {}", scenario_.path, g.policy.name, g.strategy, e.what())});
  }
  done.cell->verdict = verdict_of(*done.cell);
  return done;
}

}  // namespace unplug::scenarios
