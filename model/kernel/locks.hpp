// Sleeping locks.
//
// Mutex: kernel/locking/mutex.c, v6.18: lock, trylock, unlock by the owner only. Fairness, spinning and hand-over are left out: who of
// several waiters goes on is a choice.
// Rwsem: kernel/locking/rwsem.c, v6.18: a waiting writer blocks new readers (so a nested down_read() can deadlock). Downgrade and owner
// tracking of readers are left out.
#pragma once

#include "unplug/model/context.hpp"

namespace unplug::model {

struct Mutex {
  ObjectId object;  // word: 0 free, else task index + 1
  NameId name;
  LifetimeId home;  // memory it lives in; none: static
};
void init_mutex(Kernel& kernel, Mutex& m, NameId unique_name, NameId declared, LifetimeId home);
void mutex_lock(Context& context, Mutex& m);
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
void up_read(Context& context, Rwsem& s);
void down_write(Context& context, Rwsem& s);
void up_write(Context& context, Rwsem& s);

}  // namespace unplug::model
