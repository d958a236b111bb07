// What a task did, as the names of its steps: for functions whose order is the point.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support.hpp"

namespace unplug::model::test {

using Steps = std::vector<std::string>;

// Of the execution that has just ended.
inline Steps steps_of(const Lab& lab, std::string_view task) {
  const sim::Trace& trace = lab.engine.trace();
  Steps out;
  for (const sim::Event& e : trace.events)
    if (lab.kernel.text(trace.tasks[e.task.index()].name) == task) out.emplace_back(e.operation->name);
  return out;
}
// The same without locking and unlocking, which is everywhere.
inline Steps acts_of(const Lab& lab, std::string_view task) {
  Steps out = steps_of(lab, task);
  std::erase_if(out, [](const std::string& s) { return s == "mutex_lock" || s == "mutex_unlock"; });
  return out;
}

inline std::string joined(const Steps& steps) { return fmt::format("{}", fmt::join(steps, " / ")); }
// In all executions.
inline std::set<std::string> orders_of(Lab& lab, std::string_view task) {
  std::set<std::string> out;
  every(lab, [&] { out.insert(joined(steps_of(lab, task))); });
  return out;
}
// Of a task that has only one.
inline std::string order_of(Lab& lab, std::string_view task) { return fmt::format("{}", fmt::join(orders_of(lab, task), "\n")); }

// A step with a name of its own, to be found in a list of steps.
template <class Tag> inline const Operation& named(std::string_view name) {
  static const Operation operation{.name = name};
  return operation;
}
struct RemoveStep;
struct ProbeStep;
struct ReleaseStep;
struct DmaStep;
struct DropStep;
inline void in_remove(Context& c) { c.engine().step(c.make(named<RemoveStep>("remove()"))); }
inline void in_probe(Context& c) { c.engine().step(c.make(named<ProbeStep>("probe()"))); }
inline void in_release(Context& c) { c.engine().step(c.make(named<ReleaseStep>("devres callback"))); }
inline void in_dma_cleanup(Context& c) { c.engine().step(c.make(named<DmaStep>("dma_cleanup"))); }
inline void in_post_unbind(Context& c) { c.engine().step(c.make(named<DropStep>("post_unbind"))); }

inline const StaticName devm_action{"devm action"};

}  // namespace unplug::model::test
