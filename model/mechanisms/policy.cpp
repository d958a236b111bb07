#include "unplug/model/mechanisms/policy.hpp"

#include <algorithm>
#include <stdexcept>

namespace unplug::model {
namespace {

// A guard for some of the resources.
class SomeGuard final : public ResourceGuard {
 public:
  SomeGuard(std::vector<std::string> names, std::unique_ptr<ResourceGuard> guard) : names_(std::move(names)), guard_(std::move(guard)) {}
  void init(Kernel& kernel, Rcu& rcu, NameId unique_name, std::span<Resource> resources) override {
    for (Resource& r : resources) r.guarded = std::ranges::find(names_, kernel.text(r.name)) != names_.end();
    guard_->init(kernel, rcu, unique_name, resources);
  }
  bool acquire(Context& context, Resource& resource, Token& token) override {
    return !resource.guarded || guard_->acquire(context, resource, token);
  }
  void release(Context& context, Resource& resource, Token token) override {
    if (resource.guarded) guard_->release(context, resource, token);
  }
  void before_devres(Context& context, std::span<Resource> resources) override { guard_->before_devres(context, resources); }
  void revoke(Context& context, Resource& resource) override {
    if (resource.guarded) guard_->revoke(context, resource);
  }
  [[nodiscard]] bool can_refuse() const override { return guard_->can_refuse(); }

 private:
  std::vector<std::string> names_;
  std::unique_ptr<ResourceGuard> guard_;
};

}  // namespace

Policy::Policy(const PolicySpec& spec)
    : guards_(spec.guards), entry_(make_entry_guard(spec[Part::entry])), resource_(make_resource_guard(spec[Part::resource])),
      pin_(make_module_pin(spec[Part::pin])), work_(make_quiesce(Part::work, spec[Part::work])),
      irq_(make_quiesce(Part::irq, spec[Part::irq])), waiters_(make_quiesce(Part::waiters, spec[Part::waiters])),
      barrier_(make_exit_barrier(spec[Part::rcu_callbacks])), has_core_(spec[Part::entry] != "none") {
  if (!entry_ || !resource_ || !pin_ || !work_ || !irq_ || !waiters_ || !barrier_)
    throw std::invalid_argument("unknown mechanism in a policy");
  if (!guards_.empty()) replace(std::move(resource_));
}

void Policy::replace(std::unique_ptr<EntryGuard> entry) {
  entry_ = std::move(entry);
  has_core_ = true;
}

void Policy::replace(std::unique_ptr<ResourceGuard> resource) {
  resource_ = guards_.empty() ? std::move(resource) : std::make_unique<SomeGuard>(guards_, std::move(resource));
}

void Policy::init(Kernel& kernel, Rcu& rcu, NameId unique_name, std::span<Resource> resources) {
  static constexpr std::string_view entry = "entry", resource = "resource";
  sim::NameTable& names = kernel.engine().names();
  entry_->init(kernel, names.child(unique_name, entry, 1));
  resource_->init(kernel, rcu, names.child(unique_name, resource, 1), resources);
}

void Policy::fence(Context& context, Binding& binding, Sources& sources) {
  waiters_->quiesce(context, binding, sources);
  if (context.aborting()) return;
  entry_->fence(context);
  if (context.aborting()) return;
  irq_->quiesce(context, binding, sources);
  if (context.aborting()) return;
  work_->quiesce(context, binding, sources);
}

}  // namespace unplug::model
