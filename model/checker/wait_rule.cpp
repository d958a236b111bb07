#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/model/checker/checker.hpp"

namespace unplug::model {
namespace {

bool is_blocked(const sim::Trace& trace, TaskId t) { return trace.tasks[t.index()].end == sim::TaskRecord::End::blocked; }

// Who waits for whom, of the tasks that wait for ever.
class WaitGraph {
 public:
  WaitGraph(const Kernel& kernel, const sim::Trace& trace) : edges_(trace.tasks.size()) {
    for (std::uint32_t i = 0; i < trace.tasks.size(); ++i) {
      const sim::TaskRecord& r = trace.tasks[i];
      if (r.end != sim::TaskRecord::End::blocked || r.pending.kind == sim::AccessKind::none) continue;
      const WaitInfo* wait = kernel.waiting(TaskId{i});
      if (wait != nullptr && (wait->expires || wait->interruptible)) continue;  // it ends without them
      std::vector<TaskId>& to = edges_[i];
      for (const Kernel::Holder& h : kernel.holders(r.pending.object))
        if ((wait == nullptr || h.number < wait->before) && std::ranges::find(to, h.task) == to.end()) to.push_back(h.task);
      // By name, so that what is said of them does not depend on who came first.
      std::ranges::sort(to, {}, [&](TaskId h) -> const std::string& { return kernel.text(trace.tasks[h.index()].name); });
    }
  }

  // Whom it waits for; nobody, if nobody is known to hold what it waits for.
  [[nodiscard]] const std::vector<TaskId>& waited_for(TaskId t) const { return edges_[t.index()]; }

  // The tasks that `task` waits for, directly or not, nearest first, each with the one it was found through.
  struct Reached {
    TaskId task;
    std::size_t from;  // index into the list; of the first: itself
  };
  [[nodiscard]] std::vector<Reached> reach(TaskId task) const {
    std::vector<bool> seen(edges_.size(), false);
    std::vector<Reached> list{{task, 0}};
    seen[task.index()] = true;
    for (std::size_t i = 0; i < list.size(); ++i)
      for (const TaskId next : waited_for(list[i].task)) {
        if (!seen[next.index()]) list.push_back({next, i});
        seen[next.index()] = true;
      }
    return list;
  }
  static std::vector<TaskId> path_to(const std::vector<Reached>& list, std::size_t i) {
    std::vector<TaskId> path{list[i].task};
    for (; i != 0; i = list[i].from) path.push_back(list[list[i].from].task);
    std::ranges::reverse(path);
    return path;
  }
  // The shortest cycle through `task`, from it to it; empty: there is none.
  [[nodiscard]] std::vector<TaskId> cycle_of(TaskId task) const {
    const std::vector<Reached> list = reach(task);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::vector<TaskId>& next = waited_for(list[i].task);
      if (std::ranges::find(next, task) == next.end()) continue;
      std::vector<TaskId> path = path_to(list, i);
      path.push_back(task);
      return path;
    }
    return {};
  }

 private:
  std::vector<std::vector<TaskId>> edges_;  // by task
};

// How a chain of waits ends.
struct Root {
  enum class Kind : std::uint8_t { cycle, outside, nobody, time } kind = Kind::nobody;
  Owner owner = Owner::driver;
  std::vector<TaskId> chain;  // from the task asked about to the one that decides; of a cycle, to the first that comes again
};

}  // namespace

bool at_rest(const Kernel& kernel, const sim::Trace& trace) {
  for (std::uint32_t i = 0; i < trace.tasks.size(); ++i) {
    if (!is_blocked(trace, TaskId{i})) continue;
    const WaitInfo* wait = kernel.waiting(TaskId{i});
    if (wait == nullptr || !wait->idle) return false;
  }
  return true;
}

bool unfinished(const Kernel& kernel, const sim::Trace& trace) {
  for (std::uint32_t i = 0; i < trace.tasks.size(); ++i) {
    const WaitInfo* wait = is_blocked(trace, TaskId{i}) ? kernel.waiting(TaskId{i}) : nullptr;
    if (wait != nullptr && wait->expires) return true;
  }
  return false;
}

