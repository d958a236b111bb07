#include <algorithm>

#include "unplug/scenarios/verbs/families.hpp"

namespace unplug::scenarios {
namespace {

std::vector<Verb> make_table() {
  std::vector<Verb> all;
  // One line a family, in the order of documentation.
  for (auto* family :
       {memory_verbs,  lock_verbs,           spinlock_verbs,  waiter_verbs,       fence_verbs,  wait_queue_verbs, rcu_verbs,
        srcu_verbs,    work_verbs,           workqueue_verbs, delayed_work_verbs, timer_verbs,  tasklet_verbs,    napi_verbs,
        kthread_verbs, kthread_worker_verbs, notifier_verbs,  sysfs_verbs,        irq_verbs,    mmio_verbs,       pci_verbs,
        dma_verbs,     clock_verbs,          chardev_verbs,   cdev_verbs,         device_verbs, drm_verbs,        debugfs_verbs,
        poll_verbs,    flow_verbs,           task_verbs,      task_memory_verbs,  thread_verbs}) {
    std::ranges::move(family(), std::back_inserter(all));
  }
  // An alias is its target under an old name.
  for (Verb& v : all) {
    if (v.alias_of.empty()) continue;
    const auto target = std::ranges::find(all, v.alias_of, &Verb::name);
    const std::string_view name = v.name, alias_of = v.alias_of;
    v = *target;
    v.name = name;
    v.alias_of = alias_of;
  }
  return all;
}

const std::vector<Verb>& table() {
  static const std::vector<Verb> all = make_table();
  return all;
}

}  // namespace

std::span<const Verb> verbs() { return table(); }

const Verb* find_verb(std::string_view name) {
  const auto found = std::ranges::find(table(), name, &Verb::name);
  return found == table().end() ? nullptr : &*found;
}

bool may_stand(Where place, CodeKind code) {
  switch (place) {
    case Where::module: return code == CodeKind::driver;
    case Where::driver: return code != CodeKind::task;
    case Where::thread: return code == CodeKind::thread;
    case Where::task: return code == CodeKind::task;
    case Where::anywhere: return true;
  }
  return false;
}

std::vector<std::string> verb_names(CodeKind code) {
  std::vector<std::string> out;
  for (const Verb& v : table())
    if (may_stand(v.place, code)) out.emplace_back(v.name);
  return out;
}

}  // namespace unplug::scenarios
