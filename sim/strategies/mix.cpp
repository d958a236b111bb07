// `mix`: the random strategies in rotation, by the number of the execution: of ten, one walk and three each of pct(3), pos and surw.
// None of them is best everywhere.
#include <array>

#include "unplug/sim/strategies/registry.hpp"

namespace unplug::sim {
namespace {

class Mix final : public Strategy {
 public:
  bool begin(const ExecutionInfo& info) override {
    if (info.trial) {
      at_ = 0;  // all learn from what one does
      trial_ = true;
      for (const auto& s : strategies_) s->begin(info);
      return true;
    }
    static constexpr std::array<std::size_t, 10> rotation{0, 1, 2, 3, 1, 2, 3, 1, 2, 3};
    trial_ = false;
    at_ = rotation[info.index % rotation.size()];
    return strategies_[at_]->begin(info);
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId current) override { return strategies_[at_]->pick(enabled, current); }
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override { return strategies_[at_]->choose(point, bound); }
  void end(const Trace& trace) override {
    for (std::size_t i = 0; i < strategies_.size(); ++i)
      if (trial_ || i == at_) strategies_[i]->end(trace);
  }
  [[nodiscard]] bool wants_trials() const override { return true; }
  [[nodiscard]] std::string describe() const override { return "mix"; }

 private:
  std::array<std::unique_ptr<Strategy>, 4> strategies_{make_random(0), make_pct(3), make_pos(0), make_surw(0)};
  std::size_t at_ = 0;
  bool trial_ = false;
};

}  // namespace

std::unique_ptr<Strategy> make_mix(unsigned) { return std::make_unique<Mix>(); }

}  // namespace unplug::sim
