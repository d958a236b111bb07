// What grace periods cost under virtual time. Ordering is guards, everywhere; this is only when a wait ends.
//
// Normal RCU, as kernel/rcu/tree.c goes about it: a call is noticed by the next tick, which starts a grace period; that lasts some ticks
// (its own tick reports a CPU that is busy, a scan one that is idle), and its callers go on with the tick after its end. Who calls before
// it has begun shares it; who calls while it runs shares the next, which begins as it ends. So sequential callers pay each in full, and two
// in a row for concurrent callers cost less than twice one. Readers hold it up that are inside when their CPU learns of it, one tick after
// it began, those too that came after the call. How many ticks: quantile tables, from measurements on a real kernel, HZ=250.
// Expedited RCU has a machinery of its own: CPUs are interrupted and answer at once, those in a reader when they leave it.
// SRCU: without readers short; otherwise the first poll after the last reader left. Polls lie at ages 2, 4, 8, 16, 27, 38, ... ticks of the
// grace period (srcutree.c backs off by its age, at most 10 ticks).
// Left out: NOCB, rcu_normal_wake_from_gp (6.17), which CPU a task runs on.
#pragma once

#include <vector>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

// The clock of normal RCU grace periods of one execution, and the readers inside.
class GracePeriodClock {
 public:
  struct Period {
    sim::Time begin = 0, end = 0;
    sim::Time known = 0;  // when the last CPU has learnt of it: readers that came later are none of its business
    sim::Time over = 0;   // when its callers go on
  };
  explicit GracePeriodClock(Kernel& kernel) : kernel_(kernel) {}
  void reset();
  // The grace period that covers a call at `now`. Draws from the running task's stream.
  const Period& for_call(sim::Time now);
  // How many have been asked for.
  [[nodiscard]] std::uint64_t periods() const { return periods_; }
  // When callers go on whose grace period waited for a reader that left at `now`.
  [[nodiscard]] sim::Time over_after_reader(sim::Time now) const;

  // A read-side section opens or closes, in its task's step; `section` is its number.
  void opened(std::uint64_t section, sim::Time now) { inside_.push_back({section, now}); }
  void closed(std::uint64_t section);
  // Whether a reader is inside that came at `until` or before.
  [[nodiscard]] bool held(sim::Time until) const { return !inside_.empty() && inside_.front().since <= until; }

 private:
  struct Inside {
    std::uint64_t section;
    sim::Time since;
  };
  Kernel& kernel_;
  Period last_;  // the latest that has been asked for
  std::uint64_t periods_ = 0;
  std::vector<Inside> inside_;  // in the order in which they came
};

// Timing of the end of one synchronize_rcu(), or of the wait of a callback, that was called at `begin`.
class RcuTiming final : public sim::Timing {
 public:
  RcuTiming(GracePeriodClock& clock, sim::Time begin) : clock_(clock), period_(clock.for_call(begin)), clear_since_(begin) {}
  sim::Time ready(sim::Time now) override;
  [[nodiscard]] bool modelled() const override { return true; }
  // Readers that came after the call may still hold it up.
  [[nodiscard]] bool moves() const override { return true; }

 private:
  const GracePeriodClock& clock_;
  const GracePeriodClock::Period period_;
  sim::Time clear_since_;
  bool asked_ = false, held_ = false;
};

// Timing of the end of one synchronize_rcu_expedited() that was called at `begin`.
class ExpeditedTiming final : public sim::Timing {
 public:
  explicit ExpeditedTiming(sim::Time begin) : begin_(begin) {}
  sim::Time ready(sim::Time now) override;
  [[nodiscard]] bool modelled() const override { return true; }

 private:
  sim::Time begin_;
};

// Timing of the scans of one SRCU grace period that began at `begin`.
class SrcuTiming final : public sim::Timing {
 public:
  // `recent`: the last grace period of the domain ended less than 25 us before (exp_holdoff): this one is not expedited.
  SrcuTiming(const KernelConfig& config, sim::Time begin, bool recent) : jiffy_(config.jiffy()), begin_(begin), recent_(recent) {}
  sim::Time ready(sim::Time now) override;
  [[nodiscard]] bool modelled() const override { return true; }

 private:
  sim::Duration jiffy_;
  sim::Time begin_;
  bool recent_;
};

}  // namespace unplug::model
