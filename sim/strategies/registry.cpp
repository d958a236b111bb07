#include "unplug/sim/strategies/registry.hpp"

#include <algorithm>
#include <array>

namespace unplug::sim {
namespace {

struct Entry {
  StrategyInfo info;
  unsigned least, most, usual;                  // of the parameter
  std::unique_ptr<Strategy> (*make)(unsigned);  // null: a search
};

// One line a strategy.
constexpr std::array entries{
    Entry{{automatic_strategy,
           "every trace, if there are few (up to five times --executions); else mix, and what was seen until then counts", ""},
          0,
          0,
          0,
          nullptr},
    Entry{{"timed", "discrete-event simulation: the earliest task first; the only one that shows latencies", ""}, 0, 0, 0, make_timed},
    Entry{{"mix", "random, pct(3), pos and surw in rotation", ""}, 0, 0, 0, make_mix},
    Entry{{"random", "uniform random walk over the enabled tasks", ""}, 0, 0, 0, make_random},
    Entry{{"pct", "priorities with d-1 change points, for bugs of depth d", "d, 1 to 9; 3 if not said"}, 1, 9, 3, make_pct},
    Entry{{"pos", "random priorities of steps, drawn again where they conflict", ""}, 0, 0, 0, make_pos},
    Entry{{"surw", "the accesses to one random object interleaved uniformly", ""}, 0, 0, 0, make_surw},
    Entry{{"bounded", "every schedule with few preemptions", "preemptions, 0 to 9; 2 if not said"}, 0, 9, 2, nullptr},
    Entry{{exhaustive_strategy, "every trace once: exhaustive, where executions are few enough", ""}, 0, 0, 0, nullptr},
};

struct Named {
  const Entry* entry = nullptr;  // null: no such name
  unsigned parameter = 0;
};

Named parse(std::string_view name) {
  const std::string_view word = name.substr(0, name.find('('));
  const auto entry = std::ranges::find(entries, word, [](const Entry& e) { return e.info.name; });
  if (entry == entries.end()) return {};
  if (word == name) return {&*entry, entry->usual};
  // One digit is all that any parameter needs.
  if (entry->info.parameter.empty() || name.size() != word.size() + 3 || name.back() != ')') return {};
  const unsigned value = static_cast<unsigned>(name[word.size() + 1]) - '0';
  if (value < entry->least || value > entry->most) return {};
  return {&*entry, value};
}

}  // namespace

std::unique_ptr<Strategy> make_strategy(std::string_view name) {
  const Named n = parse(name);
  return n.entry == nullptr || n.entry->make == nullptr ? nullptr : n.entry->make(n.parameter);
}

bool known_strategy(std::string_view name) { return parse(name).entry != nullptr; }

bool searches(std::string_view name) {
  const Named n = parse(name);
  return n.entry != nullptr && n.entry->make == nullptr;
}

std::string_view unit_of(std::string_view name) {
  if (name == exhaustive_strategy) return "trace";
  return preemption_bound(name) ? "schedule" : "execution";
}

std::optional<std::uint32_t> preemption_bound(std::string_view name) {
  const Named n = parse(name);
  if (n.entry == nullptr || n.entry->info.name != "bounded") return {};
  return n.parameter;
}

std::vector<StrategyInfo> strategies() {
  std::vector<StrategyInfo> out;
  for (const Entry& e : entries) out.push_back(e.info);
  return out;
}

}  // namespace unplug::sim
