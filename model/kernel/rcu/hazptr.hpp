// Simple hazard pointers ("shazptr"): readers say which pointer they use, and who frees it waits for those alone.
//
// RFC by Boqun Feng, v1 and v2 of June 2025, not merged as of v6.18. One slot a CPU: shazptr_acquire() stores the pointer in it if it is
// empty; nested inside another section it makes the slot a wildcard, which stands for every pointer until the outermost section clears it.
// synchronize_shazptr() waits until no slot holds the pointer, or the wildcard, that did when it came; not for readers of others.
// Readers run with preemption off: they must not sleep. A pointer that was loaded before it was protected has to be looked at again
// after. Here a slot belongs to a task (whoever holds it keeps its CPU), and is numbered among the readers of what it holds; a slot that
// turns from a pointer to the wildcard counts for both until it is cleared. Left out: handlers that find the slot of who they interrupt,
// groups of CPUs and the scanning thread, busy waiting.
#pragma once

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/lib/numbered.hpp"

namespace unplug::model {

struct Hazptr {
  Numbered wildcards;
};
void init_hazptr(Kernel& kernel, Hazptr& h);

// A pointer that slots may hold.
struct HazptrTarget {
  Hazptr* hazptr = nullptr;
  Numbered slots;
  NameId name;
};
void init_hazptr_target(Kernel& kernel, HazptrTarget& t, Hazptr& h, NameId unique_name, NameId declared);

// What shazptr_clear() needs to know.
struct HazptrGuard {
  bool nested = false;
};
HazptrGuard shazptr_acquire(Context& context, HazptrTarget& t);
// Clears the slot if the guard is that of the outermost section.
void shazptr_clear(Context& context, HazptrGuard guard);
// May sleep. From inside a section that protects the pointer it never returns.
void synchronize_shazptr(Context& context, HazptrTarget& t);

}  // namespace unplug::model
