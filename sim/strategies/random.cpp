// `random`: a uniform walk over the enabled tasks; data choices uniform over their alternatives. The baseline: biased against long tasks.
#include "unplug/sim/strategies/draws.hpp"
#include "unplug/sim/strategies/registry.hpp"

namespace unplug::sim {
namespace {

class RandomStrategy final : public Strategy {
 public:
  bool begin(const ExecutionInfo& info) override {
    draws_.begin(info);
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId) override { return draws_.any(enabled); }
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override { return draws_.choose(point, bound); }
  [[nodiscard]] std::string describe() const override { return "random"; }

 private:
  Draws draws_;
};

}  // namespace

std::unique_ptr<Strategy> make_random(unsigned) { return std::make_unique<RandomStrategy>(); }

}  // namespace unplug::sim
