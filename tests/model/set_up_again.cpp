// timer_setup(), INIT_WORK() and their like on what has been used before: as new, whatever a shutdown, a disable or a complete_all() left.
#include "model/steps.hpp"
#include "support.hpp"
#include "unplug/model/kernel/base/device_core.hpp"
#include "unplug/model/kernel/fs/cdev.hpp"
#include "unplug/model/kernel/fs/drm_drv.hpp"
#include "unplug/model/kernel/irq/tasklet.hpp"
#include "unplug/model/kernel/lib/kref.hpp"
#include "unplug/model/kernel/lib/list.hpp"
#include "unplug/model/kernel/locking/dma_fence.hpp"
#include "unplug/model/kernel/rcu/percpu_ref.hpp"
#include "unplug/model/kernel/rcu/srcu_callback.hpp"

namespace unplug::model::test {

TEST_CASE("set up again: a timer that was shut down expires again, one that is armed must not be") {
  Timer timer;
  int runs = 0;
  bool again = true, armed = false;
  Lab lab([&](Lab& l) {
    runs = 0;
    l.init(timer, "timer", [&](Context& c) {
      mark(c);
      ++runs;
    });
    l.task("t", [&](Context& c) {
      if (!armed) timer_shutdown_sync(c, timer);
      if (armed) mod_timer(c, timer, 1);
      if (again) set_up_again(c, timer);
      if (!armed) mod_timer(c, timer, 1);
    });
  });
  CHECK(every(lab, [&] { CHECK(runs == 1); }).text().empty());
  again = false;
  CHECK(every(lab, [&] { CHECK(runs == 0); }).text().empty());
  again = armed = true;
  const Found f = every(lab, [&] { CHECK(runs == 1); });
  CHECK(f.text() == "api-misuse(timer)@t");
  CHECK(f.details.begin()->second == "'timer' is set up while it is armed");
}

TEST_CASE("set up again: a work that was disabled can be queued again, delayed or not, one that is queued must not be") {
  Work work;
  DelayedWork delayed;
  int runs = 0, late = 0;
  bool again = true, queued = false;
  Lab lab([&](Lab& l) {
    runs = late = 0;
    l.init(work, "work", [&](Context& c) {
      mark(c);
      ++runs;
    });
    l.init(delayed, "delayed", [&](Context& c) {
      mark(c);
      ++late;
    });
    l.task("t", [&](Context& c) {
      if (queued) {
        queue_work(c, work);
        set_up_again(c, work);
        return;
      }
      for (int i = 0; i < 2; ++i) disable_work_sync(c, work);
      disable_delayed_work_sync(c, delayed);
      timer_shutdown(c, delayed.timer);
      if (again) set_up_again(c, work);
      if (again) set_up_again(c, delayed);
      must(queue_work(c, work) == again);
      must(queue_delayed_work(c, delayed, 1) == again);
    });
  });
  CHECK(every(lab, [&] { CHECK((runs == 1 && late == 1)); }).text().empty());
  again = false;
  CHECK(every(lab, [&] { CHECK((runs == 0 && late == 0)); }).text().empty());
  queued = true;
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(work)@t");
  CHECK(f.details.begin()->second == "'work' is set up while it is queued");
}

TEST_CASE("set up again: INIT_DELAYED_WORK() sets up the work, then the timer") {
  DelayedWork delayed;
  Lab lab([&](Lab& l) {
    l.init(delayed, "delayed", mark);
    l.task("t", [&](Context& c) { set_up_again(c, delayed); });
  });
  CHECK(order_of(lab, "t") == "INIT_WORK / timer_setup");
}

TEST_CASE("set up again: a tasklet that was disabled runs again, one that is scheduled must not be") {
  Tasklet tasklet;
  int runs = 0;
  bool scheduled = false;
  Lab lab([&](Lab& l) {
    runs = 0;
    tasklet.function = Lab::Call<void>::run;
    tasklet.argument = l.keep<void>([&](Context& c) {
      mark(c);
      ++runs;
    });
    init_tasklet(l.kernel, tasklet, l.name("tasklet"), l.name("tasklet"), {}, l.name("softirq"));
    l.task("t", [&](Context& c) {
      tasklet_disable(c, tasklet);
      if (scheduled) tasklet_schedule(c, tasklet);
      set_up_again(c, tasklet);
      if (!scheduled) tasklet_schedule(c, tasklet);
    });
  });
  CHECK(every(lab, [&] { CHECK(runs == 1); }).text().empty());
  scheduled = true;
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(tasklet)@t");
  CHECK(f.details.begin()->second == "'tasklet' is set up while it is scheduled");
}

TEST_CASE("set up again: a completion is not complete, nor shot down, a fence is not signalled and calls nobody") {
  Waiter done, shot;
  DmaFence fence;
  Spinlock lock;
  FenceCallback callback;
  int called = 0;
  Lab lab([&](Lab& l) {
    called = 0;
    l.init(done, "done");
    l.init(shot, "shot");
    l.init(lock, "lock");
    init_dma_fence(l.kernel, fence, l.name("fence"), l.name("fence"), {}, Owner::driver, lock);
    callback.function = Lab::Call<void>::run;
    callback.argument = l.keep<void>([&](Context&) { ++called; });
    l.task("t", [&](Context& c) {
      complete_all(c, done);
      set_up_again(c, done);
      must(!completion_done(c, done));
      complete(c, done);
      must(wait_for_completion(c, done));
      shoot_down(c, shot);
      set_up_again(c, shot);
      complete(c, shot);
      must(wait_for_completion(c, shot));
      must(dma_fence_add_callback(c, fence, callback));
      set_up_again(c, fence);
      must(dma_fence_signal(c, fence));
      set_up_again(c, fence);
      must(!dma_fence_is_signaled(c, fence));
    });
  });
  CHECK(every(lab, [&] { CHECK(called == 0); }).text().empty());
}

TEST_CASE("set up again: counts and lists are what they were at first") {
  Kref kref;
  List list;
  ListEntry entry;
  Lab lab([&](Lab& l) {
    init_kref(l.kernel, kref, l.name("kref"), l.name("kref"), {}, 3);
    init_list(l.kernel, list, l.name("list"), l.name("list"), {});
    init_list_entry(entry, l.name("entry"), {});
    l.task("t", [&](Context& c) {
      must(!kref_put_and_test(c, kref));
      set_up_again(c, kref);
      must(kref_read(c, kref) == 3);
      list_add(c, list, entry);
      set_up_again(c, list);
      must(list_empty(c, list));
      must(list_next(c, list, nullptr) == nullptr);
    });
  });
  CHECK(every(lab).text().empty());
}

TEST_CASE("set up again: a device has one reference and is on no bus, a drm_device is there, a cdev has its own reference") {
  Device device;
  DrmDevice drm;
  Srcu srcu;
  CdevMap map;
  DeviceNumber number;
  Cdev cdev;
  int released = 0, cdevs = 0;
  Lab lab([&](Lab& l) {
    released = cdevs = 0;
    l.init(device, "device");
    init_device_core(l.kernel, device, l.name("device"), {}, false);
    device.release = [&](Context& c) {
      mark(c);
      ++released;
    };
    l.init(srcu, "drm_unplug_srcu");
    init_drm_device(l.kernel, drm, srcu, l.name("drm"), l.name("drm"), {});
    init_cdev_map(l.kernel, map);
    init_device_number(l.kernel, map, number, l.name("number"));
    init_cdev(l.kernel, number, cdev, l.name("cdev"), l.name("cdev"), {}, {});
    cdev.parent = {nullptr, [](Context&, void* n) { ++*static_cast<int*>(n); }, &cdevs};
    l.task("t", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        if (i == 1) set_up_again(c, device);
        if (i == 1) set_up_again(c, drm);
        if (i == 1) set_up_again(c, cdev);
        device_add(c, device);
        device_unregister(c, device);
        std::uint64_t index = 0;
        must(drm_dev_enter(c, drm, index) || c.aborting());
        drm_dev_exit(c, srcu, index);
        drm_dev_unplug(c, drm);
        must(cdev_add(c, cdev) == 0);
        cdev_del(c, cdev);
      }
    });
  });
  CHECK(every(lab, [&] { CHECK((released == 2 && cdevs == 2)); }).text().empty());
}

