// kernel/hotplug: PCI and USB.
#include "unplug/model/kernel/bus/hotplug.hpp"

#include <algorithm>

#include "model/steps.hpp"
#include "unplug/model/kernel/base/driver.hpp"

namespace unplug::model::test {
namespace {

// A bridge with two devices below, each bound.
struct Tree {
  Mutex rescan_remove;
  Device bridge;
  std::array<Device, 2> below;
  Module module;
  Driver driver;
  std::array<Binding, 3> binding;
  Presence presence;
  std::string order;

  Device& device(std::size_t i) { return i == 2 ? bridge : below[i]; }
  void init(Lab& l, bool usb = false) {
    order.clear();
    l.init(rescan_remove, "pci_rescan_remove_lock");
    l.init(module, "foo");
    init_driver(l.kernel, driver, l.name("foo driver"), l.name("foo"));
    init_presence(l.kernel, presence, l.name("slot"), l.name("slot"));
    l.init(bridge, "dev2");
    for (std::size_t i = 0; i < 3; ++i) {
      const std::string n = std::to_string(i);
      if (i < 2) {
        l.init(below[i], "dev" + n);
        set_parent(below[i], bridge, usb);
      }
      init_device_core(l.kernel, device(i), l.name("dev" + n), {}, true);
      device(i).release = [this, i](Context&) { order += static_cast<char>('A' + i); };
      l.init(binding[i], device(i), module, "foo" + n);
      add_binding(driver, binding[i]);
      binding[i].probe = [](Context&) { return true; };
      binding[i].remove = [this, i](Context& c) {
        order += static_cast<char>('a' + i);
        in_remove(c);
      };
    }
  }
  // As device_add() has left them: a child holds a reference on its parent.
  void bind(Context& c) {
    get_device(c, bridge);
    get_device(c, bridge);
    for (Binding& b : binding) must(bind_store(c, b) == 0);
  }
};

}  // namespace

// Fact: pci-stop-then-remove.
TEST_CASE("pci: the drivers of all devices below are unbound first, the last first, then the device's, then they are deleted, children "
          "first") {
  Tree t;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("t", [&](Context& c) {
      t.bind(c);
      pci_stop_and_remove_bus_device_locked(c, t.rescan_remove, t.bridge);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(t.order == "bacABC");
}

// Fact: pciehp-learns-late, gone-no-dma.
TEST_CASE("pci: pulled at any moment, the driver goes on without hardware until the bus thread has unbound it") {
  Tree t;
  std::set<std::pair<bool, bool>> seen;  // what two looks find
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task(
        "pciehp", [&](Context& c) { pciehp_thread(c, t.rescan_remove, t.presence, t.below[0]); }, ContextKind::process, true);
    l.task("user", [&](Context& c) {
      get_device(c, t.bridge);
      get_device(c, t.bridge);
      must(bind_store(c, t.binding[0]) == 0);
      l.task("hand", [&](Context& x) { surprise_removal(x, t.presence); });
      const bool first = is_present(c, t.presence);
      const bool second = is_present(c, t.presence);
      seen.insert({first, second});
    });
  });
  const Found f = every(lab, [&] {
    CHECK(t.order == "aA");
    const std::size_t gone = find_event(lab, "hand", "surprise removal");
    CHECK(gone < find_event(lab, "pciehp", "wait for surprise removal"));
  });
  CHECK(f.text().empty());
  CHECK(seen == std::set<std::pair<bool, bool>>{{true, true}, {true, false}, {false, false}});
}

// Fact: pci-stop-then-remove.
TEST_CASE("pci: two that remove a device, and an unbind by user space: each thing is done once") {
  Tree t;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("a", [&](Context& c) {
      get_device(c, t.bridge);
      get_device(c, t.bridge);
      get_device(c, t.below[0]);
      must(bind_store(c, t.binding[0]) == 0);
      l.task("b", [&](Context& x) {
        pci_stop_and_remove_bus_device_locked(x, t.rescan_remove, t.below[0]);
        put_device(x, t.below[0]);
      });
      l.task("c", [&](Context& x) { unbind_store(x, t.driver, t.below[0]); });
      pci_stop_and_remove_bus_device_locked(c, t.rescan_remove, t.below[0]);
    });
  });
  CHECK(sample(lab, 300, "random", [&] { CHECK(t.order == "aA"); }).text().empty());
}

// Fact: pci-bind-between.
TEST_CASE("pci: between stop and delete a device can be bound once more: deleting it unbinds it again") {
  Tree t;
  Binding again;
  std::set<std::string> seen;
  Lab lab([&](Lab& l) {
    t.init(l);
    init_binding(l.kernel, again, t.below[0], t.module, l.name("foo0#2"), l.name("foo0"), 2);
    again.probe = t.binding[0].probe;
    again.remove = t.binding[0].remove;
    l.task("a", [&](Context& c) {
      get_device(c, t.bridge);
      get_device(c, t.bridge);
      must(bind_store(c, t.binding[0]) == 0);
      l.task("b", [&](Context& x) { bind_store(x, again); });
      pci_stop_and_remove_bus_device_locked(c, t.rescan_remove, t.below[0]);
    });
  });
  CHECK(every(lab, [&] { seen.insert(t.order); }).text().empty());
  CHECK(seen == std::set<std::string>{"aA", "aaA"});
}

// Fact: pci-remove-attribute.
TEST_CASE("pci: the attribute remove takes itself away before it removes its device, of two writers one does, without it nobody could") {
  Tree t;
  SysfsAttribute remove;
  Waiter written;
  bool self = true;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.init(remove, "remove", [&](Context& c) {
      if (self) {
        pci_remove_store(c, t.rescan_remove, remove, t.below[0]);
      } else {
        pci_stop_and_remove_bus_device_locked(c, t.rescan_remove, t.below[0]);
      }
      return 0;
    });
    l.init(written, "written");
    t.below[0].attributes = {&remove};
    l.task("a", [&](Context& c) {
      get_device(c, t.bridge);
      get_device(c, t.bridge);
      must(sysfs_create_file(c, remove));
      must(bind_store(c, t.binding[0]) == 0);
      l.task("b", [&](Context& x) {
        sysfs_access(x, remove);
        complete(x, written);
      });
      sysfs_access(c, remove);
      wait_for_completion(c, written);
      if (!c.aborting()) must(t.order == "aA");
    });
  });
  // One execution a trace: what didn't end would be a deadlock.
  const Findings f = explore(lab);
  CHECK(f.exhaustive);
  CHECK(f.executions > 1);
  CHECK(f.list.empty());
  self = false;
  CHECK(sample(lab, 50).count("deadlock(remove)@a") > 0);
}

// Fact: usb_disconnect-order.
TEST_CASE("usb: interfaces go with the lock of their device held, each before the next, and then the device") {
  Tree t;
  Lab lab([&](Lab& l) {
    t.init(l, true);
    l.task("hub", [&](Context& c) {
      t.bind(c);
      for (std::size_t i = 0; i < 3; ++i)
        t.binding[i].remove = [&, i](Context& x) {
          const bool held = std::ranges::find(x.held, t.bridge.lock.object, &HeldLock::object) != x.held.end();
          CHECK(held);
          t.order += static_cast<char>('a' + i);
        };
      usb_disconnect(c, t.bridge);
      CHECK(c.held.empty());
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(t.order == "aAbBcC");
}

}  // namespace unplug::model::test
