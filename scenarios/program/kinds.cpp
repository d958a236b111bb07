#include "unplug/scenarios/program/kinds.hpp"

namespace unplug::scenarios {

std::string_view name(EntityKind kind) {
  switch (kind) {
    case EntityKind::none:
    case EntityKind::count: break;
    case EntityKind::allocation: return "memory";
    case EntityKind::field: return "field";
#define KIND(word, type, text, calls)                                                                                                      \
  case EntityKind::word:                                                                                                                   \
    return text;
#include "unplug/scenarios/program/kinds.def"
#undef KIND
  }
  return "nothing";
}

bool has_function(EntityKind kind) {
  switch (kind) {
#define KIND(word, type, text, calls)                                                                                                      \
  case EntityKind::word:                                                                                                                   \
    return calls;
#include "unplug/scenarios/program/kinds.def"
#undef KIND
    default: return false;
  }
}

}  // namespace unplug::scenarios
