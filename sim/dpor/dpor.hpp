// Exhaustive exploration: one execution per Mazurkiewicz trace.
//
// Source sets with wakeup trees and sleep sets (Abdulla, Aronis, Jonsson, Sagonas, JACM 2017), races found at the end of every maximal
// execution, with two rules of our own: guarded steps race with the nearest slot in which their guard held, and the ways a data choice did
// not fall are races (races.hpp). No execution is redundant. Where wakeup trees would need too much memory they keep first steps only: the
// same traces are visited, and executions besides that are cut because all their continuations have been seen.
//
// Several threads share one search (search_tree.hpp): every trace is visited once, whatever their number.
//
// Tasks that are alike are explored up to renaming (symmetry.hpp): what is visited then are traces of which each other trace is a renaming,
// some of them renamings of one another. Faults, outcomes and final states come up to renaming, too. Which traces of an orbit are visited,
// and how many, differs with the number of threads and from run to run; of whole orbits nothing does.
//
// The model must be of finite executions, and a pure function of the choices: the same moves lead to the same state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "unplug/sim/dpor/moves.hpp"
#include "unplug/sim/engine.hpp"

namespace unplug::sim {

class DporWalk;

struct DporOptions {
  bool symmetry = true;                       // whether of tasks that are alike one stands for the others (symmetry.hpp)
  std::uint64_t seed = 0;                     // of the random streams: durations, phases
  std::uint64_t max_executions = UINT64_MAX;  // traces, after which it stops
  std::size_t max_wakeup_nodes = 1'000'000;   // of a thread, and of what all share; above, first steps only are kept
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
      failed     // the program broke the engine's rules, or did something else under the same choices
    } kind = Kind::complete;
    std::uint64_t executions = 0;  // maximal ones: traces
    std::uint64_t redundant = 0;   // cut because every continuation had been seen; none, but for tasks that are alike and small trees
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
  // One execution of a search, added to `result`; false: the search is over.
  static bool run_once(Engine& engine, Program& program, DporWalk& walk, ExecutionInfo& info, Result& result, const Visit& visit);
};

// One thread's part of a search by several. Made, called and destroyed on that thread; deliver() of one worker at a time.
class DporWorker {
 public:
  virtual ~DporWorker() = default;
  virtual Engine& engine() = 0;
  virtual Program& program() = 0;
  // After each maximal execution. false: stop all.
  virtual bool visit(const Outcome& outcome) = 0;
  // Adds what was gathered to the search's result.
  virtual void deliver() = 0;
};
// Explores all of what the workers have as their program, the same for each. No profile, and max_executions is not looked at.
// An exception of a worker is thrown again when all threads have stopped.
Dpor::Result explore_together(unsigned threads, const DporOptions& options, const std::function<std::unique_ptr<DporWorker>()>& make);

}  // namespace unplug::sim
