// `timed`: a discrete-event simulation. The enabled task with the earliest eligible time goes first, ties broken by the seed; a data choice
// falls by the seed, or as time tells if it has a timeout. The only strategy under which latencies mean anything.
#include <algorithm>

#include "unplug/sim/strategies/draws.hpp"
#include "unplug/sim/strategies/registry.hpp"

namespace unplug::sim {
namespace {

class TimedStrategy final : public Strategy {
 public:
  bool begin(const ExecutionInfo& info) override {
    ties_ = Random(combine(info.seed, 3));
    draws_.begin(info);
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId) override {
    Time earliest = enabled[0].eligible;
    std::uint64_t tied = 0;
    for (const TaskView& v : enabled) {
      if (v.eligible < earliest) {
        earliest = v.eligible;
        tied = 0;
      }
      tied += v.eligible == earliest ? 1 : 0;
    }
    std::uint64_t skip = tied > 1 ? ties_.below(tied) : 0;
    for (const TaskView& v : enabled)
      if (v.eligible == earliest && skip-- == 0) return v.id;
    return enabled[0].id;
  }
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override {
    return point.told && *point.told < bound ? *point.told : draws_.choose(point, bound);
  }
  [[nodiscard]] std::string describe() const override { return "timed"; }
  [[nodiscard]] bool obeys_time() const override { return true; }

 private:
  Random ties_{0};
  Draws draws_;
};

}  // namespace

std::unique_ptr<Strategy> make_timed(unsigned) { return std::make_unique<TimedStrategy>(); }

}  // namespace unplug::sim
