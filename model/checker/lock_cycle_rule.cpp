// What lockdep makes of the order of locks: a graph of what was taken, or waited for, under what, and a warning for each cycle in it.
//
// kernel/locking/lockdep.c, v6.18. Locks of one declared name are one class, as those of one lock_class_key are. The running of what others
// can wait for (a work function, a timer, an attribute's operation, an SRCU read-side section) is a class as well. Readers that can be
// inside each other (SRCU, attributes) don't close a cycle with one another; readers of an rwsem do, as a waiting writer keeps them out.
// The graph is of one execution, and does not ask who can run beside whom, nor what else was held each time.
#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/model/checker/checker.hpp"

namespace unplug::model {
namespace {

using Edge = const LockOrder*;

// Whether `b` goes on from `a`: whoever takes a lock as in `a` can have to wait for who holds it as in `b`.
bool follows(const LockOrder& a, const LockOrder& b) {
  if (a.taken.name != b.held.name) return false;
  return a.taken.use != LockUse::shared || b.held.use != LockUse::shared || !b.held.map;
}

// Those that can be in a cycle: something leads to each, and something from each. Mostly none.
std::vector<Edge> candidates(const Kernel& kernel) {
  std::vector<Edge> edges;
  for (const LockOrder& o : kernel.lock_orders()) edges.push_back(&o);
  for (std::size_t before = SIZE_MAX; edges.size() < before;) {
    before = edges.size();
    const std::vector<Edge> all = edges;
    std::erase_if(edges, [&](Edge e) {
      return std::ranges::none_of(all, [e](Edge o) { return follows(*o, *e); }) ||
             std::ranges::none_of(all, [e](Edge o) { return follows(*e, *o); });
    });
  }
  return edges;
}

class Cycles {
 public:
  Cycles(const Kernel& kernel, const sim::Trace& trace, std::vector<Edge> edges)
      : kernel_(kernel), trace_(trace), edges_(std::move(edges)) {
    // By names, and of one task by its steps: the order in which they were recorded depends on the linearisation.
    std::ranges::sort(edges_, [&](Edge a, Edge b) { return key(*a) < key(*b); });
    const auto same = [](Edge a, Edge b) {
      return a->held.name == b->held.name && a->taken.name == b->taken.name && a->held.use == b->held.use && a->held.map == b->held.map &&
             a->taken.use == b->taken.use;
    };
    edges_.erase(std::unique(edges_.begin(), edges_.end(), same), edges_.end());
  }

  void report(std::vector<Violation>& out) const {
    std::set<std::vector<NameId>> said;
    for (std::size_t first = 0; first < edges_.size(); ++first) {
      std::vector<std::size_t> cycle = shortest(first);
      if (cycle.empty()) continue;
      std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());  // edges are sorted by what is held
      std::vector<NameId> names;
      for (const std::size_t e : cycle) names.push_back(edges_[e]->held.name);
      if (!said.insert(names).second) continue;
      // The one to name is who closes it, by the lock it begins with.
      const LockOrder& last = *edges_[cycle.back()];
      out.push_back({ViolationClass::lock_cycle, names.front(), last.task, event_of(last), Violation::no_event, Violation::no_event,
                     describe(cycle)});
    }
  }

 private:
  [[nodiscard]] std::uint32_t event_of(const LockOrder& o) const {
    for (std::uint32_t i = o.position; i < trace_.events.size(); ++i)
      if (trace_.events[i].task == o.task) return i;
    return Violation::no_event;
  }
  [[nodiscard]] std::tuple<const std::string&, const std::string&, LockUse, bool, LockUse, const std::string&, std::uint32_t>
  key(const LockOrder& o) const {
    const std::uint32_t event = event_of(o);
    return {kernel_.text(o.held.name),
            kernel_.text(o.taken.name),
            o.held.use,
            o.held.map,
            o.taken.use,
            kernel_.text(trace_.tasks[o.task.index()].name),
            event == Violation::no_event ? UINT32_MAX : trace_.events[event].ordinal};
  }
  // The shortest cycle through an edge, from it on; empty: there is none.
  [[nodiscard]] std::vector<std::size_t> shortest(std::size_t first) const {
    std::vector<std::size_t> reached{first}, from{0};
    std::vector<bool> seen(edges_.size(), false);
    seen[first] = true;
    for (std::size_t i = 0; i < reached.size(); ++i) {
      if (follows(*edges_[reached[i]], *edges_[first])) {
        std::vector<std::size_t> cycle{reached[i]};
        for (; i != 0; i = from[i]) cycle.push_back(reached[from[i]]);
        std::ranges::reverse(cycle);
        return cycle;
      }
      for (std::size_t e = 0; e < edges_.size(); ++e) {
        if (seen[e] || !follows(*edges_[reached[i]], *edges_[e])) continue;
        seen[e] = true;
        reached.push_back(e);
        from.push_back(i);
      }
    }
    return {};
  }
  [[nodiscard]] std::string describe(const std::vector<std::size_t>& cycle) const {
    std::vector<std::string> parts;
    for (const std::size_t e : cycle) {
      const LockOrder& o = *edges_[e];
      const std::string& who = kernel_.text(trace_.tasks[o.task.index()].name);
      const std::string_view does = o.taken.use == LockUse::wait ? "waits for" : "takes";
      if (cycle.size() == 1) {
        parts.push_back(fmt::format("'{}' {} '{}' {}", who, does, kernel_.text(o.taken.name),
                                    o.held.map ? "from within it" : "when it holds one already"));
      } else {
        parts.push_back(fmt::format("'{}' {} '{}' {} '{}'", who, does, kernel_.text(o.taken.name), o.held.map ? "in" : "under",
                                    kernel_.text(o.held.name)));
      }
    }
    return fmt::format("{}", fmt::join(parts, ", "));
  }

  const Kernel& kernel_;
  const sim::Trace& trace_;
  std::vector<Edge> edges_;
};

}  // namespace

void lock_cycle_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  std::vector<Edge> edges = candidates(kernel);
  if (!edges.empty()) Cycles(kernel, trace, std::move(edges)).report(out);
}

}  // namespace unplug::model
