#include "unplug/sim/strategies/registry.hpp"

#include <array>

namespace unplug::sim {
namespace {

struct Entry {
  StrategyInfo info;
  std::unique_ptr<Strategy> (*make)();
};

// One line a strategy.
constexpr std::array entries{
    Entry{{"timed", "discrete-event simulation: the earliest task first; the only one that shows latencies"}, make_timed},
    Entry{{"random", "uniform random walk over the enabled tasks"}, make_random},
};

}  // namespace

std::unique_ptr<Strategy> make_strategy(std::string_view name) {
  for (const Entry& e : entries)
    if (e.info.name == name) return e.make();
  return nullptr;
}

std::vector<StrategyInfo> strategies() {
  std::vector<StrategyInfo> out;
  for (const Entry& e : entries) out.push_back(e.info);
  return out;
}

}  // namespace unplug::sim
