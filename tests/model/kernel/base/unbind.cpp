// kernel/device: the order of probe and unbind, step by step, and what is optional in it.
#include <algorithm>
#include <utility>

#include "model/steps.hpp"
#include "unplug/model/kernel/base/device_link.hpp"
#include "unplug/model/kernel/base/driver.hpp"

namespace unplug::model::test {
namespace {

// A device with everything that probe and unbind look at.
struct Whole {
  Device device;
  Module module;
  Driver driver;
  Binding binding;
  DeviceLinks links;
  Device supplier;
  Binding supplier_binding;
  SysfsAttribute attribute, second;
  std::string events;

  void init(Lab& l) {
    events.clear();
    l.init(device, "dev");
    l.init(supplier, "supplier");
    l.init(module, "foo");
    init_driver(l.kernel, driver, l.name("foo driver"), l.name("foo"));
    l.init(binding, device, module, "foo");
    l.init(supplier_binding, supplier, module, "supplier");
    init_device_links(l.kernel, links, l.name("links"));
    add_device_link(links, supplier, device);
    init_drvdata(l.kernel, device, l.name("drvdata"));
    add_binding(driver, binding);
    l.init(attribute, "attribute", [](Context&) { return 0; });
    l.init(second, "second", [](Context&) { return 0; });
    binding.dev_groups = {&attribute, &second};
    binding.dma_configure = [](Context& c) {
      mark(c);
      return true;
    };
    binding.dma_cleanup = in_dma_cleanup;
    binding.post_unbind = in_post_unbind;
    binding.remove = in_remove;
    device.notify = [this](Context& c, BusEvent e) {
      mark(c);
      events += static_cast<char>('0' + static_cast<int>(e));
    };
  }
  bool probe(Context& c, bool succeeds = true) {
    return probe_device(c, binding, [this, succeeds](Context& p) {
      in_probe(p);
      devres_add(p, binding, {&devm_action, p.kernel().intern("x"), in_release, this});
      return succeeds;
    });
  }
  void bind_supplier(Context& c) {
    must(probe_device(c, supplier_binding, [](Context&) { return true; }));
  }
};

Steps tail(const Steps& all, std::string_view after) {
  const auto from = std::ranges::find(all, after);
  return from == all.end() ? Steps{} : Steps(std::next(from), all.end());
}

}  // namespace

// Fact: unbind-order.
TEST_CASE("device: the order of an unbind: attributes drained, remove(), dma_cleanup, devres and private data in the order "
          "of the version, dev->driver and then drvdata cleared, links, the driver's list") {
  for (const bool private_first : {false, true}) {
    Whole w;
    KernelConfig config;
    config.private_data_first = private_first;
    Lab lab(
        [&](Lab& l) {
          w.init(l);
          l.task("t", [&](Context& c) {
            w.bind_supplier(c);
            must(w.probe(c));
            mark(c);
            must(release_driver(c, w.binding, w.binding.remove));
          });
        },
        config);
    CHECK(every(lab).text().empty());
    Steps expected{"dev->driver read", "device_links_busy",         "mark",         "kernfs_remove: deactivate",
                   "kernfs_drain",     "kernfs_remove: deactivate", "kernfs_drain", "remove()",
                   "dma_cleanup"};
    if (private_first) expected.emplace_back("post_unbind");
    expected.insert(expected.end(), {"devres_release_all: detach list", "devres callback"});
    if (!private_first) expected.emplace_back("post_unbind");
    expected.insert(expected.end(), {"dev->driver cleared", "dev_set_drvdata", "device_links_driver_cleanup", "klist_remove: off the list",
                                     "klist_remove: wait for walkers", "mark"});
    Steps unbind = tail(acts_of(lab, "t"), "mark");  // of dma_configure
    unbind = tail(tail(tail(unbind, "mark"), "mark"), "mark");
    CHECK(unbind == expected);
    CHECK(w.events == "1245");  // bind, bound, unbind, unbound
  }
}

// Fact: probe-order.
TEST_CASE("device: the order of a probe: suppliers, dma_configure, probe, attributes, dev->driver, the driver's list, links") {
  Whole w;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("s", [&](Context& c) {
      w.bind_supplier(c);
      l.task("t", [&](Context& p) { must(w.probe(p)); });
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(steps_of(lab, "t") == Steps{"mutex_lock", "device_links_check_suppliers", "mark", "mark", "probe()", "devres_add",
                                    "sysfs_create_file", "sysfs_create_file", "dev->driver set", "klist_add_tail",
                                    "device_links_driver_bound", "mark", "mutex_unlock"});
}

// Fact: probe-failure-unwinds.
TEST_CASE("device: a probe that fails at any step undoes what was done before it, after a successful probe with remove(), and can be "
          "repeated") {
  Whole w;
  enum class Fails { nothing, suppliers, dma, probe, groups } fails{}, now{};
  Lab lab([&](Lab& l) {
    w.init(l);
    now = fails;
    w.binding.dma_configure = [&](Context&) { return now != Fails::dma; };
    l.task("t", [&](Context& c) {
      if (now != Fails::suppliers) w.bind_supplier(c);
      if (now == Fails::groups) must(sysfs_create_file(c, w.second));
      mark(c);
      must(!w.probe(c, now != Fails::probe));
      in_remove(c);
      if (now == Fails::suppliers) w.bind_supplier(c);
      if (now == Fails::groups) sysfs_remove_file(c, w.second);
      now = Fails::nothing;
      must(w.probe(c));
    });
  });
  const auto steps = [&](Fails f) {
    fails = f;
    CHECK(every(lab).text().empty());
    const Steps all = tail(acts_of(lab, "t"), "mark");
    // Between the attempts is the last remove(), the test's own.
    return Steps(all.begin(), std::prev(std::find(all.rbegin(), all.rend(), "remove()").base()));
  };
  const Steps cleanup{"device_links_no_driver", "devres_release_all: detach list", "post_unbind", "dev_set_drvdata"};
  const auto then = [](Steps a, const Steps& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  CHECK(steps(Fails::suppliers) == Steps{"device_links_check_suppliers"});
  CHECK(w.events == "12");
  CHECK(steps(Fails::dma) == then({"device_links_check_suppliers"}, cleanup));
  CHECK(w.events == "12");
  Steps undone = cleanup;
  undone.insert(undone.begin() + 2, "devres callback");
  CHECK(steps(Fails::probe) == then({"device_links_check_suppliers", "mark", "probe()", "devres_add", "mark", "dma_cleanup"}, undone));
  CHECK(w.events == "1312");  // bind, not bound, then once more
  // device_add_groups() has undone its own before remove() is called.
  CHECK(steps(Fails::groups) == then({"device_links_check_suppliers", "mark", "probe()", "devres_add", "sysfs_create_file",
                                      "sysfs_create_file", "kernfs_remove: deactivate", "kernfs_drain", "kernfs_remove: deactivate",
                                      "kernfs_remove: deactivate", "kernfs_drain", "remove()", "mark", "dma_cleanup"},
                                     undone));
}

// Fact: probe-failure-unwinds.
TEST_CASE("device: with a fault to inject every allocation of the core's own can fail a probe, and nothing is left of it") {
  KernelConfig config;
  config.faults = 1;
  Device device;
  Module module;
  Binding binding;
  SysfsAttribute a, b;
  Allocation priv;
  std::set<std::string> seen;
  std::string order;
  Lab lab(
      [&](Lab& l) {
        order.clear();
        l.init(device, "dev");
        l.init(module, "foo");
        l.init(binding, device, module, "foo");
        l.init(
            a, "a", [](Context&) { return 0; }, binding.life);
        l.init(
            b, "b", [](Context&) { return 0; }, binding.life);
        l.init(priv, "priv", {}, false, binding.life);
        binding.dev_groups = {&a, &b};
        binding.remove = [&](Context&) { order += 'r'; };
        l.task("t", [&](Context& c) {
          const bool bound = probe_device(c, binding, [&](Context& p) {
            order += 'p';
            return devm_kzalloc(p, binding.devres, priv);
          });
          order += bound ? 'b' : '-';
          must(release_driver(c, binding, binding.remove) == bound);
        });
      },
      config);
  CHECK(every(lab, [&] { seen.insert(order); }).text().empty());
  // Nothing fails, driver_sysfs_add(), the driver's own, either of its attributes.
  CHECK(seen == std::set<std::string>{"pbr", "-", "p-", "pr-"});
}

// Fact: dev_groups-drained-first.
TEST_CASE("device: attributes of the driver are drained before remove(): what show() uses may be freed there, not before") {
  Device device;
  Module module;
  Binding binding;
  SysfsAttribute attribute;
  Allocation priv;
  bool in_groups = true;
  std::set<int> results;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.init(priv, "priv", {"x"});
    l.init(attribute, "attribute", [&](Context& c) {
      get(c, priv);
      return 0;
    });
    if (in_groups) binding.dev_groups = {&attribute};
    l.task("unbind", [&](Context& c) {
      must(probe_device(c, binding, [&](Context& p) { return in_groups || sysfs_create_file(p, attribute); }));
      release_driver(c, binding, [&](Context& r) {
        kfree(r, priv);
        if (!in_groups) sysfs_remove_file(r, attribute);
      });
    });
    l.task("user", [&](Context& c) {
      await_bound(c, device);
      results.insert(sysfs_access(c, attribute));
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(results == std::set<int>{0, -19});
  in_groups = false;
  CHECK(every(lab).text() == "use-after-free(priv)@user");
}

// Fact: dev_groups-drained-first.
TEST_CASE("device: an attribute of the driver that unbinds its own device waits for itself") {
  Whole w;
  Lab lab([&](Lab& l) {
    w.init(l);
    w.device.links = nullptr;
    l.init(w.attribute, "self", [&](Context& c) {
      release_driver(c, w.binding, w.binding.remove);
      return 0;
    });
    l.task("user", [&](Context& c) {
      must(w.probe(c));
      sysfs_access(c, w.attribute);
    });
  });
  CHECK(every(lab).text() == "deadlock(self)@user, lock-cycle(self)@user");
}

// Fact: private-data-before-devres.
TEST_CASE("device: before 7.2 devres finds private data alive, since then what a devres callback still uses of it is gone") {
  Device device;
  Module module;
  Binding binding;
  Allocation priv;
  KernelConfig config;
  const auto make = [&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.init(priv, "priv", {"x"});
    binding.post_unbind = [&](Context& c) { kfree(c, priv); };
    l.task("t", [&](Context& c) {
      must(probe_device(c, binding, [&](Context& p) {
        devres_add(p, binding, {&devm_action, priv.name, [&](Context& x) { get(x, priv); }, &priv});
        return true;
      }));
      release_driver(c, binding, {});
    });
  };
  Lab before(make, config);
  CHECK(every(before).text().empty());
  config.private_data_first = true;
  Lab since(make, config);
  CHECK(every(since).text() == "use-after-free(priv)@t");
}

// Fact: drvdata-outlives-remove.
TEST_CASE("device: drvdata stays set through remove() and devres, whoever looks later finds NULL") {
  Device device;
  Module module;
  Binding binding;
  std::set<std::uint64_t> seen;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    init_drvdata(l.kernel, device, l.name("drvdata"));
    l.task("t", [&](Context& c) {
      must(probe_device(c, binding, [&](Context& p) {
        dev_set_drvdata(p, device, 7);
        devres_add(p, binding, {&devm_action, device.name, [&](Context& x) { must(dev_get_drvdata(x, device) == 7); }, &device});
        return true;
      }));
      release_driver(c, binding, [&](Context& r) { must(dev_get_drvdata(r, device) == 7); });
    });
    l.task("late", [&](Context& c) {
      await_bound(c, device);
      const std::uint64_t found = dev_get_drvdata(c, device);
      seen.insert(found);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(seen == std::set<std::uint64_t>{0, 7});
}

// Fact: devres-before-probe.
TEST_CASE("device: a device whose own list has resources already is not probed") {
  Device device;
  Module module;
  Binding binding;
  Devres own;
  bool present = true;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    init_devres(l.kernel, own, l.name("own"), l.name("dev"));
    device.devres = &own;
    l.task("t", [&](Context& c) {
      if (present) devres_add(c, own, {&devm_action, device.name, in_release, &own});
      must(probe_device(c, binding, [](Context&) { return true; }) != present);
    });
  });
  CHECK(every(lab).text().empty());
  present = false;
  CHECK(every(lab).text().empty());
}

// Fact: remove-cannot-refuse.
TEST_CASE("device: unbinds nest: a driver whose remove() unbinds another device keeps its own phase") {
  Device device, child;
  Module module;
  Binding binding, child_binding;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(child, "child");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.init(child_binding, child, module, "child");
    l.remover("t", [&](Context& c) {
      must(probe_device(c, binding, [&](Context& p) { return probe_device(p, child_binding, [](Context&) { return true; }); }));
      release_driver(c, binding, [&](Context& r) {
        release_driver(r, child_binding, {});
        CHECK(l.kernel.removal_phase == RemovalPhase::remove);
      });
      CHECK(l.kernel.removal_phase == RemovalPhase::none);
    });
  });
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
