// Every trace of one program, gathered: what `prove` and `--strategy dpor` run for a cell.
#pragma once

#include <memory>
#include <string>

#include "unplug/scenarios/run/runner.hpp"
#include "unplug/scenarios/run/tally.hpp"

namespace unplug::scenarios {

struct Exhaustion {
  bool complete = false;  // every trace has been visited
  std::string why;        // if not
  bool stopped = false;   // by options.stop: what was gathered depends on when
};

// Explores with options.jobs threads: one of them visits each trace once and nothing besides; more of them share jobs below a split, whose
// prefixes depend on the program alone. The tally is the same either way. Throws std::runtime_error with a message if the engine failed.
Exhaustion explore_all(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, const RunOptions& options,
                       Tally& into, const std::function<void(std::uint64_t)>& progress);

}  // namespace unplug::scenarios
