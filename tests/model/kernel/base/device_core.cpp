// kernel/device_core: struct device, its registration, its memory.
#include "unplug/model/kernel/base/device_core.hpp"

#include <algorithm>

#include "model/steps.hpp"
#include "unplug/model/kernel/base/driver.hpp"

namespace unplug::model::test {
namespace {

struct Counted {
  Device device;
  Allocation memory;
  Module module;
  Driver driver;
  Binding binding;
  SysfsAttribute attribute;
  Devres own;
  int released = 0;

  void init(Lab& l) {
    released = 0;
    l.init(device, "dev");
    l.init(memory, "device", {"x"});
    init_device_core(l.kernel, device, l.name("dev"), memory.life, true);
    device.release = [this](Context& c) {
      ++released;
      kfree(c, memory);
    };
    l.init(module, "foo");
    init_driver(l.kernel, driver, l.name("foo driver"), l.name("foo"));
    l.init(binding, device, module, "foo");
    binding.probe = [](Context& c) {
      in_probe(c);
      return true;
    };
    binding.remove = in_remove;
    add_binding(driver, binding);
    init_devres(l.kernel, own, l.name("own"), l.name("dev"), memory.life);
    l.init(attribute, "attribute", [](Context&) { return 0; });
  }
};

}  // namespace

// Fact: put_device-releases.
TEST_CASE("struct device: the last reference frees the memory, whoever drops it, and no earlier one") {
  Counted d;
  bool hold = true;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("user", [&](Context& c) {
      if (hold && !bus_find_device(c, d.device)) return;
      mutex_lock(c, d.device.lock);
      mutex_unlock(c, d.device.lock);
      if (hold) put_device(c, d.device);
    });
    l.task("hub", [&](Context& c) { device_unregister(c, d.device); });
  });
  const Found f = every(lab, [&] { CHECK(d.released == 1); });
  CHECK(f.text().empty());
  hold = false;
  CHECK(every(lab).text() == "use-after-free(device)@user");
}

// Fact: get_device-keeps-memory.
TEST_CASE("struct device: a reference keeps neither the binding nor the hardware") {
  Counted d;
  Region region;
  Mapping bar;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(region, "bar0");
    l.init(bar, region, "bar0");
    d.binding.remove = [&](Context& c) {
      iounmap(c, bar);
      release_mem_region(c, bar);
    };
    l.task("user", [&](Context& c) {
      must(request_mem_region(c, bar));
      ioremap(c, bar);
      must(bind_store(c, d.binding) == 0);
      get_device(c, d.device);
      l.task("hub", [&](Context& x) { device_unregister(x, d.device); });
      static_cast<void>(readl(c, bar, {}));
      put_device(c, d.device);
    });
  });
  CHECK(every(lab, [&] { CHECK(d.released == 1); }).text() == "use-after-unmap(bar0)@user");
}

TEST_CASE("struct device: release() in the text of a module runs after the module is gone, if nothing pins that") {
  Counted d;
  Lab lab([&](Lab& l) {
    d.init(l);
    d.device.release = [&](Context& c) {
      const Context::Function function(c, l.name("foo_release"), d.module.text, {});
      kfree(c, d.memory);
    };
    l.task("user", [&](Context& c) {
      get_device(c, d.device);
      l.task("rmmod", [&](Context& x) { delete_module(x, d.module, l.rcu, [&] { device_unregister(x, d.device); }); });
      put_device(c, d.device);
    });
  });
  CHECK(every(lab).text() == "execute-after-free(foo)@user");
}

TEST_CASE("struct device: references from 0 on and below 0, and a device without release(), are misuse") {
  Counted d;
  int what = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    d.device.release = [](Context&) {};
    if (what == 2) d.device.release = nullptr;
    l.task("t", [&](Context& c) {
      put_device(c, d.device);
      if (what == 0) get_device(c, d.device);
      if (what == 1) put_device(c, d.device);
    });
  });
  const std::array<std::string, 3> said{"get_device('dev'): addition on 0", "put_device('dev'): underflow",
                                        "device_release('dev'): the device does not have a release() function"};
  for (what = 0; what < 3; ++what) {
    const Found f = every(lab);
    CHECK(f.text() == "api-misuse(dev)@t");
    CHECK(f.details.begin()->second == said[static_cast<std::size_t>(what)]);
  }
  what = 3;
  CHECK(every(lab).text().empty());
}

