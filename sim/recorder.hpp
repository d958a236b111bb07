// A decorator around any strategy that keeps what a failure file needs: decisions with their alternatives, and preemptions.
#pragma once

#include <string>
#include <vector>

#include "unplug/sim/schedule.hpp"

namespace unplug::sim {

class Recorder final : public Strategy {
 public:
  // `inner` must outlive the recorder.
  explicit Recorder(Strategy& inner) : inner_(inner) {}
  bool begin(const ExecutionInfo& info) override;
  TaskId pick(std::span<const TaskView> enabled, TaskId current) override;
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override;
  void end(const Trace& trace) override { inner_.end(trace); }
  [[nodiscard]] bool wants_trials() const override { return inner_.wants_trials(); }
  [[nodiscard]] std::string describe() const override { return inner_.describe(); }
  [[nodiscard]] bool obeys_time() const override { return inner_.obeys_time(); }

  [[nodiscard]] const std::vector<Decision>& decisions() const { return decisions_; }
  // Step indices at which the running task was left although it could have gone on, its last step being no pause.
  [[nodiscard]] const std::vector<std::uint64_t>& preemptions() const { return preemptions_; }

 private:
  Strategy& inner_;
  const NameTable* names_ = nullptr;
  std::vector<Decision> decisions_;
  std::vector<std::uint64_t> preemptions_;
  std::uint64_t step_ = 0;
  bool paused_ = false;  // the last step was a sleep or a yield
};

// Names of the enabled tasks, sorted: the alternatives of a decision.
[[nodiscard]] std::vector<std::string> sorted_names(std::span<const TaskView> enabled, const NameTable& names);

}  // namespace unplug::sim
