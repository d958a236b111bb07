// Exhaustive exploration: one execution per Mazurkiewicz trace.
//
// Optimal: source sets with wakeup trees and sleep sets (Abdulla, Aronis, Jonsson, Sagonas, JACM 2017), races found at the end of every
// maximal execution, with two rules of our own: guarded steps race with the nearest slot in which their guard held, and the ways a data
// choice did not fall are races (races.hpp). No execution is redundant.
//
// Source: sleep sets and single backtrack points. It sees the same traces, and executions besides that are cut because all their
// continuations have been seen. For jobs that start below a prefix with a sleep set of its own (wakeup trees lose traces there), and where
// wakeup trees would need too much memory.
//
// Tasks that are alike are explored by order of start, in both modes and below splits (symmetry.hpp): what is visited then are traces of
// which each other trace is a renaming, some of them renamings of one another. Faults, outcomes and final states come up to renaming, too.
// Which traces of an orbit are visited, and how many, differs between the modes and between splits.
//
// The model must be of finite executions, and a pure function of the choices: the same moves lead to the same state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "unplug/sim/dpor/races.hpp"
#include "unplug/sim/dpor/symmetry.hpp"
#include "unplug/sim/dpor/wakeup_tree.hpp"
#include "unplug/sim/engine.hpp"

namespace unplug::sim {

struct DporOptions {
  enum class Mode : std::uint8_t { optimal, source } mode = Mode::optimal;
  std::vector<Move> prefix, sleep;            // where a job starts; mode source only
  bool symmetry = true;                       // whether of tasks that are alike one stands for the others (symmetry.hpp)
  std::uint64_t seed = 0;                     // of the random streams: durations, phases
  std::uint64_t max_executions = UINT64_MAX;  // traces, after which it stops
  std::size_t max_wakeup_nodes = 1'000'000;   // above: Result::Kind::memory
  // A task that has taken so many steps in a row while others could is left for one of them where the choice is free: who polls what they
  // are to write would otherwise run into its bound first, and never be seen to meet them.
  std::uint32_t fair_after = 1000;
  bool profile = false;        // gather Result::causes
  std::function<bool()> stop;  // asked before each execution: once it answers true, the search stops
  // Told now and then: how many executions were visited, and an estimate of how many there are in all; 0: unknown.
  std::function<void(std::uint64_t visited, std::uint64_t estimate)> tell;
};

class Dpor {
 public:
  struct Result {
    enum class Kind : std::uint8_t {
      complete,  // every trace has been visited
      stopped,   // by `stop`, by max_executions or by the visitor
      memory,    // the wakeup trees outgrew max_wakeup_nodes: start again in mode source
      failed     // the program broke the engine's rules, or did something else under the same choices
    } kind = Kind::complete;
    std::uint64_t executions = 0;  // maximal ones: traces
    std::uint64_t redundant = 0;   // cut because every continuation had been seen; none in mode optimal, but for tasks that are alike few
    std::uint64_t step_bound = 0;  // of the executions: cut by the bound on the steps of a task; what lies behind is unknown
    std::size_t wakeup_nodes = 0;  // at most, at one time
    std::string message;           // failed: what
    // With DporOptions::profile, by object, in the order in which they came up: how many executions were visited because of a race on it;
    // by no object: because of a data choice. The first one has no cause.
    std::vector<std::pair<Cause, std::uint64_t>> causes;
  };
  // Called after each maximal execution, while the engine still holds its trace. false: stop.
  using Visit = std::function<bool(const Outcome& outcome)>;

  // Explores all of `program`. Throws what the program's setup() throws.
  static Result explore(Engine& engine, Program& program, const DporOptions& options, const Visit& visit);

 private:
  class Walk;
};

// --- Splitting, over threads or machines: full branching with sleep sets down to a depth, a job below every prefix that is left.
struct DporJob {
  std::vector<Move> prefix, sleep;
};
struct DporSplit {
  std::vector<DporJob> jobs;
  std::uint64_t redundant = 0;  // prefixes whose every continuation belongs to another job
  std::string message;          // not empty: the program broke the engine's rules
};
// The prefixes of the smallest depth at which there are at least `wanted` jobs, or at which all executions have ended; at most `max_depth`
// deep. A function of the program only. `symmetry` as in the options of the jobs.
DporSplit split(Engine& engine, Program& program, std::size_t wanted, std::size_t max_depth, std::uint64_t seed = 0, bool symmetry = true);

}  // namespace unplug::sim
