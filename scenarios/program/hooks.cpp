#include "unplug/scenarios/program/hooks.hpp"

namespace unplug::scenarios {
namespace {

namespace part_of {
constexpr std::optional<model::Part> none{}, entry{model::Part::entry}, resource{model::Part::resource},
    rcu_callbacks{model::Part::rcu_callbacks};
}

}  // namespace

std::span<const HookInfo> hooks() {
  static constexpr std::array<HookInfo, hook_count> all{{
#define HOOK(word, part, resource, file, meaning) {Hook::word, #word, part_of::part, resource, file, meaning},
#include "unplug/scenarios/program/hooks.def"
#undef HOOK
  }};
  return all;
}

std::optional<Hook> find_hook(std::string_view name) {
  for (const HookInfo& h : hooks())
    if (h.name == name) return h.hook;
  return {};
}

}  // namespace unplug::scenarios
