#include "unplug/model/kernel/locking/wait_queue.hpp"

namespace unplug::model {
namespace {

const Operation wake_op{.name = "wake_up", .sync = sim::Sync::release},
    wake_interruptible_op{.name = "wake_up_interruptible", .sync = sim::Sync::release},
    prepare_op{.name = "prepare_to_wait", .sync = sim::Sync::acquire}, schedule_op{.name = "schedule", .sync = sim::Sync::acquire},
    signalled_op{.name = "prepare_to_wait_event: a signal is pending", .sync = sim::Sync::acquire},
    look_op{.name = "finish_wait: look whether it is queued"}, finish_op{.name = "finish_wait: off the queue"},
    poll_op{.name = "poll_wait", .sync = sim::Sync::acquire}, poll_again_op{.name = "poll: look for a wake-up", .sync = sim::Sync::acquire},
    poll_sleep_op{.name = "poll: sleep", .sync = sim::Sync::acquire}, poll_free_op{.name = "poll_freewait"};

constexpr std::uint64_t normal = 1, interruptible = std::uint64_t{1} << 32U, normal_mask = 0xffffffff, interruptible_mask = ~normal_mask;

std::uint64_t mask_of(const WaitEntry& e) { return e.interruptible ? interruptible_mask : normal_mask; }

// The wake-ups that reach the entry, as the word counts them, only grow.
sim::Guard woken(const WaitEntry& e) {
  const std::uint64_t unit = e.interruptible ? interruptible : normal;
  return sim::Guard::at_least((e.seen & mask_of(e)) + unit, mask_of(e));
}

sim::Step step_on(Context& context, const WaitQueue& q, const Operation& operation, LifetimeId home) {
  sim::Step s = context.make(operation, home);
  s.access = {q.object, sim::AccessKind::read};
  return s;
}

// Asleep, nothing of the queue is touched; but the entry is on it: who sleeps for ever is on a queue that has to be there.
WaitEnd sleep_on(Context& context, const WaitEntry& e, const Operation& operation, std::string_view what, const WaitLimits& limits) {
  const WaitQueue& q = *e.queue;
  sim::Step s = step_on(context, q, operation, {});
  s.guard = woken(e);
  WaitEnd end = WaitEnd::done;
  limited_wait(context, s, {what, q.name, q.owner}, limits, end, [](std::uint64_t&) {});
  return end;
}

// ___wait_event(). The condition is looked at once before anything is done with the queue.
WaitEnd wait(Context& context, WaitQueue& q, const Condition& condition, std::string_view what, const WaitLimits& limits) {
  context.might_sleep(what);
  if (condition(context)) return WaitEnd::done;
  WaitEntry e;
  for (WaitEnd ended = WaitEnd::done;;) {
    if (context.aborting()) return WaitEnd::interrupted;
    if (ended == WaitEnd::interrupted) {
      // It doesn't queue again, and takes the entry off if nobody has; so there is nothing left to finish.
      context.engine().step(step_on(context, q, signalled_op, q.home));
      return condition(context) ? WaitEnd::done : WaitEnd::interrupted;
    }
    prepare_to_wait(context, q, e, limits.signals == Signals::interruptible);
    const bool holds = condition(context);
    if (holds || ended == WaitEnd::expired) {
      finish_wait(context, e);
      return holds ? WaitEnd::done : WaitEnd::expired;
    }
    ended = sleep_on(context, e, schedule_op, what, limits);
  }
}

}  // namespace

void init_wait_queue(Kernel& kernel, WaitQueue& q, NameId unique_name, NameId declared, LifetimeId home, Owner owner) {
  q = {kernel.engine().new_object(unique_name, 0), declared, home, owner};
}

void wake_up(Context& context, WaitQueue& q) {
  context.write(wake_op, q.object, q.home, [](std::uint64_t& word) { word += normal + interruptible; });
}

void wake_up_interruptible(Context& context, WaitQueue& q) {
  context.write(wake_interruptible_op, q.object, q.home, [](std::uint64_t& word) { word += interruptible; });
}

void prepare_to_wait(Context& context, WaitQueue& q, WaitEntry& e, bool interruptible_sleep) {
  e = {&q, interruptible_sleep, 0};
  e.seen = context.read(prepare_op, q.object, q.home);
}

WaitEnd schedule(Context& context, const WaitEntry& e, std::optional<sim::Duration> timeout) {
  return sleep_on(context, e, schedule_op, timeout ? "schedule_timeout" : "schedule",
                  {e.interruptible ? Signals::interruptible : Signals::none, timeout});
}

void finish_wait(Context& context, const WaitEntry& e) {
  // list_empty_careful() looks at the entry, which is the task's own; a wake-up has changed it.
  const std::uint64_t word = context.read(look_op, e.queue->object, {});
  if (context.aborting() || woken(e).holds(word)) return;
  context.engine().step(context.make(finish_op, e.queue->home));
}

void wait_event(Context& context, WaitQueue& q, const Condition& condition) { wait(context, q, condition, "wait_event", {}); }

bool wait_event_interruptible(Context& context, WaitQueue& q, const Condition& condition) {
  return wait(context, q, condition, "wait_event_interruptible", {Signals::interruptible, {}}) == WaitEnd::done;
}

bool wait_event_killable(Context& context, WaitQueue& q, const Condition& condition) {
  return wait(context, q, condition, "wait_event_killable", {Signals::killable, {}}) == WaitEnd::done;
}

bool wait_event_timeout(Context& context, WaitQueue& q, const Condition& condition, sim::Duration timeout) {
  return wait(context, q, condition, "wait_event_timeout", {Signals::none, timeout}) == WaitEnd::done;
}

WaitEnd wait_event_interruptible_timeout(Context& context, WaitQueue& q, const Condition& condition, sim::Duration timeout) {
  return wait(context, q, condition, "wait_event_interruptible_timeout", {Signals::interruptible, timeout});
}

bool poll(Context& context, WaitQueue& q, const Condition& ready) {
  WaitEntry e{&q, true, context.read(poll_op, q.object, q.home)};
  bool is_ready = false;
  for (;;) {
    is_ready = ready(context);
    if (is_ready || context.aborting()) break;
    sim::Step s = step_on(context, q, poll_sleep_op, q.home);
    s.guard = woken(e);
    WaitEnd end = WaitEnd::done;
    limited_wait(context, s, {.what = "poll", .object = q.name, .owner = q.owner}, {Signals::interruptible, {}}, end,
                 [](std::uint64_t&) {});
    if (end == WaitEnd::interrupted || context.aborting()) break;
    // pollwake() has said so (pwq->triggered), which is cleared before the next look.
    e.seen = context.read(poll_again_op, q.object, {});
  }
  if (!context.aborting()) context.engine().step(context.make(poll_free_op, q.home));
  return is_ready;
}

}  // namespace unplug::model
