#include "unplug/scenarios/run/runner.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "unplug/scenarios/run/cell_run.hpp"
#include "unplug/scenarios/run/describe.hpp"
#include "unplug/scenarios/run/never.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::string_view bounded_search = "bounded(2)";  // nearly all bugs show with two preemptions
constexpr std::string_view drawn = "mix";

// The most evidence that a row asks for, of those that speak of the cell; empty: none does.
std::string_view evidence_asked(const Scenario& s, std::size_t member, std::size_t form, std::size_t policy) {
  std::string_view asked;
  for (const ExpectRow& row : s.expect) {
    if (!row.speaks_of(s.members[member], s.forms[form], s.policies[policy].name)) continue;
    if (row.evidence == "exhaustive" || (row.evidence == "bounded" && asked.empty())) asked = row.evidence;
  }
  return asked;
}

std::vector<CellKey> keys_of(const Scenario& s, const RunOptions& options) {
  std::vector<CellKey> keys;
  for (std::size_t m = 0; m < s.members.size(); ++m)
    for (std::size_t f = 0; f < s.forms.size(); ++f)
      for (std::size_t p = 0; p < s.policies.size(); ++p)
        for (const std::string& strategy : strategies_of(s, options, m, f, p)) {
          const bool bounded = evidence_asked(s, m, f, p) == "bounded";
          keys.push_back({m, f, p, strategy, std::string(bounded ? bounded_search : drawn), keys.size()});
        }
  return keys;
}

// The cells of one scenario, run by several threads: each takes the next. What they find doesn't depend on how many there are.
class CellPool {
 public:
  CellPool(const Scenario& scenario, const RunOptions& options, const LoadOptions& load, ScenarioResult& result)
      : scenario_(scenario), options_(options), load_(load), result_(result), keys_(keys_of(scenario, options)), done_(keys_.size()),
        visited_(keys_.size()), expected_(keys_.size()) {}

  // Answers whether all cells were run.
  bool run(std::vector<RunProblem>& problems) {
    const auto threads = static_cast<unsigned>(std::min<std::size_t>(std::max(options_.jobs, 1U), keys_.size()));
    const CellRun cell(scenario_, options_, load_, threads == 0 ? 1 : std::max(options_.jobs, 1U) / threads);
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t i = next++; i < keys_.size() && !(options_.stop && options_.stop()); i = next++) take(i, cell);
    };
    std::vector<std::thread> others;
    for (unsigned t = 1; t < threads; ++t) others.emplace_back(work);
    work();
    for (std::thread& t : others) t.join();
    bool all = true;
    for (const auto& d : done_) {
      all = all && d && !d->stopped;
      if (d) problems.insert(problems.end(), d->problems.begin(), d->problems.end());
    }
    collect();
    return all;
  }
  // By number of the cell in the result.
  [[nodiscard]] std::vector<bool> leaves_tasks_out() const {
    std::vector<bool> out;
    for (std::size_t i = 0; i < keys_.size(); ++i)
      if (done_[i] && done_[i]->cell) out.push_back(scenario_.program(keys_[i].member, keys_[i].form, keys_[i].policy)->leaves_tasks_out);
    return out;
  }

 private:
  void take(std::size_t i, const CellRun& cell) {
    std::function<void(std::string_view, std::uint64_t, std::uint64_t)> told;
    if (options_.progress)
      told = [&, i](std::string_view unit, std::uint64_t visited, std::uint64_t all) {
        visited_[i] = visited;
        expected_[i] = all;
        tell(unit);
      };
    CellRun::Done d = cell.run(keys_[i], told);
    const std::scoped_lock lock(mutex_);
    done_[i] = std::move(d);
    visited_[i] = expected_[i] = 0;
    ++finished_;
    if (options_.progress) tell({});
    if (!options_.finished) return;
    collect();
    options_.finished(result_);
  }
  // Of the cells at hand.
  void tell(std::string_view unit) const {
    Progress p{finished_, keys_.size(), unit, 0, 0};
    bool known = true;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      p.visited += visited_[i];
      p.all += expected_[i];
      known = known && (visited_[i] == 0 || expected_[i] != 0);
    }
    if (!known) p.all = 0;
    options_.progress(p);
  }
  void collect() {
    result_.cells.clear();
    for (std::size_t i = 0; i < done_.size(); ++i) {
      if (!done_[i] || !done_[i]->cell) continue;
      Cell& cell = result_.cells.emplace_back(*done_[i]->cell);
      // Of the cells that share a file, the one that it is of names it.
      for (Finding& f : cell.violations) {
        if (f.failure_file.empty() || options_.failures->shows(f.failure_file, keys_[i].number)) continue;
        f.failure_file.clear();
        f.replay_command.clear();
      }
    }
  }

  const Scenario& scenario_;
  const RunOptions& options_;
  const LoadOptions& load_;
  ScenarioResult& result_;
  std::vector<CellKey> keys_;
  std::vector<std::optional<CellRun::Done>> done_;
  std::vector<std::atomic<std::uint64_t>> visited_, expected_;  // of the cells at hand
  std::atomic<std::size_t> finished_{0};
  std::mutex mutex_;
};

}  // namespace

std::vector<std::string> strategies_of(const Scenario& s, const RunOptions& options, std::size_t member, std::size_t form,
                                       std::size_t policy) {
  if (options.strategies_given) return options.strategies;
  if (!s.strategies.empty()) return s.strategies;
  // Where a row asks for a proof, that is what has to be done, however many traces there are.
  std::vector<std::string> out = options.strategies;
  if (evidence_asked(s, member, form, policy) == "exhaustive")
    std::ranges::replace(out, std::string(sim::automatic_strategy), std::string(sim::exhaustive_strategy));
  return out;
}

std::size_t cell_count(const Scenario& s, const RunOptions& options) { return keys_of(s, options).size(); }

ScenarioResult run_scenario(const Scenario& scenario, const RunOptions& options, const LoadOptions& load,
                            std::vector<RunProblem>& problems) {
  ScenarioResult result;
  describe(scenario, result);
  CellPool pool(scenario, options, load, result);
  const bool all = pool.run(problems);
  accept_never(scenario, result);
  judge_never(result, pool.leaves_tasks_out());
  if (all) judge_expectations(scenario, result);
  return result;
}

}  // namespace unplug::scenarios
