// The classes of violations and notes, from the one table in violation_class.def.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace unplug::model {

enum class ViolationClass : std::uint8_t {
#define UNPLUG_CLASS(identifier, name, severity, fear, meaning) identifier,
#include "unplug/model/core/violation_class.def"
#undef UNPLUG_CLASS
};

// What a reader fears, most first: memory that is gone, a machine that stands, a contract that is broken, data that may be torn.
enum class Fear : std::uint8_t { lifetime, hang, contract, race };

struct ViolationClassInfo {
  ViolationClass id;
  std::string_view name;  // kebab-case, as in JSON
  bool note;              // true: no error unless a scenario forbids it
  Fear fear;
  std::string_view meaning;
};

[[nodiscard]] std::span<const ViolationClassInfo> violation_classes();
[[nodiscard]] const ViolationClassInfo& info(ViolationClass c);
// The class of that name, if there is one.
[[nodiscard]] std::optional<ViolationClass> violation_class(std::string_view name);
// Its place in the order of what is feared; a name that is no class comes last.
[[nodiscard]] std::size_t fear_rank(std::string_view name);

}  // namespace unplug::model
