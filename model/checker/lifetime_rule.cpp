#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "unplug/model/checker/checker.hpp"
#include "unplug/sim/happens_before.hpp"

namespace unplug::model {
namespace {

using Fault = sim::LifetimeFault;

std::optional<ViolationClass> class_of(LifetimeKind kind, Fault::Kind fault) {
  if (fault == Fault::Kind::use_before_begin) {
    switch (kind) {
      case LifetimeKind::irq:
      case LifetimeKind::registration: return ViolationClass::double_release;  // released without having been requested
      case LifetimeKind::region: return {};                                    // its mapping tells the same
      case LifetimeKind::binding: return {};
      default: return ViolationClass::use_before_init;
    }
  }
  const bool twice = fault == Fault::Kind::double_end;
  switch (kind) {
    case LifetimeKind::text: return ViolationClass::execute_after_free;
    case LifetimeKind::memory: return twice ? ViolationClass::double_free : ViolationClass::use_after_free;
    case LifetimeKind::mapping: return twice ? ViolationClass::double_release : ViolationClass::use_after_unmap;
    case LifetimeKind::region: return twice ? ViolationClass::double_release : ViolationClass::region_reused;
    case LifetimeKind::irq:
    case LifetimeKind::registration: return ViolationClass::double_release;
    case LifetimeKind::binding: return ViolationClass::runs_after_unbind;
  }
  return {};
}

// A use of a released region reaches somebody else's device only if another claim of the same region can lie between: there is one that
// does not come after the use. Claims of a region are the lifetimes of that kind with the same declared name.
std::uint32_t claim_by_other(const Kernel& kernel, const sim::Trace& trace, const Fault& f) {
  const NameId region = kernel.lifetime(f.lifetime).declared;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    if (!e.begins || e.begins == f.lifetime) continue;
    const LifetimeInfo& other = kernel.lifetime(e.begins);
    if (other.kind != LifetimeKind::region || other.declared != region) continue;
    if (f.use == Fault::no_event || !sim::past_of(trace, i)[f.use]) return i;
  }
  return Violation::no_event;
}

}  // namespace

void lifetime_rule(const Kernel& kernel, const sim::Trace& trace, const std::vector<Fault>& faults, std::vector<Violation>& out) {
  // Faults come ordered by lifetime, then use. The first use of a task stands for its later ones, once per ending step.
  std::map<std::tuple<LifetimeId, TaskId, std::uint32_t, bool>, bool> seen;
  for (const Fault& f : faults) {
    const LifetimeInfo& life = kernel.lifetime(f.lifetime);
    const std::optional<ViolationClass> c = class_of(life.kind, f.kind);
    if (!c) continue;
    // A worker without work and an interrupt that never comes sleep in nobody's memory: they touch it when they are woken.
    if (const WaitInfo* wait = kernel.waiting(f.task); f.kind == Fault::Kind::blocked_use && wait != nullptr && wait->idle) continue;
    bool& done = seen[{f.lifetime, f.task, f.end, f.kind == Fault::Kind::use_before_begin}];
    if (done) continue;
    if (*c == ViolationClass::region_reused && claim_by_other(kernel, trace, f) == Violation::no_event) continue;
    done = true;
    Violation v{*c, life.declared, f.task, f.use, f.end, begin_of(trace, f.lifetime), {}};
    if (f.kind == Fault::Kind::use_before_begin) {
      v.created_by = f.end;
      v.ended_by = Violation::no_event;
    }
    if (f.kind == Fault::Kind::blocked_use) v.detail = "the task still sleeps there";
    out.push_back(std::move(v));
  }
}

}  // namespace unplug::model
