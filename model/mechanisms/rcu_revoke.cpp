// Resource guards `rcu-revoke` and `rcu-revoke-batched`: access is tried inside an RCU read-side section and revoked at unbind.
//
// rust/kernel/revocable.rs and devres.rs, v6.16: try_access() takes rcu_read_lock(), then loads the flag; the guard is the section, so it
// must not sleep. revoke() swaps the flag; who wins waits for one synchronize_rcu() and drops the resource. In the devres callback of each
// resource that is one grace period per resource, one after another. `batched` clears every flag first and waits once for all (planned in
// 2026, not merged): then the callbacks only drop.
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

const Operation load_op{.name = "try_access: load flag", .marked = true}, swap_op{.name = "revoke: swap flag", .marked = true};

bool swap_flag(Context& context, Resource& resource) {
  return context.write(swap_op, resource.available, {}, [](std::uint64_t& word) {
    const bool was = word != 0;
    word = 0;
    return was;
  });
}

class RcuRevoke : public ResourceGuard {
 public:
  void init(Kernel& kernel, Rcu& rcu, NameId unique_name, std::span<Resource> resources) override {
    static constexpr std::string_view flag = "is_available";
    rcu_ = &rcu;
    std::uint32_t n = 0;
    for (Resource& r : resources) r.available = kernel.engine().new_object(kernel.engine().names().child(unique_name, flag, ++n), 1);
  }
  bool acquire(Context& context, Resource& resource, Token&) override {
    rcu_read_lock(context, *rcu_);
    if (context.read(load_op, resource.available, {}) != 0) return true;
    rcu_read_unlock(context, *rcu_);
    return false;
  }
  void release(Context& context, Resource&, Token) override { rcu_read_unlock(context, *rcu_); }
  void before_devres(Context&, std::span<Resource>) override {}
  void revoke(Context& context, Resource& resource) override {
    if (swap_flag(context, resource)) synchronize_rcu(context, *rcu_);
  }
  [[nodiscard]] bool can_refuse() const override { return true; }

 protected:
  Rcu* rcu_ = nullptr;
};

class RcuRevokeBatched final : public RcuRevoke {
 public:
  void before_devres(Context& context, std::span<Resource> resources) override {
    bool any = false;
    for (Resource& r : resources) any = (r.guarded && swap_flag(context, r)) || any;
    if (any) synchronize_rcu(context, *rcu_);
  }
  void revoke(Context&, Resource&) override {}
};

}  // namespace

std::unique_ptr<ResourceGuard> make_rcu_revoke() { return std::make_unique<RcuRevoke>(); }
std::unique_ptr<ResourceGuard> make_rcu_revoke_batched() { return std::make_unique<RcuRevokeBatched>(); }

}  // namespace unplug::model
