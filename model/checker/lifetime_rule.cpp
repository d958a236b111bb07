#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "unplug/model/checker/checker.hpp"
#include "unplug/model/kernel/hw/dma.hpp"
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
      case LifetimeKind::port:
      case LifetimeKind::dma: return release ? ViolationClass::double_release : ViolationClass::use_before_init;
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
    case LifetimeKind::port: return twice ? ViolationClass::double_release : ViolationClass::use_after_unmap;
    case LifetimeKind::dma: return twice ? ViolationClass::double_release : ViolationClass::dma_after_unmap;
    case LifetimeKind::irq:
    case LifetimeKind::registration: return ViolationClass::double_release;
    case LifetimeKind::binding: return ViolationClass::runs_after_unbind;
  }
  return {};
}

bool is_claim(LifetimeKind kind) { return kind == LifetimeKind::region || kind == LifetimeKind::port; }

// A use of a released region reaches somebody else's device only if another claim of the same region can lie between: there is one that
// comes after the release and not after the use. (Claims and releases of one region are steps on one object, so they are ordered.)
bool claimed_since(const Kernel& kernel, const sim::Trace& trace, const Fault& f) {
  const sim::ObjectId region = trace.events[f.end].access.object;
  for (std::uint32_t i = f.end + 1; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    if (!e.begins || e.access.object != region || !is_claim(kernel.lifetime(e.begins).kind)) continue;
    if (f.use == Fault::no_event || !sim::past_of(trace, i)[f.use]) return true;
  }
  return false;
}

// A use of an address that was unmapped reaches what is mapped there by then, if another ioremap() can lie between: it need not come before
// the iounmap(), nor after the use. Of several the first by name, so that what is said of it does not depend on the linearisation.
NameId mapped_since(const Kernel& kernel, const sim::Trace& trace, const Fault& f) {
  NameId found;
  const std::vector<bool> before_end = sim::past_of(trace, f.end);
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    if (!e.begins || kernel.lifetime(e.begins).kind != LifetimeKind::mapping || before_end[i]) continue;
    if (f.use != Fault::no_event && sim::past_of(trace, i)[f.use]) continue;
    const NameId name = kernel.lifetime(e.begins).declared;
    if (!found || kernel.text(name) < kernel.text(found)) found = name;
  }
  return found;
}

bool by_device(const sim::Trace& trace, const Fault& f) { return f.use != Fault::no_event && is_dma(*trace.events[f.use].operation); }

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

// What a reader can't see from class and places.
std::string detail_of(const Kernel& kernel, const sim::Trace& trace, LifetimeKind kind, ViolationClass c, const Fault& f) {
  if (f.kind == Fault::Kind::blocked_use) {
    const WaitInfo* wait = kernel.waiting(f.task);
    return wait != nullptr && !wait->sleeps ? "it goes on looking there" : "the task still sleeps there";
  }
  if (f.kind == Fault::Kind::use_after_end && kind == LifetimeKind::text) return met_by(kernel, trace, f);
  if (f.kind == Fault::Kind::use_after_end && kind == LifetimeKind::module_data) return "it touches the module's data";
  if (kind == LifetimeKind::mapping && c == ViolationClass::use_after_unmap && kernel.config().lazy_vunmap_flush)
    return "it faults, or reaches the device through a translation that is still in the TLB";
  if (kind == LifetimeKind::port && c == ViolationClass::use_after_unmap) return "the ports were released, and nothing faults";
  if (c != ViolationClass::dma_after_unmap) return {};
  if (kind == LifetimeKind::memory) return "freed while it is mapped: the device reaches whoever has the page by then";
  switch (kernel.config().iommu) {
    case Iommu::none: return "without an IOMMU, the device reaches whoever has the page by then";
    case Iommu::lazy: return "until the IOTLB is flushed, the device reaches whoever has the page by then";
    case Iommu::strict: return "the IOMMU stops it and logs a fault";
  }
  return {};
}

