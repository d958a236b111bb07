#include "unplug/scenarios/run/entry_kinds.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace unplug::scenarios {
namespace {

template <EntityKind... kinds> bool declares(const Program& p) { return (!p.of(kinds).empty() || ...); }

template <FileOp... operations> bool has_operation(const Program& p) {
  return std::ranges::any_of(p.fops, [](const FopsSpec& f) { return ((f.of(operations) != UINT32_MAX) || ...); });
}
bool has_irq_threads(const Program& p) {
  return std::ranges::any_of(p.of(EntityKind::irq), [](const EntitySpec& e) { return e.function_of("thread_fn") != UINT32_MAX; });
}
bool has_rcu_callbacks(const Program& p) {
  return std::ranges::any_of(p.sites, [](const SiteSpec& s) { return s.verb == "call_rcu"; });
}

struct EntryKind {
  std::string_view name;
  bool (*in)(const Program&);
};
constexpr std::array entry_kinds{
    EntryKind{"file operations", has_operation<FileOp::open, FileOp::release, FileOp::flush, FileOp::read, FileOp::write, FileOp::ioctl>},
    EntryKind{"mmap and faults", has_operation<FileOp::mmap>},
    EntryKind{"poll", has_operation<FileOp::poll>},
    EntryKind{"sysfs", declares<EntityKind::attribute>},
    EntryKind{"debugfs", declares<EntityKind::debugfs>},
    EntryKind{"procfs", declares<EntityKind::proc>},
    EntryKind{"interrupts", declares<EntityKind::irq>},
    EntryKind{"irq threads", has_irq_threads},
    EntryKind{"tasklets", declares<EntityKind::tasklet>},
    EntryKind{"NAPI", declares<EntityKind::napi>},
    EntryKind{"URBs", declares<EntityKind::urb>},
    EntryKind{"timers", declares<EntityKind::timer, EntityKind::hrtimer, EntityKind::delayed_work>},
    EntryKind{"work", declares<EntityKind::work, EntityKind::delayed_work>},
    EntryKind{"kernel threads", declares<EntityKind::kthread>},
    EntryKind{"kthread workers", declares<EntityKind::kthread_worker>},
    EntryKind{"notifiers", declares<EntityKind::notifier>},
    EntryKind{"fence callbacks", declares<EntityKind::fence_callback>},
    EntryKind{"RCU callbacks", has_rcu_callbacks},
};

}  // namespace

std::string entry_kinds_missing(const Scenario& s) {
  std::vector<std::string_view> missing;
  for (const EntryKind& k : entry_kinds)
    if (std::ranges::none_of(s.programs, [&](const auto& p) { return k.in(*p); })) missing.push_back(k.name);
  return fmt::format("entry kinds not modelled by the file: {}", fmt::join(missing, ", "));
}

}  // namespace unplug::scenarios
