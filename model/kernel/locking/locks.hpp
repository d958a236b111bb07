// Sleeping locks.
//
// Mutex: kernel/locking/mutex.c, v6.18: lock, trylock, unlock by the owner only, lock until a signal arrives. Fairness, spinning and
// hand-over are left out: who of several waiters goes on is a choice.
// Rwsem: kernel/locking/rwsem.c, v6.18: a waiting writer blocks new readers (so a nested down_read() can deadlock), and keeps a trylock
// from reading. Owner tracking of readers is left out, and that readers who queued before a waiting writer go in when a writer downgrades.
// A signal ends a wait with -EINTR, but who finds the lock free takes it all the same (wait_limits.hpp).
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct Mutex {
  ObjectId object;  // word: 0 free, else task index + 1
  NameId name;
  LifetimeId home;         // memory it lives in; none: static
  bool unchecked = false;  // lockdep keeps no order of it: device_lock(), which parents and children nest
};
void init_mutex(Kernel& kernel, Mutex& m, NameId unique_name, NameId declared, LifetimeId home);
void mutex_lock(Context& context, Mutex& m);
// false: a signal came first (-EINTR), and the lock isn't held.
[[nodiscard]] bool mutex_lock_interruptible(Context& context, Mutex& m);
[[nodiscard]] bool mutex_lock_killable(Context& context, Mutex& m);
bool mutex_trylock(Context& context, Mutex& m);
// Unlocking a mutex that the task doesn't hold is api-misuse; the word is cleared all the same, as the kernel does.
void mutex_unlock(Context& context, Mutex& m);

struct Rwsem {
  ObjectId object;  // word: bit 0 held by a writer, bits 1..15 waiting writers, bits 16.. readers
  NameId name;
  LifetimeId home;
};
void init_rwsem(Kernel& kernel, Rwsem& s, NameId unique_name, NameId declared, LifetimeId home);
void down_read(Context& context, Rwsem& s);
// false: a signal came first (-EINTR).
[[nodiscard]] bool down_read_interruptible(Context& context, Rwsem& s);
[[nodiscard]] bool down_read_killable(Context& context, Rwsem& s);
// false: a writer holds it, or waits for it.
bool down_read_trylock(Context& context, Rwsem& s);
void up_read(Context& context, Rwsem& s);
void down_write(Context& context, Rwsem& s);
// false: a signal came first (-EINTR); readers that queued behind this writer go on.
[[nodiscard]] bool down_write_killable(Context& context, Rwsem& s);
// false: somebody holds it, or a writer waits for it.
bool down_write_trylock(Context& context, Rwsem& s);
void up_write(Context& context, Rwsem& s);
// From writing to reading, letting nobody else write in between. By a task that doesn't hold it for writing: api-misuse.
void downgrade_write(Context& context, Rwsem& s);

}  // namespace unplug::model
