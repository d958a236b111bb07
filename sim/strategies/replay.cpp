#include "unplug/sim/strategies/replay.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/sim/recorder.hpp"

namespace unplug::sim {

bool ScheduleReplay::begin(const ExecutionInfo&) {
  next_ = 0;
  diverged_ = false;
  return true;
}

TaskId ScheduleReplay::pick(std::span<const TaskView> enabled, TaskId) {
  if (next_ < schedule_.size())
    for (const TaskView& v : enabled)
      if (v.name == schedule_[next_].task && (v.alternatives() > 1 || schedule_[next_].choice == 0)) {
        if (v.alternatives() == 1) ++next_;
        return v.id;
      }
  diverged_ = true;
  return {};
}

std::uint32_t ScheduleReplay::choose(const ChoicePoint&, std::uint32_t bound) {
  const std::uint32_t c = schedule_[next_++].choice;
  if (c >= bound) diverged_ = true;
  return c;
}

bool DecisionReplay::begin(const ExecutionInfo& info) {
  next_ = 0;
  step_ = 0;
  names_ = info.names;
  divergence_.reset();
  return true;
}

const Decision* DecisionReplay::expect(std::uint64_t step, bool data) const {
  if (next_ >= decisions_.size()) return nullptr;
  const Decision& d = decisions_[next_];
  return d.step == step && d.choice.has_value() == data ? &d : nullptr;
}

namespace {

std::string describe_decision(const std::vector<Decision>& decisions, std::size_t next) {
  if (next >= decisions.size()) return "no further decision";
  const Decision& d = decisions[next];
  if (d.choice) return fmt::format("at step {}: choice {} of {} by '{}' ({})", d.step, *d.choice, d.bound, d.task, d.operation);
  return fmt::format("at step {}: task '{}' ({}), among {}", d.step, d.task, d.operation, fmt::join(d.alternatives, ", "));
}

}  // namespace

TaskId DecisionReplay::pick(std::span<const TaskView> enabled, TaskId) {
  const std::uint64_t step = step_++;
  if (enabled.size() == 1) return enabled[0].id;
  std::vector<std::string> alternatives = sorted_names(enabled, *names_);
  const Decision* d = expect(step, false);
  if (d != nullptr && d->alternatives == alternatives) {
    for (const TaskView& v : enabled) {
      if (names_->text(v.name) != d->task || v.operation().name != d->operation) continue;
      ++next_;
      return v.id;
    }
  }
  divergence_ = Divergence{step, describe_decision(decisions_, next_),
                           fmt::format("at step {}: a choice among {} tasks", step, alternatives.size()), std::move(alternatives)};
  return {};
}

std::uint32_t DecisionReplay::choose(const ChoicePoint& point, std::uint32_t bound) {
  const Decision* d = expect(step_ - 1, true);
  if (d != nullptr && d->bound == bound && *d->choice < bound && d->task == names_->text(point.name) &&
      d->operation == point.operation->name) {
    ++next_;
    return *d->choice;
  }
  divergence_ = Divergence{
      step_ - 1,
      describe_decision(decisions_, next_),
      fmt::format("at step {}: a data choice of {} by '{}' ({})", step_ - 1, bound, names_->text(point.name), point.operation->name),
      {}};
  return UINT32_MAX;
}

std::optional<Divergence> DecisionReplay::divergence() const {
  if (divergence_ || next_ >= decisions_.size()) return divergence_;
  return Divergence{step_, describe_decision(decisions_, next_), "the execution ended", {}};
}

LenientReplay::LenientReplay(const std::vector<Decision>& decisions, bool timed) : timed_(timed) {
  for (const Decision& d : decisions) {
    if (d.choice) {
      data_[d.task].push_back(*d.choice);
    } else {
      tasks_.push_back(d.task);
    }
  }
}

bool LenientReplay::begin(const ExecutionInfo& info) {
  next_ = 0;
  replaced_ = 0;
  names_ = info.names;
  return true;
}

TaskId LenientReplay::pick(std::span<const TaskView> enabled, TaskId current) {
  if (enabled.size() == 1) return enabled[0].id;
  // A decision or a few may have lost their place; if none of the next fits, they are kept for later.
  constexpr std::size_t ahead = 8;
  for (std::size_t k = next_; k < std::min(tasks_.size(), next_ + ahead); ++k) {
    for (const TaskView& v : enabled) {
      if (names_->text(v.name) != tasks_[k]) continue;
      replaced_ += k - next_;
      next_ = k + 1;
      return v.id;
    }
  }
  ++replaced_;
  for (const TaskView& v : enabled)
    if (v.id == current) return v.id;
  return std::ranges::min(enabled, {}, [&](const TaskView& v) { return names_->text(v.name); }).id;
}

std::uint32_t LenientReplay::choose(const ChoicePoint& point, std::uint32_t bound) {
  const auto own = data_.find(names_->text(point.name));
  if (own != data_.end() && point.ordinal < own->second.size() && own->second[point.ordinal] < bound) return own->second[point.ordinal];
  ++replaced_;
  return 0;
}

}  // namespace unplug::sim
