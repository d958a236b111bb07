#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t rcu(bool preemptible, Covered& covered) {
  static const Operation nap{.name = "msleep", .pause = true};
  RcuCallback callback;
  Allocation own, flag;
  KernelConfig config;
  config.preempt_rcu = preemptible;
  Lab lab(
      [&](Lab& l) {
        bystander(l, own);
        l.init(flag, "flag", {"f"});
        l.init(callback, "callback", [&](Context& c) { set(c, flag, 2, 0, MemoryOrder::once); });
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
        });
        l.task("u2", [&](Context& c) {
          call_rcu(c, l.rcu, callback);
          rcu_barrier(c, l.rcu);
        });
      },
      config);
  return commute(lab, 60, 6, covered);
}
const CommutationLab preemptible_rcu{"RCU, preemptible", 500, [](Covered&c) { return rcu(true, c); }},
    plain_rcu{"RCU, not preemptible", 500, [](Covered&c) { return rcu(false, c); }};

std::uint64_t srcu(Covered& covered) {
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
const CommutationLab srcu_lab{"SRCU", 500, srcu};

}  // namespace
}  // namespace unplug::model::test