// A lifetime that is ended again and again is one mistake: of the ends that come after another one, the first is at fault. Of two that
// nothing orders, which are at fault in both roles, it is the one of the later name that is shown at fault.
std::vector<Fault> without_repetitions(const Kernel& kernel, const sim::Trace& trace, const std::vector<Fault>& faults) {
  std::vector<Fault> out;
  const auto twice = [](const Fault& f) { return f.kind == Fault::Kind::double_end; };
  for (auto from = faults.begin(); from != faults.end();) {
    const auto to = std::find_if(from, faults.end(), [&](const Fault& f) { return f.lifetime != from->lifetime; });
    std::map<std::uint32_t, std::vector<bool>> pasts;  // of the ends at fault
    for (auto f = from; f != to; ++f)
      if (twice(*f) && !pasts.contains(f->use)) pasts.emplace(f->use, sim::past_of(trace, f->use));
    const auto repeats = [&](std::uint32_t end) {
      const auto past = pasts.find(end);
      return past != pasts.end() &&
             std::ranges::any_of(pasts, [&](const auto& other) { return other.first != end && past->second[other.first]; });
    };
    const auto name = [&](std::uint32_t e) -> const std::string& { return kernel.text(trace.tasks[trace.events[e].task.index()].name); };
    for (auto f = from; f != to; ++f) {
      if (twice(*f)) {
        if (repeats(f->use) || repeats(f->end)) continue;
        const bool mutual = std::any_of(from, to, [&](const Fault& g) { return twice(g) && g.use == f->end && g.end == f->use; });
        if (mutual && name(f->use) < name(f->end)) continue;
      }
      out.push_back(*f);
    }
    from = to;
  }
  return out;
}

}  // namespace

void lifetime_rule(const Kernel& kernel, const sim::Trace& trace, const std::vector<Fault>& all, std::vector<Violation>& out) {
  const bool twice = std::ranges::any_of(all, [](const Fault& f) { return f.kind == Fault::Kind::double_end; });
  const std::vector<Fault> rest = twice ? without_repetitions(kernel, trace, all) : std::vector<Fault>{};
  const std::vector<Fault>& faults = twice ? rest : all;
  // Faults come ordered by lifetime, then use. The first use of a task stands for its later ones, once per ending step.
  std::map<std::tuple<LifetimeId, TaskId, std::uint32_t, bool>, bool> seen, seen_reuse;
  // Of a transfer that has lost both its mapping and the memory behind it, the mapping is named.
  std::set<std::uint32_t> unmapped;
  for (const Fault& f : faults)
    if (kernel.lifetime(f.lifetime).kind == LifetimeKind::dma) unmapped.insert(f.use);
  for (const Fault& f : faults) {
    const LifetimeInfo& life = kernel.lifetime(f.lifetime);
    const bool release = f.use != Fault::no_event && trace.events[f.use].ends == f.lifetime;
    std::optional<ViolationClass> c = class_of(life.kind, f.kind, release);
    if (!c) continue;
    if (life.kind == LifetimeKind::memory && *c == ViolationClass::use_after_free && by_device(trace, f)) {
      if (unmapped.contains(f.use)) continue;
      c = ViolationClass::dma_after_unmap;
    }
    // A worker without work and an interrupt that never comes sleep in nobody's memory: they touch it when they are woken.
    const WaitInfo* wait = kernel.waiting(f.task);
    if (f.kind == Fault::Kind::blocked_use && wait != nullptr && wait->idle && !wait->returns) continue;
    if (life.kind == LifetimeKind::mapping && *c == ViolationClass::use_after_unmap && kernel.config().lazy_vunmap_flush) {
      bool& reuse = seen_reuse[{f.lifetime, f.task, f.end, false}];
      if (const NameId now = reuse ? NameId{} : mapped_since(kernel, trace, f)) {
        reuse = true;
        out.push_back({ViolationClass::region_reused, life.declared, f.task, f.use, f.end, begin_of(kernel, trace, f.lifetime, f.end),
                       fmt::format("nothing faults where '{}' is mapped at its address by then", kernel.text(now))});
      }
    }
    bool& done = seen[{f.lifetime, f.task, f.end, f.kind == Fault::Kind::use_before_begin}];
    if (done) continue;
    if (life.kind == LifetimeKind::port && *c == ViolationClass::use_after_unmap && claimed_since(kernel, trace, f))
      c = ViolationClass::region_reused;
    if (*c == ViolationClass::region_reused && !claimed_since(kernel, trace, f)) continue;
    done = true;
    Violation v{
        *c, life.declared, f.task, f.use, f.end, begin_of(kernel, trace, f.lifetime, f.end), detail_of(kernel, trace, life.kind, *c, f)};
    v.unordered = f.kind == Fault::Kind::double_end && !sim::past_of(trace, f.use)[f.end] && !sim::past_of(trace, f.end)[f.use];
    if (f.kind == Fault::Kind::use_before_begin) {
      v.created_by = f.end;
      v.ended_by = Violation::no_event;
    }
    out.push_back(std::move(v));
  }
}

}  // namespace unplug::model
