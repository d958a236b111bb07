// The order of steps in the driver core, its buses and what a binding has: that of the kernel's source.
#include "model/irq_device.hpp"
#include "model/steps.hpp"
#include "unplug/model/kernel/base/device_core.hpp"
#include "unplug/model/kernel/base/driver.hpp"
#include "unplug/model/kernel/bus/hotplug.hpp"
#include "unplug/model/kernel/locking/dma_fence.hpp"

namespace unplug::model::test {
namespace {

// A bridge with a device below, both of one driver.
struct Two {
  Mutex rescan_remove;
  Device bridge, device;
  Module module;
  Driver driver;
  Binding below, above;
  SysfsAttribute remove;
  void init(Lab& l, bool usb) {
    l.init(rescan_remove, "pci_rescan_remove_lock");
    l.init(module, "foo");
    init_driver(l.kernel, driver, l.name("foo driver"), l.name("foo"));
    l.init(bridge, "bridge");
    l.init(device, "dev");
    set_parent(device, bridge, usb);
    init_device_core(l.kernel, bridge, l.name("bridge"), {}, true);
    init_device_core(l.kernel, device, l.name("dev"), {}, true);
    l.init(below, device, module, "below");
    l.init(above, bridge, module, "above");
    for (Binding* b : {&below, &above}) {
      add_binding(driver, *b);
      b->probe = [](Context& c) { return in_probe(c), true; };
      b->remove = in_remove;
    }
  }
};

}  // namespace

TEST_CASE("device: bind and unbind through sysfs, under the lock of the parent and the device's, holding a reference") {
  Two d;
  Lab lab([&](Lab& l) {
    d.init(l, true);
    l.task("t", [&](Context& c) {
      must(bind_store(c, d.below) == 0);
      mark(c);
      must(unbind_store(c, d.driver, d.device) == 0);
    });
  });
  CHECK(order_of(lab, "t") == "bus_find_device / mutex_lock / mutex_lock / is the device dead / dev->driver read before probe / probe() / "
                              "dev->driver set / klist_add_tail / mutex_unlock / mutex_unlock / put_device / mark / bus_find_device / "
                              "unbind_store: dev->driver read / mutex_lock / mutex_lock / dev->driver read / remove() / "
                              "devres_release_all: detach list / dev->driver cleared / klist_remove: off the list / "
                              "klist_remove: wait for walkers / mutex_unlock / mutex_unlock / put_device");
}

TEST_CASE("driver: driver_attach and device_attach probe under the device lock, driver_for_each_device calls with a step on the list "
          "between") {
  Two d;
  Lab lab([&](Lab& l) {
    d.init(l, false);
    l.task("t", [&](Context& c) {
      const std::array<Binding*, 1> none{&d.above};
      driver_register(c, d.driver, none);
      mark(c);
      must(device_attach(c, d.below));
      mark(c);
      driver_for_each_device(c, d.driver, [](Context& x, Device&) { return in_release(x), 0; });
      mark(c);
      driver_detach(c, d.driver);
    });
  });
  CHECK(order_of(lab, "t") ==
        "driver_register: on the bus / mutex_lock / is the device dead / dev->driver read before probe / probe() / "
        "dev->driver set / klist_add_tail / mutex_unlock / mark / mutex_lock / bus_for_each_drv: stand on the driver / "
        "is the device dead / dev->driver read before probe / probe() / dev->driver set / klist_add_tail / "
        "bus_for_each_drv: leave the driver / mutex_unlock / mark / klist_next / devres callback / klist_next / "
        "devres callback / klist_next / mark / driver_detach: last device / get_device / "
        "driver_detach: unlock the list / mutex_lock / dev->driver read / remove() / devres_release_all: detach list / "
        "dev->driver cleared / klist_remove: off the list / klist_remove: wait for walkers / mutex_unlock / put_device / "
        "driver_detach: last device / get_device / driver_detach: unlock the list / mutex_lock / dev->driver read / "
        "remove() / devres_release_all: detach list / dev->driver cleared / klist_remove: off the list / "
        "klist_remove: wait for walkers / mutex_unlock / put_device / driver_detach: last device");
}

TEST_CASE("pci: stop the drivers below before the bridge's, then delete, children first, all under pci_rescan_remove_lock") {
  Two d;
  Lab lab([&](Lab& l) {
    d.init(l, false);
    l.task("t", [&](Context& c) {
      get_device(c, d.bridge);  // the child's
      must(bind_store(c, d.below) == 0);
      must(bind_store(c, d.above) == 0);
      mark(c);
      pci_stop_and_remove_bus_device_locked(c, d.rescan_remove, d.bridge);
    });
  });
  CHECK(order_of(lab, "t") ==
        "get_device / bus_find_device / mutex_lock / is the device dead / dev->driver read before probe / probe() / "
        "dev->driver set / klist_add_tail / mutex_unlock / put_device / bus_find_device / mutex_lock / "
        "is the device dead / dev->driver read before probe / probe() / dev->driver set / klist_add_tail / "
        "mutex_unlock / put_device / mark / mutex_lock / pci_stop_dev: who / mutex_lock / dev->driver read / remove() / "
        "devres_release_all: detach list / dev->driver cleared / klist_remove: off the list / "
        "klist_remove: wait for walkers / mutex_unlock / pci_stop_dev: who / mutex_lock / dev->driver read / remove() / "
        "devres_release_all: detach list / dev->driver cleared / klist_remove: off the list / "
        "klist_remove: wait for walkers / mutex_unlock / pci_destroy_dev: who / mutex_lock / device_del: kill_device / "
        "mutex_unlock / device_del: off the bus / mutex_lock / dev->driver read / mutex_unlock / put_device / "
        "put_device / pci_destroy_dev: who / mutex_lock / device_del: kill_device / mutex_unlock / "
        "device_del: off the bus / mutex_lock / dev->driver read / mutex_unlock / put_device / mutex_unlock");
}

TEST_CASE("pciehp: waits for the slot before it takes a reference, gives it back last") {
  Two d;
  Presence slot;
  Lab lab([&](Lab& l) {
    d.init(l, false);
    init_presence(l.kernel, slot, l.name("slot"), l.name("slot"));
    l.task("t", [&](Context& c) {
      surprise_removal(c, slot);
      pciehp_thread(c, d.rescan_remove, slot, d.device);
    });
  });
  CHECK(order_of(lab, "t") ==
        "surprise removal / wait for surprise removal / get_device / mutex_lock / pci_stop_dev: who / mutex_lock / "
        "dev->driver read / mutex_unlock / pci_destroy_dev: who / mutex_lock / device_del: kill_device / mutex_unlock / "
        "device_del: off the bus / mutex_lock / dev->driver read / mutex_unlock / put_device / put_device / "
        "mutex_unlock / put_device");
}

TEST_CASE("device: private data first (7.2) or after devres, what comes before the callbacks right before them, a core's cleanup after "
          "all") {
  Device device;
  Module module;
  Binding b;
  Lab::Make make = [&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(b, device, module, "foo");
    b.post_unbind = in_post_unbind;
    b.before_devres = [](Context& c) { c.engine().step(c.make(named<DmaStep*>("before devres"))); };
    b.dma_cleanup = in_dma_cleanup;
    b.unbound = [](Context& c) { c.engine().step(c.make(named<ProbeStep*>("unbound"))); };
    l.task("t", [&](Context& c) {
      must(probe_device(c, b, [&](Context& p) {
        devres_add(p, b, {&devm_action, l.name("x"), in_release, nullptr});
        return true;
      }));
      mark(c);
      release_driver(c, b, in_remove);
    });
  };
  const std::string
      before =
          "mutex_lock / devres_add / dev->driver set / mutex_unlock / mark / mutex_lock / dev->driver read / remove() / dma_cleanup / ",
      devres = "before devres / devres_release_all: detach list / devres callback / ",
      after = "unbound / dev->driver cleared / mutex_unlock";
  KernelConfig config;
  for (const bool first : {false, true}) {
    config.private_data_first = first;
    Lab lab(make, config);
    CHECK(order_of(lab, "t") == before + (first ? "post_unbind / " + devres : devres + "post_unbind / ") + after);
  }
}

TEST_CASE("devres: memory is there before its node and is freed after the node is off the list") {
  Device device;
  Module module;
  Binding b;
  Allocation a;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(b, device, module, "foo");
    l.init(a, "a", {"x"}, false);
    l.task("t", [&](Context& c) {
      must(devm_kzalloc(c, b.devres, a));
      mark(c);
      devm_kfree(c, b.devres, a);
    });
  });
  CHECK(order_of(lab, "t") == "kzalloc / devres_add / mark / devres_remove / kfree");
}

