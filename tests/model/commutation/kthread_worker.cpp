#include "unplug/model/kernel/work/kthread_worker.hpp"
#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t workers(Covered& covered) {
  KthreadWorker worker;
  KthreadWork work;
  KthreadDelayedWork delayed;
  Allocation own, flag;
  const auto writes = [&](Lab& l, KthreadWork& w, std::uint64_t value) {
    w.function = Lab::Call<void>::run;
    w.argument = l.keep<void>([&, value](Context& c) { set(c, flag, value, 0, MemoryOrder::once); });
  };
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    init_kthread_worker(l.kernel, worker, l.name("worker"), l.name("worker"), {}, {}, l.name("kthread worker"));
    writes(l, work, 1);
    writes(l, delayed.work, 2);
    init_kthread_work(work, worker, l.name("work"), {});
    init_kthread_delayed_work(l.kernel, delayed, worker, l.name("dwork"), {}, l.name("dwork timer"), l.name("softirq dwork"));
    l.task("driver", [&](Context& c) {
      kthread_run_worker(c, worker);
      kthread_queue_work(c, worker, work);
      kthread_queue_delayed_work(c, worker, delayed, 5);
      kthread_cancel_delayed_work_sync(c, delayed);
      kthread_flush_worker(c, worker);
      kthread_destroy_worker(c, worker);
    });
    l.task("mover", [&](Context& c) {
      kthread_mod_delayed_work(c, worker, delayed, 3);
      kthread_queue_work(c, worker, work);
      kthread_flush_work(c, work);
    });
    l.task("canceller", [&](Context& c) {
      kthread_queue_work(c, worker, work);
      kthread_cancel_work_sync(c, work);
      kthread_queue_work(c, worker, work);
      kthread_cancel_work_sync(c, work);
    });
  });
  return commute(lab, 250, 10, covered);
}
const CommutationLab workers_lab{"kthread workers", 500, workers};

}  // namespace
}  // namespace unplug::model::test
