// Waiting by looking again and again: loops of a driver that look, perhaps sleep, and look once more; read_poll_timeout() and its like.
//
// include/linux/iopoll.h, v6.18 (read_poll_timeout, readx_poll_timeout); net/core/dev.c (netdev_wait_allrefs_any). A round of such a loop
// that has changed nothing, and has left the task as it was, would go on like that until something changes that it looked at. So it is a
// wait for that: executions that differ in how often somebody looked in vain are one. Of several things that it looks at, any may come
// first: which one the task waits for is a data choice, and an execution in which it was another one is no execution (see contradicted()).
// What a round leaves as it was it may have touched: each look stays a use of the memory that it is in for as long as the task waits.
// Left out: that a lock which each round takes and lets go is taken again and again while the task waits (others that try it find it free).
#pragma once

#include <optional>
#include <vector>

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/lib/wait_limits.hpp"

namespace unplug::model {

struct Round {
  std::vector<Look> looks;          // of different objects, in order
  sim::Witnesses uses;              // of all its steps
  bool by_choice = false;           // something outside of the program decides how it goes: a device's answer
  sim::Time period = 0;             // how long it took
  std::uint32_t last = UINT32_MAX;  // its last step that asked for something: a read, an answer of the device; else its last step
};

// What the running task has looked at since event `from` of the trace, which it took at `began`; none if it has done anything else since,
// or has found two values at one place.
[[nodiscard]] std::optional<Round> round_since(Context& context, std::uint32_t from, sim::Time began);

// Waits until something of the round changes, or the time is up. `who`: whether code of a driver does so; a task of user space that polls
// for ever is nobody's mistake. Under `timed` it is noticed when the next look comes.
enum class Poller : std::uint8_t { driver, user };
WaitEnd await_change(Context& context, const Round& round, std::optional<sim::Duration> timeout, Poller who);

// Whether a task that polls at the end would have gone on: what it has looked at, and does not wait for, has changed. Then the execution is
// none, and another one is like it.
[[nodiscard]] bool contradicted(const Kernel& kernel, const sim::Trace& trace);

}  // namespace unplug::model
