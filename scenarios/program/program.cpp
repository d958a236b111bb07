#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

std::string name(const RemovalStage& stage) {
  const std::string word(removal_words[static_cast<std::size_t>(stage.kind)]);
  return stage.target.empty() ? word : word + " " + stage.target;
}

}  // namespace unplug::scenarios
