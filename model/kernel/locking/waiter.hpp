// Things an operation waits for until somebody says so: completions and fences.
//
// struct completion: kernel/sched/completion.c, v6.18 (complete() lets one waiter go, complete_all() all). struct dma_fence:
// drivers/dma-buf/dma-fence.c, v6.18 (signalled once, for ever). `owner` says who can end the wait; a fence that user space controls may
// never signal. shoot_down() is what a driver does at removal so that its waiters become bounded: they return with an error. A wait with a
// timeout, or one that a signal ends, is chosen to end so or to be done (wait_limits.hpp); the kernel looks once more either way, and who
// finds it completed consumes that. Callbacks of fences are in dma_fence.hpp. Left out: wait-queue ordering.
#pragma once

#include "unplug/model/kernel/lib/wait_limits.hpp"

namespace unplug::model {

struct Waiter {
  ObjectId object;  // word: number of completions not yet consumed (all: every waiter goes on); bit 63: shot down
  NameId name;
  LifetimeId home;
  Owner owner = Owner::driver;
};
void init_waiter(Kernel& kernel, Waiter& w, NameId unique_name, NameId declared, LifetimeId home, Owner owner);

// init_completion() of one that may have been used: nothing is complete, and nobody shoots it down any more.
void set_up_again(Context& context, Waiter& w);

void complete(Context& context, Waiter& w);
void complete_all(Context& context, Waiter& w);  // also: dma_fence_signal()
// Nothing is complete any more: not for who has yet to be let go either. A shot-down waiter stays shot down.
void reinit_completion(Context& context, Waiter& w);
// Takes one completion if there is one; doesn't wait.
bool try_wait_for_completion(Context& context, Waiter& w);
// Whether who waits now would go on.
bool completion_done(Context& context, const Waiter& w);
// Waits. true: completed; false: shot down.
bool wait_for_completion(Context& context, Waiter& w);
bool dma_fence_wait(Context& context, Waiter& w);
// How a wait that can end in other ways ended. The kernel says: how much time was left, 0, -ERESTARTSYS; and, shot down, what the driver
// has its waiters answer.
enum class Waited : std::uint8_t { shot_down, completed, expired, interrupted };
Waited wait_for_completion_timeout(Context& context, Waiter& w, sim::Duration timeout);
Waited wait_for_completion_interruptible(Context& context, Waiter& w);
Waited wait_for_completion_interruptible_timeout(Context& context, Waiter& w, sim::Duration timeout);
Waited wait_for_completion_killable(Context& context, Waiter& w);
// dma_fence_wait_timeout(). `signals`: none, or whether its callers let signals end it (`intr`).
Waited dma_fence_wait_timeout(Context& context, Waiter& w, Signals signals, sim::Duration timeout);
// Every waiter, present and future, returns with an error.
void shoot_down(Context& context, Waiter& w);

}  // namespace unplug::model
