// SRCU: a read-side section per domain in which readers may sleep.
//
// kernel/rcu/srcutree.c, v6.18, with its real order of steps: a reader loads the index, then counts itself in under that index; unlock
// counts out under the index it is *given* (a wrong one unbalances both). A grace period scans the inactive index, flips, scans the other.
// Each index is one object whose word is locks minus unlocks, so it is drained when 0. Grace periods of a domain run one at a time; a
// caller that comes while one runs needs the next, and callers that come meanwhile share it.
// Left out: per-CPU counters (sums are atomic here), callbacks (call_srcu), expedited variants, memory barriers (sequential consistency).
#pragma once

#include "unplug/model/context.hpp"
#include <array>

namespace unplug::model {

struct Srcu {
  ObjectId index;                 // word: the index new readers use
  std::array<ObjectId, 2> count;  // word: locks - unlocks, modulo 2^64
  ObjectId state;                 // word: grace periods begun plus grace periods completed, so odd while one runs
  NameId name;
  LifetimeId home;
  sim::Time last_end = 0;  // virtual time at which the last grace period ended; costs only
  bool ever = false;
};
void init_srcu(Kernel& kernel, Srcu& s, NameId unique_name, NameId declared, LifetimeId home);

// The index to hand to srcu_read_unlock(). Never blocks.
std::uint64_t srcu_read_lock(Context& context, Srcu& s);
// An index other than 0 or 1 is api-misuse (and taken modulo 2); the wrong one of both is a bug of the caller that only time shows.
void srcu_read_unlock(Context& context, Srcu& s, std::uint64_t index);
// Waits for every section of this domain that began before. Not for other domains; normally not for later readers.
void synchronize_srcu(Context& context, Srcu& s);

}  // namespace unplug::model