// Fact: device_del-order.
TEST_CASE("device_del: dead under the lock, attributes drained, off the bus, unbound, its own devres, its parent's reference, in that "
          "order") {
  Counted d;
  Device parent;
  std::string events;
  Lab lab([&](Lab& l) {
    d.init(l);
    events.clear();
    l.init(parent, "parent");
    init_device_core(l.kernel, parent, l.name("parent"), {}, true);
    set_parent(d.device, parent);
    init_device_core(l.kernel, d.device, l.name("dev new"), d.memory.life, false);
    d.device.attributes = {&d.attribute};
    d.device.devres = &d.own;
    d.device.notify = [&](Context&, BusEvent e) { events += static_cast<char>('0' + static_cast<int>(e)); };
    l.task("t", [&](Context& c) {
      must(device_add(c, d.device));
      must(bind_store(c, d.binding) == 0);
      devres_add(c, d.own, {&devm_action, d.device.name, in_release, &d.own});
      mark(c);
      device_unregister(c, d.device);
    });
  });
  CHECK(every(lab).text().empty());
  const Steps all = steps_of(lab, "t");
  const auto at = std::ranges::find(all, "mark");
  CHECK(Steps(all.begin(), at) == Steps{"get_device", "sysfs_create_file", "device_add: on the bus", "bus_find_device", "mutex_lock",
                                        "is the device dead", "dev->driver read before probe", "really_probe: resources present", "probe()",
                                        "dev->driver set", "klist_add_tail", "mutex_unlock", "put_device", "devres_add"});
  CHECK(Steps(std::next(at), all.end()) == Steps{"mutex_lock",
                                                 "device_del: kill_device",
                                                 "mutex_unlock",
                                                 "kernfs_remove: deactivate",
                                                 "kernfs_drain",
                                                 "device_del: off the bus",
                                                 "mutex_lock",
                                                 "dev->driver read",
                                                 "remove()",
                                                 "devres_release_all: detach list",
                                                 "dev->driver cleared",
                                                 "klist_remove: off the list",
                                                 "klist_remove: wait for walkers",
                                                 "mutex_unlock",
                                                 "devres_release_all: detach list",
                                                 "devres callback",
                                                 "put_device",
                                                 "put_device",
                                                 "devres_release_all: detach list",
                                                 "kfree"});
  CHECK(events == "0126457");
  CHECK(d.released == 1);
}

TEST_CASE("device_del: a device that is dead is not bound any more: whatever comes when, it ends unbound and is freed") {
  Counted d;
  std::set<int> results;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("hub", [&](Context& c) { device_unregister(c, d.device); });
    l.task("bind", [&](Context& c) { results.insert(bind_store(c, d.binding)); });
  });
  const Found f = every(lab, [&] {
    CHECK(lab.engine.trace().objects[d.device.driver.index()].word == 0);
    CHECK(d.released == 1);
  });
  CHECK(f.text().empty());
  CHECK(results == std::set<int>{0, -19});
}

TEST_CASE("device_del: its attributes are drained before the driver is unbound: what show() needs of the driver is still there") {
  Counted d;
  Allocation priv;
  bool attribute = true;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(priv, "priv", {"x"});
    l.init(d.attribute, "show", [&](Context& c) {
      get(c, priv);
      return 0;
    });
    if (attribute) d.device.attributes = {&d.attribute};
    d.binding.remove = [&](Context& c) { kfree(c, priv); };
    l.task("hub", [&](Context& c) {
      must(sysfs_create_file(c, d.attribute));
      must(bind_store(c, d.binding) == 0);
      l.task("user", [&](Context& x) { sysfs_access(x, d.attribute); });
      device_unregister(c, d.device);
    });
  });
  CHECK(every(lab).text().empty());
  attribute = false;
  CHECK(every(lab).text() == "use-after-free(priv)@user");
}

TEST_CASE("device_del: twice, or without the lock of the parent where the bus needs it, is misuse") {
  Counted d;
  Device parent;
  int what = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(parent, "parent");
    set_parent(d.device, parent, true);
    l.task("t", [&](Context& c) {
      if (what != 1) mutex_lock(c, parent.lock);
      device_del(c, d.device);
      if (what == 2) device_del(c, d.device);
      if (what != 1) mutex_unlock(c, parent.lock);
    });
  });
  CHECK(every(lab).text().empty());
  what = 1;
  Found f = every(lab);
  CHECK(f.text() == "api-misuse(dev)@t");
  CHECK(f.details.begin()->second == "device_del('dev'): the parent's lock is not held");
  what = 2;
  f = every(lab);
  CHECK(f.text() == "api-misuse(dev)@t");
  CHECK(f.details.begin()->second == "device_del('dev'): deleted already");
}

