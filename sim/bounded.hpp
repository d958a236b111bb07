// Preemption bounding: every schedule in which a task that could go on is left at most so many times (Musuvathi and Qadeer, PLDI 2007).
//
// A plain search over all choices by re-execution, without reduction: reductions and bounds don't combine simply. Most bugs need at most
// two preemptions. A preemption is a switch away from an enabled task whose last step was no pause (Operation::pause); waits that blocked
// and ends of tasks cost none, starting the task of an interrupt does. What it may say is "safe with at most k preemptions", never "safe".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "unplug/sim/engine.hpp"

namespace unplug::sim {

struct BoundedOptions {
  std::uint32_t preemptions = 0;
  std::uint64_t seed = 0;                     // of the random streams: durations, phases
  std::uint64_t max_executions = UINT64_MAX;  // schedules, after which it stops
  std::function<bool()> stop;                 // asked before each execution: once it answers true, the search stops
  // Told now and then: how many schedules were visited, and an estimate of how many there are; 0: unknown.
  std::function<void(std::uint64_t visited, std::uint64_t estimate)> tell;
  // Where a job starts: which alternative each of the first choices takes. See split_bounded().
  std::vector<std::uint32_t> prefix;
};

struct BoundedResult {
  enum class Kind : std::uint8_t {
    complete,  // all of them have been visited
    stopped,   // by `stop`, by max_executions or by the visitor
    failed     // the program broke the engine's rules, or did something else under the same choices
  } kind = Kind::complete;
  std::uint64_t executions = 0;
  bool withheld = false;  // some schedule needs more preemptions; if not, a complete search has seen all schedules there are
  std::string message;    // failed: what
};

// Visits every schedule of `program` that has exactly options.preemptions preemptions, once: ask for 0, 1, 2, ... in turn. visit() is
// called while the engine still holds the trace; false: stop. Throws what the program's setup() throws.
BoundedResult explore_bounded(Engine& engine, Program& program, const BoundedOptions& options,
                              const std::function<bool(const Outcome& outcome)>& visit);

// At least `wanted` prefixes, if there are so many, that share the schedules of a search among them: a function of the program and of the
// options alone. `out` is left empty if the engine failed, and the message answered.
std::string split_bounded(Engine& engine, Program& program, const BoundedOptions& options, std::size_t wanted,
                          std::vector<std::vector<std::uint32_t>>& out);

}  // namespace unplug::sim
