#include "unplug/model/kernel/irq/napi.hpp"

namespace unplug::model {
namespace {

const Operation add_op{.name = "netif_napi_add"}, del_op{.name = "netif_napi_del"},
    enable_op{.name = "napi_enable", .sync = sim::Sync::release}, disable_op{.name = "napi_disable: refuse schedules"},
    disable_wait_op{.name = "napi_disable: wait", .sync = sim::Sync::acquire},
    schedule_op{.name = "napi_schedule", .sync = sim::Sync::release};
const Operation raised_op{.name = "net_rx_action"}, take_op{.name = "softirq takes napi", .sync = sim::Sync::acquire},
    work_op{.name = "poll: how much work"}, complete_op{.name = "napi_complete_done", .sync = sim::Sync::release},
    polled_op{.name = "napi polled", .sync = sim::Sync::release};

// The word: NAPI_STATE_SCHED, MISSED, DISABLE, NPSVC, LISTED; bit 5: on the poll list of the softirq.
constexpr std::uint64_t sched = 1, missed = 2, disable = 4, npsvc = 8, listed = 16, queued = 32;

bool complete(std::uint64_t& word) {
  if ((word & missed) != 0) {
    word = (word & ~missed) | queued;
    return false;
  }
  word &= ~sched;
  return true;
}

void softirq(void* argument) {
  auto& n = *static_cast<Napi*>(argument);
  Context context(*n.kernel, ContextKind::softirq);
  static const KernelSite poll_site{"net_rx_action", "poll"};
  const Context::KernelFunction function(context, poll_site.function);
  const TaskId me = context.engine().current();
  for (;;) {
    context.at(poll_site);
    sim::Step raised = context.make(raised_op);
    raised.access = {n.object, sim::AccessKind::read};
    raised.guard = sim::Guard::equal(queued, queued);
    context.wait(raised, {.what = "napi", .object = n.name, .owner = Owner::driver, .idle = true, .sleeps = false}, [](std::uint64_t&) {});
    if (context.aborting()) return;
    rcu_read_lock(context, *n.rcu);  // softirqs are off: the poll list is walked, and poll functions run, inside
    context.write(take_op, n.object, n.home, [&](std::uint64_t& word) {
      word &= ~queued;
      context.kernel().hold(n.object, me);
    });
    if (context.aborting()) return;
    const unsigned work = n.poll(context, n.argument, n.weight);
    if (context.aborting()) return;
    // With budget left over the poll function has completed, or forgotten to: the napi_struct isn't touched any more.
    const bool full = work >= n.weight;
    context.write(polled_op, n.object, full ? n.home : LifetimeId{}, [&](std::uint64_t& word) {
      context.kernel().unhold(n.object, me);
      if (work > n.weight) context.kernel().report(ViolationClass::api_misuse, n.name, "its poll function exceeds its budget");
      if (!full) return;
      if ((word & sched) == 0 || (word & queued) != 0) {
        context.kernel().report(ViolationClass::api_misuse, n.name, "napi_complete_done() by a poll function that has used all its budget");
      } else if ((word & disable) != 0) {
        complete(word);
      } else {
        word |= queued;
      }
    });
    rcu_read_unlock(context, *n.rcu);
    if (context.aborting()) return;
    context.finish();
  }
}

}  // namespace

void init_napi(Kernel& kernel, Napi& n, Rcu& rcu, NameId unique_name, NameId declared, LifetimeId home, NameId task_name) {
  static const StaticName role{"napi softirq"};
  n.object = kernel.engine().new_object(unique_name, 0);
  n.name = declared;
  n.home = home;
  n.rcu = &rcu;
  n.kernel = &kernel;
  kernel.spawn(task_name, kernel.intern(role), softirq, &n, true);
}

void netif_napi_add(Context& context, Napi& n) {
  context.write(add_op, n.object, n.home, [](std::uint64_t& word) { word |= sched | npsvc | listed; });
}

void netif_napi_del(Context& context, Napi& n) {
  const bool was = context.write(del_op, n.object, n.home, [&](std::uint64_t& word) {
    if ((word & listed) == 0) return false;
    if ((word & sched) == 0) context.kernel().report(ViolationClass::api_misuse, n.name, "netif_napi_del() without napi_disable()");
    word &= ~listed;
    return true;
  });
  if (was && !context.aborting()) synchronize_rcu(context, *n.rcu);
}

void napi_enable(Context& context, Napi& n) {
  context.write(enable_op, n.object, n.home, [&](std::uint64_t& word) {
    if ((word & sched) == 0) context.kernel().report(ViolationClass::api_misuse, n.name, "napi_enable() without napi_disable()");
    word &= ~(sched | npsvc);
  });
}

void napi_disable(Context& context, Napi& n) {
  context.write(disable_op, n.object, n.home, [](std::uint64_t& word) { word |= disable; });
  if (context.aborting()) return;
  sim::Step s = context.make(disable_wait_op, n.home);
  s.access = {n.object, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0, sched | npsvc);
  context.wait(s, {"napi_disable", n.name, Owner::driver}, [](std::uint64_t& word) { word = (word | sched | npsvc) & ~disable; });
}

bool napi_schedule(Context& context, Napi& n) {
  return context.write(schedule_op, n.object, n.home, [&](std::uint64_t& word) {
    if (word == 0) {
      context.kernel().report(ViolationClass::api_misuse, n.name, "napi_schedule() of one that isn't added");
      return false;
    }
    if ((word & disable) != 0) return false;
    if ((word & sched) != 0) {
      word |= missed;
      return false;
    }
    word |= sched | queued;
    return true;
  });
}

unsigned napi_work(Context& context, Napi& n, unsigned budget) {
  if (n.full_polls == 0) return 0;
  sim::Step s = context.make(work_op);
  s.alternatives = 2;
  if (context.engine().choose(s) == 0) return 0;
  --n.full_polls;
  return budget;
}

bool napi_complete_done(Context& context, Napi& n) {
  return context.write(complete_op, n.object, n.home, [&](std::uint64_t& word) {
    if ((word & sched) == 0)
      context.kernel().report(ViolationClass::api_misuse, n.name, "napi_complete_done() of one that isn't scheduled");
    return complete(word);
  });
}

}  // namespace unplug::model
