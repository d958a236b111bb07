#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t work(Covered& covered) {
  Work w;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(w, "w", [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    for (const auto* name : {"q1", "q2"})
      l.task(name, [&](Context& c) {
        queue_work(c, w);
        queue_work(c, w);
      });
    l.task("canceller", [&](Context& c) {
      cancel_work(c, w);
      cancel_work_sync(c, w);
    });
    l.task("disabler", [&](Context& c) {
      disable_work_sync(c, w);
      enable_work(c, w);
    });
    l.task("flusher", [&](Context& c) { flush_work(c, w); });
  });
  return commute(lab, 80, 6, covered);
}
const CommutationLab work_lab{"work items", 500, work};

std::uint64_t delayed_work(Covered& covered) {
  DelayedWork w;
  Work plain;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(w, "dwork", [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    l.init(plain, "work", [&](Context& c) { set(c, flag, 2, 0, MemoryOrder::once); });
    for (const auto* name : {"q1", "q2"})
      l.task(name, [&](Context& c) {
        queue_delayed_work(c, w, 5);
        queue_work(c, plain);
        queue_delayed_work(c, w, 0);
      });
    l.task("canceller", [&](Context& c) {
      cancel_delayed_work(c, w);
      cancel_delayed_work_sync(c, w);
      disable_delayed_work(c, w);
      enable_delayed_work(c, w);
      disable_work(c, plain);
    });
    l.task("mover", [&](Context& c) {
      mod_delayed_work(c, w, 3);
      flush_delayed_work(c, w);
    });
  });
  return commute(lab, 120, 8, covered);
}
const CommutationLab delayed_work_lab{"delayed work", 500, delayed_work};

}  // namespace
}  // namespace unplug::model::test
