#include "unplug/model/kernel/grace_period.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace unplug::model {
namespace {

// Number of ticks to the end, equally likely entries. Idle: two CPUs, 2 to 4 jiffies in nine of ten calls. Busy: least disturbed 4 back to
// back, with host contention 4 to 10. Pathological: 0.1 to 2 s at HZ=250.
constexpr std::array<std::uint32_t, 20> idle{3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6};
constexpr std::array<std::uint32_t, 20> busy{4, 5, 5, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 8, 9, 9, 9, 10, 10, 12};
constexpr std::array<std::uint32_t, 20> pathological{25,  30,  35,  40,  45,  50,  60,  70,  80,  90,
                                                     100, 120, 140, 160, 180, 200, 250, 300, 400, 500};

std::span<const std::uint32_t> table(GracePeriodPreset preset) {
  switch (preset) {
    case GracePeriodPreset::idle: return idle;
    case GracePeriodPreset::busy: return busy;
    case GracePeriodPreset::pathological: return pathological;
  }
  return idle;
}

// Ticks between force-quiescent-state scans grow with HZ (kernel/rcu/tree.h, RCU_JIFFIES_TILL_FORCE_QS).
std::uint64_t ticks_per_scan(std::uint32_t hz) { return hz <= 250 ? 1 : hz <= 500 ? 2 : 3; }

constexpr sim::Duration short_wait = 60 * sim::microsecond;  // an expedited SRCU grace period without readers
constexpr sim::Duration retry = 5 * sim::microsecond;        // srcu_retry_check_delay
constexpr sim::Duration poll_length = 2 * retry;             // one poll does all it can: both scans if nobody is in the way

}  // namespace

sim::Duration GracePeriodClock::ticks(sim::Time from) {
  const KernelConfig& config = kernel_.config();
  if (config.grace_period) return *config.grace_period;
  const auto choices = table(config.grace_periods);
  const std::uint64_t n = choices[kernel_.engine().draw(sim::Stream::duration, choices.size())] * ticks_per_scan(config.hz);
  return (from / config.jiffy() + n) * config.jiffy() - from;
}

sim::Time GracePeriodClock::end_for_call(sim::Time now) {
  if (next_end_ != 0 && now >= current_end_) {
    current_end_ = next_end_;
    next_end_ = 0;
  }
  if (now >= current_end_) {
    current_end_ = now + ticks(now);
    next_end_ = 0;
    return current_end_;
  }
  if (next_end_ == 0) next_end_ = current_end_ + ticks(current_end_);
  return next_end_;
}

sim::Time GracePeriodClock::end_after_reader(sim::Time planned, sim::Time now) const {
  // Measured: remaining reader plus two to three jiffies.
  const sim::Duration jiffy = kernel_.config().jiffy();
  return std::max(planned, (now / jiffy + 3) * jiffy);
}

sim::Time ExpeditedTiming::ready(sim::Time now) {
  constexpr sim::Duration short_call = 100 * sim::microsecond, after_reader = 400 * sim::microsecond;
  return now <= begin_ ? begin_ + short_call : std::max(begin_ + short_call, now + after_reader);
}

sim::Time SrcuTiming::ready(sim::Time now) {
  const sim::Time first_tick = begin_ / jiffy_ * jiffy_;
  sim::Time poll = first_tick + (recent_ ? 4 : 2) * jiffy_;
  if (!recent_ && now < poll) return now <= begin_ + short_wait ? begin_ + short_wait : (now + retry);
  for (std::uint64_t age = recent_ ? 4 : 2; poll + poll_length < now;) {
    const std::uint64_t delay = std::min<std::uint64_t>(10, (recent_ ? 1 : 0) + age - 1) + 1;
    age += delay;
    poll += delay * jiffy_;
  }
  return std::max(poll, now);
}

}  // namespace unplug::model
