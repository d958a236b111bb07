// SRCU: a read-side section per domain in which readers may sleep.
//
// kernel/rcu/srcutree.c, v6.18, with its real order of steps: a reader loads the index, then counts itself in under that index; unlock
// counts out under the index it is *given* (a wrong one unbalances both). A grace period scans the inactive index, flips, scans the other.
// Each index is one object whose word is locks minus unlocks, so it is drained when 0. Grace periods of a domain run one at a time; a
// caller that comes while one runs needs the next, and callers that come meanwhile share it.
// lockdep knows a section as a map that is held shared, and a grace period as a wait for it. An expedited grace period differs in how often
// it looks. Callbacks and the end of a domain: srcu_callback.hpp. Left out: per-CPU counters (sums are atomic here), the _nmisafe and _fast
// readers (and what mixing them says), memory barriers (sequential consistency),
// that a domain which is never cleaned up leaks its counters.
#pragma once

#include <array>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct SrcuUsage;

struct Srcu {
  ObjectId index;                 // word: the index new readers use
  std::array<ObjectId, 2> count;  // word: locks - unlocks, modulo 2^64
  ObjectId state;                 // word: grace periods begun plus grace periods completed, so odd while one runs
  NameId name;
  LifetimeId home;
  LifetimeId counters;     // the per-CPU counters, if the domain's end is looked at
  sim::Time last_end = 0;  // virtual time at which the last grace period ended; costs only
  bool ever = false;
  SrcuUsage* usage = nullptr;
};
void init_srcu(Kernel& kernel, Srcu& s, NameId unique_name, NameId declared, LifetimeId home);

// The index to hand to srcu_read_unlock(). Never blocks.
std::uint64_t srcu_read_lock(Context& context, Srcu& s);
// An index other than 0 or 1 is api-misuse (and taken modulo 2); the wrong one of both is a bug of the caller that only time shows. In
// another task than the section's it is api-misuse, and ends it all the same.
void srcu_read_unlock(Context& context, Srcu& s, std::uint64_t index);
// Waits for every section of this domain that began before. Not for other domains; normally not for later readers. Inside a section of the
// domain, or of RCU, it is api-misuse as well.
void synchronize_srcu(Context& context, Srcu& s);
void synchronize_srcu_expedited(Context& context, Srcu& s);

// Which grace periods are expedited, as far as the configuration leaves it open: none, if the domain has been idle, all.
enum class SrcuPace : std::uint8_t { normal, if_idle, expedited };
// The steps of one, for who waits for it in other words.
void srcu_grace_period(Context& context, Srcu& s, std::string_view what, bool sleeps, SrcuPace pace);

}  // namespace unplug::model
