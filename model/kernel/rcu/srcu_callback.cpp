#include "unplug/model/kernel/rcu/srcu_callback.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation init_op{.name = "init_srcu_struct"}, enqueue_op{.name = "call_srcu", .sync = sim::Sync::release},
    invoke_op{.name = "srcu callback runs"}, head_op{.name = "srcu callback invoked"},
    returned_op{.name = "srcu callback returned", .sync = sim::Sync::release},
    done_op{.name = "srcu callback finished", .sync = sim::Sync::release}, barrier_start_op{.name = "srcu_barrier"},
    barrier_op{.name = "srcu_barrier: callbacks finished", .sync = sim::Sync::acquire};
const Operation readers_op{.name = "cleanup_srcu_struct: sum the counters"},
    flush_op{.name = "cleanup_srcu_struct: flush", .sync = sim::Sync::acquire},
    callbacks_op{.name = "cleanup_srcu_struct: look for callbacks"}, state_op{.name = "cleanup_srcu_struct: look for a grace period"},
    free_op{.name = "cleanup_srcu_struct: counters freed"};

void run_callback(void* argument) {
  auto& callback = *static_cast<SrcuCallback*>(argument);
  Srcu& s = *callback.srcu;
  SrcuUsage& usage = *s.usage;
  const std::uint64_t number = callback.number;  // its function may queue it again
  Context context(*callback.kernel, ContextKind::softirq);
  srcu_grace_period(context, s, "call_srcu", false, SrcuPace::normal);
  if (context.aborting()) return;
  const TaskId me = context.engine().current();
  rcu_irq_enter(context);  // local_bh_disable()
  sim::Step invoke = context.make(invoke_op, s.home);
  invoke.access = {usage.running, sim::AccessKind::write};
  context.engine().step(invoke, [&](std::uint64_t& word) {
    ++word;
    context.kernel().hold(usage.running, me);
  });
  if (context.aborting()) return;
  usage.callbacks.invoked(context, context.make(head_op, callback.home), &callback);
  if (context.aborting()) return;
  callback.body(context, callback.argument);
  usage.callbacks.finished(context, context.make(done_op, s.home), number);
  context.write(returned_op, usage.running, s.home, [&](std::uint64_t& word) {
    --word;
    context.kernel().unhold(usage.running, me);
  });
  rcu_irq_exit(context);
  context.finish();
}

// srcu_readers_active(): one index after the other, as each CPU's are.
bool readers_active(Context& context, Srcu& s) {
  std::uint64_t sum = 0;
  for (const ObjectId count : s.count) {
    sim::Step step = context.make(readers_op, s.home);
    step.access = {count, sim::AccessKind::read};
    step.uses.add(s.counters);
    sum += context.engine().step(step, [](std::uint64_t& word) { return word; });
  }
  return sum != 0;
}

bool leaked(Context& context, Srcu& s, std::string_view why) {
  const std::string text = fmt::format("cleanup_srcu_struct('{}') with {}", context.kernel().text(s.name), why);
  context.kernel().report(ViolationClass::api_misuse, s.name, text);
  context.kernel().report(ViolationClass::leak, s.name, text + ": its counters stay behind");
  return false;
}

}  // namespace

void init_srcu_usage(Kernel& kernel, SrcuUsage& usage, Srcu& s, NameId unique_name) {
  static constexpr std::string_view callbacks = "callbacks", running = "running", counters = "counters";
  sim::NameTable& names = kernel.engine().names();
  usage.callbacks.reset(kernel.engine().new_object(names.child(unique_name, callbacks, 1), Numbered::first_word));
  usage.running = kernel.engine().new_object(names.child(unique_name, running, 1), 0);
  s.counters = kernel.new_lifetime(names.child(unique_name, counters, 1), LifetimeKind::memory, s.name, {}, true);
  s.usage = &usage;
}

void set_up_again(Context& context, Srcu& s) {
  if (s.usage == nullptr) return;
  sim::Step step = context.make(init_op, s.home);
  step.access = {s.state, sim::AccessKind::write};
  step.begins = s.counters;
  context.engine().step(step);
}

void call_srcu(Context& context, Srcu& s, SrcuCallback& callback) {
  static const StaticName role{"srcu callback"};
  sim::Step step = context.make(enqueue_op, s.home);
  step.uses.add(s.counters).add(callback.home);
  const std::uint64_t number = s.usage->callbacks.queue(context, step, &callback, callback.head, callback.task_name, s.name, "call_srcu");
  if (number == 0 || context.aborting()) return;
  callback.number = number;
  callback.srcu = &s;
  callback.kernel = &context.kernel();
  s.usage->callbacks.start(context, &callback, callback.task_name, number, role, run_callback);
}

void srcu_barrier(Context& context, Srcu& s) {
  Numbered& calls = s.usage->callbacks.calls;
  const std::uint64_t target = context.write(barrier_start_op, calls.object, s.home, [&](std::uint64_t&) { return calls.next; });
  sim::Step step = context.make(barrier_op, s.home);
  step.access = {calls.object, sim::AccessKind::read};
  step.guard = sim::Guard::at_least(target);
  context.wait(step, {.what = "srcu_barrier", .object = s.name, .owner = Owner::grace_period, .before = target}, [](std::uint64_t&) {});
}

bool cleanup_srcu_struct(Context& context, Srcu& s) {
  SrcuUsage& usage = *s.usage;
  if (readers_active(context, s)) return leaked(context, s, "active readers");
  sim::Step flush = context.make(flush_op, s.home);
  flush.access = {usage.running, sim::AccessKind::read};
  flush.guard = sim::Guard::equal(0);
  context.wait(flush, {"cleanup_srcu_struct", s.name, Owner::driver}, [](std::uint64_t&) {});
  if (context.aborting()) return false;
  const Numbered& calls = usage.callbacks.calls;
  if (context.read(callbacks_op, calls.object, s.home) != calls.next) return leaked(context, s, "callbacks queued");
  if ((context.read(state_op, s.state, s.home) & 1U) != 0) return leaked(context, s, "a grace period running");
  if (readers_active(context, s)) return leaked(context, s, "active readers");
  if (context.aborting()) return false;
  sim::Step free = context.make(free_op, s.home);
  free.ends = s.counters;
  context.engine().step(free);
  return !context.aborting();
}

}  // namespace unplug::model
