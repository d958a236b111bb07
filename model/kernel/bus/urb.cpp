#include "unplug/model/kernel/bus/urb.hpp"

#include <utility>

#include <fmt/format.h>

#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {
namespace {

const Operation alloc_op{.name = "usb_alloc_urb"}, get_op{.name = "usb_get_urb"}, put_op{.name = "usb_free_urb", .sync = sim::Sync::both};
const Operation submit_op{.name = "usb_submit_urb", .sync = sim::Sync::both}, unlink_op{.name = "usb_unlink_urb"},
    status_op{.name = "urb->status"};
const Operation giveback_op{.name = "URB given back", .sync = sim::Sync::acquire},
    done_op{.name = "completion handler finished", .sync = sim::Sync::release};
const Operation kill_op{.name = "usb_kill_urb: reject and unlink"}, kill_wait_op{.name = "usb_kill_urb", .sync = sim::Sync::acquire},
    poison_op{.name = "usb_poison_urb: reject and unlink"}, poison_wait_op{.name = "usb_poison_urb", .sync = sim::Sync::acquire},
    block_op{.name = "usb_block_urb"}, unpoison_op{.name = "usb_unpoison_urb"};
const Operation flush_op{.name = "usb_hcd_flush_endpoint: disable and unlink"},
    flush_wait_op{.name = "usb_hcd_flush_endpoint", .sync = sim::Sync::acquire},
    state_op{.name = "usb_set_device_state: USB_STATE_NOTATTACHED"}, which_op{.name = "is it for endpoint 0?", .outside = true};

// The word: bit 0 queued, bit 1 the host controller is through with it, bit 2 its handler runs, bit 3 unlinked, bit 4 its endpoint is
// disabled, bit 5 its device is not attached any more. In flight (urb->use_count) is queued or running, or both: submitted again.
constexpr std::uint64_t queued = 1, over = 2, running = 4, unlinked = 8, disabled = 16, detached = 32;

sim::Step on_urb(Context& context, const Operation& operation, const Urb& u, LifetimeId home = {}) {
  sim::Step s = context.make(operation, home);
  s.access = {u.object, sim::AccessKind::write};
  return s;
}

// From an effect: what the driver's pointer leads to, which the step relies on.
Urb::Memory& present(Context& context, Urb& u) {
  context.engine().uses(u.memory.back().life);
  return u.memory.back();
}

// What the driver does with it, by its own pointer: effect(word).
template <class Effect> auto by_driver(Context& context, const Operation& operation, Urb& u, Effect&& effect) {
  return context.engine().step(on_urb(context, operation, u, u.home), [&](std::uint64_t& word) {
    present(context, u);
    return effect(word);
  });
}

// usb_hcd_unlink_urb() of one that is queued: its status is that of who came first.
void unlink(Urb& u, std::uint64_t& word, int status) {
  if ((word & queued) == 0 || (word & unlinked) != 0) return;
  word |= unlinked | over;
  u.status = status;
}

// From an effect.
void drop_reference(Context& context, Urb::Memory& memory) {
  if (memory.references != 0 && --memory.references == 0) context.engine().ends(memory.life);
}

// Unlinks and rejects, and waits for the handler. `once`: no longer than that.
void stop(Context& context, Urb& u, const Operation& operation, const Operation& wait_operation, std::string_view what, bool once) {
  std::size_t which = 0;
  by_driver(context, operation, u, [&](std::uint64_t& word) {
    which = u.memory.size() - 1;
    ++u.memory[which].reject;
    unlink(u, word, enoent);
  });
  if (context.aborting()) return;
  sim::Step s = on_urb(context, wait_operation, u, u.home);
  s.uses.add(u.memory[which].life);
  s.guard = sim::Guard::equal(0, queued | running);
  context.wait(s, {what, u.name, Owner::driver}, [&](std::uint64_t&) {
    if (once) --u.memory[which].reject;
  });
}

// One round of __usb_hcd_giveback_urb(), from where the handler is to be called.
void give_back(Context& context, Urb& u, std::size_t which) {
  {
    const Context::Call call(context, "a completion handler");
    u.complete(context, u.argument);
  }
  if (context.aborting()) return;
  sim::Step s = on_urb(context, done_op, u);
  s.uses.add(u.memory[which].life);
  context.engine().step(s, [&](std::uint64_t& word) {
    word &= ~running;
    context.kernel().unhold(u.object, context.engine().current());
  });
  if (context.aborting()) return;
  s = on_urb(context, put_op, u);
  s.uses.add(u.memory[which].life);
  context.engine().step(s, [&](std::uint64_t&) { drop_reference(context, u.memory[which]); });
}

void softirq(void* argument) {
  static const KernelSite site{"__usb_hcd_giveback_urb", "complete"};
  auto& u = *static_cast<Urb*>(argument);
  Context context(*u.kernel, ContextKind::softirq);
  const Context::KernelFunction function(context, site.function);
  for (;;) {
    context.at(site);
    std::size_t which = 0;
    sim::Step s = on_urb(context, giveback_op, u);
    s.guard = sim::Guard::equal(over, over | running);
    rcu_irq_wait(context, s, {.what = "transfer", .object = u.name, .owner = Owner::hardware, .idle = true, .sleeps = false},
                 [&](std::uint64_t& word) {
                   present(context, u);
                   which = u.memory.size() - 1;
                   if ((word & unlinked) == 0) u.status = 0;
                   word = (word & ~(queued | over | unlinked)) | running;
                   context.kernel().hold(u.object, context.engine().current());
                 });
    if (!context.aborting()) give_back(context, u, which);
    if (context.aborting()) return;
    rcu_irq_exit(context);
    context.finish();
  }
}

// usb_hcd_flush_endpoint(), of one that is disabled by then.
void flush_endpoint(Context& context, Urb& u) {
  context.write(flush_op, u.object, {}, [&](std::uint64_t& word) {
    word |= disabled;
    unlink(u, word, eshutdown);
  });
  if (context.aborting()) return;
  sim::Step s = context.make(flush_wait_op);
  s.access = {u.object, sim::AccessKind::read};
  s.guard = sim::Guard::equal(0, queued);
  context.wait(s, {"usb_hcd_flush_endpoint", u.name, Owner::core}, [](std::uint64_t&) {});
}

}  // namespace

