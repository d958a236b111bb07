// Hooks: where a policy that is written in the scenario language runs its own steps.
//
// A hook's code belongs to a core module that outlives the driver. It starts with locals that point to what the policy keeps for the
// binding, the resource and the open file ("binding", "resource", "file"); `token` goes from enter to exit, and from acquire to release.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "unplug/model/mechanisms/registry.hpp"

namespace unplug::scenarios {

enum class Hook : std::uint8_t {
#define HOOK(word, part, resource, file, meaning) word,
#include "unplug/scenarios/program/hooks.def"
#undef HOOK
  count
};
inline constexpr std::size_t hook_count = static_cast<std::size_t>(Hook::count);

struct HookInfo {
  Hook hook;
  std::string_view name;
  std::optional<model::Part> part;  // for which no mechanism can stand beside it; none: it stands beside any
  bool resource, file;
  std::string_view meaning;
};
[[nodiscard]] std::span<const HookInfo> hooks();
[[nodiscard]] std::optional<Hook> find_hook(std::string_view name);

// What a policy keeps words and things for.
enum class PolicyState : std::uint8_t { binding, resource, file, count };
inline constexpr std::size_t policy_states = static_cast<std::size_t>(PolicyState::count);
inline constexpr std::array<std::string_view, policy_states> policy_state_names{"binding", "resource", "file"};
// The locals that every hook starts with, in this order: the pointers above, and the token.
inline constexpr std::uint32_t token_local = policy_states, hook_locals = policy_states + 1;

}  // namespace unplug::scenarios
