#include "unplug/model/kernel/work/workqueue_struct.hpp"
#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

void init(Lab& l, Workqueue& q, const std::string& n, unsigned max_active) {
  init_workqueue(l.kernel, q, l.name(n), l.name(n), {}, l.name("kworker " + n), max_active, false);
}

std::uint64_t queue(unsigned max_active, Covered& covered) {
  Workqueue q, other;
  Work a, b;
  DelayedWork d;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init(l, q, "wq", max_active);
    l.init(flag, "flag", {"f"});
    l.init(a, "a", [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    l.init(b, "b", [&](Context& c) { queue_work(c, q, a); });
    l.init(d, "d", [&](Context& c) { set(c, flag, 2, 0, MemoryOrder::once); });
    l.task("maker", [&](Context& c) {
      alloc_workqueue(c, q);
      queue_work(c, q, b);
      flush_workqueue(c, q);
      drain_workqueue(c, q);
      destroy_workqueue(c, q);
    });
    l.task("producer", [&](Context& c) {
      queue_work(c, q, a);
      queue_delayed_work(c, q, d, 5);
      queue_work(c, q, b);
    });
    l.task("canceller", [&](Context& c) {
      cancel_work(c, a);
      cancel_work_sync(c, b);
      mod_delayed_work(c, q, d, 0);
    });
    l.task("second", [&](Context& c) {
      cancel_work(c, b);
      flush_work(c, a);
      cancel_work(c, a);
    });
  });
  return commute(lab, 150, 8, covered);
}
const CommutationLab unlimited{"workqueues without a limit", 500, [](Covered&c) { return queue(0, c); }},
    ordered{"ordered workqueues", 500, [](Covered&c) { return queue(1, c); }},
    bounded{"workqueues with two workers", 500, [](Covered&c) { return queue(2, c); }};

std::uint64_t scheduled(Covered& covered) {
  Work a, b;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(a, "a", [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    l.init(b, "b", [&](Context& c) { set(c, flag, 2, 0, MemoryOrder::once); });
    l.task("producer", [&](Context& c) {
      queue_work(c, a);
      queue_work(c, b);
    });
    l.task("flusher", [&](Context& c) {
      flush_scheduled_work(c);
      flush_scheduled_work(c);
    });
  });
  return commute(lab, 60, 8, covered);
}
const CommutationLab scheduled_lab{"the system's workqueue", 300, scheduled};

}  // namespace
}  // namespace unplug::model::test