void init_urb(Kernel& kernel, UsbInterface& i, Urb& u, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner,
              NameId task_name) {
  static const StaticName role{"URB completion"};
  u.object = kernel.engine().new_object(unique_name, 0);
  u.name = declared;
  u.memory = {{kernel.new_lifetime(unique_name, LifetimeKind::memory, declared, owner, false)}};
  u.allocated = false;
  u.home = home;
  u.kernel = &kernel;
  u.left = u.answers;
  u.status = 0;
  i.urbs.push_back(&u);
  kernel.spawn(task_name, kernel.intern(role), softirq, &u, true);
}

void usb_alloc_urb(Context& context, Urb& u, Gfp gfp) {
  if (gfp == Gfp::kernel) context.might_sleep("usb_alloc_urb(GFP_KERNEL)");
  const bool in_flight = context.engine().step(on_urb(context, alloc_op, u, u.home), [&](std::uint64_t& word) {
    if (std::exchange(u.allocated, true)) {
      const LifetimeInfo& first = context.kernel().lifetime(u.memory.front().life);
      const NameId name = context.engine().own_name(context.kernel().text(u.name));
      u.memory.push_back({context.kernel().new_lifetime(name, first.kind, first.declared, first.owner, false)});
    }
    u.memory.back().references = 1;
    context.engine().begins(u.memory.back().life);
    const bool was = (word & (queued | running)) != 0;
    word &= disabled | detached;  // which shows when it is submitted
    return was;
  });
  if (in_flight)
    context.engine().give_up(fmt::format("URB '{}' is allocated while an earlier one is in flight: the model has one of that name",
                                         context.kernel().text(u.name)));
}

void usb_get_urb(Context& context, Urb& u) {
  by_driver(context, get_op, u, [&](std::uint64_t&) { ++u.memory.back().references; });
}