TEST_CASE("device_del: of a device that was never added is misuse, added first it is not") {
  Counted d;
  bool added = false;
  Lab lab([&](Lab& l) {
    d.init(l);
    init_device_core(l.kernel, d.device, l.name("dev new"), d.memory.life, false);
    l.task("t", [&](Context& c) {
      if (added) must(device_add(c, d.device));
      device_del(c, d.device);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(dev)@t");
  CHECK(f.details.begin()->second == "device_del('dev'): never added");
  added = true;
  CHECK(every(lab).text().empty());
}

// Fact: device_add-unwinds.
TEST_CASE("device_add: with a fault to inject the attributes made so far are taken away again and the parent's reference is dropped") {
  KernelConfig config;
  config.faults = 1;
  Counted d;
  Device parent;
  SysfsAttribute second;
  std::set<Steps> seen;
  Lab lab(
      [&](Lab& l) {
        d.init(l);
        l.init(parent, "parent");
        init_device_core(l.kernel, parent, l.name("parent"), {}, true);
        set_parent(d.device, parent);
        init_device_core(l.kernel, d.device, l.name("dev new"), d.memory.life, false);
        l.init(
            second, "second", [](Context&) { return 0; }, d.memory.life);
        d.device.attributes = {&d.attribute, &second};
        l.task("t", [&](Context& c) {
          const bool added = device_add(c, d.device);
          must(bus_find_device(c, d.device) == added);
        });
      },
      config);
  const Found f = every(lab, [&] {
    Steps s = steps_of(lab, "t");
    std::erase_if(s, [](const std::string& x) { return x.starts_with("should_fail"); });
    seen.insert(s);
  });
  CHECK(f.text().empty());
  CHECK(seen ==
        std::set<Steps>{{"get_device", "sysfs_create_file", "sysfs_create_file", "device_add: on the bus", "bus_find_device"},
                        {"get_device", "put_device", "bus_find_device"},
                        {"get_device", "sysfs_create_file", "kernfs_remove: deactivate", "kernfs_drain", "put_device", "bus_find_device"}});
}

// Fact: device_unregister-waits-for-no-reference.
TEST_CASE("devres: what was added to a dead device's own list goes with its memory") {
  Counted d;
  int calls = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    calls = 0;
    d.device.devres = &d.own;
    l.task("t", [&](Context& c) {
      device_del(c, d.device);
      devres_add(c, d.own, {&devm_action, d.device.name, [&](Context&) { ++calls; }, &d.own});
      must(calls == 0);
      put_device(c, d.device);
      must(calls == 1);
    });
  });
  CHECK(every(lab).text().empty());
}

TEST_CASE("device_unregister: waiting for release() after it is bounded only by who holds references: user space") {
  Counted d;
  Waiter released;
  int close = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(released, "dev_released", Owner::user);
    d.device.release = [&](Context& c) { complete(c, released); };
    l.task("user", [&](Context& c) {
      if (!bus_find_device(c, d.device)) return;
      if (close == 1) put_device(c, d.device);
    });
    l.remover("unbind", [&](Context& c) {
      must(bind_store(c, d.binding) == 0);
      release_driver(c, d.binding, [&](Context& r) {
        device_unregister(r, d.device);
        wait_for_completion(r, released);
      });
    });
  });
  // remove() may not delete the device it is called for.
  CHECK(every(lab).text().find("hung-remove(device_lock)@unbind") != std::string::npos);

  Device adapter;
  Lab i2c([&](Lab& l) {
    d.init(l);
    l.init(adapter, "adapter");
    init_device_core(l.kernel, adapter, l.name("adapter"), {}, true);
    l.init(released, "dev_released", Owner::user);
    adapter.release = [&](Context& c) { complete(c, released); };
    l.task("user", [&](Context& c) {
      if (bus_find_device(c, adapter) && close == 1) put_device(c, adapter);
    });
    l.remover("unbind", [&](Context& c) {
      must(bind_store(c, d.binding) == 0);
      release_driver(c, d.binding, [&](Context& r) {
        device_unregister(r, adapter);
        wait_for_completion(r, released);
      });
    });
  });
  Found f = every(i2c);
  CHECK(f.text() == "unbounded-remove(dev_released)@unbind");
  CHECK(f.blocked > 0);
  close = 1;
  f = every(i2c);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

TEST_CASE("device: an attribute that outlives the binding it belongs to is a leak, taken away first it is not") {
  Counted d;
  bool chip_data_first = true;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(
        d.attribute, "exported line", [](Context&) { return 0; }, d.binding.life);
    l.task("t", [&](Context& c) {
      bool chip_data = true;
      d.binding.probe = [&](Context& p) { return sysfs_create_file(p, d.attribute); };
      must(bind_store(c, d.binding) == 0);
      release_driver(c, d.binding, [&](Context& r) {
        if (chip_data_first) chip_data = false;
        if (chip_data) sysfs_remove_file(r, d.attribute);
      });
    });
  });
  CHECK(every(lab).text() == "leak(exported line)@t");
  chip_data_first = false;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
