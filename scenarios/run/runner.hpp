// Runs scenario files: every cell of scenario x member x form x policy x strategy, violations explained and replayed, failure files
// written, expectations judged.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/load/scenario.hpp"
#include "unplug/scenarios/result/result.hpp"
#include "unplug/scenarios/run/failures.hpp"
#include "unplug/sim/reductions.hpp"

namespace unplug::scenarios {

// How far a run is: cells that are done and all of them, executions visited in those at hand and how many there are; 0: unknown.
struct Progress {
  std::size_t done = 0, cells = 0;
  std::string_view unit;  // "trace", "schedule", "execution"
  std::uint64_t visited = 0, all = 0;
};

struct RunOptions {
  std::vector<std::string> strategies;  // for scenarios that name none, where no row of "expect" asks for more evidence
  bool strategies_given = false;        // they were asked for: the file's own don't count
  std::uint64_t executions = 10'000;
  bool profile = false;                     // exhaustive searches say what their traces differ in (Cell::races); each on one thread
  sim::Reductions reductions;               // of exhaustive searches: to compare
  std::optional<std::uint64_t> max_traces;  // under exhaustive exploration; none: all there are
  std::uint64_t seed = 1;
  unsigned jobs = 1;
  FailureStore* failures = nullptr;  // null: none are written
  std::string command;               // how the user calls this program: "unplug"
  // Asked between executions, from any thread: once it answers true, no more cells are begun, and those at hand end where they are.
  std::function<bool()> stop;
  // Called when a cell begins: answers what tells that its time is up. `limit_words`: how the limit was given: "10m".
  std::function<std::function<bool()>()> limit;
  std::string limit_words;
  std::function<void(const Progress&)> progress;  // called now and then, from any thread
  // Called after each cell, one at a time: the scenario's result with the cells that are done by then, which are final but for what is
  // judged over all of them.
  std::function<void(const ScenarioResult&)> finished;
};

// `auto` visits as many traces as this before it gives up and draws instead: traces are cheap.
[[nodiscard]] constexpr std::uint64_t search_budget(const RunOptions& o) { return 5 * o.executions; }

// A message for the user if something could not be done (the engine at fault); the result is incomplete then.
struct RunProblem {
  bool internal = false;  // exit code 3 instead of 2
  std::string message;
};

// What a member, form and policy (by number) are run under.
[[nodiscard]] std::vector<std::string> strategies_of(const Scenario& scenario, const RunOptions& options, std::size_t member,
                                                     std::size_t form, std::size_t policy);
// How many cells run_scenario() will run.
[[nodiscard]] std::size_t cell_count(const Scenario& scenario, const RunOptions& options);

// Runs all of one scenario. Stopped, it answers the cells that were finished and those that were at hand, without expectations. `problems`
// receives what went wrong apart from violations.
ScenarioResult run_scenario(const Scenario& scenario, const RunOptions& options, const LoadOptions& load,
                            std::vector<RunProblem>& problems);

// Judges the scenario's expectations over its cells and stores what was met in them. A row's `must` is looked for in each cell that it
// speaks of, unless it says otherwise; a violation that no row allows is an unmet expectation of its cell.
void judge_expectations(const Scenario& scenario, ScenarioResult& result);

// Whether every expectation is met; without expectations, whether there is no violation and no cell is vacuous.
[[nodiscard]] bool as_expected(const Result& result);

}  // namespace unplug::scenarios
