// The absence of each part.
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

class NoEntryGuard final : public EntryGuard {
 public:
  void init(Kernel&, NameId) override {}
  bool enter(Context&, Token&) override { return true; }
  void exit(Context&, Token) override {}
  void fence(Context&) override {}
};

class NoResourceGuard final : public ResourceGuard {
 public:
  void init(Kernel&, Rcu&, NameId, std::span<Resource>) override {}
  bool acquire(Context&, Resource&, Token&) override { return true; }
  void release(Context&, Resource&, Token) override {}
  void before_devres(Context&, std::span<Resource>) override {}
  void revoke(Context&, Resource&) override {}
  [[nodiscard]] bool can_refuse() const override { return false; }
};

class NoPin final : public ModulePin {
 public:
  Module* pinned(Module&) override { return nullptr; }
};

class Leave final : public Quiesce {
 public:
  void quiesce(Context&, Binding&, Sources&) override {}
};

class NoExitBarrier final : public ExitBarrier {
 public:
  void at_exit(Context&, Rcu&) override {}
};

}  // namespace

std::unique_ptr<EntryGuard> make_no_entry_guard() { return std::make_unique<NoEntryGuard>(); }
std::unique_ptr<ResourceGuard> make_no_resource_guard() { return std::make_unique<NoResourceGuard>(); }
std::unique_ptr<ModulePin> make_no_pin() { return std::make_unique<NoPin>(); }
std::unique_ptr<Quiesce> make_leave() { return std::make_unique<Leave>(); }
std::unique_ptr<ExitBarrier> make_no_exit_barrier() { return std::make_unique<NoExitBarrier>(); }

}  // namespace unplug::model
