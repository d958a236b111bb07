#include "unplug/model/kernel/delayed_work.hpp"

#include "unplug/model/kernel/work_word.hpp"

namespace unplug::model {
namespace {

using namespace work_word;

const Operation queue_op{.name = "queue_delayed_work", .sync = sim::Sync::release},
    insert_op{.name = "delayed_work_timer_fn: queue", .sync = sim::Sync::release}, flush_insert_op{.name = "flush_delayed_work: queue"},
    grab_op{.name = "try_to_grab_pending: steal from the queue"}, grab_wait_op{.name = "try_to_grab_pending: try again"},
    clear_op{.name = "cancel_delayed_work: clear PENDING"}, disable_op{.name = "cancel_delayed_work_sync: disable"},
    wait_op{.name = "cancel_delayed_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    again_op{.name = "mod_delayed_work: set PENDING"};

void timer_fn(Context& context, void* argument) {
  auto& w = *static_cast<DelayedWork*>(argument);
  context.write(insert_op, w.work.object, w.work.home, [](std::uint64_t& word) { link(word); });
}

// try_to_grab_pending(), until it succeeds. Where the item was; of the timer's, PENDING is still set.
enum class Grabbed : std::uint8_t { nothing, timer, queue };
Grabbed grab(Context& context, DelayedWork& w) {
  if (timer_delete(context, w.timer)) return Grabbed::timer;
  if (context.aborting()) return Grabbed::nothing;
  bool elsewhere = false;
  const bool stolen = context.write(grab_op, w.work.object, w.work.home, [&](std::uint64_t& word) {
    elsewhere = (word & (pending | linked)) == pending;
    return unlink(word);
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
  return context.wait(s, info, unlink) ? Grabbed::queue : Grabbed::nothing;
}

bool cancel(Context& context, DelayedWork& w) {
  const Grabbed g = grab(context, w);
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
}

bool queue_delayed_work(Context& context, DelayedWork& w, sim::Duration delay) {
  const bool taken = context.write(queue_op, w.work.object, w.work.home, [&](std::uint64_t& word) {
    if ((word & (pending | disable_mask)) != 0) return false;
    delay == 0 ? link(word) : static_cast<void>(word |= pending);
    return true;
  });
  if (taken && delay != 0 && !context.aborting()) mod_timer(context, w.timer, delay);
  return taken;
}

bool mod_delayed_work(Context& context, DelayedWork& w, sim::Duration delay) {
  const Grabbed g = grab(context, w);
  if (context.aborting()) return false;
  const bool taken = context.write(again_op, w.work.object, w.work.home, [&](std::uint64_t& word) {
    word &= ~pending;
    if ((word & disable_mask) != 0) return false;
    delay == 0 ? link(word) : static_cast<void>(word |= pending);
    return true;
  });
  if (taken && delay != 0 && !context.aborting()) mod_timer(context, w.timer, delay);
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
