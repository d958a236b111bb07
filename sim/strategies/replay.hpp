// `replay`: follows a recorded path strictly, and says where and how an execution leaves it.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "unplug/sim/schedule.hpp"

namespace unplug::sim {

// Follows a complete schedule (every step labelled), as linearisations of a trace are. Cuts the execution where the labelled task is not
// enabled, or where the schedule has ended and tasks are still enabled.
class ScheduleReplay final : public Strategy {
 public:
  // `timed`: the schedule came from a strategy that obeys time.
  explicit ScheduleReplay(Schedule schedule, bool timed = false) : schedule_(std::move(schedule)), timed_(timed) {}
  bool begin(const ExecutionInfo& info) override;
  TaskId pick(std::span<const TaskView> enabled, TaskId current) override;
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override;
  [[nodiscard]] std::string describe() const override { return "replay"; }
  [[nodiscard]] bool obeys_time() const override { return timed_; }
  // Whether the execution left the schedule, or ended before it.
  [[nodiscard]] bool diverged() const { return diverged_ || next_ < schedule_.size(); }

 private:
  Schedule schedule_;
  std::size_t next_ = 0;
  bool timed_, diverged_ = false;
};

// Follows the decisions of a failure file: only points with more than one alternative are recorded, by name, and each must be met at its
// step with exactly the recorded alternatives.
class DecisionReplay final : public Strategy {
 public:
  DecisionReplay(std::vector<Decision> decisions, bool timed) : decisions_(std::move(decisions)), timed_(timed) {}
  bool begin(const ExecutionInfo& info) override;
  TaskId pick(std::span<const TaskView> enabled, TaskId current) override;
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override;
  [[nodiscard]] std::string describe() const override { return "replay"; }
  [[nodiscard]] bool obeys_time() const override { return timed_; }
  // None if every decision met its place. Decisions left over count as a divergence after the last step.
  [[nodiscard]] std::optional<Divergence> divergence() const;

 private:
  const Decision* expect(std::uint64_t step, bool data) const;
  std::vector<Decision> decisions_;
  std::size_t next_ = 0;
  std::uint64_t step_ = 0;
  bool timed_;
  const NameTable* names_ = nullptr;
  std::optional<Divergence> divergence_;
};

// Follows the decisions as far as they fit, for programs that have changed since: takes the named task if it is enabled and else goes on
// with the running one, or the least name; a data choice falls as the same choice of the same task fell, else 0.
class LenientReplay final : public Strategy {
 public:
  LenientReplay(const std::vector<Decision>& decisions, bool timed);
  bool begin(const ExecutionInfo& info) override;
  TaskId pick(std::span<const TaskView> enabled, TaskId current) override;
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override;
  [[nodiscard]] std::string describe() const override { return "replay (lenient)"; }
  [[nodiscard]] bool obeys_time() const override { return timed_; }
  // Decisions that did not fit, points without one and decisions left over.
  [[nodiscard]] std::uint64_t replaced() const { return replaced_ + (tasks_.size() - next_); }

 private:
  std::vector<std::string> tasks_;                          // chosen, in order
  std::map<std::string, std::vector<std::uint32_t>> data_;  // by task: its data choices, in order
  std::size_t next_ = 0;
  std::uint64_t replaced_ = 0;
  bool timed_;
  const NameTable* names_ = nullptr;
};

}  // namespace unplug::sim
