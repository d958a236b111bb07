// Runs one cell: a search, or executions that are drawn, or the one where the other doesn't come to its end; then every violation is
// explained.
#pragma once

#include "unplug/scenarios/run/explain.hpp"
#include "unplug/scenarios/run/runner.hpp"
#include "unplug/scenarios/run/search.hpp"

namespace unplug::scenarios {

struct CellKey {
  std::size_t member = 0, form = 0, policy = 0;
  std::string strategy;
  std::string otherwise;   // of `auto`: what is done if not all traces can be visited
  std::size_t number = 0;  // its place in the run
};

class CellRun {
 public:
  // `jobs`: threads for this one cell.
  CellRun(const Scenario& scenario, const RunOptions& options, const LoadOptions& load, unsigned jobs)
      : scenario_(scenario), options_(options), load_(load), jobs_(jobs) {}

  struct Done {
    std::optional<Cell> cell;  // none: it was stopped before it had seen anything
    std::vector<RunProblem> problems;
    bool stopped = false;
  };
  // `told`: told now and then how far it is.
  [[nodiscard]] Done run(const CellKey& key, const std::function<void(std::string_view unit, std::uint64_t, std::uint64_t)>& told) const;

 private:
  struct Gathered;
  void gather(const CellKey& key, Gathered& g) const;
  void search(Gathered& g, std::optional<std::uint64_t> budget) const;
  void draw(Gathered& g) const;
  void find_calm_schedules(Gathered& g) const;
  void explain(const CellKey& key, Gathered& g, Done& done) const;
  [[nodiscard]] FailureFile failure(const CellKey& key, const std::string& strategy, std::uint64_t index, const Explanation& e) const;

  const Scenario& scenario_;
  const RunOptions& options_;
  const LoadOptions& load_;
  unsigned jobs_;
};

}  // namespace unplug::scenarios
