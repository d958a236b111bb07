#include "unplug/scenarios/things.hpp"

#include <fmt/format.h>

#include "unplug/scenarios/world.hpp"

namespace unplug::scenarios {

std::unique_ptr<ThingList> make_things(EntityKind kind) {
  switch (kind) {
#define KIND(word, type, text, calls)                                                                                                      \
  case EntityKind::word:                                                                                                                   \
    return make_things<EntityKind::word>();
#include "unplug/scenarios/kinds.def"
#undef KIND
    default: return nullptr;
  }
}

model::NameId ThingSetup::task_name(std::string_view what) const {
  if (made_on_the_way) return kernel.intern(fmt::format("{} {}", what, kernel.text(unique)));
  return kernel.intern(binding.number == 0 ? fmt::format("{} {}", what, spec.name)
                                           : fmt::format("{} {} #{}", what, spec.name, binding.number + 1));
}

model::NameId ThingSetup::part(std::string_view what) const {
  if (made_on_the_way) return kernel.intern(fmt::format("{} {}", kernel.text(unique), what));
  return world.unique(binding, fmt::format("{} {}", spec.name, what));
}

Callback* ThingSetup::callback(std::uint32_t function) const { return &callbacks.emplace_back(Callback{&binding, function, self}); }

}  // namespace unplug::scenarios
