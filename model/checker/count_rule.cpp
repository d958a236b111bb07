#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "unplug/model/checker/checker.hpp"
#include "unplug/model/kernel/base/module.hpp"

namespace unplug::model {
namespace {

// The step with which the count came to what it is at the end, from below, and never went below again: who took that one has not given it
// back, or somebody after him hasn't.
std::uint32_t taken_by(const sim::Trace& trace, const Kernel::Count& c) {
  const std::uint64_t left = c.left(trace.objects[c.object.index()].word);
  std::uint64_t after = trace.objects[c.object.index()].word;
  for (auto i = static_cast<std::uint32_t>(trace.events.size()); i-- > 0;) {
    const sim::Event& e = trace.events[i];
    if (!sim::changes(e.access.kind) || e.access.object != c.object) continue;
    if (c.left(after) >= left && c.left(e.before) < left) return i;
    after = e.before;
  }
  return Violation::no_event;
}

bool ended(const sim::Trace& trace, LifetimeId l) {
  return std::ranges::any_of(trace.boundaries, [&](std::uint32_t i) { return trace.events[i].ends == l; });
}

// Whether what is still bound drops it when it is removed.
bool may_be_put(const Kernel& kernel, const sim::Trace& trace, const Module& m, const MayPut& may_put) {
  return std::ranges::any_of(trace.boundaries, [&](std::uint32_t i) {
    const LifetimeId l = trace.events[i].begins;
    return l && kernel.lifetime(l).kind == LifetimeKind::binding && !ended(trace, l) && may_put(l, m);
  });
}

void judge_module(const Kernel& kernel, const sim::Trace& trace, const Module& m, std::vector<Violation>& out) {
  const auto held = std::ranges::find(m.references.taken, false, &Reference::of_file);
  if (held == m.references.taken.end()) return;
  const std::string by = held->site ? kernel.site(held->site).function : kernel.text(held->role);
  out.push_back({ViolationClass::leak, m.name, held->task, held->event, Violation::no_event, held->event,
                 fmt::format("a reference on module '{}', taken in {}, is never put", kernel.text(m.name), by)});
  if (m.refused == UINT32_MAX) return;
  out.push_back({ViolationClass::stuck_module, m.name, trace.events[m.refused].task, m.refused, Violation::no_event, held->event,
                 fmt::format("rmmod of '{}' is refused for ever: nobody is left who would put what is held by {}", kernel.text(m.name),
                             holders_of(kernel, m.references))});
}

}  // namespace

void count_rule(const Kernel& kernel, const sim::Trace& trace, const MayPut& may_put, bool devices, std::vector<Violation>& out) {
  for (const Kernel::Count& c : kernel.counts()) {
    const std::uint64_t left = c.left(trace.objects[c.object.index()].word);
    if (left == 0 || !ended(trace, c.owner)) continue;
    const std::uint32_t by = taken_by(trace, c);
    if (by == Violation::no_event) continue;
    out.push_back({ViolationClass::leak, c.name, trace.events[by].task, by, Violation::no_event, by,
                   fmt::format("'{}' stays {}{}", kernel.text(c.name), c.taken, left == 1 ? "" : fmt::format(" ({} times)", left))});
  }
  for (const Kernel::Owed& o : kernel.owed()) {
    if (!devices || o.references->taken.empty() || !ended(trace, o.owner)) continue;
    const Reference& r = o.references->taken.front();
    out.push_back({ViolationClass::leak, o.name, r.task, r.event, Violation::no_event, r.event,
                   fmt::format("a reference on '{}', taken in {}, is never given back: no {}", kernel.text(o.name),
                               kernel.site(r.site).function, o.by)});
  }
  for (const Module* m : kernel.modules)
    if (!m->references.taken.empty() && !ended(trace, m->text) && !may_be_put(kernel, trace, *m, may_put))
      judge_module(kernel, trace, *m, out);
}

}  // namespace unplug::model
