#include "unplug/model/kernel/delayed_work.hpp"

#include "unplug/model/kernel/work_word.hpp"

namespace unplug::model {
namespace {

using namespace work_word;

const Operation queue_op{.name = "queue_delayed_work", .sync = sim::Sync::release},
    insert_op{.name = "delayed_work_timer_fn: queue", .sync = sim::Sync::release},
    flush_insert_op{.name = "flush_delayed_work: queue", .sync = sim::Sync::release},
    grab_op{.name = "try_to_grab_pending: steal from the queue"}, grab_wait_op{.name = "try_to_grab_pending: try again"},
    clear_op{.name = "cancel_delayed_work: clear PENDING"}, disable_op{.name = "__cancel_work_sync: disable"},
    wait_op{.name = "__cancel_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    again_op{.name = "mod_delayed_work: set PENDING", .sync = sim::Sync::release};

void timer_fn(Context& context, void* argument) {
  auto& w = *static_cast<DelayedWork*>(argument);
  context.write(insert_op, w.work.object, w.work.home, [](std::uint64_t& word) { link(word); });
}

// try_to_grab_pending(), until it succeeds. Where the item was; if the timer had it, PENDING is still set. `claim`: PENDING, if the caller keeps
// it, so that nobody queues the item meanwhile.
enum class Grabbed : std::uint8_t { nothing, timer, queue };
Grabbed grab(Context& context, DelayedWork& w, std::uint64_t claim) {
  if (timer_delete(context, w.timer)) return Grabbed::timer;
  if (context.aborting()) return Grabbed::nothing;
  bool elsewhere = false;
  const bool stolen = context.write(grab_op, w.work.object, w.work.home, [&](std::uint64_t& word) {
    elsewhere = (word & (pending | linked)) == pending;
    const bool was = unlink(word);
    word |= claim;
    return was;
  });
  if (stolen) return Grabbed::queue;
  if (!elsewhere || context.aborting()) return Grabbed::nothing;
  // Somebody is between PENDING and the timer, or the timer between expiring and the queue (-EAGAIN). The kernel spins through both tries;
  // here the second try waits instead for the item to arrive on the queue, as if the cancelling had come first or last.
  if (timer_delete_sync(context, w.timer)) return Grabbed::timer;
  if (context.aborting()) return Grabbed::nothing;
  sim::Step s = context.make(grab_wait_op, w.work.home);
  s.access = {w.work.object, sim::AccessKind::write};
  s.guard = sim::Guard::not_equal(pending, pending | linked);
  const WaitInfo info{.what = "try_to_grab_pending", .object = w.work.name, .owner = Owner::driver, .sleeps = false};
  const bool late = context.wait(s, info, [&](std::uint64_t& word) {
    const bool was = unlink(word);
    word |= claim;
    return was;
  });
  return late ? Grabbed::queue : Grabbed::nothing;
}

// Puts it on the queue, or has the timer do so after the delay, unless it is disabled or one of the bits of `taken` is set. Whether it did.
bool arm(Context& context, DelayedWork& w, sim::Duration delay, const Operation& operation, std::uint64_t taken) {
  const bool armed = context.write(operation, w.work.object, w.work.home, [&](std::uint64_t& word) {
    if ((word & taken) != 0) return false;
    word &= ~pending;
    if ((word & disable_mask) != 0) return false;
    if (delay == 0) {
      link(word);
    } else {
      word |= pending;
    }
    return true;
  });
  if (armed && delay != 0 && !context.aborting()) mod_timer(context, w.timer, delay);
  return armed;
}

bool cancel(Context& context, DelayedWork& w) {
  const Grabbed g = grab(context, w, 0);
  if (g == Grabbed::timer) context.write(clear_op, w.work.object, w.work.home, [](std::uint64_t& word) { word &= ~pending; });
  return g != Grabbed::nothing;
}

bool cancel_and_wait(Context& context, DelayedWork& w, bool enable, std::string_view what) {
  context.write(disable_op, w.work.object, w.work.home, [](std::uint64_t& word) { word += disable_unit; });
  const bool was = cancel(context, w);
  sim::Step s = context.make(wait_op, w.work.home);
  s.access = {w.work.object, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0, running);
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
  init_timer(kernel, w.timer, timer_name, declared, home, timer_task);
  w.timer.map = timer_name;  // a class of its own: who waits for the timer doesn't wait for the work
}

bool queue_delayed_work(Context& context, DelayedWork& w, sim::Duration delay) { return arm(context, w, delay, queue_op, pending); }

bool mod_delayed_work(Context& context, DelayedWork& w, sim::Duration delay) {
  const Grabbed g = grab(context, w, pending);
  if (!context.aborting()) arm(context, w, delay, again_op, 0);
  return g != Grabbed::nothing;
}

bool cancel_delayed_work(Context& context, DelayedWork& w) { return cancel(context, w); }

bool cancel_delayed_work_sync(Context& context, DelayedWork& w) { return cancel_and_wait(context, w, true, "cancel_delayed_work_sync"); }

bool disable_delayed_work_sync(Context& context, DelayedWork& w) { return cancel_and_wait(context, w, false, "disable_delayed_work_sync"); }

void flush_delayed_work(Context& context, DelayedWork& w) {
  if (timer_delete_sync(context, w.timer) && !context.aborting())
    context.write(flush_insert_op, w.work.object, w.work.home, [](std::uint64_t& word) { link(word); });
  if (!context.aborting()) flush_work(context, w.work);
}

}  // namespace unplug::model
