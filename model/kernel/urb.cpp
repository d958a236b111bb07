#include "unplug/model/kernel/urb.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/rcu.hpp"

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
    flush_wait_op{.name = "usb_hcd_flush_endpoint", .sync = sim::Sync::acquire};

constexpr int eperm = -1, enoent = -2, ebusy = -16, eidrm = -43, econnreset = -104, eshutdown = -108, einprogress = -115;

// The word: bit 0 queued, bit 1 the host controller is through with it, bit 2 its handler runs, bit 3 unlinked, bit 4 its endpoint is
// disabled, from bit 8 urb->reject, from bit 16 references. In flight (urb->use_count) is queued or running, or both: submitted again.
constexpr std::uint64_t queued = 1, over = 2, running = 4, unlinked = 8, disabled = 16, reject_unit = 0x100, reject_mask = 0xff00,
                        reference = 0x10000;

// What the driver does with it: by its own pointer.
sim::Step by_driver(Context& context, const Operation& operation, const Urb& u) {
  sim::Step s = context.make(operation, u.home);
  s.access = {u.object, sim::AccessKind::write};
  s.uses.add(u.memory);
  return s;
}

// usb_hcd_unlink_urb() of one that is queued: its status is that of who came first.
void unlink(Urb& u, std::uint64_t& word, int status) {
  if ((word & queued) == 0 || (word & unlinked) != 0) return;
  word |= unlinked | over;
  u.status = status;
}

void drop_reference(Context& context, Urb& u, sim::Step s) {
  context.engine().step(s, [&](std::uint64_t& word) {
    word -= reference;
    if (word < reference) context.engine().ends(u.memory);
  });
}

void wait_until_idle(Context& context, Urb& u, const Operation& operation, std::string_view what, std::uint64_t less) {
  sim::Step s = by_driver(context, operation, u);
  s.guard = sim::Guard::equal(0, queued | running);
  context.wait(s, {what, u.name, Owner::driver}, [&](std::uint64_t& word) { word -= less; });
}

// One round of __usb_hcd_giveback_urb(), from where the handler is to be called.
void give_back(Context& context, Urb& u) {
  {
    const Context::Call call(context, "a completion handler");
    u.complete(context, u.argument);
  }
  if (context.aborting()) return;
  sim::Step s = context.make(done_op);
  s.access = {u.object, sim::AccessKind::write};
  s.uses.add(u.memory);
  context.engine().step(s, [&](std::uint64_t& word) {
    word &= ~running;
    context.kernel().unhold(u.object, context.engine().current());
  });
  if (context.aborting()) return;
  s = context.make(put_op);
  s.access = {u.object, sim::AccessKind::write};
  s.uses.add(u.memory);
  drop_reference(context, u, s);
}

void softirq(void* argument) {
  static const KernelSite site{"__usb_hcd_giveback_urb", "complete"};
  auto& u = *static_cast<Urb*>(argument);
  Context context(*u.kernel, ContextKind::softirq);
  const Context::KernelFunction function(context, site.function);
  for (;;) {
    context.at(site);
    sim::Step s = context.make(giveback_op);
    s.access = {u.object, sim::AccessKind::write};
    s.uses.add(u.memory);
    s.guard = sim::Guard::equal(over, over | running);
    rcu_irq_wait(context, s, {.what = "transfer", .object = u.name, .owner = Owner::hardware, .idle = true, .sleeps = false},
                 [&](std::uint64_t& word) {
                   if ((word & unlinked) == 0) u.status = 0;
                   word = (word & ~(queued | over | unlinked)) | running;
                   context.kernel().hold(u.object, context.engine().current());
                 });
    if (!context.aborting()) give_back(context, u);
    if (context.aborting()) return;
    rcu_irq_exit(context);
    context.finish();
  }
}

}  // namespace

void init_urb(Kernel& kernel, UsbInterface& i, Urb& u, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner,
              NameId task_name) {
  static const StaticName role{"URB completion"};
  u.object = kernel.engine().new_object(unique_name, 0);
  u.name = declared;
  u.memory = kernel.new_lifetime(unique_name, LifetimeKind::memory, declared, owner, false);
  u.home = home;
  u.kernel = &kernel;
  u.left = u.answers;
  u.status = 0;
  i.urbs.push_back(&u);
  kernel.spawn(task_name, kernel.intern(role), softirq, &u, true);
}

