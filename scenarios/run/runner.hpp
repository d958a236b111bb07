// Runs scenario files: every cell of scenario x member x form x policy x strategy as a campaign, violations explained and replayed, failure
// files written, expectations judged.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "unplug/scenarios/result.hpp"
#include "unplug/scenarios/scenario.hpp"

namespace unplug::scenarios {

struct RunOptions {
  std::vector<std::string> strategies;  // for scenarios that name none, where no row of "expect" asks for more evidence
  bool strategies_given = false;        // they were asked for: the file's own don't count
  std::uint64_t executions = 10'000;
  std::optional<std::uint64_t> max_traces;  // under exhaustive exploration; none: all there are
  std::uint64_t seed = 1;
  unsigned jobs = 1;
  std::string failures;                     // directory for failure files; empty: none are written
  const std::atomic<bool>* stop = nullptr;  // once it is true, no more cells are begun and the one at hand is given up
  std::string command;                      // how the user calls this program: "unplug"
  // Called now and then from any thread: cell number, cells in all, executions done and in all of this cell.
  std::function<void(std::size_t cell, std::size_t cells, std::uint64_t done, std::uint64_t all)> progress;
};

// A message for the user if something could not be done (a file not written, the engine at fault); the result is incomplete then.
struct RunProblem {
  bool internal = false;  // exit code 3 instead of 2
  std::string message;
};

// What a member, form and policy (by number) are run under.
[[nodiscard]] std::vector<std::string> strategies_of(const Scenario& scenario, const RunOptions& options, std::size_t member,
                                                     std::size_t form, std::size_t policy);
// How many cells run_scenario() will run.
[[nodiscard]] std::size_t cell_count(const Scenario& scenario, const RunOptions& options);

// Runs all of one scenario. Stopped, it answers the cells that were finished, without expectations. `problems` receives what went wrong
// apart from violations.
ScenarioResult run_scenario(const Scenario& scenario, const RunOptions& options, const LoadOptions& load,
                            std::vector<RunProblem>& problems);

// Judges the scenario's expectations over its cells and stores what was met in them. A row's `must` is looked for in all cells it speaks of
// together; a violation that no row allows is an unmet expectation of its cell.
void judge_expectations(const Scenario& scenario, ScenarioResult& result);

// Whether every expectation is met; without expectations, whether there is no violation.
[[nodiscard]] bool as_expected(const Result& result);

}  // namespace unplug::scenarios
