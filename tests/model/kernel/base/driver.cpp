// kernel/driver: struct device_driver, bind and unbind by user space, rmmod.
#include "unplug/model/kernel/base/driver.hpp"

#include <algorithm>
#include <span>

#include "model/steps.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/base/device_core.hpp"
#include "unplug/model/kernel/base/sysfs.hpp"

namespace unplug::model::test {
namespace {

// A driver with two devices.
struct Driven {
  std::array<Device, 2> device;
  std::array<Binding, 2> binding;
  Module module;
  Driver driver;
  std::string order;

  void init(Lab& l) {
    order.clear();
    l.init(module, "foo");
    init_driver(l.kernel, driver, l.name("foo driver"), l.name("foo"));
    for (std::size_t i = 0; i < device.size(); ++i) {
      const std::string n = std::to_string(i);
      l.init(device[i], "dev" + n);
      l.init(binding[i], device[i], module, "foo" + n);
      add_binding(driver, binding[i]);
      binding[i].probe = [](Context&) { return true; };
      binding[i].remove = [this, i](Context& c) {
        order += static_cast<char>('0' + i);
        in_remove(c);
      };
    }
  }
  void load(Context& c) {
    const std::array<Binding*, 2> all{&binding[0], &binding[1]};
    driver_register(c, driver, all);
  }
};

}  // namespace

// Fact: driver_unregister-order.
TEST_CASE("driver: driver_unregister takes attributes away, goes off the bus, unbinds each device, the last bound first") {
  Driven d;
  SysfsAttribute unbind;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(unbind, "unbind", [](Context&) { return 0; });
    d.driver.attributes = {&unbind};
    l.task("t", [&](Context& c) {
      d.load(c);
      mark(c);
      driver_unregister(c, d.driver);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(d.order == "10");
  const Steps bind{"mutex_lock", "dev->driver read before probe", "dev->driver set", "klist_add_tail", "mutex_unlock"};
  const Steps unbound{"driver_detach: last device",
                      "driver_detach: unlock the list",
                      "mutex_lock",
                      "dev->driver read",
                      "remove()",
                      "devres_release_all: detach list",
                      "dev->driver cleared",
                      "klist_remove: off the list",
                      "klist_remove: wait for walkers",
                      "mutex_unlock"};
  Steps expected{"driver_register: on the bus"};
  for (int i = 0; i < 2; ++i) expected.insert(expected.end(), bind.begin(), bind.end());
  expected.insert(expected.end(), {"sysfs_create_file", "mark", "kernfs_remove: deactivate", "kernfs_drain",
                                   "driver_unregister: off the bus", "driver_unregister: wait for probes"});
  for (int i = 0; i < 2; ++i) expected.insert(expected.end(), unbound.begin(), unbound.end());
  expected.emplace_back("driver_detach: last device");
  CHECK(steps_of(lab, "t") == expected);
}

// Fact: driver_unregister-order.
TEST_CASE("driver: text is not freed until the devres of every device of the module is over, whoever unbinds them") {
  Driven d;
  std::uint64_t together = 0;
  int left = 0, inside = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    left = 2;
    inside = 0;
    for (std::size_t i = 0; i < 2; ++i)
      d.binding[i].probe = [&, i](Context& p) {
        devres_add(p, d.binding[i],
                   {&devm_action, d.device[i].name,
                    [&](Context& c) {
                      const Context::Function function(c, l.name("foo_release"), d.module.text, {});
                      together += ++inside == 2 ? 1U : 0U;
                      mark(c);
                      --inside;
                      --left;
                    },
                    &d.binding[i]});
        return true;
      };
    l.task("rmmod", [&](Context& c) {
      d.load(c);
      l.task("unbind", [&](Context& x) { unbind_store(x, d.driver, d.device[0]); });
      delete_module(c, d.module, l.rcu, [&] { driver_unregister(c, d.driver); });
      CHECK(left == 0);
    });
  });
  CHECK(sample(lab, 300).text().empty());
  CHECK(together > 0);  // unbinds of different devices run in parallel
}

// Fact: unbind_store-looks-unlocked.
TEST_CASE("driver: unbind_store of what is not bound to the driver is -ENODEV, bind_store -EBUSY if bound, -EIO if its probe fails") {
  Driven d, other;
  bool fail = true;
  Lab lab([&](Lab& l) {
    d.init(l);
    init_driver(l.kernel, other.driver, l.name("bar driver"), l.name("bar"));
    d.binding[0].probe = [&](Context&) { return !fail; };
    l.task("t", [&](Context& c) {
      must(unbind_store(c, d.driver, d.device[0]) == enodev);
      fail = true;
      must(bind_store(c, d.binding[0]) == eio);
      fail = false;
      must(bind_store(c, d.binding[0]) == 0);
      must(bind_store(c, d.binding[0]) == ebusy);
      must(unbind_store(c, other.driver, d.device[0]) == enodev);
      must(d.order.empty());
      must(unbind_store(c, d.driver, d.device[0]) == 0);
      must(unbind_store(c, d.driver, d.device[0]) == enodev);
      must(bind_store(c, d.binding[0]) == 0);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(d.order == "0");
}

// Fact: unbind_store-looks-unlocked.
TEST_CASE("driver: unbind_store looks without the lock: what another driver has bound meanwhile is unbound instead") {
  Driven d;
  Driver other;
  Binding second;
  Module bar;
  std::uint64_t wrong = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(bar, "bar");
    init_driver(l.kernel, other, l.name("bar driver"), l.name("bar"));
    init_binding(l.kernel, second, d.device[0], bar, l.name("bar"), l.name("bar"), 2);
    add_binding(other, second);
    second.probe = [](Context&) { return true; };
    second.remove = [&](Context&) { d.order += 'b'; };
    l.task("a", [&](Context& c) {
      must(bind_store(c, d.binding[0]) == 0);
      l.task("writer", [&](Context& x) { unbind_store(x, d.driver, d.device[0]); });
      unbind_store(c, d.driver, d.device[0]);
      bind_store(c, second);
    });
  });
  CHECK(every(lab, [&] { wrong += d.order == "0b" ? 1U : 0U; }).text().empty());
  CHECK(wrong > 0);
}

// Fact: driver_unregister-order.
TEST_CASE("driver: a write to unbind in flight is waited for by driver_unregister, one that unregisters the driver waits for itself") {
  Driven d;
  SysfsAttribute unbind;
  bool self = false;
  std::set<std::pair<int, std::string>> seen;
  int result = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(unbind, "unbind", [&](Context& c) { return unbind_store(c, d.driver, d.device[1]); });
    d.driver.attributes = {&unbind};
    if (self) d.binding[1].remove = [&](Context& c) { driver_unregister(c, d.driver); };
    l.task("rmmod", [&](Context& c) {
      d.load(c);
      l.task("writer", [&](Context& x) { result = sysfs_access(x, unbind); });
      if (self) return;
      driver_unregister(c, d.driver);
      CHECK(d.order.size() == 2);
    });
  });
  CHECK(every(lab, [&] { seen.insert({result, d.order}); }).text().empty());
  CHECK(seen == std::set<std::pair<int, std::string>>{{0, "10"}, {enodev, "10"}});
  self = true;
  CHECK(every(lab).text() == "deadlock(unbind)@writer, lock-cycle(unbind)@writer");
}

// Fact: driver-bus-walk-waits.
TEST_CASE("driver: klist_remove at the end of an unbind waits for who walks the driver's devices, a walker that unbinds waits for itself") {
  Driven d;
  bool self = false;
  std::set<std::string> seen;
  std::string walked;
  Lab lab([&](Lab& l) {
    d.init(l);
    walked.clear();
    l.task("t", [&](Context& c) {
      d.load(c);
      if (!self)
        l.task("rmmod", [&](Context& x) {
          driver_unregister(x, d.driver);
          walked += '|';
        });
      driver_for_each_device(c, d.driver, [&](Context& x, Device& device) {
        walked += &device == &d.device[0] ? '0' : '1';
        mark(x);
        CHECK(walked.find('|') == std::string::npos);
        if (self) unbind_store(x, d.driver, device);
        walked += '.';
        return 0;
      });
    });
  });
  const Found f = every(lab, [&] { seen.insert(walked); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  // In order of binding, from wherever the walk began; nobody is visited after he has gone.
  CHECK(seen == std::set<std::string>{"0.1.|", "0.|", "|"});
  self = true;
  CHECK(every(lab).text() == "deadlock(foo)@t");
}

// Fact: driver-bus-walk-waits.
TEST_CASE("driver: driver_for_each_device ends where the function answers other than 0, and answers that") {
  Driven d;
  int calls = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    calls = 0;
    l.task("t", [&](Context& c) {
      d.load(c);
      must(driver_for_each_device(c, d.driver, [&](Context&, Device&) {
             ++calls;
             return 5;
           }) == 5);
      must(driver_for_each_device(c, d.driver, [&](Context&, Device&) {
             ++calls;
             return 0;
           }) == 0);
      driver_unregister(c, d.driver);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(calls == 3);
  CHECK(lab.engine.trace().objects[d.driver.devices.index()].word == 0);
}

// Fact: driver-probe-by-bus.
TEST_CASE("driver: a probe that came by the bus is waited for and its device unbound, off the bus none begins") {
  Driven d;
  std::set<std::pair<bool, std::string>> seen;
  bool bound = false;
  Lab lab([&](Lab& l) {
    d.init(l);
    bound = false;
    d.binding[0].probe = [](Context& c) {
      mark(c);
      return true;
    };
    l.task("rmmod", [&](Context& c) {
      driver_register(c, d.driver, {});
      l.task("hotplug", [&](Context& x) { bound = device_attach(x, d.binding[0]); });
      driver_unregister(c, d.driver);
    });
  });
  const Found f = every(lab, [&] { seen.insert({bound, d.order}); });
  CHECK(f.text().empty());
  CHECK(seen == std::set<std::pair<bool, std::string>>{{true, "0"}, {false, ""}});
  CHECK(lab.engine.trace().objects[d.driver.bus.index()].word == 0);
}

// Fact: driver-probe-by-bus.
TEST_CASE("driver: driver_register leaves alone what is bound, or dead") {
  Driven d;
  Lab lab([&](Lab& l) {
    d.init(l);
    init_device_core(l.kernel, d.device[1], l.name("dev1"), {}, true);
    d.device[1].release = [](Context&) {};
    d.binding[1].probe = [](Context&) {
      FAIL("a dead device is probed");
      return false;
    };
    l.task("t", [&](Context& c) {
      must(bind_store(c, d.binding[0]) == 0);
      d.binding[0].probe = [](Context&) {
        FAIL("a bound device is probed");
        return false;
      };
      device_del(c, d.device[1]);
      d.load(c);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: driver_detach-holds-reference.
TEST_CASE("driver: rmmod and the hub at once: driver_detach holds a reference, the device is unbound once and freed once, after that") {
  Driven d;
  Allocation memory;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(memory, "device");
    init_device_core(l.kernel, d.device[0], l.name("dev0"), memory.life, true);
    d.device[0].release = [&](Context& c) { kfree(c, memory); };
    l.task("rmmod", [&](Context& c) {
      must(bind_store(c, d.binding[0]) == 0);
      l.task("hub", [&](Context& x) { device_unregister(x, d.device[0]); });
      driver_unregister(c, d.driver);
    });
  });
  const Found f = every(lab, [&] { CHECK(d.order == "0"); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: bus-parent-lock.
TEST_CASE("driver: where the bus needs it the parent's lock is taken first, for bind, unbind and rmmod, and let go last") {
  Driven d;
  Device parent;
  std::array<Binding, 2> later;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(parent, "hub");
    set_parent(d.device[0], parent, true);
    for (std::size_t i = 0; i < later.size(); ++i) {
      init_binding(l.kernel, later[i], d.device[0], d.module, l.name("later" + std::to_string(i)), l.name("foo"), i + 2);
      add_binding(d.driver, later[i]);
    }
    l.task("t", [&](Context& c) {
      const auto locked = [&](Context& x) {
        CHECK(x.held.size() == 2);
        CHECK(x.held[0].object == parent.lock.object);
        CHECK(x.held[1].object == d.device[0].lock.object);
      };
      for (Binding* b : {&d.binding[0], &later[0], &later[1]}) {
        b->probe = [&](Context& x) {
          locked(x);
          return true;
        };
        b->remove = locked;
      }
      must(bind_store(c, d.binding[0]) == 0);
      must(unbind_store(c, d.driver, d.device[0]) == 0);
      must(probe_device(c, later[0], later[0].probe));
      must(release_driver(c, later[0], locked));
      const std::array<Binding*, 1> only{&later[1]};
      driver_register(c, d.driver, only);
      driver_unregister(c, d.driver);
      CHECK(c.held.empty());
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: bus-parent-lock.
TEST_CASE("driver: a remove() that waits for a child's task which takes the parent's lock deadlocks, where the bus needs that") {
  Driven d;
  Device parent;
  Work work;
  bool needed = true;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(parent, "hub");
    set_parent(d.device[0], parent, needed);
    l.init(work, "reset", [&](Context& c) {
      mutex_lock(c, parent.lock);
      mutex_unlock(c, parent.lock);
    });
    l.task("t", [&](Context& c) {
      must(bind_store(c, d.binding[0]) == 0);
      queue_work(c, work);
      release_driver(c, d.binding[0], [&](Context& r) { cancel_work_sync(r, work); });
    });
  });
  CHECK(every(lab).text() == "deadlock(device_lock)@kworker reset, deadlock(reset)@t");
  needed = false;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
