#include "unplug/model/kernel/base/device_core.hpp"
#include "model/commute.hpp"
#include "unplug/model/kernel/base/device_link.hpp"
#include "unplug/model/kernel/base/driver.hpp"
#include "unplug/model/kernel/bus/hotplug.hpp"
#include "unplug/model/kernel/lib/fault.hpp"

namespace unplug::model::test {
namespace {

const StaticName release{"devm test"};

std::uint64_t devres_and_faults(Covered& covered) {
  Devres list;
  Allocation own, a;
  std::array<int, 3> keys{};
  KernelConfig config;
  config.faults = 2;
  Lab lab(
      [&](Lab& l) {
        bystander(l, own);
        init_devres(l.kernel, list, l.name("dev"), l.name("dev"));
        l.init(a, "a", {}, false);
        l.task("driver", [&](Context& c) {
          devres_open_group(c, list, &keys[0]);
          devm_add_action_or_reset(c, list, {&release, list.name, [](Context& x) { mark(x); }, &keys[1]});
          if (devm_kzalloc(c, list, a)) devm_kfree(c, list, a);
          devres_close_group(c, list, &keys[0]);
          devres_open_group(c, list, &keys[2]);
          devres_remove_group(c, list, &keys[2]);
          devres_release_group(c, list, &keys[0]);
          devres_release_all(c, list);
        });
        l.task("dropper", [&](Context& c) {
          devm_remove_action_nowarn(c, list, &keys[1]);
          static_cast<void>(should_fail(c));
        });
        l.task("other", [&](Context& c) {
          for (int i = 0; i < 2; ++i) static_cast<void>(should_fail(c));
        });
      },
      config);
  return commute(lab, 80, 6, covered);
}
const CommutationLab devres_lab{"devres and faults", 300, devres_and_faults};

std::uint64_t drivers(Covered& covered) {
  std::array<Device, 2> d;
  std::array<Binding, 2> b;
  Module m;
  Driver driver;
  DeviceLinks links;
  SysfsAttribute attribute, unbind;
  Allocation own;
  Devres list;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(m, "foo");
    init_driver(l.kernel, driver, l.name("foo driver"), l.name("foo"));
    init_device_links(l.kernel, links, l.name("links"));
    init_devres(l.kernel, list, l.name("own"), l.name("own"));
    l.init(attribute, "attribute", [](Context&) { return 0; });
    l.init(unbind, "unbind", [&](Context& c) { return unbind_store(c, driver, d[0]); });
    driver.attributes = {&unbind};
    for (std::size_t i = 0; i < 2; ++i) {
      l.init(d[i], "dev" + std::to_string(i));
      l.init(b[i], d[i], m, "foo" + std::to_string(i));
      add_binding(driver, b[i]);
      b[i].probe = [](Context& c) {
        mark(c);
        return true;
      };
      b[i].remove = [](Context& c) { mark(c); };
    }
    add_device_link(links, d[0], d[1]);
    b[0].dev_groups = {&attribute};
    d[0].devres = &list;
    init_drvdata(l.kernel, d[0], l.name("drvdata"));
    l.task("insmod", [&](Context& c) {
      const std::array<Binding*, 2> all{&b[0], &b[1]};
      driver_register(c, driver, all);
      driver_unregister(c, driver);
    });
    l.task("hotplug", [&](Context& c) { device_attach(c, b[1]); });
    l.task("writer", [&](Context& c) {
      sysfs_access(c, unbind);
      bind_store(c, b[1]);
      unbind_store(c, driver, d[0]);
    });
    l.task("walker", [&](Context& c) {
      driver_for_each_device(c, driver, [](Context& x, Device&) {
        mark(x);
        return 0;
      });
      dev_set_drvdata(c, d[0], 1);
      dev_get_drvdata(c, d[0]);
      if (!probe_device(c, b[1], [](Context&) { return false; })) mark(c);
    });
  });
  return commute(lab, 200, 8, covered);
}
const CommutationLab drivers_lab{"drivers and device links", 500, drivers};

std::uint64_t hotplug(Covered& covered) {
  Device bridge, dev;
  Binding b;
  Module m;
  Driver driver;
  Mutex rescan;
  Presence presence;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(m, "foo");
    l.init(rescan, "rescan");
    init_driver(l.kernel, driver, l.name("foo driver"), l.name("foo"));
    init_presence(l.kernel, presence, l.name("slot"), l.name("slot"));
    l.init(bridge, "bridge");
    l.init(dev, "dev");
    set_parent(dev, bridge);
    init_device_core(l.kernel, bridge, l.name("bridge"), {}, true);
    init_device_core(l.kernel, dev, l.name("dev"), {}, false);
    bridge.release = dev.release = [](Context& c) { mark(c); };
    l.init(b, dev, m, "foo");
    b.probe = [](Context&) { return true; };
    add_binding(driver, b);
    l.task("hub", [&](Context& c) {
      device_add(c, dev);
      bind_store(c, b);
      surprise_removal(c, presence);
    });
    l.task("pciehp", [&](Context& c) { pciehp_thread(c, rescan, presence, dev); });
    l.task("user", [&](Context& c) {
      get_device(c, bridge);
      if (bus_find_device(c, dev)) put_device(c, dev);
      put_device(c, bridge);
    });
  });
  return commute(lab, 120, 8, covered);
}
const CommutationLab hotplug_lab{"struct device and hotplug", 400, hotplug};

std::uint64_t modules(Covered& covered) {
  Module core, user;
  Allocation own, variable;
  int result = 0;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(core, "core");
    l.init(user, "user", false);
    init_module_data(l.kernel, user, l.name("user.data"), false);
    init_module_variable(user, variable, l.name("variable"));
    l.task("insmod", [&](Context& c) {
      if (do_init_module(c, user, l.rcu, [&] { return ref_module(c, user, core) ? result : -1; }) == 0)
        delete_module(c, user, l.rcu, [] {});
      load_module(c, user);
      do_init_module(c, user, l.rcu, [] { return -1; });
    });
    l.task("rmmod", [&](Context& c) { delete_module(c, core, l.rcu, [] {}); });
    l.task("pinner", [&](Context& c) {
      if (!try_module_get(c, &core)) return;
      module_get(c, &core);
      module_put(c, &core);
      module_put_and_kthread_exit(c, &core);
    });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab modules_lab{"modules", 300, modules};

}  // namespace
}  // namespace unplug::model::test
