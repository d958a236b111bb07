#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t timers(Covered& covered) {
  Timer t, h;
  Allocation own, flag;
  int left = 0;
  Lab lab([&](Lab& l) {
    left = 4;
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(t, "t", [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    l.init_hr(h, "h", [&](Context& c) {
      set(c, flag, 2, 0, MemoryOrder::once);
      return --left > 0;
    });
    for (const auto* name : {"armer", "second"})
      l.task(name, [&](Context& c) {
        mod_timer(c, t, 10);
        hrtimer_start(c, h, 10);
      });
    l.task("deleter", [&](Context& c) {
      timer_delete(c, t);
      timer_delete_sync(c, t);
      if (hrtimer_try_to_cancel(c, h) < 0) hrtimer_cancel(c, h);
      hrtimer_cancel(c, h);
    });
    l.task("shutter", [&](Context& c) {
      timer_shutdown(c, t);
      timer_shutdown_sync(c, t);
    });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab timers_lab{"timers and hrtimers", 500, timers};

}  // namespace
}  // namespace unplug::model::test
