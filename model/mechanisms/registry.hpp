// All mechanisms, by part of a policy and name.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "unplug/model/mechanisms/mechanism.hpp"

namespace unplug::model {

// The parts a policy is made of, each with one mechanism. `--without PART` leaves one out: the mechanism "none" of that part.
enum class Part : std::uint8_t { entry, resource, pin, work, irq, waiters, rcu_callbacks };
inline constexpr std::size_t part_count = 7;

struct PartInfo {
  Part part;
  std::string_view name;  // in policy files and --without
  std::string_view meaning;
};
[[nodiscard]] std::vector<PartInfo> parts();

struct MechanismInfo {
  Part part;
  std::string_view name;     // "srcu"
  std::string_view summary;  // one line
  std::string_view models;   // kernel function or design it follows; empty for "none"
};
[[nodiscard]] std::vector<MechanismInfo> mechanisms();

// Each returns null if the part has no mechanism of that name. "none" is always there.
[[nodiscard]] std::unique_ptr<EntryGuard> make_entry_guard(std::string_view name);
[[nodiscard]] std::unique_ptr<ResourceGuard> make_resource_guard(std::string_view name);
[[nodiscard]] std::unique_ptr<ModulePin> make_module_pin(std::string_view name);
[[nodiscard]] std::unique_ptr<Quiesce> make_quiesce(Part part, std::string_view name);  // work, irq, waiters
[[nodiscard]] std::unique_ptr<ExitBarrier> make_exit_barrier(std::string_view name);

// Makes a mechanism from outside known under a name, for policies that name it; before the first Policy is made, and not while others run.
// Throws std::invalid_argument if the part has one of that name, or mechanisms of another kind.
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<EntryGuard>()> make);
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<ResourceGuard>()> make);
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<ModulePin>()> make);
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<Quiesce>()> make);
void register_mechanism(const MechanismInfo& info, std::function<std::unique_ptr<ExitBarrier>()> make);

}  // namespace unplug::model
