#include "unplug/sim/bounded.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::sim {
namespace {

// Takes at each point with more than one alternative the one that the stack says, and the first below it: to stay with the running task.
// Ids of tasks are the same whenever the choices before were, so that an index names the same alternative in every execution and engine.
class BoundedWalk final : public Strategy {
 public:
  BoundedWalk(std::uint32_t bound, const std::vector<std::uint32_t>& prefix) : bound_(bound), fixed_(prefix.size()) {
    for (const std::uint32_t taken : prefix) points_.push_back({taken, UINT32_MAX});
  }
  // Executions end at choice number `depth`.
  void cut_at(std::size_t depth) { depth_ = depth; }

  bool begin(const ExecutionInfo& /*info*/) override {
    at_ = 0;
    spent_ = 0;
    paused_ = was_cut_ = false;
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId current) override {
    const auto running = paused_ ? enabled.end() : std::ranges::find(enabled, current, &TaskView::id);
    const TaskView* chosen = nullptr;
    if (running == enabled.end()) {
      const auto taken = next(static_cast<std::uint32_t>(enabled.size()));
      if (was_cut_) return {};
      chosen = &enabled[taken];
    } else {
      const bool may_leave = spent_ < bound_;
      withheld_ = withheld_ || (!may_leave && enabled.size() > 1);
      const auto taken = next(may_leave ? static_cast<std::uint32_t>(enabled.size()) : 1);
      if (was_cut_) return {};
      const auto at = static_cast<std::uint32_t>(running - enabled.begin());
      chosen = &enabled[taken == 0 ? at : taken <= at ? taken - 1 : taken];  // the others keep their order
      if (taken != 0) ++spent_;
    }
    paused_ = chosen->operation().pause;
    return chosen->id;
  }
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t bound) override {
    const std::uint32_t taken = next(bound);
    return was_cut_ ? bound : taken;  // beyond the bound: the execution ends
  }
  [[nodiscard]] std::string describe() const override { return fmt::format("bounded({})", bound_); }

  // Goes to the next schedule; false if there is none.
  bool backtrack() {
    while (points_.size() > fixed_ && points_.back().taken + 1 >= points_.back().alternatives) points_.pop_back();
    if (points_.size() == fixed_) return false;
    ++points_.back().taken;
    return true;
  }
  // As Dpor's: the share of each alternative of a choice is an equal one.
  [[nodiscard]] std::uint64_t estimate(std::uint64_t visited) const {
    constexpr unsigned precision = 62, least = 20;
    std::uint64_t share = 0, weight = std::uint64_t{1} << precision;
    for (std::size_t i = fixed_; i < points_.size() && weight != 0; ++i) {
      weight /= points_[i].alternatives;
      share += weight * points_[i].taken;
    }
    const std::uint64_t parts = share >> (precision - least);
    if (parts == 0 || visited > UINT64_MAX >> least) return 0;
    return std::max((visited << least) / parts, visited);
  }
  [[nodiscard]] std::uint32_t spent() const { return spent_; }
  [[nodiscard]] bool withheld() const { return withheld_; }
  [[nodiscard]] bool was_cut() const { return was_cut_; }
  // The program did not do again what it did before.
  [[nodiscard]] bool diverged() const { return diverged_; }
  [[nodiscard]] std::vector<std::uint32_t> taken() const {
    std::vector<std::uint32_t> out;
    for (std::size_t i = 0; i < at_; ++i) out.push_back(points_[i].taken);
    return out;
  }

 private:
  struct Point {
    std::uint32_t taken, alternatives;
  };
  std::uint32_t next(std::uint32_t alternatives) {
    if (alternatives == 1) return 0;
    if (at_ == depth_) {
      was_cut_ = true;
      return 0;
    }
    if (at_ == points_.size()) points_.push_back({0, alternatives});
    Point& p = points_[at_++];
    if (p.alternatives == UINT32_MAX) p.alternatives = alternatives;  // a prefix doesn't say
    diverged_ = diverged_ || p.alternatives != alternatives || p.taken >= alternatives;
    return diverged_ ? 0 : p.taken;
  }

  std::uint32_t bound_;
  std::size_t fixed_;  // the first points never move
  std::size_t depth_ = SIZE_MAX;
  std::vector<Point> points_;
  std::size_t at_ = 0;
  std::uint32_t spent_ = 0;
  bool paused_ = false, withheld_ = false, was_cut_ = false, diverged_ = false;
};

// What is wrong; empty: nothing.
std::string failure(const Outcome& outcome, const BoundedWalk& walk) {
  if (walk.diverged()) return "the same choices led elsewhere than before";
  return outcome.kind == Outcome::Kind::failed ? outcome.message : std::string{};
}

}  // namespace

BoundedResult explore_bounded(Engine& engine, Program& program, const BoundedOptions& options,
                              const std::function<bool(const Outcome& outcome)>& visit) {
  constexpr std::uint64_t told_each = 256;  // executions
  BoundedWalk walk(options.preemptions, options.prefix);
  BoundedResult result;
  std::uint64_t executed = 0;
  const ExecutionInfo info{0, options.seed, &engine.names()};
  do {
    if ((options.stop && options.stop()) || result.executions == options.max_executions) {
      result.kind = BoundedResult::Kind::stopped;
      return result;
    }
    walk.begin(info);
    const Outcome outcome = engine.run(program, walk, info);
    result.message = failure(outcome, walk);
    if (!result.message.empty()) {
      result.kind = BoundedResult::Kind::failed;
      return result;
    }
    result.withheld = walk.withheld();
    if (options.tell && ++executed % told_each == 0) options.tell(result.executions, walk.estimate(result.executions));
    if (walk.spent() != options.preemptions) continue;  // visited when fewer were asked for
    ++result.executions;
    if (!visit(outcome)) {
      result.kind = BoundedResult::Kind::stopped;
      return result;
    }
  } while (walk.backtrack());
  return result;
}

std::string split_bounded(Engine& engine, Program& program, const BoundedOptions& options, std::size_t wanted,
                          std::vector<std::vector<std::uint32_t>>& out) {
  const ExecutionInfo info{0, options.seed, &engine.names()};
  bool deeper = true;
  for (std::size_t depth = 1; deeper; ++depth) {
    out.clear();
    deeper = false;
    BoundedWalk walk(options.preemptions, {});
    walk.cut_at(depth);
    do {
      walk.begin(info);
      const Outcome outcome = engine.run(program, walk, info);
      if (std::string message = failure(outcome, walk); !message.empty()) {
        out.clear();
        return message;
      }
      deeper = deeper || walk.was_cut();
      out.push_back(walk.taken());
    } while (walk.backtrack());
    if (out.size() >= wanted) break;
  }
  return {};
}

}  // namespace unplug::sim
