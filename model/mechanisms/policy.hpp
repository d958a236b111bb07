// A policy: one mechanism for each part. What a JSON file in scenarios/policies/ names, made into code for one binding.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "unplug/model/mechanisms/registry.hpp"

namespace unplug::model {

struct PolicySpec {
  std::array<std::string, part_count> mechanism;  // by Part; empty counts as "none"
  // Names of the resources, as declared, that the resource guard is for; none: all. A driver may have part of its resources behind a guard.
  std::vector<std::string> guards{};
  [[nodiscard]] std::string_view operator[](Part p) const {
    const std::string& m = mechanism[static_cast<std::size_t>(p)];
    return m.empty() ? std::string_view("none") : std::string_view(m);
  }
};

class Policy {
 public:
  // Throws std::invalid_argument for a mechanism that does not exist; loaders check first.
  explicit Policy(const PolicySpec& spec);

  // Makes the objects of the mechanisms for one binding, before every execution.
  void init(Kernel& kernel, Rcu& rcu, NameId unique_name, std::span<Resource> resources);
  // The policy's half of remove(): waits shot down, entries fenced, then interrupts freed before the work they queue.
  void fence(Context& context, Binding& binding, Sources& sources);

  // Guards of the caller's own, in place of those that the specification names. Before init().
  void replace(std::unique_ptr<EntryGuard> entry);
  void replace(std::unique_ptr<ResourceGuard> resource);
  void replace(std::unique_ptr<ExitBarrier> barrier) { barrier_ = std::move(barrier); }

  [[nodiscard]] EntryGuard& entry() { return *entry_; }
  [[nodiscard]] ResourceGuard& resource() { return *resource_; }
  [[nodiscard]] ModulePin& pin() { return *pin_; }
  [[nodiscard]] ExitBarrier& exit_barrier() { return *barrier_; }
  // Whether the entry guard's code lives in a core module, which open files then pin.
  [[nodiscard]] bool has_core() const { return has_core_; }

 private:
  std::vector<std::string> guards_;
  std::unique_ptr<EntryGuard> entry_;
  std::unique_ptr<ResourceGuard> resource_;
  std::unique_ptr<ModulePin> pin_;
  std::unique_ptr<Quiesce> work_, irq_, waiters_;
  std::unique_ptr<ExitBarrier> barrier_;
  bool has_core_ = false;
};

}  // namespace unplug::model
