#include "unplug/model/kernel/locking/dma_fence.hpp"

#include <algorithm>

namespace unplug::model {
namespace {

const Operation init_op{.name = "dma_fence_init"}, signal_op{.name = "dma_fence_signal: set the bit", .sync = sim::Sync::both},
    call_op{.name = "dma_fence_signal: take a callback off the list"}, look_op{.name = "dma_fence_is_signaled", .sync = sim::Sync::acquire},
    add_op{.name = "dma_fence_add_callback: add", .sync = sim::Sync::both}, remove_op{.name = "dma_fence_remove_callback: take off"};

// As complete_all() leaves it: every waiter goes on.
constexpr std::uint64_t signalled = 0x7fffffff;

}  // namespace

void init_dma_fence(Kernel& kernel, DmaFence& f, NameId unique_name, NameId declared, LifetimeId home, Owner owner, Spinlock& lock) {
  init_waiter(kernel, f.waiter, unique_name, declared, home, owner);
  f.lock = &lock;
  f.callbacks.clear();
}

void set_up_again(Context& context, DmaFence& f) {
  context.write(init_op, f.waiter.object, f.waiter.home, [&](std::uint64_t& word) {
    word = 0;
    f.callbacks.clear();
  });
}

bool dma_fence_signal_locked(Context& context, DmaFence& f) {
  if (std::ranges::find(context.held, f.lock->object, &HeldLock::object) == context.held.end())
    context.kernel().report(ViolationClass::api_misuse, f.waiter.name, "dma_fence_signal_locked() without the fence's lock", Shown::next);
  std::vector<FenceCallback*> callbacks;
  const bool first = context.write(signal_op, f.waiter.object, f.waiter.home, [&](std::uint64_t& word) {
    if ((word & signalled) != 0) return false;
    word |= signalled;
    callbacks.swap(f.callbacks);
    return true;
  });
  for (FenceCallback* c : callbacks) {
    if (context.aborting()) break;
    // The node is written before the function is called, which may free what it is embedded in.
    context.engine().step(context.make(call_op, c->home));
    if (!context.aborting()) c->function(context, c->argument);
  }
  return first;
}

bool dma_fence_signal(Context& context, DmaFence& f) {
  spin_lock(context, *f.lock, SpinlockOff::interrupts);
  const bool first = dma_fence_signal_locked(context, f);
  spin_unlock(context, *f.lock, SpinlockOff::interrupts);
  return first;
}

bool dma_fence_is_signaled(Context& context, const DmaFence& f) {
  return (context.read(look_op, f.waiter.object, f.waiter.home) & signalled) != 0;
}

bool dma_fence_add_callback(Context& context, DmaFence& f, FenceCallback& c) {
  if (dma_fence_is_signaled(context, f) || context.aborting()) return false;
  spin_lock(context, *f.lock, SpinlockOff::interrupts);
  sim::Step s = context.make(add_op, f.waiter.home);
  s.uses.add(c.home);
  s.access = {f.waiter.object, sim::AccessKind::write};
  const bool added = context.engine().step(s, [&](std::uint64_t& word) {
    if ((word & signalled) != 0) return false;
    f.callbacks.push_back(&c);
    return true;
  });
  spin_unlock(context, *f.lock, SpinlockOff::interrupts);
  return added;
}

bool dma_fence_remove_callback(Context& context, DmaFence& f, FenceCallback& c) {
  spin_lock(context, *f.lock, SpinlockOff::interrupts);
  sim::Step s = context.make(remove_op, f.waiter.home);
  s.uses.add(c.home);
  s.access = {f.waiter.object, sim::AccessKind::write};
  const bool removed = context.engine().step(s, [&](std::uint64_t&) { return std::erase(f.callbacks, &c) != 0; });
  spin_unlock(context, *f.lock, SpinlockOff::interrupts);
  return removed;
}

}  // namespace unplug::model