TEST_CASE("set up again: a domain of SRCU and a percpu_ref have counters of their own once the earlier ones were freed") {
  Srcu srcu;
  SrcuUsage usage;
  PercpuRef ref;
  Waiter released;
  bool again = true;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    init_srcu_usage(l.kernel, usage, srcu, l.name("srcu"));
    l.init(released, "released");
    ref.release = Lab::Call<void>::run;
    ref.argument = l.keep<void>([&](Context& c) { complete(c, released); });
    init_percpu_ref(l.kernel, ref, l.rcu, l.name("ref"), l.name("ref"), {}, PercpuRefMode::percpu);
    l.task("t", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        if (i == 1 && again) set_up_again(c, srcu);
        if (i == 1 && again) set_up_again(c, ref);
        const auto index = srcu_read_lock(c, srcu);
        srcu_read_unlock(c, srcu, index);
        must(cleanup_srcu_struct(c, srcu) || !again || c.aborting());
        must(percpu_ref_tryget_live(c, ref) == (again || i == 0) || c.aborting());
        if (!again && i == 1) return;
        percpu_ref_put(c, ref);
        percpu_ref_kill(c, ref);
        wait_for_completion(c, released);
        percpu_ref_exit(c, ref);
      }
    });
  });
  CHECK(every(lab).text().empty());
  again = false;
  CHECK(every(lab).count("use-after-free(srcu)@t") > 0);
}

TEST_CASE("call_rcu: whoever knows that its function has begun may queue a head again, before it has returned") {
  RcuCallback callback;
  Waiter begun;
  int runs = 0;
  bool waits = true;
  Lab lab([&](Lab& l) {
    runs = 0;
    l.init(begun, "begun");
    l.init(callback, "callback", [&](Context& c) {
      ++runs;
      complete(c, begun);
      mark(c);
    });
    l.task("t", [&](Context& c) {
      call_rcu(c, l.rcu, callback);
      if (waits) wait_for_completion(c, begun);
      call_rcu(c, l.rcu, callback);
    });
  });
  CHECK(every(lab, [&] { CHECK(runs == 2); }).text().empty());
  waits = false;
  CHECK(every(lab).text() == "api-misuse(rcu)@t");
}

}  // namespace unplug::model::test
