#include "unplug/sim/recorder.hpp"

#include <algorithm>

namespace unplug::sim {

std::vector<std::string> sorted_names(std::span<const TaskView> enabled, const NameTable& names) {
  std::vector<std::string> out;
  for (const TaskView& v : enabled) out.push_back(names.text(v.name));
  std::sort(out.begin(), out.end());
  return out;
}

bool Recorder::begin(const ExecutionInfo& info) {
  names_ = info.names;
  decisions_.clear();
  preemptions_.clear();
  step_ = 0;
  paused_ = false;
  return inner_.begin(info);
}

TaskId Recorder::pick(std::span<const TaskView> enabled, TaskId current) {
  const TaskId chosen = inner_.pick(enabled, current);
  const std::uint64_t step = step_++;
  bool could_go_on = false;
  for (const TaskView& v : enabled) {
    could_go_on = could_go_on || (current && v.id == current);
    if (v.id != chosen) continue;
    if (enabled.size() > 1)
      decisions_.push_back({step, names_->text(v.name), std::string(v.operation().name), {}, 0, sorted_names(enabled, *names_)});
  }
  if (chosen && current && chosen != current && could_go_on && !paused_) preemptions_.push_back(step);
  for (const TaskView& v : enabled)
    if (v.id == chosen) paused_ = v.operation().pause;
  return chosen;
}

std::uint32_t Recorder::choose(const ChoicePoint& point, std::uint32_t bound) {
  const std::uint32_t c = inner_.choose(point, bound);
  decisions_.push_back({step_ - 1, names_->text(point.name), std::string(point.operation->name), c, bound, {}});
  return c;
}

}  // namespace unplug::sim
