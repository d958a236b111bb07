#include "unplug/model/kernel/rcu/grace_period.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace unplug::model {
namespace {

// Ticks from a call to its return, the first that notices it and the last that wakes it included, and how often of all. Calls come at a
// random phase of the tick, so n ticks are n-1 to n jiffies.
struct Quantile {
  std::uint32_t ticks, weight;
};
// Two CPUs: 2 to 4 jiffies in nine of ten calls, the median 3.5; 4 to 5 in 8 %, 5 to 7 in 2 %.
constexpr std::array<Quantile, 5> idle{{{3, 20}, {4, 70}, {5, 8}, {6, 1}, {7, 1}}};
// No other CPU to hear from: 2 to 3, exactly 3 back to back.
constexpr std::array<Quantile, 1> idle_one_cpu{{{3, 1}}};
// Least disturbed 4 back to back, with host contention 4 to 10.
constexpr std::array<Quantile, 8> busy{{{4, 1}, {5, 2}, {6, 2}, {7, 4}, {8, 5}, {9, 3}, {10, 2}, {12, 1}}};
// 0.1 to 2 s at HZ=250.
constexpr std::array<Quantile, 20> pathological{{{25, 1},  {30, 1},  {35, 1},  {40, 1},  {45, 1},  {50, 1},  {60, 1},
                                                 {70, 1},  {80, 1},  {90, 1},  {100, 1}, {120, 1}, {140, 1}, {160, 1},
                                                 {180, 1}, {200, 1}, {250, 1}, {300, 1}, {400, 1}, {500, 1}}};

std::span<const Quantile> table(GracePeriodPreset preset) {
  switch (preset) {
    case GracePeriodPreset::idle: return idle;
    case GracePeriodPreset::busy: return busy;
    case GracePeriodPreset::pathological: return pathological;
    case GracePeriodPreset::idle_one_cpu: return idle_one_cpu;
  }
  return idle;
}

// jiffies_till_first_fqs and jiffies_till_next_fqs grow with HZ (kernel/rcu/tree.h, RCU_JIFFIES_TILL_FORCE_QS).
std::uint64_t jiffies_till_scan(std::uint32_t hz) { return hz <= 250 ? 1 : hz <= 500 ? 2 : 3; }

constexpr sim::Duration stall = 21 * sim::second;            // CONFIG_RCU_CPU_STALL_TIMEOUT
constexpr sim::Duration short_wait = 60 * sim::microsecond;  // an expedited SRCU grace period without readers
constexpr sim::Duration retry = 5 * sim::microsecond;        // srcu_retry_check_delay
constexpr sim::Duration poll_length = 2 * retry;             // one poll does all it can: both scans if nobody is in the way

}  // namespace

void GracePeriodClock::reset() {
  last_ = {};
  periods_ = 0;
  inside_.clear();
}

const GracePeriodClock::Period& GracePeriodClock::for_call(sim::Time now) {
  const KernelConfig& config = kernel_.config();
  if (config.grace_period) {
    if (last_.end != 0 && now <= last_.begin) return last_;
    ++periods_;
    last_.begin = last_.known = std::max(now, last_.end);
    last_.end = last_.over = last_.begin + *config.grace_period;
    return last_;
  }
  const sim::Duration jiffy = config.jiffy();
  const sim::Time noticed = (now / jiffy + 1) * jiffy;
  if (noticed <= last_.begin) return last_;
  ++periods_;
  const auto choices = table(config.grace_periods);
  std::uint64_t sum = 0;
  for (const Quantile& q : choices) sum += q.weight;
  std::uint64_t drawn = kernel_.engine().draw(sim::Stream::duration, sum);
  std::size_t i = 0;
  for (; drawn >= choices[i].weight; ++i) drawn -= choices[i].weight;
  // Beside the tick that starts it and the one that ends the wait. A scan takes two of these if a timer of one jiffy stands before it.
  const std::uint64_t ticks = choices[i].ticks - 2, scans = ticks / 2;
  last_.begin = std::max(noticed, last_.end);
  last_.known = last_.begin + jiffy;
  last_.end = last_.begin + (ticks + scans * (jiffies_till_scan(config.hz) - 1)) * jiffy;
  last_.over = last_.end + jiffy;
  return last_;
}

sim::Time GracePeriodClock::over_after_reader(sim::Time now) const {
  // Measured: what remained of the reader and two to three jiffies.
  const sim::Duration jiffy = kernel_.config().jiffy();
  return (now / jiffy + 3) * jiffy;
}

void GracePeriodClock::closed(std::uint64_t section) {
  std::erase_if(inside_, [&](const Inside& i) { return i.section == section; });
}

sim::Time RcuTiming::ready(sim::Time now) {
  // First asked late: the call found a reader inside, which has left now.
  if (!asked_) clear_since_ = std::max(clear_since_, now);
  asked_ = true;
  if (clock_.held(period_.known)) {
    held_ = true;
    // Asked again when it leaves. The guard waits for no reader that came after the call: if that one waits for the caller, this ends it.
    return std::max(period_.over, now) + stall;
  }
  if (held_ && now > period_.known) clear_since_ = now;
  held_ = false;
  return clear_since_ <= period_.begin ? period_.over : std::max(period_.over, clock_.over_after_reader(clear_since_));
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