void usb_free_urb(Context& context, Urb& u) {
  by_driver(context, put_op, u, [&](std::uint64_t&) { drop_reference(context, u.memory.back()); });
}

int usb_submit_urb(Context& context, Urb& u, Gfp gfp) {
  if (gfp == Gfp::kernel) context.might_sleep("usb_submit_urb(GFP_KERNEL)");
  return by_driver(context, submit_op, u, [&](std::uint64_t& word) {
    if ((word & queued) != 0) {
      context.kernel().report(ViolationClass::api_misuse, u.name,
                              fmt::format("usb_submit_urb('{}'): submitted while active", context.kernel().text(u.name)));
      return ebusy;
    }
    if ((word & detached) != 0) return enodev;
    if (u.memory.back().reject != 0) return eperm;
    if ((word & disabled) != 0) return enoent;
    word |= queued;
    ++u.memory.back().references;
    if (u.left != 0) {
      --u.left;
      word |= over;
    }
    return 0;
  });
}

int usb_unlink_urb(Context& context, Urb& u) {
  return by_driver(context, unlink_op, u, [&](std::uint64_t& word) {
    if ((word & queued) == 0) return eidrm;
    if ((word & unlinked) != 0) return ebusy;
    unlink(u, word, econnreset);
    return einprogress;
  });
}

void usb_kill_urb(Context& context, Urb& u) { stop(context, u, kill_op, kill_wait_op, "usb_kill_urb", true); }

void usb_poison_urb(Context& context, Urb& u) { stop(context, u, poison_op, poison_wait_op, "usb_poison_urb", false); }

void usb_block_urb(Context& context, Urb& u) {
  by_driver(context, block_op, u, [&](std::uint64_t&) { ++u.memory.back().reject; });
}

void usb_unpoison_urb(Context& context, Urb& u) {
  by_driver(context, unpoison_op, u, [&](std::uint64_t&) {
    if (u.memory.back().reject != 0) {
      --u.memory.back().reject;
    } else {
      context.kernel().report(
          ViolationClass::api_misuse, u.name,
          fmt::format("usb_unpoison_urb('{}') of one that is neither poisoned nor blocked", context.kernel().text(u.name)));
    }
  });
}

int usb_urb_status(Context& context, Urb& u) {
  sim::Step s = on_urb(context, status_op, u, u.home);
  s.access.kind = sim::AccessKind::read;
  return context.engine().step(s, [&](std::uint64_t&) {
    present(context, u);
    return u.status;
  });
}

void usb_disable_interface(Context& context, UsbInterface& i) {
  static const KernelSite site{"usb_unbind_interface", "usb_disable_interface"};
  context.at(site);
  for (std::size_t n = 0; n < i.urbs.size() && !context.aborting(); ++n) {
    Urb& u = *i.urbs[n];
    if (u.endpoint == Urb::Endpoint::either) {
      const bool zero = context.engine().choose(which_op, 2) != 0;
      if (!context.aborting()) u.endpoint = zero ? Urb::Endpoint::zero : Urb::Endpoint::of_interface;
    }
    if (!context.aborting() && u.endpoint == Urb::Endpoint::of_interface) flush_endpoint(context, u);
  }
}

void usb_set_not_attached(Context& context, UsbInterface& i) {
  static const KernelSite site{"usb_disconnect", "usb_set_device_state"};
  context.at(site);
  for (std::size_t n = 0; n < i.urbs.size() && !context.aborting(); ++n)
    context.write(state_op, i.urbs[n]->object, {}, [](std::uint64_t& word) { word |= detached; });
}

void usb_disable_endpoint_zero(Context& context, UsbInterface& i) {
  static const KernelSite site{"usb_disconnect", "usb_disable_device_endpoints"};
  context.at(site);
  for (std::size_t n = 0; n < i.urbs.size() && !context.aborting(); ++n)
    if (i.urbs[n]->endpoint == Urb::Endpoint::zero) flush_endpoint(context, *i.urbs[n]);
}

}  // namespace unplug::model
