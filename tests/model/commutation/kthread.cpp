#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t threads(Covered& covered) {
  Kthread stopped, alone, sleeper;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(stopped, "stopped", [&](Context& c) {
      if (!kthread_should_stop(c, stopped)) kthread_wait_to_stop(c, stopped);
      return 0;
    });
    l.init(alone, "alone", [&](Context& c) {
      mark(c);
      return 0;
    });
    l.init(sleeper, "sleeper", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        set_current_state(c, sleeper, TaskState::interruptible);
        schedule(c, sleeper);
      }
      return 0;
    });
    l.task("waker", [&](Context& c) {
      for (int i = 0; i < 4; ++i) wake_up_process(c, sleeper);
    });
    l.task("driver", [&](Context& c) {
      kthread_run(c, stopped);
      kthread_run(c, alone);
      kthread_stop(c, stopped);
    });
    l.task("keeper", [&](Context& c) {
      kthread_get(c, stopped);
      mark(c);
      kthread_put(c, stopped);
    });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab threads_lab{"kernel threads", 300, threads};

}  // namespace
}  // namespace unplug::model::test
