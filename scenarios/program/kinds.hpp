// The kinds of things that functions declare, each with its own numbering inside a binding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace unplug::model {
#define KIND(word, type, text, calls) struct type;
#include "unplug/scenarios/program/kinds.def"
#undef KIND
}  // namespace unplug::model

namespace unplug::scenarios {

enum class EntityKind : std::uint8_t {
  none,
  allocation,  // memory, which other things may be embedded in
  field,       // of memory
#define KIND(word, type, text, calls) word,
#include "unplug/scenarios/program/kinds.def"
#undef KIND
  count
};
inline constexpr std::size_t entity_kinds = static_cast<std::size_t>(EntityKind::count);

// Those that are listed in kinds.def.
inline constexpr std::size_t first_listed_kind = static_cast<std::size_t>(EntityKind::field) + 1;

// What messages call it.
[[nodiscard]] std::string_view name(EntityKind kind);
// Whether a thing of this kind calls a function of the driver, which its declaration names.
[[nodiscard]] bool has_function(EntityKind kind);

// The type in model/ that a kind stands for.
template <EntityKind kind> struct ThingOf;
#define KIND(word, type, text, calls)                                                                                                      \
  template <> struct ThingOf<EntityKind::word> { using Type = model::type; };
#include "unplug/scenarios/program/kinds.def"
#undef KIND

}  // namespace unplug::scenarios
