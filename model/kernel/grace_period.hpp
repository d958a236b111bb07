// What grace periods cost under virtual time. Ordering is guards, everywhere; this is only when a wait ends.
//
// Normal RCU: a grace period begins at a call and ends on a tick, some ticks later (quantile tables for the presets, from measurements on a
// real kernel, HZ=250: median 3.5 ticks at a random phase and 4 back to back when idle). A caller that arrives while one is running needs
// the next one; all callers that arrive meanwhile share it. Sequential callers therefore pay each, concurrent ones share.
// Expedited RCU has a machinery of its own: CPUs are interrupted and answer at once, those in a reader when they leave it.
// SRCU: without readers short; otherwise the first poll after the last reader left. Polls lie at ages 2, 4, 8, 16, 27, 38, ... ticks of the
// grace period (srcutree.c backs off by its age, at most 10 ticks).
#pragma once

#include "unplug/model/context.hpp"

namespace unplug::model {

// The clock of normal RCU grace periods of one execution.
class GracePeriodClock {
 public:
  explicit GracePeriodClock(Kernel& kernel) : kernel_(kernel) {}
  void reset() { current_end_ = next_end_ = 0; }
  // When a grace period that covers a call at `now` ends. Draws from the running task's stream.
  sim::Time end_for_call(sim::Time now);
  // When a call whose grace period would have ended at `planned` is over, if its last reader left at `now`, early or late.
  [[nodiscard]] sim::Time end_after_reader(sim::Time planned, sim::Time now) const;

 private:
  sim::Duration ticks(sim::Time from);
  Kernel& kernel_;
  sim::Time current_end_ = 0, next_end_ = 0;
};

// Timing of the end of one synchronize_rcu() that was called at `begin`.
class RcuTiming final : public sim::Timing {
 public:
  RcuTiming(GracePeriodClock& clock, sim::Time begin) : clock_(clock), begin_(begin), planned_(clock.end_for_call(begin)) {}
  // Asked at `begin`, no reader was in the way.
  sim::Time ready(sim::Time now) override { return now <= begin_ ? planned_ : clock_.end_after_reader(planned_, now); }

 private:
  const GracePeriodClock& clock_;
  sim::Time begin_, planned_;
};

// Timing of the end of one synchronize_rcu_expedited() that was called at `begin`.
class ExpeditedTiming final : public sim::Timing {
 public:
  explicit ExpeditedTiming(sim::Time begin) : begin_(begin) {}
  sim::Time ready(sim::Time now) override;

 private:
  sim::Time begin_;
};

// Timing of the scans of one SRCU grace period that began at `begin`.
class SrcuTiming final : public sim::Timing {
 public:
  // `recent`: the last grace period of the domain ended less than 25 us before (exp_holdoff): this one is not expedited.
  SrcuTiming(const KernelConfig& config, sim::Time begin, bool recent) : jiffy_(config.jiffy()), begin_(begin), recent_(recent) {}
  sim::Time ready(sim::Time now) override;

 private:
  sim::Duration jiffy_;
  sim::Time begin_;
  bool recent_;
};

}  // namespace unplug::model
