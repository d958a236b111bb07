#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/model/checker/checker.hpp"

namespace unplug::model {
namespace {

bool is_blocked(const sim::Trace& trace, TaskId t) { return trace.tasks[t.index()].end == sim::TaskRecord::End::blocked; }

// How a chain of waits ends.
struct Root {
  enum class Kind : std::uint8_t { cycle, outside, nobody } kind = Kind::nobody;
  Owner owner = Owner::driver;
  std::vector<TaskId> chain;  // from the task asked about to the one that decides
};

Root find_root(const Kernel& kernel, const sim::Trace& trace, TaskId task) {
  Root root;
  std::set<TaskId> seen;
  // Depth first; a cycle anywhere is decisive (no enabled task can end it), then somebody outside, else nobody.
  const auto visit = [&](TaskId t, std::vector<TaskId>& path, auto&& self) -> Root {
    path.push_back(t);
    Root found;
    found.chain = path;
    if (std::count(path.begin(), path.end(), t) > 1) {
      found.kind = Root::Kind::cycle;
      path.pop_back();
      return found;
    }
    const WaitInfo* wait = kernel.waiting(t);
    const sim::TaskRecord& r = trace.tasks[t.index()];
    const auto& holders = r.pending.kind == sim::AccessKind::none ? std::vector<TaskId>{} : kernel.holders(r.pending.object);
    if (holders.empty()) {
      const bool outside = wait != nullptr && (wait->owner == Owner::user || wait->owner == Owner::hardware);
      found.kind = outside ? Root::Kind::outside : Root::Kind::nobody;
      if (wait != nullptr) found.owner = wait->owner;
    } else {
      bool have = false;
      for (const TaskId h : holders) {
        Root via;
        if (is_blocked(trace, h)) {
          via = self(h, path, self);
        } else {
          via.chain = path;  // the holder has ended and never let go
          via.chain.push_back(h);
        }
        const bool better = !have || via.kind == Root::Kind::cycle || (via.kind == Root::Kind::nobody && found.kind == Root::Kind::outside);
        if (better && !(have && found.kind == Root::Kind::cycle)) found = via;
        have = true;
      }
    }
    path.pop_back();
    return found;
  };
  std::vector<TaskId> path;
  root = visit(task, path, visit);
  return root;
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
  return find_root(kernel, trace, task).kind == Root::Kind::outside;
}

void wait_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  for (std::uint32_t i = 0; i < trace.tasks.size(); ++i) {
    const TaskId t{i};
    if (!is_blocked(trace, t)) continue;
    const WaitInfo* wait = kernel.waiting(t);
    if (wait == nullptr || wait->idle) continue;
    const Root root = find_root(kernel, trace, t);
    const bool removing = t == kernel.remover && kernel.removal_phase != RemovalPhase::none;
    Violation v{ViolationClass::deadlock,     wait->object, t, Violation::no_event, Violation::no_event, Violation::no_event,
                describe(kernel, trace, root)};
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
    // Of a cycle, every member is reported by its own wait; tasks that merely queue behind it are not.
    const bool member = root.kind == Root::Kind::nobody ? root.chain.size() <= 2 : root.chain.size() > 1 && root.chain.back() == t;
    if (member) out.push_back(std::move(v));
  }
}

}  // namespace unplug::model
