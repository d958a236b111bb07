#include "unplug/model/kernel/workqueue.hpp"

namespace unplug::model {
namespace {

const Operation queue_op{.name = "queue_work", .sync = sim::Sync::release},
    take_op{.name = "worker takes work", .sync = sim::Sync::acquire}, done_op{.name = "work finished", .sync = sim::Sync::release},
    cancel_op{.name = "cancel_work"}, cancel_sync_op{.name = "cancel_work_sync: steal pending"},
    cancel_wait_op{.name = "cancel_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    flush_op{.name = "flush_work: look", .sync = sim::Sync::acquire}, flush_wait_op{.name = "flush_work: wait", .sync = sim::Sync::acquire},
    disable_op{.name = "disable_work_sync: steal pending"},
    disable_wait_op{.name = "disable_work_sync: wait for the running instance", .sync = sim::Sync::acquire},
    enable_op{.name = "enable_work"};

// The word: bit 0 PENDING, bit 1 running, bits 4..15 disable depth, bits 16..39 instances queued, bits 40..63 how many of them, from the
// first, have finished or been taken back. Only the last one queued can be pending.
constexpr std::uint64_t pending = 1, running = 2, disable_unit = 0x10, disable_mask = 0xfff0, queued_unit = 0x10000, count_mask = 0xffffff,
                        queued_shift = 16, done_shift = 40;
constexpr std::uint64_t queued(std::uint64_t word) { return (word >> queued_shift) & count_mask; }

// What flush_work() waits for, once nothing runs: all instances but one that is pending are done with.
void settle(std::uint64_t& word) {
  const std::uint64_t done = queued(word) - (word & pending);
  word = (word & ((std::uint64_t{1} << done_shift) - 1)) | (done << done_shift);
}

void worker(void* argument) {
  auto& w = *static_cast<Work*>(argument);
  Context context(*w.kernel, ContextKind::process);
  const TaskId me = context.engine().current();
  for (;;) {
    sim::Step s = context.make(take_op, w.home);
    s.access = {w.object, sim::AccessKind::write};
    s.guard = sim::Guard::equal(pending, pending | running);
    context.wait(s, {.what = "worker", .object = w.name, .owner = Owner::driver, .idle = true, .sleeps = false}, [&](std::uint64_t& word) {
      word = (word & ~pending) | running;
      context.kernel().hold(w.object, me);
    });
    if (context.aborting()) return;
    w.function(context, w.argument);
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

bool steal(std::uint64_t& word) {
  const bool was = (word & pending) != 0;
  word &= ~pending;
  if (was && (word & running) == 0) settle(word);
  return was;
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
  sim::TaskSpec spec;
  spec.name = task_name;
  spec.role = kernel.intern(role);
  spec.daemon = true;
  spec.entry = worker;
  spec.argument = &w;
  kernel.engine().spawn(spec);
}

bool queue_work(Context& context, Work& w) {
  return context.write(queue_op, w.object, w.home, [](std::uint64_t& word) {
    if ((word & (pending | disable_mask)) != 0) return false;
    word = (word | pending) + queued_unit;
    return true;
  });
}

bool cancel_work(Context& context, Work& w) { return context.write(cancel_op, w.object, w.home, steal); }

bool cancel_work_sync(Context& context, Work& w) {
  const bool was = context.write(cancel_sync_op, w.object, w.home, [](std::uint64_t& word) {
    word += disable_unit;
    return steal(word);
  });
  wait_not_running(context, w, cancel_wait_op, "cancel_work_sync", true);
  return was;
}

void flush_work(Context& context, Work& w) {
  const std::uint64_t seen = context.read(flush_op, w.object, w.home);
  if ((seen & (pending | running)) == 0) return;
  sim::Step s = context.make(flush_wait_op, w.home);
  s.access = {w.object, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(queued(seen) << done_shift, count_mask << done_shift);
  context.wait(s, {"flush_work", w.name, Owner::driver}, [](std::uint64_t&) {});
}

bool disable_work_sync(Context& context, Work& w) {
  const bool was = context.write(disable_op, w.object, w.home, [](std::uint64_t& word) {
    word += disable_unit;
    return steal(word);
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