void usb_alloc_urb(Context& context, Urb& u, Gfp gfp) {
  if (gfp == Gfp::kernel) context.might_sleep("usb_alloc_urb(GFP_KERNEL)");
  sim::Step s = context.make(alloc_op, u.home);
  s.access = {u.object, sim::AccessKind::write};
  s.begins = u.memory;
  const bool in_flight = context.engine().step(s, [&](std::uint64_t& word) {
    const bool was = (word & (queued | running)) != 0;
    word = (word & disabled) | reference;  // that its endpoint is disabled shows when it is submitted
    return was;
  });
  if (in_flight)
    context.engine().fail(fmt::format("URB '{}' is allocated while an earlier one is in flight: the model has one of that name",
                                      context.kernel().text(u.name)));
}

void usb_get_urb(Context& context, Urb& u) {
  context.engine().step(by_driver(context, get_op, u), [](std::uint64_t& word) { word += reference; });
}

void usb_free_urb(Context& context, Urb& u) { drop_reference(context, u, by_driver(context, put_op, u)); }

int usb_submit_urb(Context& context, Urb& u, Gfp gfp) {
  if (gfp == Gfp::kernel) context.might_sleep("usb_submit_urb(GFP_KERNEL)");
  return context.engine().step(by_driver(context, submit_op, u), [&](std::uint64_t& word) {
    if ((word & queued) != 0) {
      context.kernel().report(ViolationClass::api_misuse, u.name,
                              fmt::format("usb_submit_urb('{}'): submitted while active", context.kernel().text(u.name)));
      return ebusy;
    }
    if ((word & reject_mask) != 0) return eperm;
    if ((word & disabled) != 0) return enoent;
    word = (word | queued) + reference;
    if (u.left != 0) {
      --u.left;
      word |= over;
    }
    return 0;
  });
}

int usb_unlink_urb(Context& context, Urb& u) {
  return context.engine().step(by_driver(context, unlink_op, u), [&](std::uint64_t& word) {
    if ((word & queued) == 0) return eidrm;
    if ((word & unlinked) != 0) return ebusy;
    unlink(u, word, econnreset);
    return einprogress;
  });
}

void usb_kill_urb(Context& context, Urb& u) {
  context.engine().step(by_driver(context, kill_op, u), [&](std::uint64_t& word) {
    word += reject_unit;
    unlink(u, word, enoent);
  });
  if (!context.aborting()) wait_until_idle(context, u, kill_wait_op, "usb_kill_urb", reject_unit);
}

void usb_poison_urb(Context& context, Urb& u) {
  context.engine().step(by_driver(context, poison_op, u), [&](std::uint64_t& word) {
    word += reject_unit;
    unlink(u, word, enoent);
  });
  if (!context.aborting()) wait_until_idle(context, u, poison_wait_op, "usb_poison_urb", 0);
}

void usb_block_urb(Context& context, Urb& u) {
  context.engine().step(by_driver(context, block_op, u), [](std::uint64_t& word) { word += reject_unit; });
}

void usb_unpoison_urb(Context& context, Urb& u) {
  context.engine().step(by_driver(context, unpoison_op, u), [&](std::uint64_t& word) {
    if ((word & reject_mask) != 0) {
      word -= reject_unit;
    } else {
      context.kernel().report(
          ViolationClass::api_misuse, u.name,
          fmt::format("usb_unpoison_urb('{}') of one that is neither poisoned nor blocked", context.kernel().text(u.name)));
    }
  });
}

int usb_urb_status(Context& context, const Urb& u) {
  sim::Step s = by_driver(context, status_op, u);
  s.access.kind = sim::AccessKind::read;
  return context.engine().step(s, [&](std::uint64_t&) { return u.status; });
}

void usb_disable_interface(Context& context, UsbInterface& i) {
  static const KernelSite site{"usb_unbind_interface", "usb_disable_interface"};
  context.at(site);
  for (std::size_t n = 0; n < i.urbs.size() && !context.aborting(); ++n) {
    Urb& u = *i.urbs[n];
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
}

}  // namespace unplug::model
