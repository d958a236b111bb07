#include "unplug/model/kernel/work/workqueue.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/work/work_steps.hpp"
#include "unplug/model/kernel/work/work_word.hpp"
#include "unplug/model/kernel/work/workqueue_struct.hpp"

namespace unplug::model {
namespace {

using namespace work_word;
using work_steps::Look;

const Operation init_op{.name = "INIT_WORK"}, queue_op{.name = "queue_work", .sync = sim::Sync::release},
    take_op{.name = "worker takes work", .sync = sim::Sync::acquire}, done_op{.name = "work finished", .sync = sim::Sync::release},
    cancel_op{.name = "cancel_work"}, cancel_sync_op{.name = "cancel_work_sync: steal pending"},
    cancel_wait_op{.name = "cancel_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    flush_op{.name = "flush_work: look", .sync = sim::Sync::acquire}, flush_wait_op{.name = "flush_work: wait", .sync = sim::Sync::acquire},
    disable_op{.name = "disable_work_sync: steal pending"},
    disable_wait_op{.name = "disable_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    disable_no_wait_op{.name = "disable_work"}, enable_op{.name = "enable_work"},
    flush_all_op{.name = "flush_scheduled_work: look", .sync = sim::Sync::acquire},
    flush_all_wait_op{.name = "flush_scheduled_work: wait", .sync = sim::Sync::acquire};

void worker(void* argument) {
  auto& w = *static_cast<Work*>(argument);
  Context context(*w.kernel, ContextKind::process);
  static const KernelSite take_site{"process_one_work", "take"};
  const Context::KernelFunction function(context, take_site.function);
  for (;;) {
    context.at(take_site);
    sim::Step s = context.make(take_op, w.home);
    s.access = {w.object, sim::AccessKind::write};
    s.guard = sim::Guard::equal(linked, linked | running);
    std::uint64_t number = 0;
    context.wait(s, {.what = "worker", .object = w.name, .owner = Owner::driver, .idle = true, .sleeps = false}, [&](std::uint64_t& word) {
      number = queued(word);
      context.workqueue = w.queue;
      if (w.queue != nullptr) context.lock_hold({.object = w.queue->object, .name = w.queue->name, .use = LockUse::exclusive, .map = true});
      work_steps::start(context, w, word);
    });
    if (context.aborting()) return;
    work_steps::run(context, w);
    if (context.aborting()) return;
    if (context.workqueue != nullptr) work_steps::leave(context, *context.workqueue, w, number);
    context.finish();
  }
}

// The step that begins to cancel or disable: `disable` is added to the word.
bool steal(Context& context, Work& w, const Operation& operation, std::uint64_t disable) {
  const Look l = context.write(operation, w.object, w.home, [&](std::uint64_t& word) {
    word += disable;
    const Look found = work_steps::look(w, word, 0);
    // The kernel spins until the timer has put it on the queue, and the timer of the next arming survives.
    if (found.found == Look::Found::timer)
      context.kernel().report(ViolationClass::api_misuse, w.name, "cancelled by its work_struct; the timer of a delayed_work stays armed");
    return found;
  });
  return work_steps::take_back(context, w, l, 0) == Look::Found::stolen;
}

void wait_not_running(Context& context, Work& w, const Operation& operation, std::string_view what, bool enable) {
  if (context.aborting()) return;
  sim::Step s = context.make(operation, w.home);
  s.access = {w.object, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0, running | listed);  // listed: the worker has picked it and is about to run it
  context.wait(s, {what, w.name, Owner::driver}, [&](std::uint64_t& word) {
    if (enable) word -= disable_unit;
  });
}

}  // namespace

namespace work_steps {

void start(Context& context, Work& w, std::uint64_t& word) {
  word = (word & ~(pending | linked | listed)) | running;
  context.kernel().hold(w.object, context.engine().current());
  context.lock_hold({.object = w.object, .name = w.name, .use = LockUse::exclusive, .map = true});
}

void run(Context& context, Work& w) {
  context.work = &w;
  {
    const Context::Call call(context, "a work function");
    w.function(context, w.argument);
  }
  context.work = nullptr;
  if (context.aborting()) return;
  // The work_struct is not touched any more (the function may have freed it): no home.
  context.write(done_op, w.object, {}, [&](std::uint64_t& word) {
    word &= ~running;
    settle(word);
    context.kernel().unhold(w.object, context.engine().current());
    context.lock_release(w.object);
  });
}

}  // namespace work_steps

void init_work(Kernel& kernel, Work& w, NameId unique_name, NameId declared, LifetimeId home, NameId task_name) {
  static const StaticName role{"kworker"};
  w.object = kernel.engine().new_object(unique_name, 0);
  w.name = declared;
  w.home = home;
  w.kernel = &kernel;
  // PENDING, but not on the queue, and no timer is left to put it there: nobody will, and nobody can queue it again.
  kernel.note_promise({w.object, declared, [](std::uint64_t word) { return (word & (pending | linked | listed)) == pending; }});
  w.queue = nullptr;
  w.on_system = false;
  kernel.works.push_back(&w);
  w.task = kernel.spawn(task_name, kernel.intern(role), worker, &w, true);
}

void set_up_again(Context& context, Work& w) {
  context.write(init_op, w.object, w.home, [&](std::uint64_t& word) {
    if ((word & pending) != 0)
      context.kernel().report(ViolationClass::api_misuse, w.name,
                              fmt::format("'{}' is set up while it is queued", context.kernel().text(w.name)));
    word &= ~disable_mask;
  });
}

bool queue_work(Context& context, Work& w) {
  return context.write(queue_op, w.object, w.home, [&](std::uint64_t& word) {
    if ((word & (pending | disable_mask)) != 0) return false;
    link(word);
    w.queue = nullptr;
    w.on_system = true;
    return true;
  });
}

bool cancel_work(Context& context, Work& w) { return steal(context, w, cancel_op, 0); }

bool disable_work(Context& context, Work& w) { return steal(context, w, disable_no_wait_op, disable_unit); }

bool cancel_work_sync(Context& context, Work& w) {
  context.lock_acquire(w.object, w.name, LockUse::wait);
  const bool was = steal(context, w, cancel_sync_op, disable_unit);
  wait_not_running(context, w, cancel_wait_op, "cancel_work_sync", true);
  return was;
}

bool flush_work(Context& context, Work& w) {
  context.lock_acquire(w.object, w.name, LockUse::wait);
  const Workqueue* ordered = nullptr;
  sim::Step look = context.make(flush_op, w.home);
  look.access = {w.object, sim::AccessKind::read};
  const std::uint64_t seen = context.engine().step(look, [&](std::uint64_t& word) {
    if (w.queue != nullptr && w.queue->max_active == 1) ordered = w.queue;
    return word;
  });
  if ((seen & (linked | listed | running)) == 0) return false;  // start_flush_work(): neither on a queue nor being run
  // With one worker, whatever is before it is waited for as well.
  if (ordered != nullptr) context.lock_acquire(ordered->object, ordered->name, LockUse::wait);
  sim::Step s = context.make(flush_wait_op, w.home);
  s.access = {w.object, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(queued(seen) << done_shift, count_mask << done_shift);
  context.wait(s, {"flush_work", w.name, Owner::driver}, [](std::uint64_t&) {});
  return true;
}

void flush_scheduled_work(Context& context) {
  context.might_sleep("flush_scheduled_work");
  // One look at each item instead of one at all: who waits for more, or for less, because somebody queued in between, could have called
  // later or earlier. The queue is looked at, not the items (which may be gone): no home.
  std::vector<std::pair<Work*, std::uint64_t>> waited;
  for (Work* w : context.kernel().works) {
    bool known = false, waits = false;
    sim::Step look = context.make(flush_all_op);
    look.access = {w->object, sim::AccessKind::read};
    const std::uint64_t seen = context.engine().step(look, [&](std::uint64_t& word) {
      known = w->on_system;
      waits = w->queue == nullptr && (word & (linked | running)) != 0;
      return word;
    });
    if (context.aborting()) return;
    if (known) context.lock_acquire(w->object, w->name, LockUse::wait);
    if (waits) waited.emplace_back(w, queued(seen));
  }
  for (const auto& [w, number] : waited) {
    sim::Step s = context.make(flush_all_wait_op);
    s.access = {w->object, sim::AccessKind::read};
    s.guard = sim::Guard::at_least(number << done_shift, count_mask << done_shift);
    context.wait(s, {"flush_scheduled_work", w->name, Owner::driver}, [](std::uint64_t&) {});
    if (context.aborting()) return;
  }
}

bool disable_work_sync(Context& context, Work& w) {
  context.lock_acquire(w.object, w.name, LockUse::wait);
  const bool was = steal(context, w, disable_op, disable_unit);
  wait_not_running(context, w, disable_wait_op, "disable_work_sync", false);
  return was;
}

void enable_work(Context& context, Work& w) {
  context.write(enable_op, w.object, w.home, [&](std::uint64_t& word) {
    if ((word & disable_mask) == 0) {
      context.kernel().report(ViolationClass::api_misuse, w.name, "enable_work() without disable_work()");
    } else {
      word -= disable_unit;
    }
  });
}

bool work_is_pending(std::uint64_t word) { return (word & pending) != 0; }

}  // namespace unplug::model
