#include "unplug/model/kernel/base/device_link.hpp"

#include "unplug/sim/invariant.hpp"

namespace unplug::model {
namespace {

const Operation check_op{.name = "device_links_check_suppliers", .sync = sim::Sync::both},
    bound_op{.name = "device_links_driver_bound", .sync = sim::Sync::both},
    no_driver_op{.name = "device_links_no_driver", .sync = sim::Sync::both}, busy_op{.name = "device_links_busy", .sync = sim::Sync::both},
    unbind_op{.name = "device_links_unbind_consumers: next", .sync = sim::Sync::both},
    probe_op{.name = "device_links_unbind_consumers: wait for a probe", .sync = sim::Sync::acquire},
    cleanup_op{.name = "device_links_driver_cleanup", .sync = sim::Sync::both};

// States of a link: neither is bound, the supplier is, the consumer is being probed, both are bound, the supplier unbinds.
constexpr std::uint64_t dormant = 0, available = 1, consumer_probe = 2, active = 3, supplier_unbind = 4, state_mask = 15;
constexpr std::size_t most = 16;

struct States {
  std::uint64_t& word;
  [[nodiscard]] std::uint64_t of(std::size_t link) const { return word >> (4 * link) & state_mask; }
  void set(std::size_t link, std::uint64_t state) const { word = (word & ~(state_mask << (4 * link))) | state << (4 * link); }
};

// Calls `f(states, link)` for each link, under the lock.
template <class F> void under_lock(Context& context, const Device& d, const Operation& operation, F&& f) {
  context.write(operation, d.links->object, d.home, [&](std::uint64_t& word) {
    const States states{word};
    for (std::size_t i = 0; i < d.links->links.size(); ++i) f(states, i);
  });
}

// What a link to a supplier falls back to when its consumer is not bound any more.
void consumer_gone(const States& states, std::size_t i) {
  // A supplier that unbinds stays so: it waits for this.
  if (states.of(i) == consumer_probe || states.of(i) == active) states.set(i, available);
}

}  // namespace

void init_device_links(Kernel& kernel, DeviceLinks& l, NameId unique_name) {
  l = {kernel.engine().new_object(unique_name, 0), unique_name, {}};
}

void add_device_link(DeviceLinks& l, Device& supplier, Device& consumer) {
  sim::invariant(l.links.size() < most, "more device links than the word of their states has room for");
  l.links.push_back({&supplier, &consumer});
  supplier.links = consumer.links = &l;
}

bool device_links_check_suppliers(Context& context, Device& d) {
  bool missing = false;
  context.write(check_op, d.links->object, d.home, [&](std::uint64_t& word) {
    const States states{word};
    const auto& links = d.links->links;
    for (std::size_t i = 0; i < links.size(); ++i) missing = missing || (links[i].consumer == &d && states.of(i) != available);
    for (std::size_t i = 0; i < links.size() && !missing; ++i)
      if (links[i].consumer == &d) states.set(i, consumer_probe);
  });
  return !missing;
}

void device_links_driver_bound(Context& context, Device& d) {
  under_lock(context, d, bound_op, [&](const States& states, std::size_t i) {
    const DeviceLinks::Link& l = d.links->links[i];
    if (l.supplier == &d) states.set(i, available);
    if (l.consumer == &d && states.of(i) == consumer_probe) states.set(i, active);
  });
}

void device_links_no_driver(Context& context, Device& d) {
  under_lock(context, d, no_driver_op, [&](const States& states, std::size_t i) {
    if (d.links->links[i].consumer == &d) consumer_gone(states, i);
  });
}

bool device_links_busy(Context& context, Device& d) {
  bool busy = false;
  under_lock(context, d, busy_op, [&](const States& states, std::size_t i) {
    if (d.links->links[i].supplier != &d || busy) return;
    busy = states.of(i) == consumer_probe || states.of(i) == active;
    if (!busy) states.set(i, supplier_unbind);
  });
  return busy;
}

void device_links_unbind_consumers(Context& context, Device& d) {
  static const KernelSite site{"device_links_unbind_consumers", "next consumer"};
  const Context::KernelFunction function(context, site.function);
  const auto& links = d.links->links;
  for (std::size_t next = 0; next < links.size() && !context.aborting();) {
    context.at(site);
    bool probing = false, unbind = false;
    context.write(unbind_op, d.links->object, d.home, [&](std::uint64_t& word) {
      const States states{word};
      for (next = 0; next < links.size(); ++next) {
        if (links[next].supplier != &d) continue;
        probing = states.of(next) == consumer_probe;
        unbind = states.of(next) == active;
        if (!probing) states.set(next, supplier_unbind);
        if (probing || unbind) return;
      }
    });
    if (context.aborting()) return;
    if (probing) {
      sim::Step s = context.make(probe_op, d.home);
      s.access = {d.links->object, sim::AccessKind::read};
      s.guard = sim::Guard::not_equal(consumer_probe << (4 * next), state_mask << (4 * next));
      context.wait(s, {"wait_for_device_probe", links[next].consumer->name, Owner::other_driver}, [](std::uint64_t&) {});
    } else if (unbind) {
      Device& consumer = *links[next].consumer;
      device_release_driver_internal(context, consumer, nullptr, parent_to_lock(consumer));
    }
  }
}

void device_links_driver_cleanup(Context& context, Device& d) {
  under_lock(context, d, cleanup_op, [&](const States& states, std::size_t i) {
    const DeviceLinks::Link& l = d.links->links[i];
    if (l.supplier == &d) states.set(i, dormant);
    if (l.consumer == &d) consumer_gone(states, i);
  });
}

}  // namespace unplug::model
