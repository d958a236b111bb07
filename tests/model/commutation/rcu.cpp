#include "model/commute.hpp"
#include "unplug/model/kernel/rcu/hazptr.hpp"
#include "unplug/model/kernel/rcu/kfree_rcu.hpp"
#include "unplug/model/kernel/rcu/percpu_ref.hpp"
#include "unplug/model/kernel/rcu/srcu_callback.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t rcu(bool preemptible, Covered& covered) {
  static const Operation nap{.name = "msleep", .pause = true};
  RcuCallback callback;
  KvfreeRcu kvfree;
  Allocation own, flag, freed;
  KernelConfig config;
  config.preempt_rcu = preemptible;
  config.rcu_lazy = true;
  Lab lab(
      [&](Lab& l) {
        bystander(l, own);
        l.init(flag, "flag", {"f"});
        l.init(freed, "freed");
        init_kvfree_rcu(l.kernel, kvfree, l.rcu);
        l.init(callback, "callback", [&](Context& c) { set(c, flag, 2, 0, MemoryOrder::once); });
        callback.home = flag.life;
        for (const auto* name : {"r1", "r2"})
          l.task(name, [&](Context& c) {
            rcu_read_lock(c, l.rcu);
            get(c, flag, 0, MemoryOrder::once);
            c.sleep(nap, 1);
            rcu_read_unlock(c, l.rcu);
          });
        l.task("u1", [&](Context& c) {
          set(c, flag, 1, 0, MemoryOrder::once);
          synchronize_rcu(c, l.rcu);
          synchronize_rcu_expedited(c, l.rcu);
        });
        l.task("u2", [&](Context& c) {
          call_rcu(c, l.rcu, callback);
          rcu_barrier(c, l.rcu);
        });
        l.task("u3", [&](Context& c) {
          kfree_rcu(c, kvfree, freed);
          kvfree_rcu_barrier(c, kvfree);
        });
      },
      config);
  return commute(lab, 60, 6, covered);
}
const CommutationLab preemptible_rcu{"RCU, preemptible", 500, [](Covered&c) { return rcu(true, c); }},
    plain_rcu{"RCU, not preemptible", 500, [](Covered&c) { return rcu(false, c); }};

// Handlers as readers.
std::uint64_t watched(Covered& covered) {
  Timer timer;
  IrqLine line;
  IrqAction action;
  RcuCallback callback;
  Allocation own, flag, home;
  Lab lab([&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(home, "home");
    const auto body = [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); };
    l.init(timer, "timer", body, home.life);
    l.init(line, "irq");
    l.init(action, line, "action", body);
    l.init(callback, "callback", body);
    l.hardware(line, 2);
    l.task("u1", [&](Context& c) {
      mod_timer(c, timer, 1);
      timer_delete(c, timer);
      call_rcu(c, l.rcu, callback);
      synchronize_rcu(c, l.rcu);
    });
    l.task("u2", [&](Context& c) {
      request_irq(c, line, action);
      mod_timer(c, timer, 1);
      free_irq(c, line, action);
    });
  });
  return commute(lab, 80, 6, covered);
}
const CommutationLab watched_lab{"handlers as RCU readers", 500, watched};

std::uint64_t srcu_domain(Covered& covered) {
  Srcu s;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(s, "s");
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        const auto i = srcu_read_lock(c, s);
        mark(c);
        srcu_read_unlock(c, s, i);
      });
    for (const auto* name : {"u1", "u2", "u3"}) l.task(name, [&](Context& c) { synchronize_srcu(c, s); });
  });
  return commute(lab, 80, 6, covered);
}
const CommutationLab srcu_lab{"SRCU", 500, srcu_domain};

std::uint64_t srcu_callbacks(Covered& covered) {
  Srcu s;
  SrcuUsage usage;
  SrcuCallback callback;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(s, "s");
    init_srcu_usage(l.kernel, usage, s, l.name("s"));
    callback = {};
    callback.home = flag.life;
    callback.task_name = l.name("callback");
    callback.body = Lab::Call<void>::run;
    callback.argument = l.keep<void>([&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    l.task("r", [&](Context& c) {
      const auto i = srcu_read_lock(c, s);
      mark(c);
      srcu_read_unlock(c, s, i);
    });
    l.task("u1", [&](Context& c) {
      call_srcu(c, s, callback);
      srcu_barrier(c, s);
      cleanup_srcu_struct(c, s);
    });
    l.task("u2", [&](Context& c) {
      synchronize_srcu_expedited(c, s);
      cleanup_srcu_struct(c, s);
    });
  });
  return commute(lab, 80, 6, covered);
}
const CommutationLab srcu_callbacks_lab{"SRCU callbacks", 500, srcu_callbacks};

std::uint64_t percpu_refs(Covered& covered) {
  PercpuRef ref;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    ref.release = [](Context& c, void* a) { set(c, *static_cast<Allocation*>(a), 1, 0, MemoryOrder::once); };
    ref.confirm = ref.release;
    ref.argument = &flag;
    init_percpu_ref(l.kernel, ref, l.rcu, l.name("ref"), l.name("ref"), {}, PercpuRefMode::percpu);
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        if (percpu_ref_tryget_live(c, ref)) {
          percpu_ref_get(c, ref);
          percpu_ref_put(c, ref);
          percpu_ref_put(c, ref);
        }
        if (percpu_ref_tryget(c, ref)) percpu_ref_put(c, ref);
      });
    l.task("killer", [&](Context& c) {
      percpu_ref_kill(c, ref);
      percpu_ref_exit(c, ref);
    });
  });
  return commute(lab, 80, 6, covered);
}
const CommutationLab percpu_ref_lab{"percpu_ref", 500, percpu_refs};

std::uint64_t hazard_pointers(Covered& covered) {
  Hazptr h;
  HazptrTarget p, q;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_hazptr(l.kernel, h);
    init_hazptr_target(l.kernel, p, h, l.name("p"), l.name("p"));
    init_hazptr_target(l.kernel, q, h, l.name("q"), l.name("q"));
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        const HazptrGuard outer = shazptr_acquire(c, p), inner = shazptr_acquire(c, q);
        mark(c);
        shazptr_clear(c, inner);
        shazptr_clear(c, outer);
      });
    l.task("u1", [&](Context& c) { synchronize_shazptr(c, p); });
    l.task("u2", [&](Context& c) { synchronize_shazptr(c, q); });
  });
  return commute(lab, 80, 6, covered);
}
const CommutationLab hazptr_lab{"hazard pointers", 500, hazard_pointers};

}  // namespace
}  // namespace unplug::model::test
