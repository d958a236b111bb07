#include "unplug/scenarios/program.hpp"

namespace unplug::scenarios {

std::string_view name(EntityKind kind) {
  switch (kind) {
    case EntityKind::none: return "nothing";
    case EntityKind::allocation: return "memory";
    case EntityKind::field: return "field";
    case EntityKind::mutex: return "mutex";
    case EntityKind::rwsem: return "rw_semaphore";
    case EntityKind::srcu: return "srcu_struct";
    case EntityKind::completion: return "completion";
    case EntityKind::fence: return "dma_fence";
    case EntityKind::work: return "work_struct";
    case EntityKind::irq: return "interrupt";
    case EntityKind::mapping: return "MMIO mapping";
    case EntityKind::chardev: return "character device";
  }
  return "nothing";
}

std::string_view name(RemovalStage stage) {
  switch (stage) {
    case RemovalStage::unbind: return "unbind";
    case RemovalStage::rmmod: return "rmmod";
    case RemovalStage::insmod: return "insmod";
  }
  return "unbind";
}

}  // namespace unplug::scenarios
