#include "unplug/model/policy.hpp"

#include <stdexcept>

namespace unplug::model {

Policy::Policy(const PolicySpec& spec)
    : entry_(make_entry_guard(spec[Part::entry])), resource_(make_resource_guard(spec[Part::resource])),
      pin_(make_module_pin(spec[Part::pin])), work_(make_quiesce(Part::work, spec[Part::work])),
      irq_(make_quiesce(Part::irq, spec[Part::irq])), waiters_(make_quiesce(Part::waiters, spec[Part::waiters])),
      barrier_(make_exit_barrier(spec[Part::rcu_callbacks])), has_core_(spec[Part::entry] != "none") {
  if (!entry_ || !resource_ || !pin_ || !work_ || !irq_ || !waiters_ || !barrier_)
    throw std::invalid_argument("unknown mechanism in a policy");
}

void Policy::replace(std::unique_ptr<EntryGuard> entry) {
  entry_ = std::move(entry);
  has_core_ = true;
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
