#include "unplug/model/kernel/lib/wait_limits.hpp"

namespace unplug::model {
namespace {

// Nothing (0) beside what the wait is for; the other ends in this order.
const Operation timeout_op{.name = "does the time run out?", .pause = true, .repeat = sim::Repeat::ends_wait},
    signal_op{.name = "does a signal arrive?", .pause = true, .repeat = sim::Repeat::ends_wait},
    either_op{.name = "does the time run out, or a signal arrive?", .pause = true, .repeat = sim::Repeat::ends_wait};

}  // namespace

WaitEnd choose_wait_end(Context& context, const WaitLimits& limits, ObjectId awaited, const sim::Guard& until) {
  const bool signals = limits.signals != Signals::none;
  if (context.aborting() || (!signals && !limits.timeout)) return WaitEnd::done;
  sim::Step s = context.make(!limits.timeout ? signal_op : signals ? either_op : timeout_op);
  s.alternatives = limits.timeout && signals ? 3 : 2;
  const sim::Await await{awaited, until};
  sim::Awaited ends{{&await, 1}};
  if (limits.timeout) {
    ends.until = context.engine().local_time() + *limits.timeout;
    s.awaited = &ends;
  }
  const std::uint32_t fell = context.engine().choose(s);
  if (fell == 0) return WaitEnd::done;
  return limits.timeout && fell == 1 ? WaitEnd::expired : WaitEnd::interrupted;
}

}  // namespace unplug::model
