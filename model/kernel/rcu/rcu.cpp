#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {
namespace {

// A grace period orders what earlier readers did before what follows it, and what preceded it before what later readers do. (Those that
// have left by then are known from its start, so that it has nothing to look at if nobody is inside.)
const Operation lock_op{.name = "rcu_read_lock", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    unlock_op{.name = "rcu_read_unlock", .sync = sim::Sync::release, .repeat = sim::Repeat::brackets},
    switch_op{.name = "context switch: quiescent state", .sync = sim::Sync::release, .repeat = sim::Repeat::brackets},
    resume_op{.name = "context switch: reader again", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    irq_enter_op{.name = "irq_enter", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    irq_exit_op{.name = "irq_exit", .sync = sim::Sync::release, .repeat = sim::Repeat::brackets};
const Operation gp_start_op{.name = "synchronize_rcu: grace period begins", .sync = sim::Sync::both},
    gp_end_op{.name = "synchronize_rcu: grace period ends", .sync = sim::Sync::acquire};
const Operation expedited_start_op{.name = "synchronize_rcu_expedited: grace period begins", .sync = sim::Sync::both},
    expedited_end_op{.name = "synchronize_rcu_expedited: grace period ends", .sync = sim::Sync::acquire};
const Operation enqueue_op{.name = "call_rcu", .sync = sim::Sync::release}, lazy_op{.name = "call_rcu: held, lazy"},
    callback_start_op{.name = "call_rcu: grace period begins", .sync = sim::Sync::both}, callback_head_op{.name = "rcu callback invoked"},
    callback_end_op{.name = "call_rcu: grace period ends", .sync = sim::Sync::acquire},
    callback_done_op{.name = "rcu callback finished", .sync = sim::Sync::release}, barrier_start_op{.name = "rcu_barrier"},
    barrier_op{.name = "rcu_barrier: callbacks finished", .sync = sim::Sync::acquire};

// How long a lazy callback is held: LAZY_FLUSH_JIFFIES, or until it is flushed.
class LazyTiming final : public sim::Timing {
 public:
  LazyTiming(const Rcu& rcu, std::uint64_t number, sim::Time begin) : rcu_(rcu), number_(number), end_(begin + 10 * sim::second) {}
  sim::Time ready(sim::Time now) override { return number_ < rcu_.flushed ? now : std::max(now, end_); }
  [[nodiscard]] bool moves() const override { return true; }
  [[nodiscard]] bool modelled() const override { return true; }

 private:
  const Rcu& rcu_;
  std::uint64_t number_;
  sim::Time end_;
};

}  // namespace

void init_rcu(Kernel& kernel, Rcu& rcu) {
  static const StaticName domain{"rcu"}, callbacks{"rcu callbacks"};
  rcu.name = kernel.intern(domain);
  rcu.sections.reset(kernel, rcu.name);
  rcu.callbacks.reset(kernel.engine().new_object(kernel.intern(callbacks), Numbered::first_word));
  rcu.flushed = 0;
  rcu.clock.reset();
}

namespace {

void open_section(Context& context, Rcu& rcu, const Operation& operation) {
  const TaskId me = context.engine().current();
  context.rcu = &rcu;
  context.add(operation, rcu.sections.gate, {}, [&](std::uint64_t&) {
    const ReaderEpochs::Section section = rcu.sections.begin();
    context.rcu_section = section.number;
    context.rcu_epoch = section.epoch;
    rcu.clock.opened(section.number, context.engine().local_time());
    context.kernel().hold(rcu.sections.exits(section.epoch), me, section.number);
  });
}

void close_section(Context& context, Rcu& rcu, const Operation& operation) {
  const TaskId me = context.engine().current();
  const ObjectId exits = rcu.sections.exits(context.rcu_epoch);
  context.add(operation, exits, {}, [&](std::uint64_t& word) {
    rcu.clock.closed(context.rcu_section);
    context.kernel().unhold(exits, me);
    context.engine().moved(rcu.sections.gate);  // grace periods that later readers may hold up
    ++word;
  });
  context.rcu_section = 0;
}

}  // namespace

void rcu_read_lock(Context& context, Rcu& rcu) {
  if (context.rcu_nesting++ == 0 && !context.irq_reader) open_section(context, rcu, lock_op);
}

void rcu_read_unlock(Context& context, Rcu& rcu) {
  if (context.rcu_nesting == 0) {
    context.engine().step(context.make(unlock_op), [&](std::uint64_t&) {
      context.kernel().report(ViolationClass::api_misuse, rcu.name, "rcu_read_unlock() without rcu_read_lock()");
    });
    return;
  }
  if (--context.rcu_nesting > 0 || context.irq_reader || context.rcu_section == 0) return;
  close_section(context, rcu, unlock_op);
}

void Rcu::note_context_switch(Context& context) {
  if (context.rcu_section != 0) close_section(context, *this, switch_op);
}

void Rcu::note_resume(Context& context) {
  if (context.rcu_nesting > 0 && context.rcu_section == 0) open_section(context, *this, resume_op);
}

void rcu_watch_interrupts(Kernel& kernel, Rcu& rcu) {
  if (kernel.config().irq_is_rcu_reader) kernel.interrupt_rcu = &rcu;
}

void rcu_irq_enter(Context& context) {
  if (context.kernel().interrupt_rcu == nullptr) return;
  context.irq_reader = true;
  open_section(context, *context.kernel().interrupt_rcu, irq_enter_op);
}

void rcu_irq_exit(Context& context) {
  if (!context.irq_reader) return;
  close_section(context, *context.kernel().interrupt_rcu, irq_exit_op);
  context.irq_reader = false;
}

namespace {

// Waits for the sections open at its start, as long as `Timing` says.
template <class Timing, class... Arguments>
void wait_for_readers(Context& context, Rcu& rcu, const Operation& start, const Operation& end, std::string_view what, bool sleeps,
                      Arguments&... arguments) {
  ReaderEpochs::Wait readers;
  bool in_use = false;
  sim::Step s = context.make(start);
  s.access = {rcu.sections.gate, sim::AccessKind::read};
  context.engine().step(s, [&](std::uint64_t&) {
    readers = rcu.sections.start();
    in_use = rcu.sections.present_in_use();
  });
  if (context.aborting()) return;
  if (in_use) rcu.sections.add_epoch(context.kernel());
  if (context.engine().current() == context.kernel().remover) ++context.kernel().removal.grace_periods;
  Timing timing(arguments..., context.engine().local_time());
  const WaitInfo info{.what = what, .object = rcu.name, .owner = Owner::grace_period, .sleeps = sleeps, .before = readers.before};
  // Without readers to wait for, it only takes its time. Of the epochs that its task has waited for already, nobody is left.
  s = context.make(end);
  s.timing = &timing;
  s.moved_by = rcu.sections.gate;
  bool over = false;
  for (std::uint32_t epoch = context.rcu_epochs_over; epoch < readers.epochs && !context.aborting(); ++epoch) {
    over = epoch + 1 == readers.epochs;
    sim::Step each = over ? s : context.make(end);
    each.access = {rcu.sections.exits(epoch), sim::AccessKind::read};
    each.guard = sim::Guard::equal(rcu.sections.entered(epoch));
    context.wait(each, info, [&](std::uint64_t&) { context.rcu_epochs_over = epoch + 1; });
  }
  if (!over && !context.aborting()) context.wait(s, info, [](std::uint64_t&) {});
}

void synchronize(Context& context, Rcu& rcu, bool expedited) {
  const std::string_view what = expedited ? "synchronize_rcu_expedited" : "synchronize_rcu";
  if (context.rcu_nesting > 0)
    context.kernel().report(ViolationClass::api_misuse, rcu.name, std::string(what) + "() inside an RCU read-side section", Shown::next);
  if (expedited) {
    wait_for_readers<ExpeditedTiming>(context, rcu, expedited_start_op, expedited_end_op, what, true);
  } else {
    rcu_grace_period(context, rcu, gp_start_op, gp_end_op, what, true);
  }
}

}  // namespace

void rcu_grace_period(Context& context, Rcu& rcu, const Operation& start, const Operation& end, std::string_view what, bool sleeps) {
  wait_for_readers<RcuTiming>(context, rcu, start, end, what, sleeps, rcu.clock);
}

void synchronize_rcu(Context& context, Rcu& rcu) {
  const KernelConfig& config = context.kernel().config();
  synchronize(context, rcu, config.rcu_expedited && !config.rcu_normal);
}

void synchronize_rcu_expedited(Context& context, Rcu& rcu) { synchronize(context, rcu, !context.kernel().config().rcu_normal); }

namespace {

void run_callback(void* argument) {
  auto& callback = *static_cast<RcuCallback*>(argument);
  Rcu& rcu = *callback.rcu;
  const std::uint64_t number = callback.number;  // its function may queue it again
  Context context(*callback.kernel, ContextKind::softirq);
  context.rcu_epochs_over = callback.epochs_over;
  if (callback.lazy) {
    LazyTiming timing(rcu, number, context.engine().local_time());
    sim::Step s = context.make(lazy_op);
    s.access = {rcu.callbacks.calls.object, sim::AccessKind::read};
    s.guard = sim::Guard::at_most(number);  // always: it is itself among those not finished
    s.timing = &timing;
    context.wait(s, {.what = "call_rcu", .object = rcu.name, .owner = Owner::grace_period, .sleeps = false}, [](std::uint64_t&) {});
    if (context.aborting()) return;
  }
  rcu_grace_period(context, rcu, callback_start_op, callback_end_op, "call_rcu", false);
  if (context.aborting()) return;
  rcu_irq_enter(context);
  rcu.callbacks.invoked(context, context.make(callback_head_op, callback.home), &callback);
  if (context.aborting()) return;
  callback.body(context, callback.argument);
  rcu.callbacks.finished(context, context.make(callback_done_op), number);
  rcu_irq_exit(context);
  context.finish();
}

void call(Context& context, Rcu& rcu, RcuCallback& callback, std::string_view function, bool lazy) {
  static const StaticName role{"rcu callback"};
  const std::uint64_t number = rcu.callbacks.queue(context, context.make(enqueue_op, callback.home), &callback, callback.head,
                                                   callback.task_name, rcu.name, function);
  if (number == 0 || context.aborting()) return;
  callback.number = number;
  callback.rcu = &rcu;
  callback.kernel = &context.kernel();
  callback.lazy = lazy;
  callback.epochs_over = context.rcu_epochs_over;
  rcu.callbacks.start(context, &callback, callback.task_name, number, role, run_callback);
}

}  // namespace

void call_rcu(Context& context, Rcu& rcu, RcuCallback& callback) {
  call(context, rcu, callback, "call_rcu", context.kernel().config().rcu_lazy);
}

void call_rcu_hurry(Context& context, Rcu& rcu, RcuCallback& callback) { call(context, rcu, callback, "call_rcu_hurry", false); }

void rcu_barrier(Context& context, Rcu& rcu) {
  const ObjectId object = rcu.callbacks.calls.object;
  const std::uint64_t target =
      context.write(barrier_start_op, object, {}, [&](std::uint64_t&) { return rcu.flushed = rcu.callbacks.calls.next; });
  sim::Step s = context.make(barrier_op);
  s.access = {object, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(target);
  context.wait(s, {.what = "rcu_barrier", .object = rcu.name, .owner = Owner::grace_period, .before = target}, [](std::uint64_t&) {});
}

}  // namespace unplug::model
