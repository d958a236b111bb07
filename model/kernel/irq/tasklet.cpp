#include "unplug/model/kernel/irq/tasklet.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {
namespace {

const Operation setup_op{.name = "tasklet_setup"}, schedule_op{.name = "tasklet_schedule", .sync = sim::Sync::release},
    lock_op{.name = "softirq takes tasklet"}, look_op{.name = "softirq looks at the tasklet again"},
    lock_here_op{.name = "softirq takes tasklet on the CPU of a task"},
    clear_op{.name = "tasklet no longer scheduled", .sync = sim::Sync::acquire},
    unlock_op{.name = "tasklet function finished", .sync = sim::Sync::release};
const Operation disable_op{.name = "tasklet_disable: count"}, disable_wait_op{.name = "tasklet_disable: wait", .sync = sim::Sync::acquire},
    enable_op{.name = "tasklet_enable", .sync = sim::Sync::release}, kill_op{.name = "tasklet_kill: wait until it is not scheduled"},
    kill_wait_op{.name = "tasklet_kill: wait for the function", .sync = sim::Sync::acquire};

// The word: bit 0 TASKLET_STATE_SCHED, bit 1 TASKLET_STATE_RUN, bit 2 on the list of the softirq, from bit 3 how often it is disabled.
constexpr std::uint64_t scheduled = 1, running = 2, listed = 4, disabled_unit = 8, disabled_mask = ~std::uint64_t{7};
constexpr sim::Guard may_run = sim::Guard::equal(listed, listed | running | disabled_mask),
                     may_be_looked_at = sim::Guard::equal(listed, listed | running);

// From an effect. false: it may not run.
bool take(Context& context, Tasklet& t, std::uint64_t& word) {
  if (!may_run.holds(word)) return false;
  word = (word & ~listed) | running;
  context.kernel().hold(t.object, context.engine().current());
  return true;
}

// tasklet_action_common(), from where the tasklet is locked and found enabled.
void perform(Context& context, Tasklet& t) {
  context.write(clear_op, t.object, t.home, [](std::uint64_t& word) { word &= ~scheduled; });
  if (context.aborting()) return;
  t.function(context, t.argument);
  if (context.aborting()) return;
  // Unlike a timer or a work item it is touched again: its function may not free it.
  context.write(unlock_op, t.object, t.home, [&](std::uint64_t& word) {
    word &= ~running;
    context.kernel().unhold(t.object, context.engine().current());
  });
}

const KernelSite run_site{"tasklet_action", "take"};

void softirq(void* argument) {
  auto& t = *static_cast<Tasklet*>(argument);
  Context context(*t.kernel, ContextKind::softirq);
  const Context::KernelFunction function(context, run_site.function);
  for (;;) {
    context.at(run_site);
    sim::Step s = context.make(lock_op, t.home);
    s.access = {t.object, sim::AccessKind::write};
    s.guard = may_be_looked_at;
    bool taken = false;
    rcu_irq_wait(context, s, {.what = "tasklet", .object = t.name, .owner = Owner::driver, .idle = true, .sleeps = false},
                 [&](std::uint64_t& word) { taken = take(context, t, word); });
    if (context.aborting()) return;
    if (!taken) {
      // Disabled: back on the list, and the softirq raised again. It goes on looking at it.
      rcu_irq_exit(context);
      sim::Step again = context.make(look_op, t.home);
      again.access = {t.object, sim::AccessKind::write};
      again.guard = may_run;
      rcu_irq_wait(
          context, again,
          {.what = "tasklet that is disabled", .object = t.name, .owner = Owner::driver, .idle = true, .returns = true, .sleeps = false},
          [&](std::uint64_t& word) { take(context, t, word); });
      if (context.aborting()) return;
    }
    perform(context, t);
    if (context.aborting()) return;
    rcu_irq_exit(context);
    context.finish();
  }
}

void softirq_here(Context& context, void* argument) {
  auto& t = *static_cast<Tasklet*>(argument);
  const Context::KernelFunction function(context, run_site.function);
  context.at(run_site);
  const bool taken = context.write(lock_here_op, t.object, t.home, [&](std::uint64_t& word) { return take(context, t, word); });
  if (taken && !context.aborting()) perform(context, t);
}

void wait_not_running(Context& context, Tasklet& t, const Operation& operation, std::string_view what, std::uint64_t clear) {
  sim::Step s = context.make(operation, t.home);
  s.access = {t.object, clear != 0 ? sim::AccessKind::write : sim::AccessKind::read};
  s.guard = sim::Guard::equal(0, running);
  context.wait(s, {what, t.name, Owner::driver}, [&](std::uint64_t& word) { word &= ~clear; });
}

}  // namespace

void init_tasklet(Kernel& kernel, Tasklet& t, NameId unique_name, NameId declared, LifetimeId home, NameId task_name) {
  static const StaticName role{"tasklet softirq"};
  t.object = kernel.engine().new_object(unique_name, 0);
  t.name = declared;
  t.home = home;
  t.kernel = &kernel;
  kernel.spawn(task_name, kernel.intern(role), softirq, &t, true);
}

void set_up_again(Context& context, Tasklet& t) {
  context.write(setup_op, t.object, t.home, [&](std::uint64_t& word) {
    if ((word & scheduled) != 0)
      context.kernel().report(ViolationClass::api_misuse, t.name,
                              fmt::format("'{}' is set up while it is scheduled", context.kernel().text(t.name)));
    word &= ~disabled_mask;
  });
}

void tasklet_schedule(Context& context, Tasklet& t) {
  context.write(schedule_op, t.object, t.home, [](std::uint64_t& word) {
    if ((word & scheduled) == 0) word |= scheduled | listed;
  });
}

void tasklet_disable_nosync(Context& context, Tasklet& t) {
  context.write(disable_op, t.object, t.home, [](std::uint64_t& word) { word += disabled_unit; });
}

void tasklet_disable(Context& context, Tasklet& t) {
  tasklet_disable_nosync(context, t);
  if (!context.aborting()) wait_not_running(context, t, disable_wait_op, "tasklet_disable", 0);
}

void tasklet_enable(Context& context, Tasklet& t) {
  context.write(enable_op, t.object, t.home, [&](std::uint64_t& word) {
    if ((word & disabled_mask) != 0) {
      word -= disabled_unit;
    } else {
      context.kernel().report(ViolationClass::api_misuse, t.name, "tasklet_enable() without tasklet_disable()");
    }
  });
}

void tasklet_kill(Context& context, Tasklet& t) {
  sim::Step s = context.make(kill_op, t.home);
  if (context.kind() != ContextKind::process)
    context.kernel().report(ViolationClass::api_misuse, t.name, "tasklet_kill() in interrupt context", Shown::next);
  s.access = {t.object, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0, scheduled);
  context.wait(s, {"tasklet_kill", t.name, Owner::driver}, [](std::uint64_t& word) { word |= scheduled; });
  if (!context.aborting()) wait_not_running(context, t, kill_wait_op, "tasklet_kill", scheduled);
}

CpuInterrupt tasklet_on_this_cpu(Tasklet& t, std::uint32_t times) {
  return {.kind = ContextKind::softirq, .left = times, .run = softirq_here, .argument = &t};
}

}  // namespace unplug::model
