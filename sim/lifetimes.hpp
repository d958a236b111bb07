// Lifetimes, judged on the finished trace.
//
// A use and an end of one lifetime are a fault unless the use happens before the end; likewise a use and the begin unless the begin happens
// before the use. Where they are unordered, another execution of the same trace shows it (linearise.hpp builds that one). So one run tells
// all that its trace holds, and nothing here depends on which linearisation was visited.
// Rules and their smallest counterexamples: docs/engine.md, "Lifetimes".
#pragma once

#include <cstdint>
#include <vector>

#include "unplug/sim/happens_before.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {

struct LifetimeFault {
  enum class Kind : std::uint8_t {
    use_after_end,     // `use` is not ordered before `end`
    double_end,        // `use` is itself an end
    use_before_begin,  // the begin is not ordered before `use`; `end` is the begin, or no_event if there was none
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
  // Appends the faults of `trace` to `out`, in the order (lifetime, use, end). Traces of cut executions must not be given. For a use, `end`
  // is a first end: one that no other end of the lifetime happens before.
  void judge(const Trace& trace, std::vector<LifetimeFault>& out);

 private:
  struct End {
    std::uint32_t event;
    bool first;
    std::vector<std::uint32_t> clock;
  };
  VectorClocks clocks_;
  std::vector<std::vector<End>> ends_;   // by lifetime
  std::vector<std::uint32_t> begin_of_;  // by lifetime; no_event: not begun yet
  std::vector<LifetimeFault> early_;
};

}  // namespace unplug::sim
