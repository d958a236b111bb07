// Searches of one cell, where others draw: every trace (`prove`, `--strategy dpor`), or every schedule with few preemptions
// (`prove --preemptions`, `--strategy bounded(k)`).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unplug/scenarios/run/tally.hpp"
#include "unplug/sim/reductions.hpp"

namespace unplug::scenarios {

struct Searched {
  bool complete = false;                                     // every trace has been visited
  std::string why;                                           // if not
  std::vector<std::pair<std::string, std::uint64_t>> races;  // with SearchOptions::profile: Cell::races
  bool stopped = false;                                      // because it was asked to: what was gathered depends on when
};

// Called now and then with the number of executions visited so far, and of those that there are; 0: unknown.
using SearchProgress = std::function<void(std::uint64_t visited, std::uint64_t all)>;

struct SearchOptions {
  std::uint64_t seed = 1;             // of the campaign
  unsigned jobs = 1;                  // threads; the tally is the same with any number of them, unless it is stopped
  std::optional<std::uint64_t> most;  // executions: then the first ones in the order of one thread; none: all there are
  // Of an exhaustive search that may be given up for another way. Its fingerprints are kept; and it doesn't go on for long where `most`
  // will never do: a tenth of that has been visited, and the estimate is a hundred times as much.
  bool may_give_up = false;
  bool profile = false;        // gather Searched::races; takes one thread
  sim::Reductions reductions;  // of a search for every trace
  std::function<bool()> stop;  // asked between executions, from any thread
  SearchProgress progress;
};

// An engine that visits executions of a cell, and what they have shown.
struct SearchBench {
  SearchBench(std::shared_ptr<const Program> program, const model::PolicySpec& policy, Gatherer::How how, Orbits* orbits = nullptr)
      : world(std::move(program), policy, engine), gatherer(world, how, orbits) {}
  sim::Engine engine{engine_limits};
  World world;
  Gatherer gatherer;
};

// Both throw std::runtime_error with a message if the engine failed.

// Every trace.
Searched search_traces(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, const SearchOptions& options,
                       Tally& into);
// Every schedule with up to `preemptions` preemptions, those with fewer first. Complete if no schedule needs more.
Searched search_bounded(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, std::uint32_t preemptions,
                        const SearchOptions& options, Tally& into);

}  // namespace unplug::scenarios
