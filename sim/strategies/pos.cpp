// `pos`: partial order sampling. Every pending step has a random priority, the highest goes, and what conflicts with it draws again.
// Yuan, Yang, Gu: Partial order aware concurrency sampling, CAV 2018.
#include <vector>

#include "unplug/sim/strategies/draws.hpp"
#include "unplug/sim/strategies/registry.hpp"

namespace unplug::sim {
namespace {

class Pos final : public Strategy {
 public:
  bool begin(const ExecutionInfo& info) override {
    draws_.begin(info);
    pending_.clear();
    turn_ = 1;  // nobody has been seen in turn 0
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId) override {
    if (enabled.back().id.index() >= pending_.size()) pending_.resize(enabled.back().id.index() + 1);
    ++turn_;
    const TaskView* best = nullptr;
    for (const TaskView& v : enabled) {
      Pending& p = pending_[v.id.index()];
      // New, or not enabled a moment ago: what has just enabled it conflicts with it.
      if (p.seen + 1 != turn_) p.priority = draws_.schedule.next();
      p.seen = turn_;
      if (best == nullptr || p.priority > pending_[best->id.index()].priority) best = &v;
    }
    for (const TaskView& v : enabled)
      if (v.id == best->id || conflict(v.access(), best->access())) pending_[v.id.index()].priority = draws_.schedule.next();
    return best->id;
  }
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override { return draws_.choose(point, bound); }
  [[nodiscard]] std::string describe() const override { return "pos"; }

 private:
  struct Pending {
    std::uint64_t priority = 0, seen = 0;
  };
  Draws draws_;
  std::vector<Pending> pending_;  // by task
  std::uint64_t turn_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_pos(unsigned) { return std::make_unique<Pos>(); }

}  // namespace unplug::sim
