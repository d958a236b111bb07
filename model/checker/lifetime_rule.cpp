#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "unplug/model/checker/checker.hpp"
#include "unplug/sim/happens_before.hpp"

namespace unplug::model {
namespace {

using Fault = sim::LifetimeFault;

// `release`: the use is itself an end.
std::optional<ViolationClass> class_of(LifetimeKind kind, Fault::Kind fault, bool release) {
  if (fault == Fault::Kind::use_before_begin) {
    switch (kind) {
      case LifetimeKind::irq:
      case LifetimeKind::registration: return ViolationClass::double_release;  // released without having been requested
      case LifetimeKind::region:
        if (release) return ViolationClass::double_release;
        return {};  // its mapping tells the same
      case LifetimeKind::binding: return {};
      default: return ViolationClass::use_before_init;
    }
  }
  const bool twice = fault == Fault::Kind::double_end;
  switch (kind) {
    case LifetimeKind::text:
    case LifetimeKind::module_data: return ViolationClass::execute_after_free;
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
// comes after the release and not after the use. (Claims and releases of one region are steps on one object, so they are ordered.)
bool claimed_since(const Kernel& kernel, const sim::Trace& trace, const Fault& f) {
  const sim::ObjectId region = trace.events[f.end].access.object;
  for (std::uint32_t i = f.end + 1; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    if (!e.begins || e.access.object != region || kernel.lifetime(e.begins).kind != LifetimeKind::region) continue;
    if (f.use == Fault::no_event || !sim::past_of(trace, i)[f.use]) return true;
  }
  return false;
}

// What a late call into text that `f.end` freed meets. The module loaded in its place is one whose loading comes after the end and not
// after the use, by happens-before.
std::string met_by(const Kernel& kernel, const sim::Trace& trace, const Fault& f) {
  if (kernel.config().freed_text == FreedText::unmapped) return {};
  if (kernel.config().freed_text == FreedText::poisoned) return "it traps on the filler of the freed text";
  const std::string* module = nullptr;  // of several the first by name
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    if (!e.begins || kernel.lifetime(e.begins).kind != LifetimeKind::text) continue;
    const std::vector<bool> past = sim::past_of(trace, i);
    if (!past[f.end] || (f.use != Fault::no_event && past[f.use])) continue;
    const std::string& name = kernel.text(kernel.lifetime(e.begins).declared);
    if (module == nullptr || name < *module) module = &name;
  }
  return module == nullptr ? std::string{} : "it runs what was loaded in its place: module '" + *module + "'";
}

std::string detail_of(const Kernel& kernel, const sim::Trace& trace, const Fault& f) {
  if (f.kind == Fault::Kind::blocked_use) return "the task still sleeps there";
  if (f.kind != Fault::Kind::use_after_end) return {};
  switch (kernel.lifetime(f.lifetime).kind) {
    case LifetimeKind::text: return met_by(kernel, trace, f);
    case LifetimeKind::module_data: return "it touches the module's data";
    default: return {};
  }
}

}  // namespace

void lifetime_rule(const Kernel& kernel, const sim::Trace& trace, const std::vector<Fault>& faults, std::vector<Violation>& out) {
  // Faults come ordered by lifetime, then use. The first use of a task stands for its later ones, once per ending step.
  std::map<std::tuple<LifetimeId, TaskId, std::uint32_t, bool>, bool> seen;
  for (const Fault& f : faults) {
    const LifetimeInfo& life = kernel.lifetime(f.lifetime);
    const bool release = f.use != Fault::no_event && trace.events[f.use].ends == f.lifetime;
    const std::optional<ViolationClass> c = class_of(life.kind, f.kind, release);
    if (!c) continue;
    // A worker without work and an interrupt that never comes sleep in nobody's memory: they touch it when they are woken.
    const WaitInfo* wait = kernel.waiting(f.task);
    if (f.kind == Fault::Kind::blocked_use && wait != nullptr && wait->idle && !wait->returns) continue;
    bool& done = seen[{f.lifetime, f.task, f.end, f.kind == Fault::Kind::use_before_begin}];
    if (done) continue;
    if (*c == ViolationClass::region_reused && !claimed_since(kernel, trace, f)) continue;
    done = true;
    Violation v{*c, life.declared, f.task, f.use, f.end, begin_of(trace, f.lifetime), detail_of(kernel, trace, f)};
    if (f.kind == Fault::Kind::use_before_begin) {
      v.created_by = f.end;
      v.ended_by = Violation::no_event;
    }
    out.push_back(std::move(v));
  }
}

}  // namespace unplug::model
