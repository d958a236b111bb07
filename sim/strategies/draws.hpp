// The random streams of a strategy: one for the schedule, one for data choices.
#pragma once

#include "unplug/sim/hash.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::sim {

class Draws {
 public:
  void begin(const ExecutionInfo& info) {
    schedule = Random(combine(info.seed, 1));
    data_seed_ = combine(info.seed, 2);
    task_seed_ = combine(info.seed, 4);
    names_ = info.names;
  }
  // A data choice is a function of task and ordinal, not of the schedule stream: reordering independent steps keeps the values.
  [[nodiscard]] std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) const {
    return static_cast<std::uint32_t>(reduce(combine(combine(data_seed_, names_->hash(point.name)), point.ordinal), bound));
  }
  // Any value, of a task's own, the same whenever the task is made.
  [[nodiscard]] std::uint64_t of_task(NameId task) const { return combine(task_seed_, names_->hash(task)); }
  [[nodiscard]] std::uint64_t hash(NameId name) const { return names_->hash(name); }
  // A task drawn uniformly.
  TaskId any(std::span<const TaskView> enabled) { return enabled.size() == 1 ? enabled[0].id : enabled[schedule.below(enabled.size())].id; }

  Random schedule{0};

 private:
  std::uint64_t data_seed_ = 0, task_seed_ = 0;
  const NameTable* names_ = nullptr;
};

}  // namespace unplug::sim
