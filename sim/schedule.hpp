// Schedules as values: every choice of one execution, and the canonical schedule that shows a given fault of a trace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unplug/sim/strategy.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {

// One choice: which task steps, and how its data choice falls (0 if the step is none).
struct Label {
  NameId task;
  std::uint32_t choice = 0;
  bool operator==(const Label&) const = default;
};
using Schedule = std::vector<Label>;

// The schedule that was executed.
[[nodiscard]] Schedule schedule_of(const Trace& trace);

// The canonical linearisation of a trace: the running task goes on as long as it can, else the least name (fewest switches a greedy
// order finds, and a function of the trace alone).
// With `end`, and `use` of what it ends: first all that comes after neither, then the end, then the use, then the rest, so that the pair
// is as late and as bare as the trace allows. `use` and `end` are indices into trace.events.
[[nodiscard]] Schedule canonical_schedule(const Trace& trace, const NameTable& names);
[[nodiscard]] Schedule canonical_schedule(const Trace& trace, const NameTable& names, std::size_t end, std::size_t use);

// A decision as failure files keep it: only points with more than one alternative, by stable names.
struct Decision {
  std::uint64_t step = 0;                 // how many steps were taken before
  std::string task;                       // chosen task; for a data choice, the task that chooses
  std::string operation;                  // its pending operation
  std::optional<std::uint32_t> choice;    // data choice: the value; otherwise the decision is the task
  std::uint32_t bound = 0;                // data choice: number of alternatives
  std::vector<std::string> alternatives;  // names of the enabled tasks, sorted; empty for a data choice
  bool operator==(const Decision&) const = default;
};

// Where a replay left the recorded path.
struct Divergence {
  std::uint64_t step = 0;
  std::string expected, found;
  std::vector<std::string> enabled;
};

}  // namespace unplug::sim
