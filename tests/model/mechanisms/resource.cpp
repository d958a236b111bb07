// Resource guards: none, rcu-revoke, rcu-revoke-batched.
#include <array>

#include "model/support.hpp"
#include "unplug/model/mechanisms/registry.hpp"

namespace unplug::model::test {
namespace {

// A driver with `n` mappings behind a guard. Unbinding goes as the driver core goes: before_devres, then each resource, last first.
struct Guarded {
  std::unique_ptr<ResourceGuard> guard;
  std::vector<Region> regions;
  std::vector<Mapping> mappings;
  std::vector<Resource> resources;

  Guarded(std::string_view mechanism, std::size_t n) : guard(make_resource_guard(mechanism)), regions(n), mappings(n), resources(n) {
    REQUIRE(guard != nullptr);
  }
  void init(Lab& l) {
    for (std::size_t i = 0; i < mappings.size(); ++i) {
      const std::string n = "bar" + std::to_string(i);
      l.init(regions[i], n);
      l.init(mappings[i], regions[i], n);
      resources[i] = {&mappings[i], {}, l.name(n)};
    }
    guard->init(l.kernel, l.rcu, l.name("guard"), resources);
  }
  void map(Context& c) {
    for (Mapping& m : mappings) {
      request_mem_region(c, m);
      ioremap(c, m);
    }
  }
  void unbind(Context& c) {
    guard->before_devres(c, resources);
    for (std::size_t i = mappings.size(); i-- > 0;) {
      guard->revoke(c, resources[i]);
      iounmap(c, mappings[i]);
      release_mem_region(c, mappings[i]);
    }
  }
  // Whether access was granted.
  bool use(Context& c, std::size_t i, const Lab::Body& body = {}) {
    Token token = 0;
    if (!guard->acquire(c, resources[i], token)) return false;
    readl(c, mappings[i], {});
    if (body) body(c);
    guard->release(c, resources[i], token);
    return true;
  }
};

}  // namespace

TEST_CASE("resource: no access after revoke, none in flight when the mapping goes, a raw pointer is used after unmap") {
  for (const std::string mechanism : {"rcu-revoke", "rcu-revoke-batched", "none"}) {
    CAPTURE(mechanism);
    Guarded g(mechanism, 2);
    Waiter mapped;
    std::set<int> granted;
    int n = 0;
    Lab lab([&](Lab& l) {
      n = 0;
      g.init(l);
      l.init(mapped, "mapped");
      l.task("user", [&](Context& c) {
        wait_for_completion(c, mapped);
        for (std::size_t i = 0; i < 2; ++i) n += g.use(c, i) ? 1 : 0;
      });
      l.remover("unbind", [&](Context& c) {
        g.map(c);
        complete(c, mapped);
        g.unbind(c);
      });
    });
    const Found f = every(lab, [&] { granted.insert(n); });
    if (mechanism == "none") {
      CHECK(f.text() == "use-after-unmap(bar0)@user, use-after-unmap(bar1)@user");
    } else {
      CHECK(f.text().empty());
      CHECK(f.blocked == 0);
      CHECK(granted == std::set<int>{0, 1, 2});
    }
    CHECK(g.guard->can_refuse() == (mechanism != "none"));
  }
}

TEST_CASE("resource: rcu-revoke pays one grace period per resource, batched one for all, however many") {
  for (const std::size_t n : {1U, 3U, 8U}) {
    for (const std::string mechanism : {"rcu-revoke", "rcu-revoke-batched", "none"}) {
      CAPTURE(mechanism);
      Guarded g(mechanism, n);
      Lab lab([&](Lab& l) {
        g.init(l);
        l.remover("unbind", [&](Context& c) {
          g.map(c);
          c.kernel().removal_phase = RemovalPhase::devres;
          g.unbind(c);
        });
      });
      run_timed(lab);
      const std::size_t paid = mechanism == "none" ? 0 : mechanism == "rcu-revoke" ? n : 1;
      CHECK(lab.kernel.removal.grace_periods == paid);
      CHECK(lab.kernel.removal_waits.size() == paid);
      const sim::Time end = lab.engine.trace().end_time;
      CHECK(end >= paid * 10 * sim::millisecond);
      CHECK(end <= paid * 24 * sim::millisecond + sim::millisecond);
    }
  }
}

TEST_CASE("resource: measured: 64 windows with a grace period each take about a second at HZ 250, one for all a few jiffies") {
  for (const std::string mechanism : {"rcu-revoke", "rcu-revoke-batched"}) {
    Guarded g(mechanism, 64);
    Lab lab([&](Lab& l) {
      g.init(l);
      l.remover("unbind", [&](Context& c) {
        g.map(c);
        g.unbind(c);
      });
    });
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      run_timed(lab, seed);
      const sim::Time end = lab.engine.trace().end_time;
      if (mechanism == "rcu-revoke") {
        CHECK(end > 950 * sim::millisecond);
        CHECK(end < 1150 * sim::millisecond);
      } else {
        CHECK(end < 25 * sim::millisecond);
      }
    }
  }
}

