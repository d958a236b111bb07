// Fences with callbacks.
//
// drivers/dma-buf/dma-fence.c, v6.18. A fence is signalled once, for ever. Who signals it runs its callbacks, in its own context and under
// the fence's lock, which is whatever spinlock the creator of the fence gave it: a callback must not sleep, nor take that lock. Adding and
// removing callbacks take it too, so that a callback that could not be removed has run to its end. Nothing keeps the memory or the text of
// a callback alive but removing it. Waiting and the fence's word are those of waiter.hpp. Left out: references to fences,
// enable_signaling(), errors, timestamps, deadlines, fence arrays and chains.
#pragma once

#include <vector>

#include "unplug/model/kernel/locking/spinlock.hpp"
#include "unplug/model/kernel/locking/waiter.hpp"

namespace unplug::model {

// struct dma_fence_cb, embedded in somebody's memory.
struct FenceCallback {
  LifetimeId home;  // that memory
  void (*function)(Context&, void*) = nullptr;
  void* argument = nullptr;
};

struct DmaFence {
  Waiter waiter;
  Spinlock* lock = nullptr;
  std::vector<FenceCallback*> callbacks;  // not yet run; touched in steps on the waiter's object only
};
// dma_fence_init(). `owner`: who signals it.
void init_dma_fence(Kernel& kernel, DmaFence& f, NameId unique_name, NameId declared, LifetimeId home, Owner owner, Spinlock& lock);

// dma_fence_init() of one that may have been used: it is not signalled, and nobody is to be called.
void set_up_again(Context& context, DmaFence& f);

// false: it was signalled already, nothing was run.
bool dma_fence_signal(Context& context, DmaFence& f);
// The same for who holds the fence's lock. By somebody else: api-misuse.
bool dma_fence_signal_locked(Context& context, DmaFence& f);
bool dma_fence_is_signaled(Context& context, const DmaFence& f);
// false: it is signalled already, and the callback will not run (-ENOENT).
bool dma_fence_add_callback(Context& context, DmaFence& f, FenceCallback& c);
// true: it will not run. false: it has run, or was never added. Waits for signallers, as it takes the lock.
bool dma_fence_remove_callback(Context& context, DmaFence& f, FenceCallback& c);

}  // namespace unplug::model
