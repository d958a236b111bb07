// Searches of one cell, where others draw: every trace (`prove`, `--strategy dpor`), or every schedule with few preemptions
// (`prove --preemptions`, `--strategy bounded(k)`).
#pragma once

#include <memory>
#include <string>

#include "unplug/scenarios/run/runner.hpp"
#include "unplug/scenarios/run/tally.hpp"

namespace unplug::scenarios {

struct Searched {
  bool complete = false;  // every trace has been visited
  std::string why;        // if not
  bool stopped = false;   // by options.stop: what was gathered depends on when
};

// Called now and then with the number of executions visited so far.
using SearchProgress = std::function<void(std::uint64_t)>;

// An engine that visits executions of a cell, and what they have shown.
struct SearchBench {
  SearchBench(std::shared_ptr<const Program> program, const model::PolicySpec& policy, Gatherer::How how)
      : world(std::move(program), policy, engine), gatherer(world, how) {}
  // Takes the execution that the engine has just ended; `index` as Gatherer::add() wants it.
  void take(std::uint64_t index, const sim::Outcome& outcome, const SearchProgress& progress) {
    gatherer.add(index, engine.trace(), outcome);
    if (progress && ++taken % 1024 == 0) progress(taken);
  }
  sim::Engine engine{engine_limits};
  World world;
  Gatherer gatherer;
  std::uint64_t taken = 0;
};

// Both explore with options.jobs threads, which share jobs below a split that depends on the program alone: the tally is the same with any
// number of them. Both throw std::runtime_error with a message if the engine failed.

// Every trace; with one thread each is visited once, and nothing besides.
Searched search_traces(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, const RunOptions& options,
                       Tally& into, const SearchProgress& progress);
// Every schedule with up to `preemptions` preemptions, those with fewer first. Complete if no schedule needs more.
Searched search_bounded(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, std::uint32_t preemptions,
                        const RunOptions& options, Tally& into, const SearchProgress& progress);

}  // namespace unplug::scenarios
