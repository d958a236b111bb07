#include "unplug/model/kernel/rcu/srcu.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/kernel/rcu/grace_period.hpp"

namespace unplug::model {
namespace {

// Readers leave what they did with the counters, the task that runs the grace period takes it there and leaves it, and all it knew, with
// the state for those who share it. What preceded a grace period reaches later readers by the index, and by the counters those who
// loaded the index before the flip and counted in after the scan. (So a reader is also taken to know what readers did that left before
// it came.)
const Operation load_index_op{.name = "srcu_read_lock: load index", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    lock_op{.name = "srcu_read_lock: count in", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    unlock_op{.name = "srcu_read_unlock", .sync = sim::Sync::release, .repeat = sim::Repeat::brackets};
const Operation request_op{.name = "synchronize_srcu: request", .sync = sim::Sync::both},
    running_op{.name = "synchronize_srcu: wait for the running grace period", .sync = sim::Sync::both},
    next_op{.name = "synchronize_srcu: wait for the next grace period", .sync = sim::Sync::acquire},
    scan1_op{.name = "synchronize_srcu: scan the inactive index", .sync = sim::Sync::both},
    flip_op{.name = "synchronize_srcu: flip index", .sync = sim::Sync::release},
    scan2_op{.name = "synchronize_srcu: scan the old index", .sync = sim::Sync::both},
    done_op{.name = "synchronize_srcu: done", .sync = sim::Sync::release};

constexpr bool running(std::uint64_t state) { return (state & 1U) != 0; }
constexpr sim::Duration exp_holdoff = 25 * sim::microsecond;

sim::Step counting(Context& context, Srcu& s, const Operation& operation, std::uint64_t index, sim::AccessKind kind) {
  sim::Step step = context.make(operation, s.home);
  step.uses.add(s.counters);
  step.access = {s.count[index], kind};
  return step;
}

void scan(Context& context, const WaitInfo& info, Srcu& s, const Operation& operation, std::uint64_t index, sim::Timing& timing) {
  // A write: its barrier is seen by who counts in next. It conflicts as a read would.
  sim::Step step = counting(context, s, operation, index, sim::AccessKind::write);
  step.guard = sim::Guard::equal(0);
  step.timing = &timing;
  context.wait(step, info, [](std::uint64_t&) {});
}

// synchronize_srcu() is expedited by itself if the domain might be idle; call_srcu() never is.
bool expedited(const KernelConfig& config, const Srcu& s, SrcuPace pace, sim::Time now) {
  if (config.rcu_normal || pace == SrcuPace::normal) return false;
  return pace == SrcuPace::expedited || config.rcu_expedited || !s.ever || now >= s.last_end + exp_holdoff;
}

}  // namespace

void init_srcu(Kernel& kernel, Srcu& s, NameId unique_name, NameId declared, LifetimeId home) {
  static constexpr std::array<std::string_view, 4> parts{"index", "count0", "count1", "state"};
  sim::Engine& e = kernel.engine();
  sim::NameTable& names = e.names();
  s = {};
  s.index = e.new_object(names.child(unique_name, parts[0], 1), 0);
  s.count[0] = e.new_object(names.child(unique_name, parts[1], 1), 0);
  s.count[1] = e.new_object(names.child(unique_name, parts[2], 1), 0);
  s.state = e.new_object(names.child(unique_name, parts[3], 1), 0);
  s.name = declared;
  s.home = home;
}

std::uint64_t srcu_read_lock(Context& context, Srcu& s) {
  const std::uint64_t index = context.read(load_index_op, s.index, s.home);
  const TaskId me = context.engine().current();
  context.lock_acquire(s.index, s.name, LockUse::shared);
  context.engine().step(counting(context, s, lock_op, index, sim::AccessKind::add), [&](std::uint64_t& word) {
    ++word;
    context.kernel().hold(s.count[index], me);
    context.lock_hold({.object = s.index, .name = s.name, .use = LockUse::shared, .map = true, .section = true});
  });
  return index;
}

void srcu_read_unlock(Context& context, Srcu& s, std::uint64_t index) {
  if (index > 1) {
    context.kernel().report(ViolationClass::api_misuse, s.name, fmt::format("srcu_read_unlock() with index {}", index), Shown::next);
    index &= 1U;
  }
  const TaskId me = context.engine().current();
  context.engine().step(counting(context, s, unlock_op, index, sim::AccessKind::add), [&](std::uint64_t& word) {
    --word;
    if (!context.lock_release(s.index))
      context.kernel().report(ViolationClass::api_misuse, s.name, "srcu_read_unlock() by a task that is in no section of the domain");
    context.kernel().unhold(s.count[index], me);
  });
}

namespace {

void synchronize(Context& context, Srcu& s, std::string_view what, SrcuPace pace) {
  context.lock_acquire(s.index, s.name, LockUse::wait);
  if (context.rcu_nesting > 0 || std::ranges::find(context.held, s.index, &HeldLock::object) != context.held.end())
    context.kernel().report(ViolationClass::api_misuse, s.name,
                            fmt::format("{}() in a read-side section of the same SRCU domain, or of RCU", what), Shown::next);
  srcu_grace_period(context, s, what, true, pace);
}

}  // namespace

void synchronize_srcu(Context& context, Srcu& s) { synchronize(context, s, "synchronize_srcu", SrcuPace::if_idle); }

void synchronize_srcu_expedited(Context& context, Srcu& s) { synchronize(context, s, "synchronize_srcu_expedited", SrcuPace::expedited); }

void srcu_grace_period(Context& context, Srcu& s, std::string_view what, bool sleeps, SrcuPace pace) {
  const TaskId me = context.engine().current();
  const WaitInfo waiting{.what = what, .object = s.name, .owner = Owner::grace_period, .sleeps = sleeps};
  std::uint64_t seen = 0;
  // true: this caller runs the grace period; the others sleep until it is over.
  const auto begin_if_idle = [&](std::uint64_t& word) {
    seen = word;
    if (running(word)) return false;
    ++word;
    context.kernel().hold(s.state, me);
    return true;
  };
  bool drive = context.write(request_op, s.state, s.home, begin_if_idle);
  if (!drive) {
    if (context.aborting()) return;
    // The one that runs may have missed a reader of ours: it takes the next. Who finds no grace period running begins it; once it is over,
    // nothing that begins later makes us wait (guards on a word that only grows).
    const std::uint64_t need = seen + 3;
    sim::Step step = context.make(running_op, s.home);
    step.access = {s.state, sim::AccessKind::write};
    step.guard = sim::Guard::at_least(seen + 1);
    bool over = false;
    drive = context.wait(step, waiting, [&](std::uint64_t& word) {
      over = word >= need;
      return !over && begin_if_idle(word);
    });
    if (over || context.aborting()) return;
    if (!drive) {
      sim::Step wait = context.make(next_op, s.home);
      wait.access = {s.state, sim::AccessKind::read};
      wait.guard = sim::Guard::at_least(need);
      context.wait(wait, waiting, [](std::uint64_t&) {});
      return;
    }
  }
  if (context.aborting()) return;
  const sim::Time begin = context.engine().local_time();
  SrcuTiming timing(context.kernel().config(), begin, !expedited(context.kernel().config(), s, pace, begin));
  // Only the driver of a grace period flips, so the index can be read without a step: nobody else writes it now.
  const std::uint64_t active = seen >> 1U & 1U;
  scan(context, waiting, s, scan1_op, 1 - active, timing);
  context.write(flip_op, s.index, s.home, [&](std::uint64_t& word) { word = 1 - active; });
  scan(context, waiting, s, scan2_op, active, timing);
  context.write(done_op, s.state, s.home, [&](std::uint64_t& word) {
    ++word;
    context.kernel().unhold(s.state, me);
  });
  if (context.aborting()) return;
  s.last_end = context.engine().local_time();
  s.ever = true;
}

}  // namespace unplug::model
