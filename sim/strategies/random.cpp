// `random`: a uniform walk over the enabled tasks; data choices uniform over their alternatives. The baseline: biased against long tasks.
#include "unplug/sim/hash.hpp"
#include "unplug/sim/strategies/registry.hpp"

namespace unplug::sim {
namespace {

class RandomStrategy final : public Strategy {
 public:
  bool begin(const ExecutionInfo& info) override {
    schedule_ = Random(combine(info.seed, 1));
    data_seed_ = combine(info.seed, 2);
    names_ = info.names;
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId) override {
    return enabled.size() == 1 ? enabled[0].id : enabled[schedule_.below(enabled.size())].id;
  }
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override {
    // A function of task and ordinal, not of the schedule stream: reordering independent steps keeps the values.
    return static_cast<std::uint32_t>(reduce(combine(combine(data_seed_, names_->hash(point.name)), point.ordinal), bound));
  }
  [[nodiscard]] std::string describe() const override { return "random"; }

 private:
  Random schedule_{0};
  std::uint64_t data_seed_ = 0;
  const NameTable* names_ = nullptr;
};

}  // namespace

std::unique_ptr<Strategy> make_random() { return std::make_unique<RandomStrategy>(); }

}  // namespace unplug::sim
