#include "model/commute.hpp"
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
namespace {

std::uint64_t set_up_again(Covered& covered) {
  Waiter done;
  DmaFence fence;
  Spinlock lock;
  FenceCallback callback;
  Timer timer, hrtimer;
  Work work;
  Tasklet tasklet;
  Kref kref;
  List list;
  Srcu srcu;
  SrcuUsage usage;
  PercpuRef ref;
  Device device;
  DrmDevice drm;
  Srcu drm_srcu;
  CdevMap map;
  DeviceNumber number;
  Cdev cdev;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(done, "done");
    l.init(lock, "lock");
    init_dma_fence(l.kernel, fence, l.name("fence"), l.name("fence"), {}, Owner::driver, lock);
    callback.function = Lab::Call<void>::run;
    callback.argument = l.keep<void>(mark);
    l.init(timer, "timer", mark);
    l.init_hr(hrtimer, "hrtimer", [](Context& c) { return mark(c), false; });
    l.init(work, "work", mark);
    tasklet.function = Lab::Call<void>::run;
    tasklet.argument = l.keep<void>(mark);
    init_tasklet(l.kernel, tasklet, l.name("tasklet"), l.name("tasklet"), {}, l.name("softirq tasklet"));
    init_kref(l.kernel, kref, l.name("kref"), l.name("kref"), {}, 2);
    init_list(l.kernel, list, l.name("list"), l.name("list"), {});
    l.init(srcu, "srcu");
    init_srcu_usage(l.kernel, usage, srcu, l.name("srcu"));
    ref.release = Lab::Call<void>::run;
    ref.argument = l.keep<void>(mark);
    init_percpu_ref(l.kernel, ref, l.rcu, l.name("ref"), l.name("ref"), {}, PercpuRefMode::percpu);
    l.init(device, "device");
    init_device_core(l.kernel, device, l.name("device"), {}, false);
    device.release = mark;
    l.init(drm_srcu, "drm_unplug_srcu");
    init_drm_device(l.kernel, drm, drm_srcu, l.name("drm"), l.name("drm"), {});
    init_cdev_map(l.kernel, map);
    init_device_number(l.kernel, map, number, l.name("number"));
    init_cdev(l.kernel, number, cdev, l.name("cdev"), l.name("cdev"), {}, {});
    l.task("waits", [&](Context& c) {
      complete_all(c, done);
      set_up_again(c, done);
      dma_fence_add_callback(c, fence, callback);
      set_up_again(c, fence);
      set_up_again(c, kref);
      set_up_again(c, list);
    });
    l.task("runs", [&](Context& c) {
      timer_shutdown(c, timer);
      set_up_again(c, timer);
      set_up_again(c, hrtimer);
      disable_work(c, work);
      set_up_again(c, work);
      tasklet_disable_nosync(c, tasklet);
      set_up_again(c, tasklet);
    });
    l.task("ends", [&](Context& c) {
      cleanup_srcu_struct(c, srcu);
      set_up_again(c, srcu);
      percpu_ref_exit(c, ref);
      set_up_again(c, ref);
    });
    l.task("devices", [&](Context& c) {
      put_device(c, device);
      set_up_again(c, device);
      set_up_again(c, drm);
      set_up_again(c, cdev);
    });
    l.task("user", [&](Context& c) {
      completion_done(c, done);
      mod_timer(c, timer, 1);
      queue_work(c, work);
      tasklet_schedule(c, tasklet);
      kref_read(c, kref);
      static_cast<void>(list_empty(c, list));
    });
  });
  return commute(lab, 150, 10, covered);
}
const CommutationLab set_up_lab{"things that are set up again", 500, set_up_again};

}  // namespace
}  // namespace unplug::model::test
