#include "unplug/scenarios/program.hpp"

namespace unplug::scenarios {

std::string_view name(EntityKind kind) {
  switch (kind) {
    case EntityKind::none: return "nothing";
    case EntityKind::allocation: return "memory";
    case EntityKind::field: return "field";
    case EntityKind::mutex: return "mutex";
    case EntityKind::rwsem: return "rw_semaphore";
    case EntityKind::spinlock: return "spinlock";
    case EntityKind::srcu: return "srcu_struct";
    case EntityKind::completion: return "completion";
    case EntityKind::fence: return "dma_fence";
    case EntityKind::work: return "work_struct";
    case EntityKind::delayed_work: return "delayed_work";
    case EntityKind::timer: return "timer_list";
    case EntityKind::hrtimer: return "hrtimer";
    case EntityKind::kthread: return "kernel thread";
    case EntityKind::attribute: return "sysfs attribute";
    case EntityKind::irq: return "interrupt";
    case EntityKind::mapping: return "MMIO mapping";
    case EntityKind::chardev: return "character device";
  }
  return "nothing";
}

bool has_function(EntityKind kind) {
  switch (kind) {
    case EntityKind::work:
    case EntityKind::delayed_work:
    case EntityKind::timer:
    case EntityKind::hrtimer:
    case EntityKind::kthread:
    case EntityKind::attribute:
    case EntityKind::irq: return true;
    default: return false;
  }
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