namespace {

// A cycle decides (no enabled task can end it), its own before another; then a wait that nobody will end; then somebody outside. Where a
// timeout has yet to end some wait, nobody can say what nobody will end.
Root find_root(const WaitGraph& graph, const Kernel& kernel, const sim::Trace& trace, TaskId task) {
  const std::vector<WaitGraph::Reached> list = graph.reach(task);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::vector<TaskId> cycle = graph.cycle_of(list[i].task);
    if (cycle.empty()) continue;
    Root root{Root::Kind::cycle, Owner::driver, WaitGraph::path_to(list, i)};
    root.chain.insert(root.chain.end(), cycle.begin() + 1, cycle.end());
    return root;
  }
  Root outside;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const TaskId t = list[i].task;
    if (!graph.waited_for(t).empty()) continue;
    const WaitInfo* wait = is_blocked(trace, t) ? kernel.waiting(t) : nullptr;
    if (wait != nullptr && wait->expires) return {Root::Kind::time, Owner::driver, {}};
    if (wait == nullptr || (wait->owner != Owner::user && wait->owner != Owner::hardware))
      return {unfinished(kernel, trace) ? Root::Kind::time : Root::Kind::nobody, Owner::driver, WaitGraph::path_to(list, i)};
    if (outside.chain.empty()) outside = {Root::Kind::outside, wait->owner, WaitGraph::path_to(list, i)};
  }
  return outside;
}

std::string describe(const Kernel& kernel, const sim::Trace& trace, const Root& root) {
  std::vector<std::string> parts;
  for (const TaskId t : root.chain) {
    const std::string& name = kernel.text(trace.tasks[t.index()].name);
    const WaitInfo* wait = is_blocked(trace, t) ? kernel.waiting(t) : nullptr;
    if (wait != nullptr) {
      parts.push_back(fmt::format("'{}' waits in {}({})", name, wait->what, wait->object ? kernel.text(wait->object) : std::string{}));
    } else {
      parts.push_back(fmt::format("'{}' has ended without letting go", name));
    }
  }
  std::string text = fmt::format("{}", fmt::join(parts, " for "));
  if (root.kind == Root::Kind::outside) text += fmt::format(", which only {} can end", name(root.owner));
  if (root.kind == Root::Kind::nobody && !root.chain.empty() && is_blocked(trace, root.chain.back())) text += ", which nobody will end";
  return text;
}

}  // namespace

bool ends_outside(const Kernel& kernel, const sim::Trace& trace, TaskId task) {
  return find_root(WaitGraph(kernel, trace), kernel, trace, task).kind == Root::Kind::outside;
}

void wait_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  std::optional<WaitGraph> graph;  // most executions need none
  for (std::uint32_t i = 0; i < trace.tasks.size(); ++i) {
    const TaskId t{i};
    if (!is_blocked(trace, t)) continue;
    const WaitInfo* wait = kernel.waiting(t);
    if (wait == nullptr || wait->idle) continue;
    if (!graph) graph.emplace(kernel, trace);
    const Root root = find_root(*graph, kernel, trace, t);
    if (root.kind == Root::Kind::time) continue;
    const bool removing = t == kernel.remover && kernel.removal_phase != RemovalPhase::none;
    const ViolationClass for_ever = wait->polls ? ViolationClass::livelock : ViolationClass::deadlock;
    Violation v{for_ever, wait->object, t, Violation::no_event, Violation::no_event, Violation::no_event, describe(kernel, trace, root)};
    if (root.kind == Root::Kind::outside) {
      if (!removing) continue;  // a wait that hardware or user space may end is never a deadlock
      v.violation_class = ViolationClass::unbounded_remove;
      out.push_back(std::move(v));
      continue;
    }
    if (removing) {
      Violation hung = v;
      hung.violation_class = ViolationClass::hung_remove;
      out.push_back(std::move(hung));
    }
    // Of a cycle, every member is reported by its own wait; of a wait that nobody will end, that wait: on nobody, or on one that ended.
    // Tasks that merely queue behind are not.
    const bool last = root.chain.size() == 1 || (root.chain.size() == 2 && !is_blocked(trace, root.chain.back()));
    if (root.kind == Root::Kind::nobody ? last : root.chain.back() == t) out.push_back(std::move(v));
  }
}

}  // namespace unplug::model