TEST_CASE("dma_fence: callbacks are added and removed under the fence's lock, and taken off the list before they are called") {
  DmaFence f;
  Spinlock lock;
  FenceCallback a, b;
  Lab lab([&](Lab& l) {
    l.init(lock, "fence.lock");
    init_dma_fence(l.kernel, f, l.name("fence"), l.name("fence"), {}, Owner::driver, lock);
    for (FenceCallback* cb : {&a, &b}) {
      cb->function = Lab::Call<void>::run;
      cb->argument = l.keep<void>(in_release);
    }
    l.task("t", [&](Context& c) {
      must(dma_fence_add_callback(c, f, a));
      must(dma_fence_add_callback(c, f, b));
      must(dma_fence_remove_callback(c, f, b));
      mark(c);
      must(dma_fence_signal(c, f));
      mark(c);
      must(!dma_fence_add_callback(c, f, b));
    });
  });
  CHECK(order_of(lab, "t") ==
        "dma_fence_is_signaled / spin_lock_irqsave / dma_fence_add_callback: add / spin_unlock / dma_fence_is_signaled / "
        "spin_lock_irqsave / dma_fence_add_callback: add / spin_unlock / spin_lock_irqsave / "
        "dma_fence_remove_callback: take off / spin_unlock / mark / spin_lock_irqsave / dma_fence_signal: set the bit / "
        "dma_fence_signal: take a callback off the list / devres callback / spin_unlock / mark / dma_fence_is_signaled");
}

TEST_CASE("irq: free_irq of a shared threaded line: unlink, wait, the test call of DEBUG_SHIRQ, stop the thread") {
  IrqLine line;
  IrqDevice d;
  d.hard = handled;
  d.thread = mark;
  d.action.shared = true;
  KernelConfig config;
  config.debug_shirq = true;
  Lab lab(
      [&](Lab& l) {
        l.init(line, "irq");
        d.init(l, line, "foo");
        l.task("t", [&](Context& c) {
          must(request_irq(c, line, d.action));
          mark(c);
          free_irq(c, line, d.action);
        });
      },
      config);
  CHECK(order_of(lab, "t") == "request_irq / mark / free_irq: unlink action / free_irq: wait for the handler / mark / "
                              "free_irq: stop the thread / free_irq: wait for the thread");
}

}  // namespace unplug::model::test
