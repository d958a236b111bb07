#include "unplug/scenarios/world/things.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {

std::unique_ptr<ThingList> make_things(EntityKind kind) {
  switch (kind) {
#define KIND(word, type, text, calls)                                                                                                      \
  case EntityKind::word:                                                                                                                   \
    return make_things<EntityKind::word>();
#include "unplug/scenarios/program/kinds.def"
#undef KIND
    default: return nullptr;
  }
}

model::NameId ThingSetup::task_name(std::string_view what) const {
  if (made_on_the_way) return kernel.intern(fmt::format("{} {}", what, kernel.text(unique)));
  return kernel.intern(binding.label == 0 ? fmt::format("{} {}", what, spec.name)
                                          : fmt::format("{} {} #{}", what, spec.name, binding.label + 1));
}

model::NameId ThingSetup::part(std::string_view what) const {
  if (made_on_the_way) return kernel.intern(fmt::format("{} {}", kernel.text(unique), what));
  return world.unique(binding, fmt::format("{} {}", spec.name, what));
}

std::optional<std::size_t> ThingSetup::number_beside(const Operand& o) const {
  const auto& specs = world.program().of(o.entity);
  if (!made_on_the_way || specs[o.index].allocation != spec.allocation) return {};
  return static_cast<std::size_t>(std::ranges::count(specs.begin(), specs.begin() + o.index, spec.allocation, &EntitySpec::allocation));
}

Callback* ThingSetup::callback(std::uint32_t function) const {
  return &callbacks.emplace_back(Callback{.binding = &binding, .function = function, .self = self});
}

}  // namespace unplug::scenarios
