// Lifetimes, judged on the finished trace.
//
// A use and an end of one lifetime are a fault unless the use happens before the end; likewise a use and the begin unless the begin happens
// before the use. What has ended may begin again: an end and a use are no fault if a begin happens after the one and before the other.
// Where they are unordered, another execution of the same trace shows the fault (canonical_schedule() builds it). So one run tells all that
// its trace holds, and nothing here depends on which linearisation was visited.
// Rules and their smallest counterexamples: docs/engine.md, "Lifetimes".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "unplug/sim/happens_before.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {

struct LifetimeFault {
  enum class Kind : std::uint8_t {
    use_after_end,     // `use` is not ordered before `end`
    double_end,        // `use` is itself an end
    use_before_begin,  // no begin is ordered before `use`; `end` is the begin, or no_event if there was none
    blocked_use        // task `task` is still waiting, relying on what `end` ended; `use` is no_event
  };
  static constexpr std::uint32_t no_event = UINT32_MAX;
  Kind kind;
  LifetimeId lifetime;
  TaskId task;                                   // whose use it is
  std::uint32_t use = no_event, end = no_event;  // indices into Trace::events
};

class LifetimeJudge {
 public:
  // Appends the faults of `trace` to `out`, in the order (lifetime, use, end). Traces of cut executions must not be given. Of several ends
  // (or begins) that a use is at fault with, it is blamed on the first: those that no other of them happens before. Two ends without a
  // begin between are a fault, each with each.
  void judge(const Trace& trace, std::vector<LifetimeFault>& out);

 private:
  // One that ends, or begins, with an event. At most Reach::capacity of them are looked at together.
  struct Boundary {
    LifetimeId lifetime;
    std::uint32_t event;
  };
  void judge_ends(const Trace& trace, std::span<const Boundary> ends, std::vector<LifetimeFault>& out);
  void judge_begins(const Trace& trace, std::span<const Boundary> begins, std::vector<LifetimeFault>& out);
  void judge_unbegun(const Trace& trace, std::vector<LifetimeFault>& out);
  // All of it for the lifetimes that begin again, which are few: their boundaries, each compared with each.
  void judge_again(const Trace& trace, std::vector<LifetimeFault>& out);
  void mark(std::span<const Boundary> boundaries);

  // A use, and those of the boundaries at hand that are its lifetime's and don't follow it.
  struct Unordered {
    LifetimeId lifetime;
    std::uint32_t use;
    std::uint64_t boundaries;
  };

  Reach reach_;
  std::vector<Boundary> ends_, begins_;     // of the lifetimes that begin once
  std::vector<Boundary> again_;             // both, of those that begin again
  std::vector<char> known_;                 // by lifetime: whether it begins, ends, begins after another of its boundaries
  std::vector<std::uint32_t> marks_;        // events of the boundaries at hand
  std::vector<std::uint64_t> of_lifetime_;  // by lifetime: which of the boundaries at hand are its own
  std::vector<Unordered> unordered_;
};

}  // namespace unplug::sim
