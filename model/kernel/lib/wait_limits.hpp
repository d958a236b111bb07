// What can end a wait besides what it waits for: a timeout, or a signal from user space.
//
// Each wait that can end otherwise begins with a data choice of how it will: then it either waits for what it came for, without limit, or
// goes on at once and looks again, as the kernel does after schedule_timeout() or with a signal pending. Under `timed` a timeout falls as
// time tells. A task that waits for what then never comes is no deadlock: another execution has it go on (WaitInfo::expires,
// WaitInfo::interruptible). Left out: what a task does between a signal and its return to user space, signals that a wait ignores, whether
// a timeout was partly used up.
#pragma once

#include <optional>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

// interruptible: any signal ends it; killable: a fatal one. User space can send either, so the model tells them apart by name alone.
enum class Signals : std::uint8_t { none, interruptible, killable };

struct WaitLimits {
  Signals signals = Signals::none;
  std::optional<sim::Duration> timeout;
};

// How a wait ended: `done` with what it was for.
enum class WaitEnd : std::uint8_t { done, expired, interrupted };

// The choice, a step unless there are no limits. `awaited`, `until`: when the wait would end with what it is for.
WaitEnd choose_wait_end(Context& context, const WaitLimits& limits, ObjectId awaited, const sim::Guard& until);

// A step that waits under its guard or, if the wait is chosen to end otherwise, is taken as soon as it can be: `effect` is told which, and
// has to look by itself. Answers what the effect does; `ended`: how it was to end.
template <class Effect>
auto limited_wait(Context& context, sim::Step s, WaitInfo info, const WaitLimits& limits, WaitEnd& ended, Effect&& effect) {
  ended = choose_wait_end(context, limits, s.access.object, s.guard);
  if (ended != WaitEnd::done) s.guard = {};
  if (limits.signals != Signals::none) info.owner = Owner::user;
  info.interruptible = limits.signals != Signals::none;
  info.expires = limits.timeout.has_value();
  return context.wait(s, info, effect);
}

}  // namespace unplug::model