TEST_CASE("resource: who loses the swap returns at once, though the winner still waits and a reader is inside") {
  Guarded g("rcu-revoke", 1);
  Waiter mapped;
  std::uint64_t too_early = 0;
  bool trust = false;
  Lab lab([&](Lab& l) {
    g.init(l);
    l.init(mapped, "mapped");
    l.task("user", [&](Context& c) {
      wait_for_completion(c, mapped);
      g.use(c, 0);
    });
    l.task("drop", [&](Context& c) {
      wait_for_completion(c, mapped);
      g.guard->revoke(c, g.resources[0]);
      if (trust) iounmap(c, g.mappings[0]);
    });
    l.remover("unbind", [&](Context& c) {
      g.map(c);
      complete_all(c, mapped);
      g.guard->revoke(c, g.resources[0]);
      if (!trust) mark(c);
    });
  });
  const Found f = every(lab, [&] {
    unsigned grace_periods = 0;
    for (const sim::Event& e : lab.engine.trace().events)
      grace_periods += e.operation->name == "synchronize_rcu: grace period ends" ? 1U : 0U;
    CHECK(grace_periods == 1);
    ++too_early;
  });
  CHECK(f.text().empty());
  CHECK(too_early == f.executions);
  // Whoever takes its return for "readers are gone" unmaps under one.
  trust = true;
  CHECK(every(lab).text() == "use-after-unmap(bar0)@user");
}

TEST_CASE("resource: sleeping under the guard is reported, and without PREEMPT_RCU it is a use after unmap, so is revoking under it") {
  for (const bool preempt : {true, false}) {
    for (const std::string mechanism : {"rcu-revoke", "rcu-revoke-batched"}) {
      Guarded g(mechanism, 1);
      Waiter mapped;
      KernelConfig config;
      config.preempt_rcu = preempt;
      Lab lab(
          [&](Lab& l) {
            static const Operation nap{.name = "msleep", .pause = true};
            g.init(l);
            l.init(mapped, "mapped");
            l.task("user", [&](Context& c) {
              wait_for_completion(c, mapped);
              g.use(c, 0, [&](Context& inside) {
                inside.sleep(nap, 1);
                writel(inside, g.mappings[0]);
              });
            });
            l.remover("unbind", [&](Context& c) {
              g.map(c);
              complete(c, mapped);
              g.unbind(c);
            });
          },
          config);
      CHECK(every(lab).text() == (preempt ? "sleep-in-atomic(msleep)@user" : "sleep-in-atomic(msleep)@user, use-after-unmap(bar0)@user"));
    }
  }
  Guarded g("rcu-revoke", 1);
  Lab own([&](Lab& l) {
    g.init(l);
    l.task("user", [&](Context& c) {
      g.map(c);
      g.use(c, 0, [&](Context& inside) { g.guard->revoke(inside, g.resources[0]); });
    });
  });
  CHECK(every(own).text() == "api-misuse(rcu)@user, deadlock(rcu)@user, sleep-in-atomic(synchronize_rcu)@user");
}

TEST_CASE("resource: a guard keeps the mapping, not the thread: two of them are not one transaction, and the code runs on") {
  Guarded g("rcu-revoke", 1);
  Device device;
  Module module;
  Binding binding;
  std::set<std::pair<bool, bool>> seen;
  std::pair<bool, bool> granted;
  Waiter mapped;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    g.init(l);
    l.init(mapped, "mapped");
    granted = {};
    l.task("user", [&](Context& c) {
      wait_for_completion(c, mapped);
      const Context::Function function(c, l.name("foo_ioctl"), module.text, binding.life);
      granted.first = g.use(c, 0);
      granted.second = g.use(c, 0);
    });
    l.remover("unbind", [&](Context& c) {
      probe_device(c, binding, [&](Context& p) {
        g.map(p);
        complete(p, mapped);
        return true;
      });
      release_driver(c, binding, [&](Context& r) { g.unbind(r); });
    });
  });
  const Found f = every(lab, [&] { seen.insert(granted); });
  CHECK(f.text() == "runs-after-unbind(foo)@user");
  CHECK(seen == std::set<std::pair<bool, bool>>{{true, true}, {true, false}, {false, false}});
}

TEST_CASE("resource: nested guards of different resources are one section, revoking one leaves the others") {
  Guarded g("rcu-revoke", 2);
  std::array<bool, 2> granted{};
  Lab lab([&](Lab& l) {
    g.init(l);
    l.task("t", [&](Context& c) {
      g.map(c);
      must(g.use(c, 0, [&](Context& inside) { must(g.use(inside, 1)); }));
      g.guard->revoke(c, g.resources[1]);
      granted = {g.use(c, 0), g.use(c, 1)};
      g.guard->revoke(c, g.resources[1]);  // again: nothing to wait for
    });
  });
  const Found f = every(lab, [&] {
    CHECK(granted[0]);
    CHECK(!granted[1]);
  });
  CHECK(f.text().empty());
}

}  // namespace unplug::model::test
