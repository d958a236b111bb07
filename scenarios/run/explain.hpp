// From a signature and the number of an execution that shows it to the canonical execution, replayed strictly, with everything a report
// and a failure file say about it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unplug/scenarios/result/result.hpp"
#include "unplug/scenarios/run/tally.hpp"
#include "unplug/sim/recorder.hpp"

namespace unplug::scenarios {

// Of one violation: the schedule that shows it and what it looks like there.
struct Explanation {
  Finding finding;  // without count, index and file
  std::vector<sim::Decision> decisions;
  std::uint64_t fingerprint = 0;
  std::uint64_t steps = 0;
  bool timed = false;  // the schedule obeys time
};

class Explainer {
 public:
  Explainer(std::shared_ptr<const Program> program, const model::PolicySpec& policy);
  ~Explainer();

  // Runs execution `index` of the campaign (strategy, seed) again, builds the canonical schedule for `signature` and replays it. None if
  // the replay doesn't show it: a bug of ours, which callers count.
  std::optional<Explanation> explain(const std::string& strategy, std::uint64_t seed, std::uint64_t index, const std::string& signature);

  // The same for a trace that `schedule` leads to, task names as text. `as_it_is`: this schedule is the one to show, not the canonical one.
  std::optional<Explanation> explain(const NamedSchedule& schedule, std::uint64_t execution_seed, const std::string& signature,
                                     bool as_it_is);

  // Replays recorded decisions, with the durations that were drawn then. What happened is in the result.
  struct Replay {
    sim::Outcome outcome;
    std::optional<sim::Divergence> divergence;
    std::uint64_t replaced = 0;  // lenient: decisions that did not fit
    std::uint64_t fingerprint = 0;
    std::uint64_t steps = 0;
    std::vector<std::string> signatures;  // all of the run, sorted
    std::optional<Finding> finding;       // the one asked for, if it is among them
    std::vector<std::string> last_steps;  // the run, a line a step
  };
  Replay replay(const std::vector<sim::Decision>& decisions, std::uint64_t execution_seed, bool timed, const std::string& signature,
                bool lenient = false);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unplug::scenarios
