// Counting semaphores: so many at once, and whoever likes lets the next one in.
//
// struct semaphore: kernel/locking/semaphore.c, v6.18. down() takes one of the count and sleeps while there is none; up() gives one back,
// from any context and by any task, whether it has taken one or not: nobody owns a semaphore, so the kernel complains neither of that nor
// of who returns to user space or ends without up(), and lockdep sees no order. A wait ends early by a signal (-EINTR) or a timeout
// (-ETIME). up() knows nothing of teardown: who sleeps in down() while the semaphore is freed finds it gone. Left out: that up() hands over
// to who has waited longest (here whoever looks first takes it), the last holder that hung-task reports name.
#pragma once

#include "unplug/model/kernel/lib/wait_limits.hpp"

namespace unplug::model {

struct Semaphore {
  ObjectId object;  // word: how many may still come in
  NameId name;
  LifetimeId home;  // memory it lives in; none: static
  std::uint64_t initial = 1;
};
// sema_init(): `count` may be in at once; 0: the first to call down() waits for an up().
void init_semaphore(Kernel& kernel, Semaphore& s, NameId unique_name, NameId declared, LifetimeId home, std::uint64_t count);
// sema_init() of one that may have been used: its count is as at first.
void set_up_again(Context& context, Semaphore& s);

// Takes one, sleeping while there is none: not in atomic context.
void down(Context& context, Semaphore& s);
// false: a signal came first (-EINTR), and nothing is taken.
[[nodiscard]] bool down_interruptible(Context& context, Semaphore& s);
// The same for a fatal signal.
[[nodiscard]] bool down_killable(Context& context, Semaphore& s);
// false: `timeout` was over first (-ETIME).
[[nodiscard]] bool down_timeout(Context& context, Semaphore& s, sim::Duration timeout);
// Never sleeps, so from any context. Whether it has taken one; the kernel's function answers 0 then, and 1 otherwise.
[[nodiscard]] bool down_trylock(Context& context, Semaphore& s);
// Gives one back, and so lets one of those in who sleep; from any context, by anybody.
void up(Context& context, Semaphore& s);

}  // namespace unplug::model
