// `pct(d)`: priorities with d-1 change points. Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized scheduler with probabilistic
// guarantees of finding bugs, ASPLOS 2010. A bug that d ordering constraints suffice for is hit with probability at least 1/(n k^(d-1)) in
// an execution of n tasks and k steps. k comes from the trials.
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "unplug/sim/strategies/draws.hpp"
#include "unplug/sim/strategies/registry.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {
namespace {

class Pct final : public Strategy {
 public:
  explicit Pct(unsigned depth) : depth_(depth) {}
  bool begin(const ExecutionInfo& info) override {
    draws_.begin(info);
    trial_ = info.trial;
    priorities_.clear();
    changes_.clear();
    for (unsigned i = 1; i < depth_ && !trial_; ++i) changes_.push_back({draws_.schedule.below(length_), i});
    std::ranges::sort(changes_);
    next_change_ = 0;
    step_ = 0;
    in_a_row_ = 0;
    lowest_ = 0;
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId current) override {
    if (trial_) return draws_.any(enabled);
    const TaskView* best = highest(enabled);
    for (; next_change_ < changes_.size() && changes_[next_change_].at <= step_; ++next_change_) {
      // The later the number, the lower: as if the points had been given priorities d-1 .. 1.
      priorities_[best->id.index()] = {0, -static_cast<std::int64_t>(changes_[next_change_].number)};
      best = highest(enabled);
    }
    // Somebody who waits for another in a loop would wait for ever.
    in_a_row_ = best->id == current ? in_a_row_ + 1 : 0;
    if (in_a_row_ >= patience) {
      priorities_[best->id.index()] = {0, -static_cast<std::int64_t>(depth_) - ++lowest_};
      best = highest(enabled);
      in_a_row_ = 0;
    }
    ++step_;
    return best->id;
  }
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override { return draws_.choose(point, bound); }
  void end(const Trace& trace) override {
    if (trial_) length_ = std::max<std::uint64_t>(length_, trace.events.size());
  }
  [[nodiscard]] bool wants_trials() const override { return true; }
  [[nodiscard]] std::string describe() const override { return fmt::format("pct({})", depth_); }

 private:
  static constexpr std::uint32_t patience = 20'000;
  struct Priority {
    std::uint64_t drawn = 0;  // 0: not any more, then `rank`, negative, decides
    std::int64_t rank = 1;    // 1: not yet drawn
    auto operator<=>(const Priority&) const = default;
  };
  struct Change {
    std::uint64_t at;  // before this step
    unsigned number;
    auto operator<=>(const Change&) const = default;
  };
  const TaskView* highest(std::span<const TaskView> enabled) {
    if (enabled.back().id.index() >= priorities_.size()) priorities_.resize(enabled.back().id.index() + 1);
    const TaskView* best = nullptr;
    for (const TaskView& v : enabled) {
      Priority& p = priorities_[v.id.index()];
      if (p.rank == 1) p = {draws_.of_task(v.name) | 1, 0};
      if (best == nullptr || p > priorities_[best->id.index()]) best = &v;
    }
    return best;
  }

  unsigned depth_;
  Draws draws_;
  bool trial_ = false;
  std::uint64_t length_ = 1, step_ = 0;  // length_: steps of the longest trial
  std::vector<Priority> priorities_;     // by task
  std::vector<Change> changes_;
  std::size_t next_change_ = 0;
  std::uint32_t in_a_row_ = 0;
  std::int64_t lowest_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_pct(unsigned depth) { return std::make_unique<Pct>(depth); }

}  // namespace unplug::sim
