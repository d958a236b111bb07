#include "unplug/model/kernel/rcu.hpp"

#include <algorithm>

namespace unplug::model {
namespace {

// A grace period orders what earlier readers did before what follows it, and what preceded it before what later readers do.
const Operation lock_op{.name = "rcu_read_lock", .sync = sim::Sync::acquire},
    unlock_op{.name = "rcu_read_unlock", .sync = sim::Sync::release},
    switch_op{.name = "context switch: quiescent state", .sync = sim::Sync::release},
    resume_op{.name = "context switch: reader again", .sync = sim::Sync::acquire};
const Operation gp_start_op{.name = "synchronize_rcu: grace period begins", .sync = sim::Sync::release},
    gp_end_op{.name = "synchronize_rcu: grace period ends", .sync = sim::Sync::acquire};
const Operation enqueue_op{.name = "call_rcu", .sync = sim::Sync::release},
    callback_start_op{.name = "call_rcu: grace period begins", .sync = sim::Sync::release},
    callback_end_op{.name = "call_rcu: grace period ends", .sync = sim::Sync::acquire},
    callback_done_op{.name = "rcu callback finished", .sync = sim::Sync::release}, barrier_start_op{.name = "rcu_barrier"},
    barrier_op{.name = "rcu_barrier: callbacks finished", .sync = sim::Sync::acquire};

std::uint64_t oldest(const std::vector<std::uint64_t>& open, std::uint64_t next) { return open.empty() ? next : open.front(); }

}  // namespace

void init_rcu(Kernel& kernel, Rcu& rcu) {
  static const StaticName domain{"rcu"}, callbacks{"rcu callbacks"};
  rcu.name = kernel.intern(domain);
  rcu.domain = kernel.engine().new_object(rcu.name, 1);
  rcu.callbacks = kernel.engine().new_object(kernel.intern(callbacks), 1);
  rcu.next_section = rcu.next_callback = 1;
  rcu.open.clear();
  rcu.pending.clear();
  rcu.heads.clear();
  rcu.clock.reset();
}

namespace {

void open_section(Context& context, Rcu& rcu, const Operation& operation) {
  const TaskId me = context.engine().current();
  context.write(operation, rcu.domain, {}, [&](std::uint64_t& word) {
    context.rcu_section = rcu.next_section++;
    rcu.open.push_back(context.rcu_section);
    rcu.clock.opened(context.rcu_section, context.engine().local_time());
    word = oldest(rcu.open, rcu.next_section);
    context.kernel().hold(rcu.domain, me, context.rcu_section);
  });
}

void close_section(Context& context, Rcu& rcu, const Operation& operation) {
  const TaskId me = context.engine().current();
  context.write(operation, rcu.domain, {}, [&](std::uint64_t& word) {
    std::erase(rcu.open, context.rcu_section);
    rcu.clock.closed(context.rcu_section);
    word = oldest(rcu.open, rcu.next_section);
    context.kernel().unhold(rcu.domain, me);
  });
  context.rcu_section = 0;
}

}  // namespace

void rcu_read_lock(Context& context, Rcu& rcu) {
  if (context.rcu_nesting++ > 0) return;
  context.rcu = &rcu;
  open_section(context, rcu, lock_op);
}

void rcu_read_unlock(Context& context, Rcu& rcu) {
  if (context.rcu_nesting == 0) {
    context.engine().step(context.make(unlock_op), [&](std::uint64_t&) {
      context.kernel().report(ViolationClass::api_misuse, rcu.name, "rcu_read_unlock() without rcu_read_lock()");
    });
    return;
  }
  if (--context.rcu_nesting > 0 || context.rcu_section == 0) return;
  close_section(context, rcu, unlock_op);
}

void rcu_note_context_switch(Context& context) {
  if (context.rcu_section != 0 && context.rcu != nullptr) close_section(context, *context.rcu, switch_op);
}

void rcu_note_resume(Context& context) {
  if (context.rcu_nesting > 0 && context.rcu_section == 0) open_section(context, *context.rcu, resume_op);
}

void synchronize_rcu(Context& context, Rcu& rcu) {
  if (context.rcu_nesting > 0)
    context.kernel().report(ViolationClass::api_misuse, rcu.name, "synchronize_rcu() inside an RCU read-side section", Shown::next);
  const std::uint64_t snapshot = context.write(gp_start_op, rcu.domain, {}, [&](std::uint64_t&) { return rcu.next_section; });
  if (context.aborting()) return;
  if (context.engine().current() == context.kernel().remover) ++context.kernel().removal.grace_periods;
  RcuTiming timing(rcu.clock, context.engine().local_time());
  sim::Step s = context.make(gp_end_op);
  s.access = {rcu.domain, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(snapshot);
  s.timing = &timing;
  context.wait(s, {.what = "synchronize_rcu", .object = rcu.name, .owner = Owner::grace_period, .before = snapshot}, [](std::uint64_t&) {});
}

namespace {

void run_callback(void* argument) {
  auto& callback = *static_cast<RcuCallback*>(argument);
  Rcu& rcu = *callback.rcu;
  const std::uint64_t number = callback.number;  // its function may queue it again
  Context context(*callback.kernel, ContextKind::softirq);
  const std::uint64_t snapshot = context.write(callback_start_op, rcu.domain, {}, [&](std::uint64_t&) { return rcu.next_section; });
  if (context.aborting()) return;
  RcuTiming timing(rcu.clock, context.engine().local_time());
  sim::Step s = context.make(callback_end_op);
  s.access = {rcu.domain, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(snapshot);
  s.timing = &timing;
  context.wait(s, {.what = "call_rcu", .object = rcu.name, .owner = Owner::grace_period, .sleeps = false, .before = snapshot},
               [](std::uint64_t&) {});
  if (context.aborting()) return;
  callback.body(context, callback.argument);
  context.write(callback_done_op, rcu.callbacks, {}, [&](std::uint64_t& word) {
    std::erase(rcu.pending, number);
    word = oldest(rcu.pending, rcu.next_callback);
    context.kernel().unhold(rcu.callbacks, context.engine().current());
  });
  context.finish();
}

}  // namespace

void call_rcu(Context& context, Rcu& rcu, RcuCallback& callback) {
  static const StaticName role{"rcu callback"};
  static constexpr std::string_view again = "again";
  const auto known = std::ranges::find(rcu.heads, &callback, &Rcu::Head::callback);
  const auto head = static_cast<std::size_t>(known - rcu.heads.begin());
  if (known == rcu.heads.end()) rcu.heads.push_back({&callback, 0, 0, {}});
  const bool fresh = context.write(enqueue_op, rcu.callbacks, {}, [&](std::uint64_t& word) {
    Rcu::Head& h = rcu.heads[head];
    if (std::ranges::find(rcu.pending, h.number) != rcu.pending.end() && h.task != context.engine().current()) {
      context.kernel().report(ViolationClass::api_misuse, rcu.name, "call_rcu() of a head that is still pending");
      return false;
    }
    callback.number = h.number = rcu.next_callback++;
    ++h.calls;
    rcu.pending.push_back(h.number);
    word = oldest(rcu.pending, rcu.next_callback);
    return true;
  });
  if (!fresh || context.aborting()) return;
  callback.rcu = &rcu;
  callback.kernel = &context.kernel();
  const Rcu::Head h = rcu.heads[head];
  const NameId name = h.calls == 1 ? callback.task_name : context.engine().names().child(callback.task_name, again, h.calls - 1);
  const TaskId task = context.kernel().spawn(name, context.kernel().intern(role), run_callback, &callback);
  rcu.heads[head].task = task;
  context.kernel().hold(rcu.callbacks, task, h.number);
}

void rcu_barrier(Context& context, Rcu& rcu) {
  const std::uint64_t target = context.write(barrier_start_op, rcu.callbacks, {}, [&](std::uint64_t&) { return rcu.next_callback; });
  sim::Step s = context.make(barrier_op);
  s.access = {rcu.callbacks, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(target);
  context.wait(s, {.what = "rcu_barrier", .object = rcu.name, .owner = Owner::grace_period, .before = target}, [](std::uint64_t&) {});
}

}  // namespace unplug::model
