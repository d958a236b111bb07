#include "unplug/model/kernel/irq/timer.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {
namespace {

const Operation setup_op{.name = "timer_setup"}, mod_op{.name = "mod_timer", .sync = sim::Sync::release},
    expire_op{.name = "timer expires", .sync = sim::Sync::acquire}, done_op{.name = "timer function finished", .sync = sim::Sync::release},
    delete_op{.name = "timer_delete"}, delete_sync_op{.name = "timer_delete_sync", .sync = sim::Sync::acquire},
    shutdown_op{.name = "timer_shutdown"}, shutdown_sync_op{.name = "timer_shutdown_sync", .sync = sim::Sync::acquire};
const Operation hr_setup_op{.name = "hrtimer_setup"}, start_op{.name = "hrtimer_start", .sync = sim::Sync::release},
    hr_expire_op{.name = "hrtimer expires", .sync = sim::Sync::acquire, .pause = true},
    hr_done_op{.name = "hrtimer function finished", .sync = sim::Sync::release}, try_cancel_op{.name = "hrtimer_try_to_cancel"},
    cancel_op{.name = "hrtimer_cancel", .sync = sim::Sync::acquire};

// The word: bit 0 pending, bit 1 the function runs (base->running_timer), bit 2 shut down (the function pointer is NULL).
constexpr std::uint64_t pending = 1, running = 2, shut = 4;

bool take_off(std::uint64_t& word) {
  const bool was = (word & pending) != 0;
  word &= ~pending;
  return was;
}

// Calls its function. Whether an hrtimer is queued again.
bool expired(Context& context, Timer& t) {
  const Context::Call call(context, "a timer function");
  if (t.hr_function != nullptr) return t.hr_function(context, t.argument);
  t.function(context, t.argument);
  return false;
}

void runner(void* argument) {
  auto& t = *static_cast<Timer*>(argument);
  const bool hr = t.hr_function != nullptr;
  Context context(*t.kernel, hr ? ContextKind::hardirq : ContextKind::softirq);
  static const KernelSite expire_site{"__run_timers", "expire"}, hr_expire_site{"__hrtimer_run_queues", "expire"};
  const Context::KernelFunction function(context, hr ? hr_expire_site.function : expire_site.function);
  const TaskId me = context.engine().current();
  for (;;) {
    context.at(hr ? hr_expire_site : expire_site);
    // Under base->lock: running_timer, off the wheel, the function pointer is read.
    sim::Step s = context.make(hr ? hr_expire_op : expire_op, t.home);
    s.access = {t.object, sim::AccessKind::write};
    s.guard = sim::Guard::equal(pending, pending | running);
    s.timing = &t.expiry;
    rcu_irq_wait(context, s, {.what = "timer", .object = t.name, .owner = Owner::driver, .idle = true, .sleeps = false},
                 [&](std::uint64_t& word) {
                   word = (word & ~pending) | running;
                   context.kernel().hold(t.object, me);
                   if (!hr) context.lock_hold({t.object, t.map, LockUse::exclusive, true});
                 });
    if (context.aborting()) return;
    const bool again = expired(context, t);
    if (context.aborting()) return;
    // A timer_list is not touched any more (the function may have freed it); an hrtimer is, and is put back if asked for.
    context.write(hr ? hr_done_op : done_op, t.object, hr ? t.home : LifetimeId{}, [&](std::uint64_t& word) {
      word &= ~running;
      if (again) {
        word |= pending;
        t.expiry.at = context.engine().local_time() + t.interval;
      }
      context.kernel().unhold(t.object, me);
      if (!hr) context.lock_release(t.object);
    });
    rcu_irq_exit(context);
    context.finish();
  }
}

// What spins until the function has returned.
bool take_off_when_idle(Context& context, Timer& t, const Operation& operation, std::string_view what, std::uint64_t mark) {
  if (context.kind() == ContextKind::hardirq && !t.irqsafe)
    context.kernel().report(ViolationClass::api_misuse, t.name, std::string(what) + "() in hard interrupt context", Shown::next);
  if (t.hr_function == nullptr) context.lock_acquire(t.object, t.map, LockUse::wait);  // lockdep has no map for hrtimers
  sim::Step s = context.make(operation, t.home);
  s.access = {t.object, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0, running);
  return context.wait(s, {.what = what, .object = t.name, .owner = Owner::driver, .sleeps = false}, [&](std::uint64_t& word) {
    word |= mark;
    return take_off(word);
  });
}

}  // namespace

void init_timer(Kernel& kernel, Timer& t, NameId unique_name, NameId declared, LifetimeId home, NameId task_name) {
  static const StaticName softirq{"timer softirq"}, hardirq{"hrtimer interrupt"};
  t.object = kernel.engine().new_object(unique_name, 0);
  t.name = t.map = declared;
  t.home = home;
  t.kernel = &kernel;
  t.expiry.at = 0;
  kernel.spawn(task_name, kernel.intern(t.hr_function != nullptr ? hardirq : softirq), runner, &t, true);
}

void set_up_again(Context& context, Timer& t) {
  context.write(t.hr_function != nullptr ? hr_setup_op : setup_op, t.object, t.home, [&](std::uint64_t& word) {
    if ((word & pending) != 0)
      context.kernel().report(ViolationClass::api_misuse, t.name,
                              fmt::format("'{}' is set up while it is armed", context.kernel().text(t.name)));
    word &= ~shut;
  });
}

bool mod_timer(Context& context, Timer& t, sim::Duration delay) {
  return context.write(mod_op, t.object, t.home, [&](std::uint64_t& word) {
    if ((word & shut) != 0) return false;
    const bool was = (word & pending) != 0;
    word |= pending;
    t.expiry.at = context.engine().local_time() + delay;
    return was;
  });
}

bool timer_delete(Context& context, Timer& t) { return context.write(delete_op, t.object, t.home, take_off); }

bool timer_delete_sync(Context& context, Timer& t) { return take_off_when_idle(context, t, delete_sync_op, "timer_delete_sync", 0); }

bool timer_shutdown(Context& context, Timer& t) {
  return context.write(shutdown_op, t.object, t.home, [](std::uint64_t& word) {
    word |= shut;
    return take_off(word);
  });
}

bool timer_shutdown_sync(Context& context, Timer& t) {
  return take_off_when_idle(context, t, shutdown_sync_op, "timer_shutdown_sync", shut);
}

void hrtimer_start(Context& context, Timer& t, sim::Duration delay) {
  context.write(start_op, t.object, t.home, [&](std::uint64_t& word) {
    word |= pending;
    t.interval = delay;
    t.expiry.at = context.engine().local_time() + delay;
  });
}

int hrtimer_try_to_cancel(Context& context, Timer& t) {
  return context.write(try_cancel_op, t.object, t.home, [](std::uint64_t& word) {
    if ((word & running) != 0) return -1;
    return take_off(word) ? 1 : 0;
  });
}

bool hrtimer_cancel(Context& context, Timer& t) { return take_off_when_idle(context, t, cancel_op, "hrtimer_cancel", 0); }

}  // namespace unplug::model
