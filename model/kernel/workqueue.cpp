#include "unplug/model/kernel/workqueue.hpp"

#include "unplug/model/kernel/work_word.hpp"

namespace unplug::model {
namespace {

using namespace work_word;

const Operation queue_op{.name = "queue_work", .sync = sim::Sync::release},
    take_op{.name = "worker takes work", .sync = sim::Sync::acquire}, done_op{.name = "work finished", .sync = sim::Sync::release},
    cancel_op{.name = "cancel_work"}, cancel_sync_op{.name = "cancel_work_sync: steal pending"},
    cancel_wait_op{.name = "cancel_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    flush_op{.name = "flush_work: look", .sync = sim::Sync::acquire}, flush_wait_op{.name = "flush_work: wait", .sync = sim::Sync::acquire},
    disable_op{.name = "disable_work_sync: steal pending"},
    disable_wait_op{.name = "disable_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    disable_no_wait_op{.name = "disable_work"}, enable_op{.name = "enable_work"};

void worker(void* argument) {
  auto& w = *static_cast<Work*>(argument);
  Context context(*w.kernel, ContextKind::process);
  static const KernelSite take_site{"process_one_work", "take"};
  const Context::KernelFunction function(context, take_site.function);
  const TaskId me = context.engine().current();
  for (;;) {
    context.at(take_site);
    sim::Step s = context.make(take_op, w.home);
    s.access = {w.object, sim::AccessKind::write};
    s.guard = sim::Guard::equal(linked, linked | running);
    context.wait(s, {.what = "worker", .object = w.name, .owner = Owner::driver, .idle = true, .sleeps = false}, [&](std::uint64_t& word) {
      word = (word & ~(pending | linked)) | running;
      context.kernel().hold(w.object, me);
    });
    if (context.aborting()) return;
    {
      const Context::Call call(context, "a work function");
      w.function(context, w.argument);
    }
    if (context.aborting()) return;
    // The work_struct is not touched any more (the function may have freed it): no home.
    context.write(done_op, w.object, {}, [&](std::uint64_t& word) {
      word &= ~running;
      settle(word);
      context.kernel().unhold(w.object, me);
    });
    context.finish();
  }
}

bool steal(Context& context, const Work& w, std::uint64_t& word) {
  // A timer has it: the kernel spins until that has put it on the queue, and the timer of the next arming survives.
  if ((word & (pending | linked)) == pending)
    context.kernel().report(ViolationClass::api_misuse, w.name, "cancelled by its work_struct; the timer of a delayed_work stays armed");
  return unlink(word);
}

void wait_not_running(Context& context, Work& w, const Operation& operation, std::string_view what, bool enable) {
  sim::Step s = context.make(operation, w.home);
  s.access = {w.object, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0, running);
  context.wait(s, {what, w.name, Owner::driver}, [&](std::uint64_t& word) {
    if (enable) word -= disable_unit;
  });
}

}  // namespace

void init_work(Kernel& kernel, Work& w, NameId unique_name, NameId declared, LifetimeId home, NameId task_name) {
  static const StaticName role{"kworker"};
  w.object = kernel.engine().new_object(unique_name, 0);
  w.name = declared;
  w.home = home;
  w.kernel = &kernel;
  // PENDING, but not on the queue, and no timer is left to put it there: nobody will, and nobody can queue it again.
  kernel.note_promise({w.object, declared, [](std::uint64_t word) { return (word & (pending | linked)) == pending; }});
  kernel.spawn(task_name, kernel.intern(role), worker, &w, true);
}

bool queue_work(Context& context, Work& w) {
  return context.write(queue_op, w.object, w.home, [](std::uint64_t& word) {
    if ((word & (pending | disable_mask)) != 0) return false;
    link(word);
    return true;
  });
}

bool cancel_work(Context& context, Work& w) {
  return context.write(cancel_op, w.object, w.home, [&](std::uint64_t& word) { return steal(context, w, word); });
}

bool disable_work(Context& context, Work& w) {
  return context.write(disable_no_wait_op, w.object, w.home, [&](std::uint64_t& word) {
    word += disable_unit;
    return steal(context, w, word);
  });
}

bool cancel_work_sync(Context& context, Work& w) {
  const bool was = context.write(cancel_sync_op, w.object, w.home, [&](std::uint64_t& word) {
    word += disable_unit;
    return steal(context, w, word);
  });
  wait_not_running(context, w, cancel_wait_op, "cancel_work_sync", true);
  return was;
}

void flush_work(Context& context, Work& w) {
  const std::uint64_t seen = context.read(flush_op, w.object, w.home);
  if ((seen & (linked | running)) == 0) return;  // start_flush_work(): neither on the queue nor being run
  sim::Step s = context.make(flush_wait_op, w.home);
  s.access = {w.object, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(queued(seen) << done_shift, count_mask << done_shift);
  context.wait(s, {"flush_work", w.name, Owner::driver}, [](std::uint64_t&) {});
}

bool disable_work_sync(Context& context, Work& w) {
  const bool was = context.write(disable_op, w.object, w.home, [&](std::uint64_t& word) {
    word += disable_unit;
    return steal(context, w, word);
  });
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
