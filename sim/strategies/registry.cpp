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

constexpr std::array entries{
#define UNPLUG_STRATEGY(name, least, most, usual, summary, parameter) Entry{{#name, summary, parameter}, least, most, usual, make_##name},
#define UNPLUG_SEARCH(name, least, most, usual, summary, parameter) Entry{{name, summary, parameter}, least, most, usual, nullptr},
#include "unplug/sim/strategies/strategies.def"
#undef UNPLUG_STRATEGY
#undef UNPLUG_SEARCH
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
