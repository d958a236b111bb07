#include <algorithm>
#include <array>

#include "unplug/scenarios/verbs/families.hpp"

namespace unplug::scenarios {
namespace {

// What a call answers that is made to fail for want of memory (run.fail_probe). Those that take part in it in other words aren't listed.
struct MayFail {
  std::string_view verb;
  int error;
};
constexpr int enomem = -12;
constexpr std::array may_fail{MayFail{"kmem_cache_create", enomem},
                              MayFail{"percpu_ref_init", enomem},
                              MayFail{"init_srcu_struct", enomem},
                              MayFail{"devm_ioremap_resource", enomem},
                              MayFail{"ioremap", enomem},
                              MayFail{"devm_request_irq", enomem},
                              MayFail{"request_irq", enomem},
                              MayFail{"kthread_run", enomem},
                              MayFail{"device_create_file", enomem},
                              MayFail{"device_add", enomem},
                              MayFail{"misc_register", enomem},
                              MayFail{"cdev_device_add", enomem}};

std::vector<Verb> make_table() {
  std::vector<Verb> all;
  // One line a family, in the order of documentation.
  for (auto* family :
       {memory_verbs,   slab_verbs,           atomic_verbs,      refcount_verbs,     list_verbs,  id_table_verbs, lock_verbs,
        spinlock_verbs, waiter_verbs,         fence_verbs,       wait_queue_verbs,   rcu_verbs,   srcu_verbs,     devres_verbs,
        device_verbs,   work_verbs,           workqueue_verbs,   delayed_work_verbs, timer_verbs, tasklet_verbs,  napi_verbs,
        kthread_verbs,  kthread_worker_verbs, notifier_verbs,    sysfs_verbs,        irq_verbs,   mmio_verbs,     pci_verbs,
        dma_verbs,      clock_verbs,          chardev_verbs,     cdev_verbs,         drm_verbs,   debugfs_verbs,  poll_verbs,
        flow_verbs,     task_verbs,           task_memory_verbs, thread_verbs}) {
    std::ranges::move(family(), std::back_inserter(all));
  }
  for (const MayFail& m : may_fail) std::ranges::find(all, m.verb, &Verb::name)->error = m.error;
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
