#include "unplug/scenarios/program.hpp"

namespace unplug::scenarios {

std::string name(const RemovalStage& stage) {
  if (stage.kind == RemovalStage::Kind::sysfs_write) return "sysfs_write " + stage.attribute;
  return std::string(removal_words[static_cast<std::size_t>(stage.kind)]);
}

}  // namespace unplug::scenarios
