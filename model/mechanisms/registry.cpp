#include "unplug/model/mechanisms/registry.hpp"

#include <algorithm>
#include <initializer_list>
#include <stdexcept>

#include <fmt/format.h>

#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

template <class T> struct Entry {
  MechanismInfo info;
  std::function<std::unique_ptr<T>()> make;
};
template <class T> using Table = std::vector<Entry<T>>;

// One line a mechanism.
Table<EntryGuard> entry_guards{
    Entry<EntryGuard>{{Part::entry, "none", "file operations call the driver directly", ""}, make_no_entry_guard},
    Entry<EntryGuard>{{Part::entry, "srcu", "a per-device SRCU section around every file operation", "uverbs_disassociate_api_pre, v6.18"},
                      make_srcu_entry_guard},
    Entry<EntryGuard>{{Part::entry, "rwsem", "operations read-lock a rwsem that removal write-locks", "tpm_del_char_device, v6.18"},
                      make_rwsem_entry_guard},
};
Table<ResourceGuard> resource_guards{
    Entry<ResourceGuard>{{Part::resource, "none", "a raw pointer", ""}, make_no_resource_guard},
    Entry<ResourceGuard>{
        {Part::resource, "rcu-revoke", "try_access in an RCU section; one grace period per resource at unbind", "revocable.rs, v6.16"},
        make_rcu_revoke},
    Entry<ResourceGuard>{{Part::resource, "rcu-revoke-batched", "the same, one grace period for all resources", "proposed in 2026"},
                         make_rcu_revoke_batched},
};
Table<ModulePin> pins{
    Entry<ModulePin>{{Part::pin, "none", "fops.owner = NULL: an open file does not pin the driver's module", ""}, make_no_pin},
    Entry<ModulePin>{{Part::pin, "fd-refcount", "fops.owner = THIS_MODULE: every open file pins it", "chrdev_open, v6.18"},
                     make_fd_refcount},
};
Table<Quiesce> quiescers{
    Entry<Quiesce>{{Part::work, "none", "work items are left alone", ""}, make_leave},
    Entry<Quiesce>{{Part::work, "cancel_work_sync", "pending ones are taken back, running ones waited for", "__cancel_work_sync, v6.18"},
                   make_cancel_work},
    Entry<Quiesce>{{Part::work, "disable_work_sync", "the same, and queueing is refused from then on", "disable_work_sync, v6.18"},
                   make_disable_work},
    Entry<Quiesce>{{Part::work, "flush_work", "waits for what is queued, forbids nothing", "flush_work, v6.18"}, make_flush_work},
    Entry<Quiesce>{{Part::irq, "none", "interrupts stay requested until devres frees them", ""}, make_leave},
    Entry<Quiesce>{{Part::irq, "free_irq", "freed in remove(), running handlers waited for", "devm_free_irq, v6.18"}, make_free_irq},
    Entry<Quiesce>{{Part::waiters, "none", "waits inside operations are let run", ""}, make_leave},
    Entry<Quiesce>{{Part::waiters, "shoot_down", "waits inside operations are woken with an error", ""}, make_shoot_down},
};
Table<ExitBarrier> barriers{
    Entry<ExitBarrier>{{Part::rcu_callbacks, "none", "module exit does not wait for RCU callbacks", ""}, make_no_exit_barrier},
    Entry<ExitBarrier>{{Part::rcu_callbacks, "rcu_barrier", "module exit waits for them", "rcu_barrier, v6.18"}, make_rcu_barrier},
};

template <class T> std::unique_ptr<T> find(const Table<T>& table, Part part, std::string_view name) {
  for (const Entry<T>& e : table)
    if (e.info.part == part && e.info.name == name) return e.make();
  return nullptr;
}

template <class T>
void add(Table<T>& table, std::initializer_list<Part> parts, const MechanismInfo& info, std::function<std::unique_ptr<T>()> make) {
  if (std::ranges::find(parts, info.part) == parts.end())
    throw std::invalid_argument(fmt::format("mechanism '{}' is of another kind than its part", info.name));
  if (find(table, info.part, info.name) != nullptr)
    throw std::invalid_argument(fmt::format("there is a mechanism '{}' already", info.name));
  table.push_back({info, std::move(make)});
}

}  // namespace

std::vector<PartInfo> parts() {
  return {{Part::entry, "entry", "a guard around every file operation"},
          {Part::resource, "resource", "a guard at every use of a resource"},
          {Part::pin, "pin", "what an open file pins"},
          {Part::work, "work", "what remove() does about work items"},
          {Part::irq, "irq", "what remove() does about interrupts"},
          {Part::waiters, "waiters", "what remove() does about waits inside operations"},
          {Part::rcu_callbacks, "rcu_callbacks", "what module exit does about RCU callbacks"}};
}

std::vector<MechanismInfo> mechanisms() {
  std::vector<MechanismInfo> out;
  const auto add = [&](const auto& table) {
    for (const auto& e : table) out.push_back(e.info);
  };
  add(entry_guards);
  add(resource_guards);
  add(pins);
  add(quiescers);
  add(barriers);
  return out;
}

std::unique_ptr<EntryGuard> make_entry_guard(std::string_view name) { return find(entry_guards, Part::entry, name); }
std::unique_ptr<ResourceGuard> make_resource_guard(std::string_view name) { return find(resource_guards, Part::resource, name); }
std::unique_ptr<ModulePin> make_module_pin(std::string_view name) { return find(pins, Part::pin, name); }
std::unique_ptr<Quiesce> make_quiesce(Part part, std::string_view name) { return find(quiescers, part, name); }
std::unique_ptr<ExitBarrier> make_exit_barrier(std::string_view name) { return find(barriers, Part::rcu_callbacks, name); }

void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<EntryGuard>()> make) {
  add(entry_guards, {Part::entry}, info, std::move(make));
}
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<ResourceGuard>()> make) {
  add(resource_guards, {Part::resource}, info, std::move(make));
}
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<ModulePin>()> make) {
  add(pins, {Part::pin}, info, std::move(make));
}
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<Quiesce>()> make) {
  add(quiescers, {Part::work, Part::irq, Part::waiters}, info, std::move(make));
}
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<ExitBarrier>()> make) {
  add(barriers, {Part::rcu_callbacks}, info, std::move(make));
}

}  // namespace unplug::model
