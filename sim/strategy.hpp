// A strategy makes choices; it sees everything and can touch nothing.
//
// It lives across executions, so it can learn or search; what belongs to one execution is rebuilt in begin(). Adding one: a file in
// strategies/ and a line in strategies/strategies.def.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/sim/access.hpp"
#include "unplug/sim/names.hpp"
#include "unplug/sim/step.hpp"

namespace unplug::sim {

// An enabled task and the step it would take. Valid until it takes it.
struct TaskView {
  TaskId id;
  NameId name;
  const Step* step = nullptr;
  NameId object;      // the name of the object that the step accesses: the same in all executions, which its id is not
  Time eligible = 0;  // virtual time before which it has no reason to run; only `timed` obeys it

  [[nodiscard]] const Access& access() const { return step->access; }
  [[nodiscard]] const Operation& operation() const { return *step->operation; }
  // > 1: the step is a data choice.
  [[nodiscard]] std::uint32_t alternatives() const { return step->alternatives; }
};

struct ExecutionInfo {
  std::uint64_t index = 0;  // of the execution in its campaign
  std::uint64_t seed = 0;   // execution_seed(campaign seed, index)
  const NameTable* names = nullptr;
  bool trial = false;  // not one of the campaign: only to learn from (see Strategy::wants_trials)
};

struct Trace;

struct ChoicePoint {
  TaskId task;
  NameId name;                // of the task
  std::uint64_t ordinal = 0;  // n-th data choice of this task, from 0
  const Operation* operation = nullptr;
  // The way that a choice between the ends of a wait falls by what holds now (see Awaited): for who obeys time, and nobody else.
  std::optional<std::uint32_t> told{};
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  // Prepares one execution. false: exploration is finished, don't run it.
  virtual bool begin(const ExecutionInfo& info) = 0;
  // Which enabled task takes the next step. `enabled` is sorted by id and never empty; `current` is the task that took the last step, or
  // none if there was none or it has ended. The answer must be a member; none ends the execution here (cut).
  virtual TaskId pick(std::span<const TaskView> enabled, TaskId current) = 0;
  // How a data choice falls: 0 .. bound-1. 0 is the benign alternative. A value outside ends the execution here (cut).
  virtual std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) = 0;
  // The execution is over; its trace is complete.
  virtual void end(const Trace& /*trace*/) {}
  // Whether it has to see a few executions before the first that counts (how long they are, who accesses what): see trial.hpp. What it
  // learns there is all it may carry from one execution to the next, or results would depend on how executions were split.
  [[nodiscard]] virtual bool wants_trials() const { return false; }
  // The name under which `--strategy` and failure files know it, parameters included: "random", "pct(3)".
  [[nodiscard]] virtual std::string describe() const = 0;
  // Whether CPUs limit parallelism and reports show latencies: true of `timed`, and of a replay of its schedules.
  [[nodiscard]] virtual bool obeys_time() const { return false; }
};

// Makes the strategy that `--strategy` names, "pct" or "pct(3)", or null if there is none of that name or its parameter is out of range.
[[nodiscard]] std::unique_ptr<Strategy> make_strategy(std::string_view name);

// --- Searches: they visit all executions of a kind, once each, and are no Strategy. make_strategy() doesn't make them.

// The name of exhaustive exploration; see dpor/dpor.hpp.
inline constexpr std::string_view exhaustive_strategy = "dpor";
// That one as far as a budget goes, and executions that are drawn if it doesn't go far enough. Whoever runs campaigns makes it of others.
inline constexpr std::string_view automatic_strategy = "auto";
// What a strategy visits: "trace", "schedule", "execution".
[[nodiscard]] std::string_view unit_of(std::string_view name);
// The k of "bounded(k)", 2 for "bounded"; none if it is another name. See bounded.hpp.
[[nodiscard]] std::optional<std::uint32_t> preemption_bound(std::string_view name);
// Whether it is the name of a search.
[[nodiscard]] bool searches(std::string_view name);

struct StrategyInfo {
  std::string_view name, summary;
  std::string_view parameter;  // what may stand in parentheses; empty: nothing
};
// Whether `--strategy` may say this: the name of a strategy or of a search, its parameter in range.
[[nodiscard]] bool known_strategy(std::string_view name);
// All of them, in the order of documentation.
[[nodiscard]] std::vector<StrategyInfo> strategies();

}  // namespace unplug::sim
