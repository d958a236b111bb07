#include "unplug/scenarios/program.hpp"

namespace unplug::scenarios {

std::string_view name(RemovalStage stage) {
  switch (stage) {
    case RemovalStage::unbind: return "unbind";
    case RemovalStage::rmmod: return "rmmod";
    case RemovalStage::insmod: return "insmod";
  }
  return "unbind";
}

}  // namespace unplug::scenarios
