// kernel/device: probe, unbind, devres.
#include <algorithm>

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

const StaticName release_name{"devm action"};

struct Bound {
  Device device;
  Module module;
  Binding binding;
  std::vector<std::string> order;
  int keys[4] = {};

  void init(Lab& l) {
    order.clear();
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
  }
  // Registers an action that notes its name; `then` runs in it.
  void add(Context& c, int key, const std::string& name, Lab::Body then = {}) {
    devres_add(c, binding,
               {&release_name, c.kernel().intern(name),
                [this, name, then](Context& context) {
                  order.push_back(name);
                  mark(context);
                  if (then) then(context);
                },
                &keys[key]});
  }
};

}  // namespace

// Fact: unbind-order.
TEST_CASE("device: unbind runs remove(), then devres last registered first, then the device is unbound, one thread, under "
          "the lock") {
  Bound b;
  std::uint64_t inside = 0;
  Lab lab([&](Lab& l) {
    b.init(l);
    l.task("probe", [&](Context& c) {
      must(probe_device(c, b.binding, [&](Context& p) {
        for (int i = 0; i < 3; ++i) b.add(p, i, "action " + std::to_string(i));
        return true;
      }));
    });
    l.remover("unbind", [&](Context& c) {
      await_bound(c, b.device);
      must(release_driver(c, b.binding, [&](Context& r) {
        b.order.emplace_back("remove");
        mark(r);
      }));
      b.order.emplace_back("unbound");
    });
    l.task("other", [&](Context& c) {
      mutex_lock(c, b.device.lock);
      b.order.emplace_back("lock");
      ++inside;
      mark(c);
      b.order.emplace_back("unlock");
      mutex_unlock(c, b.device.lock);
    });
  });
  const Found f = every(lab, [&] {
    // Whoever takes the device lock does so before, after, or never in between.
    std::vector<std::string> rest = b.order;
    const auto lock = std::ranges::find(rest, "lock");
    if (lock != rest.end()) {
      const bool at_the_edge = lock == rest.begin() || *std::prev(lock) == "action 0" || *std::prev(lock) == "unbound";
      CHECK(at_the_edge);
      CHECK(lab.engine.trace().objects[b.device.lock.object.index()].word == 0);
      std::erase(rest, "lock");
      std::erase(rest, "unlock");
    }
    CHECK(rest == std::vector<std::string>{"remove", "action 2", "action 1", "action 0", "unbound"});
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(inside > 0);
}

// Fact: drvdata-outlives-remove, unbind-order.
TEST_CASE("device: dev->driver stays set through remove() and devres, the milestones are taken in that order") {
  Bound b;
  Lab lab([&](Lab& l) {
    b.init(l);
    l.remover("admin", [&](Context& c) {
      const auto driver = [&](Context& x) {
        return x.engine().step({.operation = &mark_op, .access = {b.device.driver, sim::AccessKind::read}},
                               [](std::uint64_t w) { return w; });
      };
      probe_device(c, b.binding, [&](Context& p) {
        b.add(p, 0, "action", [&, driver](Context& x) {
          must(driver(x) == 1);
          CHECK(l.kernel.removal.remove_done != RemovalRecord::no_time);
          CHECK(l.kernel.removal.unbind_done == RemovalRecord::no_time);
          CHECK(l.kernel.removal_phase == RemovalPhase::devres);
        });
        return true;
      });
      CHECK(l.kernel.removal_phase == RemovalPhase::none);
      release_driver(c, b.binding, [&](Context& x) {
        must(driver(x) == 1);
        CHECK(l.kernel.removal_phase == RemovalPhase::remove);
      });
      must(driver(c) == 0);
      CHECK(l.kernel.removal_phase == RemovalPhase::none);
      CHECK(l.kernel.removal.remove_done <= l.kernel.removal.unbind_done);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: devres-detached-first.
TEST_CASE("devres: the list is detached first: whoever wants to remove an action then finds nothing and waits for nothing") {
  Bound b;
  bool removed = false, nested = true;
  std::set<std::pair<bool, bool>> seen;
  std::uint64_t during = 0;
  Lab lab([&](Lab& l) {
    removed = false;
    nested = true;
    b.init(l);
    l.remover("admin", [&](Context& c) {
      probe_device(c, b.binding, [&](Context& p) {
        b.add(p, 0, "first");
        b.add(p, 1, "second", [&](Context& x) { nested = devres_remove(x, b.binding, &b.keys[0]); });
        return true;
      });
      release_driver(c, b.binding, [](Context&) {});
    });
    l.task("drop", [&](Context& c) {
      await_bound(c, b.device);
      removed = devres_remove(c, b.binding, &b.keys[0]);
      if (!removed && b.order.size() < 2) ++during;
    });
  });
  const Found f = every(lab, [&] {
    const bool released = std::ranges::find(b.order, "first") != b.order.end();
    seen.insert({removed, released});
    CHECK(!nested);
  });
  CHECK(f.text().empty());
  CHECK(seen == std::set<std::pair<bool, bool>>{{true, false}, {false, true}});  // exactly one of both
  CHECK(during > 0);
}

// Fact: devm_remove_action-too-late.
TEST_CASE("devres: removed by hand an action is gone, of several with one key the last, the others keep their order") {
  Bound b;
  Lab lab([&](Lab& l) {
    b.init(l);
    l.task("t", [&](Context& c) {
      probe_device(c, b.binding, [&](Context& p) {
        b.add(p, 0, "a");
        b.add(p, 1, "b1");
        b.add(p, 1, "b2");
        b.add(p, 2, "c");
        return true;
      });
      must(devres_remove(c, b.binding, &b.keys[1]));
      must(!devres_remove(c, b.binding, &b.keys[3]));
      release_driver(c, b.binding, [](Context&) {});
    });
  });
  every(lab, [&] { CHECK(b.order == std::vector<std::string>{"c", "b1", "a"}); });
}

// Fact: probe-failure-unwinds.
TEST_CASE("device: a probe that fails unwinds devres, last first, binds nothing and lets go of the lock") {
  Bound b;
  Lab lab([&](Lab& l) {
    b.init(l);
    l.task("probe", [&](Context& c) {
      must(!probe_device(c, b.binding, [&](Context& p) {
        b.add(p, 0, "a");
        b.add(p, 1, "b");
        return false;
      }));
      must(!release_driver(c, b.binding, [](Context&) { FAIL("remove() of a device that is not bound"); }));
      must(probe_device(c, b.binding, [](Context&) { return true; }));
    });
  });
  CHECK(every(lab, [&] { CHECK(b.order == std::vector<std::string>{"b", "a"}); }).text().empty());
}

// Fact: unbind-holds-device-lock.
TEST_CASE("device: probe() runs under the device lock") {
  Bound b;
  bool locked = false;
  std::set<std::pair<bool, bool>> seen;  // by probe(), before and after a step
  Lab lab([&](Lab& l) {
    locked = false;
    b.init(l);
    l.task("probe", [&](Context& c) {
      probe_device(c, b.binding, [&](Context& p) {
        const bool before = locked;
        mark(p);
        seen.insert({before, locked});
        return true;
      });
    });
    l.task("holder", [&](Context& c) {
      mutex_lock(c, b.device.lock);
      locked = true;
      mark(c);
      locked = false;
      mutex_unlock(c, b.device.lock);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(seen == std::set<std::pair<bool, bool>>{{false, false}});
}

// Fact: unbind-once.
TEST_CASE("device: of two unbinds of one device one wins, the other finds it unbound and disturbs nothing") {
  Bound b;
  int removes = 0;
  std::multiset<bool> results;
  Lab lab([&](Lab& l) {
    removes = 0;
    results.clear();
    b.init(l);
    const auto unbind = [&](Context& c) {
      await_bound(c, b.device);
      const bool phase = c.engine().current() == l.kernel.remover;
      results.insert(release_driver(c, b.binding, [&](Context& r) {
        ++removes;
        mark(r);
        if (phase) CHECK(l.kernel.removal_phase == RemovalPhase::remove);
      }));
    };
    l.task("probe", [&](Context& c) { probe_device(c, b.binding, [](Context&) { return true; }); });
    l.remover("remover", unbind);
    l.task("writer of unbind", unbind);
  });
  std::set<std::multiset<bool>> seen;
  const Found f = every(lab, [&] {
    CHECK(removes == 1);
    seen.insert(results);
  });
  // Who comes after the unbind waits for the next binding.
  CHECK(seen == std::set<std::multiset<bool>>{{true}, {false, true}});
  CHECK(f.text().empty());
}

// Fact: unbind-holds-device-lock.
TEST_CASE("device: unbinding the device from its own remove() waits for itself") {
  Bound b;
  Lab lab([&](Lab& l) {
    b.init(l);
    l.remover("unbind", [&](Context& c) {
      probe_device(c, b.binding, [](Context&) { return true; });
      release_driver(c, b.binding, [&](Context& r) { release_driver(r, b.binding, [](Context&) {}); });
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(device_lock)@unbind, hung-remove(device_lock)@unbind");
  CHECK(f.details.begin()->second == "'unbind' waits in mutex_lock(device_lock) for 'unbind' waits in mutex_lock(device_lock)");
}

TEST_CASE("device: whoever needs the device lock inside what remove() waits for deadlocks with it") {
  Bound b;
  Work work;
  bool takes_lock = true;
  Lab lab([&](Lab& l) {
    b.init(l);
    l.init(work, "work", [&](Context& c) {
      if (takes_lock) mutex_lock(c, b.device.lock);
      mark(c);
      if (takes_lock) mutex_unlock(c, b.device.lock);
    });
    l.remover("unbind", [&](Context& c) {
      probe_device(c, b.binding, [](Context&) { return true; });
      queue_work(c, work);
      release_driver(c, b.binding, [&](Context& r) { cancel_work_sync(r, work); });
    });
  });
  CHECK(every(lab).text() == "deadlock(device_lock)@kworker work, deadlock(work)@unbind, hung-remove(work)@unbind");
  takes_lock = false;
  CHECK(every(lab).text().empty());
}

// Fact: unbind-ends-nothing-else.
TEST_CASE("device: code that runs for the binding after the unbind is a note, whoever runs it, before it none") {
  Bound b;
  Srcu srcu;
  bool fence = false;
  Lab lab([&](Lab& l) {
    b.init(l);
    l.init(srcu, "srcu");
    l.task("user", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      {
        const Context::Function function(c, l.name("foo_ioctl"), b.module.text, b.binding.life);
        mark(c);
      }
      srcu_read_unlock(c, srcu, i);
    });
    l.remover("unbind", [&](Context& c) {
      probe_device(c, b.binding, [](Context&) { return true; });
      release_driver(c, b.binding, [&](Context& r) {
        if (fence) synchronize_srcu(r, srcu);
      });
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "runs-after-unbind(foo)@user");
  CHECK(info(ViolationClass::runs_after_unbind).note);
  CHECK(f.count(f.text()) == f.executions);
  fence = true;
  // An entry that comes later still runs: a fence without a gate.
  const Found late = every(lab);
  CHECK(late.text() == "runs-after-unbind(foo)@user");
  CHECK(late.count(late.text()) < late.executions);
}

TEST_CASE("device: unbinds of different devices run in parallel, a device may be bound again") {
  std::array<Bound, 2> b;
  std::uint64_t both = 0;
  int inside = 0;
  Lab lab([&](Lab& l) {
    inside = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string n = std::to_string(i);
      l.init(b[i].device, "dev" + n);
      l.init(b[i].module, "foo" + n);
      l.init(b[i].binding, b[i].device, b[i].module, "foo" + n);
      l.task("unbind " + n, [&, i](Context& c) {
        probe_device(c, b[i].binding, [](Context&) { return true; });
        release_driver(c, b[i].binding, [&](Context& r) {
          both += ++inside == 2 ? 1U : 0U;
          mark(r);
          --inside;
        });
      });
    }
  });
  CHECK(sample(lab, 100).text().empty());
  CHECK(both > 0);

  Bound once;
  Binding second;
  Lab again([&](Lab& l) {
    once.init(l);
    init_binding(l.kernel, second, once.device, once.module, l.name("foo#2"), l.name("foo"), 2);
    l.task("t", [&](Context& c) {
      probe_device(c, once.binding, [](Context&) { return true; });
      must(!release_driver(c, second, [](Context&) {}));
      must(release_driver(c, once.binding, [](Context&) {}));
      must(probe_device(c, second, [](Context&) { return true; }));
      must(!release_driver(c, once.binding, [](Context&) {}));
      must(release_driver(c, second, [](Context&) {}));
    });
  });
  CHECK(every(again).text().empty());
}

TEST_CASE("device: what removal waited for is recorded with its phase, a wait that was never over has no step") {
  Bound b;
  Waiter in_remove, in_devres;
  bool stuck = false;
  Lab lab([&](Lab& l) {
    b.init(l);
    l.init(in_remove, "in remove");
    l.init(in_devres, "in devres", Owner::hardware);
    l.task("helper", [&](Context& c) {
      complete(c, in_remove);
      if (!stuck) complete(c, in_devres);
    });
    l.remover("unbind", [&](Context& c) {
      probe_device(c, b.binding, [&](Context& p) {
        b.add(p, 0, "action", [&](Context& x) { wait_for_completion(x, in_devres); });
        return true;
      });
      release_driver(c, b.binding, [&](Context& r) { wait_for_completion(r, in_remove); });
    });
  });
  const auto check = [&] {
    const auto& waits = lab.kernel.removal_waits;
    REQUIRE(waits.size() == 3);
    CHECK(waits[0].what == "mutex_lock");
    CHECK(waits[1].phase == RemovalPhase::remove);
    CHECK(lab.kernel.text(waits[1].object) == "in remove");
    CHECK(lab.engine.trace().events[waits[1].event].operation->name == "wait_for_completion");
    CHECK(waits[2].phase == RemovalPhase::devres);
    CHECK(waits[2].owner == Owner::hardware);
    CHECK((waits[2].event == UINT32_MAX) == stuck);
  };
  CHECK(every(lab, check).text().empty());
  stuck = true;
  CHECK(every(lab, check).text() == "unbounded-remove(in devres)@unbind");
}

}  // namespace unplug::model::test
