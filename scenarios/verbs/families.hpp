// The families of verbs, each in its own file.
#pragma once

#include <vector>

#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {

// A verb under an old name.
inline Verb alias(std::string_view name, std::string_view of) {
  Verb v;
  v.name = name;
  v.alias_of = of;
  return v;
}

std::vector<Verb> memory_verbs();
std::vector<Verb> lock_verbs();
std::vector<Verb> waiter_verbs();
std::vector<Verb> rcu_verbs();
std::vector<Verb> srcu_verbs();
std::vector<Verb> work_verbs();
std::vector<Verb> delayed_work_verbs();
std::vector<Verb> timer_verbs();
std::vector<Verb> kthread_verbs();
std::vector<Verb> sysfs_verbs();
std::vector<Verb> irq_verbs();
std::vector<Verb> mmio_verbs();
std::vector<Verb> chardev_verbs();
std::vector<Verb> flow_verbs();
std::vector<Verb> task_verbs();

}  // namespace unplug::scenarios
