#include "unplug/model/kernel/work/delayed_work.hpp"

#include "unplug/model/kernel/work/work_steps.hpp"
#include "unplug/model/kernel/work/work_word.hpp"

namespace unplug::model {
namespace {

using namespace work_word;
using work_steps::Look;

const Operation queue_op{.name = "queue_delayed_work", .sync = sim::Sync::release},
    insert_op{.name = "delayed_work_timer_fn: queue", .sync = sim::Sync::release},
    flush_insert_op{.name = "flush_delayed_work: queue", .sync = sim::Sync::release},
    grab_op{.name = "try_to_grab_pending: steal from the queue"}, grab_wait_op{.name = "try_to_grab_pending: try again"},
    clear_op{.name = "cancel_delayed_work: clear PENDING"}, disable_op{.name = "__cancel_work_sync: disable"},
    wait_op{.name = "__cancel_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    again_op{.name = "mod_delayed_work: set PENDING", .sync = sim::Sync::release};

// Queues what nobody else can queue: PENDING is set, and was the timer's.
void enqueue(Context& context, Work& w, const Operation& operation) {
  Workqueue* queue = nullptr;
  std::uint64_t number = 0;
  context.write(operation, w.object, w.home, [&](std::uint64_t& word) {
    queue = w.queue;
    if (queue != nullptr) {
      number = work_steps::promise(w, *queue, word);
    } else {
      link(word);
    }
  });
  if (queue != nullptr) work_steps::insert(context, *queue, w, number);
}

void timer_fn(Context& context, void* argument) { enqueue(context, static_cast<DelayedWork*>(argument)->work, insert_op); }

// try_to_grab_pending(), until it succeeds. Where the item was; if the timer had it, PENDING is still set. `claim`: PENDING, if the caller
// keeps it, so that nobody queues the item meanwhile.
enum class Grabbed : std::uint8_t { nothing, timer, queue };
Grabbed grab(Context& context, DelayedWork& w, std::uint64_t claim) {
  if (timer_delete(context, w.timer)) return Grabbed::timer;
  if (context.aborting()) return Grabbed::nothing;
  const auto look = [&](std::uint64_t& word) { return work_steps::look(w.work, word, claim); };
  Look::Found found = work_steps::take_back(context, w.work, context.write(grab_op, w.work.object, w.work.home, look), claim);
  while (found == Look::Found::timer && !context.aborting()) {
    // Somebody is between PENDING and the timer, or the timer between expiring and the queue (-EAGAIN). The kernel spins through both
    // tries; here the second try waits instead for the item to arrive on the queue, as if the cancelling had come first or last.
    if (timer_delete_sync(context, w.timer)) return Grabbed::timer;
    if (context.aborting()) break;
    sim::Step s = context.make(grab_wait_op, w.work.home);
    s.access = {w.work.object, sim::AccessKind::write};
    s.guard = sim::Guard::not_equal(pending, pending | linked | listed);
    const WaitInfo info{.what = "try_to_grab_pending", .object = w.work.name, .owner = Owner::driver, .sleeps = false};
    found = work_steps::take_back(context, w.work, context.wait(s, info, look), claim);
  }
  return found == Look::Found::stolen ? Grabbed::queue : Grabbed::nothing;
}

// Puts it on the queue (none: the system's), or has the timer do so after the delay, unless it is disabled or one of the bits of `taken` is
// set. Whether it did.
bool arm(Context& context, DelayedWork& w, Workqueue* queue, sim::Duration delay, const Operation& operation, std::uint64_t taken) {
  std::uint64_t number = 0;
  const bool armed = context.write(operation, w.work.object, w.work.home, [&](std::uint64_t& word) {
    if ((word & taken) != 0) return false;
    word &= ~pending;
    if ((word & disable_mask) != 0) return false;
    w.work.queue = queue;
    if (queue == nullptr) w.work.on_system = true;
    if (delay != 0) {
      word |= pending;
    } else if (queue != nullptr) {
      number = work_steps::promise(w.work, *queue, word);
    } else {
      link(word);
    }
    return true;
  });
  if (!armed || context.aborting()) return armed;
  if (delay != 0) {
    mod_timer(context, w.timer, delay);
  } else if (queue != nullptr) {
    work_steps::insert(context, *queue, w.work, number);
  }
  return true;
}

bool move(Context& context, DelayedWork& w, Workqueue* queue, sim::Duration delay) {
  const Grabbed g = grab(context, w, pending);
  if (!context.aborting()) arm(context, w, queue, delay, again_op, 0);
  return g != Grabbed::nothing;
}

bool cancel(Context& context, DelayedWork& w) {
  const Grabbed g = grab(context, w, 0);
  if (g == Grabbed::timer) context.write(clear_op, w.work.object, w.work.home, [](std::uint64_t& word) { word &= ~pending; });
  return g != Grabbed::nothing;
}

bool disable(Context& context, DelayedWork& w) {
  context.write(disable_op, w.work.object, w.work.home, [](std::uint64_t& word) { word += disable_unit; });
  return cancel(context, w);
}

bool cancel_and_wait(Context& context, DelayedWork& w, bool enable, std::string_view what) {
  context.lock_acquire(w.work.object, w.work.name, LockUse::wait);
  const bool was = disable(context, w);
  if (context.aborting()) return was;
  sim::Step s = context.make(wait_op, w.work.home);
  s.access = {w.work.object, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0, running | listed);  // listed: the worker has picked it and is about to run it
  context.wait(s, {what, w.work.name, Owner::driver}, [&](std::uint64_t& word) {
    if (enable) word -= disable_unit;
  });
  return was;
}

}  // namespace

void init_delayed_work(Kernel& kernel, DelayedWork& w, NameId unique_name, NameId declared, LifetimeId home, NameId task_name,
                       NameId timer_name, NameId timer_task) {
  init_work(kernel, w.work, unique_name, declared, home, task_name);
  w.timer.function = timer_fn;
  w.timer.hr_function = nullptr;
  w.timer.argument = &w;
  w.timer.irqsafe = true;
  init_timer(kernel, w.timer, timer_name, declared, home, timer_task);
  w.timer.map = timer_name;  // a class of its own: who waits for the timer doesn't wait for the work
}

void set_up_again(Context& context, DelayedWork& w) {
  set_up_again(context, w.work);
  if (!context.aborting()) set_up_again(context, w.timer);
}

bool queue_delayed_work(Context& context, DelayedWork& w, sim::Duration delay) {
  return arm(context, w, nullptr, delay, queue_op, pending);
}

bool queue_delayed_work(Context& context, Workqueue& q, DelayedWork& w, sim::Duration delay) {
  return arm(context, w, &q, delay, queue_op, pending);
}

bool mod_delayed_work(Context& context, DelayedWork& w, sim::Duration delay) { return move(context, w, nullptr, delay); }

bool mod_delayed_work(Context& context, Workqueue& q, DelayedWork& w, sim::Duration delay) { return move(context, w, &q, delay); }

bool cancel_delayed_work(Context& context, DelayedWork& w) { return cancel(context, w); }

bool cancel_delayed_work_sync(Context& context, DelayedWork& w) { return cancel_and_wait(context, w, true, "cancel_delayed_work_sync"); }

bool disable_delayed_work(Context& context, DelayedWork& w) { return disable(context, w); }

void enable_delayed_work(Context& context, DelayedWork& w) { enable_work(context, w.work); }

bool disable_delayed_work_sync(Context& context, DelayedWork& w) { return cancel_and_wait(context, w, false, "disable_delayed_work_sync"); }

bool flush_delayed_work(Context& context, DelayedWork& w) {
  if (timer_delete_sync(context, w.timer) && !context.aborting()) enqueue(context, w.work, flush_insert_op);
  return !context.aborting() && flush_work(context, w.work);
}

}  // namespace unplug::model
