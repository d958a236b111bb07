// Things an operation waits for until somebody says so: completions and fences.
//
// struct completion: kernel/sched/completion.c, v6.18 (complete() lets one waiter go, complete_all() all). struct dma_fence:
// drivers/dma-buf/dma-fence.c, v6.18 (signalled once, for ever). `owner` says who can end the wait; a fence that user space controls may
// never signal. shoot_down() is what a driver does at removal so that its waiters become bounded: they return with an error.
// Left out: timeouts, interruption by signals, wait-queue ordering.
#pragma once

#include "unplug/model/context.hpp"

namespace unplug::model {

struct Waiter {
  ObjectId object;  // word: number of completions not yet consumed (all: every waiter goes on); bit 63: shot down
  NameId name;
  LifetimeId home;
  Owner owner = Owner::driver;
};
void init_waiter(Kernel& kernel, Waiter& w, NameId unique_name, NameId declared, LifetimeId home, Owner owner);

void complete(Context& context, Waiter& w);
void complete_all(Context& context, Waiter& w);  // also: dma_fence_signal()
// Waits. true: completed; false: shot down.
bool wait_for_completion(Context& context, Waiter& w);
bool dma_fence_wait(Context& context, Waiter& w);
// Every waiter, present and future, returns with an error.
void shoot_down(Context& context, Waiter& w);

}  // namespace unplug::model
