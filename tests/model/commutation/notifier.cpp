#include "unplug/model/kernel/base/notifier.hpp"
#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t chains(ChainKind kind, Covered& covered) {
  NotifierChain chain;
  NotifierBlock a, b;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    init_notifier_chain(l.kernel, chain, l.rcu, l.name("chain"), l.name("chain"), {}, kind);
    for (NotifierBlock* nb : {&a, &b}) {
      nb->callback = Lab::Call<int>::run;
      nb->argument = l.keep<int>([&](Context& c) {
        set(c, flag, 1, 0, MemoryOrder::once);
        return notify_ok;
      });
      init_notifier_block(l.kernel, *nb, l.name(nb == &a ? "a" : "b"), l.name("nb"), {}, {});
    }
    l.task("driver", [&](Context& c) {
      notifier_chain_register(c, chain, a);
      notifier_chain_unregister(c, chain, a);
    });
    l.task("second", [&](Context& c) {
      notifier_chain_register(c, chain, b);
      notifier_call_chain(c, chain);
      notifier_chain_unregister(c, chain, b);
    });
    l.task("caller", [&](Context& c) { notifier_call_chain(c, chain); });
  });
  return commute(lab, 60, 8, covered);
}
const CommutationLab blocking_chains{"blocking notifier chains", 300, [](Covered&c) { return chains(ChainKind::blocking, c); }},
    atomic_chains{"atomic notifier chains", 300, [](Covered&c) { return chains(ChainKind::atomic, c); }},
    srcu_chains{"SRCU notifier chains", 300, [](Covered&c) { return chains(ChainKind::srcu, c); }},
    raw_chains{"raw notifier chains", 200, [](Covered&c) { return chains(ChainKind::raw, c); }};

}  // namespace
}  // namespace unplug::model::test
