#include "unplug/model/core/violation_class.hpp"

#include <array>

namespace unplug::model {
namespace {

constexpr bool error = false, note = true;
constexpr std::array table{
#define UNPLUG_CLASS(identifier, name, severity, fear, meaning)                                                                            \
  ViolationClassInfo{ViolationClass::identifier, name, severity, Fear::fear, meaning},
#include "unplug/model/core/violation_class.def"
#undef UNPLUG_CLASS
};

}  // namespace

std::span<const ViolationClassInfo> violation_classes() { return table; }

const ViolationClassInfo& info(ViolationClass c) { return table[static_cast<std::size_t>(c)]; }

std::optional<ViolationClass> violation_class(std::string_view name) {
  for (const ViolationClassInfo& c : table)
    if (c.name == name) return c.id;
  return {};
}

std::size_t fear_rank(std::string_view name) {
  const std::optional<ViolationClass> c = violation_class(name);
  return c ? static_cast<std::size_t>(*c) : table.size();
}

}  // namespace unplug::model
