#include "unplug/model/kernel/irq/napi.hpp"
#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

struct Instance {
  Napi napi;
  Allocation flag;
  static unsigned poll(Context& c, void* argument, unsigned budget) {
    auto& i = *static_cast<Instance*>(argument);
    set(c, i.flag, 1);
    const unsigned work = napi_work(c, i.napi, budget);
    if (work < budget) napi_complete_done(c, i.napi);
    return work;
  }
};

std::uint64_t polls(Covered& covered) {
  Instance i;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(i.flag, "flag", {"f"});
    i.napi.poll = Instance::poll;
    i.napi.argument = &i;
    i.napi.full_polls = 2;
    init_napi(l.kernel, i.napi, l.rcu, l.name("n"), l.name("n"), {}, l.name("softirq n"));
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, i.napi);
      napi_enable(c, i.napi);
      napi_schedule(c, i.napi);
      napi_disable(c, i.napi);
      netif_napi_del(c, i.napi);
    });
    l.task("interrupt", [&](Context& c) {
      for (int n = 0; n < 3; ++n) napi_schedule(c, i.napi);
    });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab polls_lab{"napi", 300, polls};

}  // namespace
}  // namespace unplug::model::test
