// kernel/mmio: claims of regions, mappings, register accesses.
#include <array>

#include "model/support.hpp"
#include "unplug/model/kernel/hw/presence.hpp"

namespace unplug::model::test {

// Fact: iounmap-ends.
TEST_CASE("mmio: an access that is not ordered before iounmap is use-after-unmap, in every execution, ordered it is none") {
  Region region;
  Mapping bar;
  Waiter done;
  bool wait = false;
  Lab lab([&](Lab& l) {
    l.init(region, "bar0");
    l.init(bar, region, "bar0 of foo");
    l.init(done, "done");
    l.task("driver", [&](Context& c) {
      must(request_mem_region(c, bar));
      ioremap(c, bar);
      complete(c, done);
      if (wait) wait_for_completion(c, done);
      if (wait) wait_for_completion(c, done);
      iounmap(c, bar);
      release_mem_region(c, bar);
    });
    l.task("user", [&](Context& c) {
      wait_for_completion(c, done);
      readl(c, bar, {});
      writel(c, bar);
      complete_all(c, done);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "use-after-unmap(bar0 of foo)@user");
  CHECK(f.count(f.text()) == f.executions);
  CHECK(f.places.begin()->second == "readl");
  wait = true;
  for (const auto& [violation, n] : every(lab).violations) CHECK(violation.find("use-after") == std::string::npos);
}

// Fact: region-one-claimant.
TEST_CASE("mmio: nobody else's region is touched unless somebody else has claimed it since") {
  Region region;
  Mapping ours, theirs;
  enum class Other { none, before, after, later_than_use } other = Other::none;
  Waiter turn;
  bool same_name = true;  // as the next binding of the same driver has it
  Lab lab([&](Lab& l) {
    l.init(region, "region");
    init_mapping(l.kernel, theirs, region, l.name("their bar"), l.name(same_name ? "bar0" : "their bar"), {});
    l.init(ours, region, "bar0");
    l.init(turn, "turn");
    l.task("driver", [&](Context& c) {
      if (other == Other::before) wait_for_completion(c, turn);
      must(request_mem_region(c, ours));
      ioremap(c, ours);
      release_mem_region(c, ours);  // the mapping stays: a stale pointer
      if (other == Other::after) complete(c, turn);
      writel(c, ours);
      if (other == Other::later_than_use) complete(c, turn);
    });
    if (other != Other::none)
      l.task("other driver", [&](Context& c) {
        if (other != Other::before) wait_for_completion(c, turn);
        must(request_mem_region(c, theirs));
        release_mem_region(c, theirs);
        if (other == Other::before) complete(c, turn);
      });
  });
  for (const bool same : {true, false}) {
    same_name = same;
    for (const Other o : {Other::none, Other::before, Other::later_than_use}) {
      other = o;
      CHECK(every(lab).text().empty());
    }
    other = Other::after;
    const Found f = every(lab);
    CHECK(f.text() == "region-reused(bar0)@driver");
    CHECK(f.count("region-reused(bar0)@driver") == f.executions);
  }
}

// Fact: region-one-claimant.
TEST_CASE("mmio: a region belongs to one claimant at a time, who gets -EBUSY has nothing to release") {
  Region region;
  std::array<Mapping, 2> bars;
  Allocation owner;
  bool release_all = false;
  std::array<bool, 2> got{};
  Lab lab([&](Lab& l) {
    l.init(region, "region");
    l.init(owner, "owner");
    for (std::size_t i = 0; i < 2; ++i) l.init(bars[i], region, i == 0 ? "bar a" : "bar b", owner.life);
    l.task("t", [&](Context& c) {
      for (std::size_t i = 0; i < 2; ++i) got[i] = request_mem_region(c, bars[i]);
      CHECK(got[0]);
      CHECK(!got[1]);
      for (std::size_t i = 0; i < 2; ++i)
        if (got[i] || release_all) release_mem_region(c, bars[i]);
      must(request_mem_region(c, bars[1]));
      release_mem_region(c, bars[1]);
      kfree(c, owner);
    });
  });
  CHECK(every(lab).text().empty());
  release_all = true;
  CHECK(every(lab).text() == "double-release(bar b)@t");
}

// Fact: region-balanced.
TEST_CASE("mmio: released twice, unmapped twice, released without a claim") {
  Region region;
  Mapping bar;
  int claims = 1, unmaps = 1, releases = 1;
  Lab lab([&](Lab& l) {
    l.init(region, "region");
    l.init(bar, region, "bar0");
    l.task("t", [&](Context& c) {
      for (int i = 0; i < claims; ++i) request_mem_region(c, bar);
      if (claims != 0) ioremap(c, bar);
      for (int i = 0; i < unmaps; ++i) iounmap(c, bar);
      for (int i = 0; i < releases; ++i) release_mem_region(c, bar);
    });
  });
  CHECK(every(lab).text().empty());
  unmaps = 2;
  CHECK(every(lab).text() == "double-release(bar0)@t");
  unmaps = 1;
  releases = 2;
  CHECK(every(lab).text() == "double-release(bar0)@t");
  claims = unmaps = 0;
  releases = 1;
  CHECK(every(lab).text() == "double-release(bar0)@t");
}

// Fact: region-balanced.
TEST_CASE("mmio: before ioremap there is nothing to read, never unmapped is a leak, never released as well") {
  Region region;
  Mapping bar;
  Allocation owner;
  bool early = true, unmap = true, release = true;
  Lab lab([&](Lab& l) {
    l.init(region, "region");
    l.init(owner, "owner");
    l.init(bar, region, "bar0", owner.life);
    l.task("t", [&](Context& c) {
      if (early) readl(c, bar, {});
      request_mem_region(c, bar);
      ioremap(c, bar);
      readl(c, bar, {});
      if (unmap) iounmap(c, bar);
      if (release) release_mem_region(c, bar);
      kfree(c, owner);
    });
  });
  CHECK(every(lab).text() == "use-before-init(bar0)@t");
  early = false;
  CHECK(every(lab).text().empty());
  release = false;
  CHECK(every(lab).text() == "leak(bar0)@t");
  unmap = false;  // the same bar0, said once
  CHECK(every(lab).text() == "leak(bar0)@t");
}

TEST_CASE("mmio: what a register returns is a choice among its values, or 0") {
  Region region;
  Mapping bar;
  std::set<std::vector<std::uint64_t>> seen;
  std::vector<std::uint64_t> values;
  Lab lab([&](Lab& l) {
    static constexpr std::array<std::uint64_t, 3> isr{0, 1, 0xffffffff};
    static constexpr std::array<std::uint64_t, 1> id{42};
    values.clear();
    l.init(region, "region");
    l.init(bar, region, "bar0");
    l.task("t", [&](Context& c) {
      request_mem_region(c, bar);
      ioremap(c, bar);
      values.push_back(readl(c, bar, isr));
      values.push_back(readl(c, bar, id));
      values.push_back(readl(c, bar, {}));
    });
  });
  CHECK(every_schedule(lab, [&] { seen.insert(values); }).executions == 3);
  CHECK(seen == std::set<std::vector<std::uint64_t>>{{0, 42, 0}, {1, 42, 0}, {0xffffffff, 42, 0}});
}

namespace {

// A claimed and mapped window of a device that can be pulled.
struct Window {
  Region region;
  Mapping bar;
  Presence device;
  void init(Lab& l) {
    init_presence(l.kernel, device, l.name("dev"), l.name("dev"));
    l.init(region, "region");
    l.init(bar, region, "bar0");
    bar.device = &device;
  }
  void map(Context& c) {
    must(request_mem_region(c, bar));
    ioremap(c, bar);
  }
};

constexpr std::array<std::uint64_t, 2> two_values{1, 2};

}  // namespace

// Fact: gone-all-ones.
TEST_CASE("mmio: a device that was pulled out answers all ones, in every width, its writes vanish, and nothing crashes") {
  CHECK(all_ones(Width::b) == 0xff);
  CHECK(all_ones(Width::w) == 0xffff);
  CHECK(all_ones(Width::l) == 0xffffffff);
  CHECK(all_ones(Width::q) == 0xffffffffffffffff);
  Window w;
  for (const Width width : {Width::b, Width::w, Width::l, Width::q}) {
    std::pair<std::uint64_t, std::uint64_t> got;
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    Lab lab([&](Lab& l) {
      w.init(l);
      l.task("driver", [&](Context& c) {
        w.map(c);
        got.first = mmio_read(c, w.bar, width, two_values);
        mmio_write(c, w.bar, width);
        got.second = mmio_read(c, w.bar, width, {});
      });
      l.task("hand", [&](Context& c) { surprise_removal(c, w.device); });
    });
    CHECK(every_schedule(lab, [&] { seen.insert(got); }).text().empty());
    const std::uint64_t ones = all_ones(width);
    CHECK(seen == std::set<std::pair<std::uint64_t, std::uint64_t>>{{1, 0}, {2, 0}, {1, ones}, {2, ones}, {ones, ones}});
  }
}

TEST_CASE("mmio: without a device in the mapping the accesses are what they always were, with one they are judged as before") {
  Window w;
  bool with = false;
  Lab lab([&](Lab& l) {
    w.init(l);
    if (!with) w.bar.device = nullptr;
    l.task("driver", [&](Context& c) {
      w.map(c);
      readl(c, w.bar, two_values);
      iounmap(c, w.bar);
      readl(c, w.bar, {});
    });
  });
  std::set<std::size_t> steps;
  Found f = every(lab, [&] { steps.insert(lab.engine.trace().events.size()); });
  CHECK(steps == std::set<std::size_t>{5});  // the choice is the access
  CHECK(f.text() == "use-after-unmap(bar0)@driver");
  CHECK(f.details.begin()->second.empty());
  with = true;
  f = every(lab, [&] { steps.insert(lab.engine.trace().events.size()); });
  CHECK(steps == std::set<std::size_t>{5, 6});
  CHECK(f.text() == "use-after-unmap(bar0)@driver");
}

// Fact: gone-poll-loop.
TEST_CASE("mmio: a loop that polls while a bit is set never ends on a device that was pulled out, unless it knows all ones") {
  constexpr std::uint64_t busy = 0x80000000;
  constexpr int bound = 6;
  static constexpr std::array<std::uint64_t, 2> status{0, busy};
  Window w;
  int turns = 0;
  bool check = false, gone = false;
  std::set<std::pair<bool, bool>> seen;  // (gone when it began, ran into the bound)
  Lab lab([&](Lab& l) {
    w.init(l);
    gone = false;
    turns = 0;
    l.task("driver", [&](Context& c) {
      w.map(c);
      gone = !is_present(c, w.device);
      for (; turns < bound; ++turns) {
        const std::uint64_t r = readl(c, w.bar, status);
        if ((r & busy) == 0 || (check && r == all_ones(Width::l)) || c.aborting()) break;
      }
    });
    l.task("hand", [&](Context& c) { surprise_removal(c, w.device); });
  });
  every(lab, [&] { seen.emplace(gone, turns == bound); });
  CHECK(!seen.contains({true, false}));
  CHECK(seen.contains({true, true}));
  seen.clear();
  check = true;
  every(lab, [&] { seen.emplace(gone, turns == bound); });
  CHECK(!seen.contains({true, true}));
}

// Fact: iounmap-lazy-tlb.
TEST_CASE("mmio: with a lazy flush an access after iounmap may reach the device through the TLB, or what is mapped at the address since") {
  Region region, other_region;
  Mapping bar, other;
  Waiter turn, back;
  enum class Other { none, before, after_unmap, after_use, any } when = Other::none;
  const auto make = [&](Lab& l) {
    l.init(region, "region");
    l.init(other_region, "other region");
    l.init(bar, region, "bar0");
    l.init(other, other_region, "other bar");
    l.init(turn, "turn");
    l.init(back, "back");
    l.task("driver", [&](Context& c) {
      must(request_mem_region(c, bar));
      ioremap(c, bar);
      if (when == Other::before) wait_for_completion(c, back);
      iounmap(c, bar);
      if (when == Other::after_unmap) complete(c, turn);
      writel(c, bar);
      writel(c, bar);
      if (when == Other::after_use) complete(c, turn);
      release_mem_region(c, bar);
    });
    if (when == Other::none) return;
    l.task("other driver", [&](Context& c) {
      if (when == Other::after_unmap || when == Other::after_use) wait_for_completion(c, turn);
      must(request_mem_region(c, other));
      ioremap(c, other);
      if (when == Other::before) complete(c, back);
    });
  };
  KernelConfig lazy;
  lazy.lazy_vunmap_flush = true;
  Lab strict_lab(make), lazy_lab(make, lazy);
  for (const Other o : {Other::none, Other::before, Other::after_unmap, Other::after_use, Other::any}) {
    when = o;
    Found f = every(strict_lab);
    CHECK(f.text() == "use-after-unmap(bar0)@driver");
    CHECK(f.details.begin()->second.empty());
    f = every(lazy_lab);
    CHECK(f.count("use-after-unmap(bar0)@driver") == f.executions);
    CHECK(f.details["use-after-unmap(bar0)@driver"] == "it faults, or reaches the device through a translation that is still in the TLB");
    if (o == Other::after_unmap || o == Other::any) {
      CHECK(f.count("region-reused(bar0)@driver") == f.executions);
      CHECK(f.details["region-reused(bar0)@driver"] == "nothing faults where 'other bar' is mapped at its address by then");
    } else {
      CHECK(f.violations.size() == 1);
    }
  }
}

// Fact: port-no-mapping.
TEST_CASE("mmio: ports have no mapping: used after release_region it is use-after-unmap that faults nowhere, or somebody else's port") {
  Region region;
  Mapping ours, theirs;
  bool other = false, early = false;
  int releases = 1, after = 1;
  Allocation owner;
  Lab lab([&](Lab& l) {
    init_region(l.kernel, region, l.name("ports"), l.name("ports"), RegionKind::port);
    l.init(owner, "owner");
    l.init(theirs, region, "their ports");
    l.init(ours, region, "ports of foo", owner.life);
    l.task("driver", [&](Context& c) {
      if (early) port_write(c, ours, Width::b);
      must(request_mem_region(c, ours));
      must(!request_mem_region(c, theirs));  // -EBUSY
      must(port_read(c, ours, Width::l, {}) == 0);
      port_write(c, ours, Width::w);
      for (int i = 0; i < releases; ++i) release_mem_region(c, ours);
      if (other) must(request_mem_region(c, theirs));
      for (int i = 0; i < after; ++i) port_write(c, ours, Width::l);
      kfree(c, owner);
    });
  });
  Found f = every(lab);
  CHECK(f.text() == "use-after-unmap(ports of foo)@driver");
  CHECK(f.details.begin()->second == "the ports were released, and nothing faults");
  CHECK(f.places.begin()->second == "outl");
  other = true;
  CHECK(every(lab).text() == "region-reused(ports of foo)@driver");
  after = 0;
  CHECK(every(lab).text().empty());
  other = false;
  releases = 2;
  CHECK(every(lab).text() == "double-release(ports of foo)@driver");
  releases = 0;
  CHECK(every(lab).text() == "leak(ports of foo)@driver");
  releases = 1;
  early = true;
  CHECK(every(lab).text() == "use-before-init(ports of foo)@driver");
}

TEST_CASE("mmio: a port has no access of 64 bits: who asks for one is told so, in a task") {
  Region region;
  Mapping ours;
  Lab lab([&](Lab& l) {
    init_region(l.kernel, region, l.name("ports"), l.name("ports"), RegionKind::port);
    l.init(ours, region, "ports of foo");
    l.task("driver", [&](Context& c) { port_write(c, ours, Width::q); });
  });
  CHECK_THROWS_WITH(static_cast<void>(explore(lab)),
                    "the code of task 'driver' threw an exception: a port has no access of 64 bits: there is no inq()");
}

// Fact: gone-all-ones.
TEST_CASE("mmio: a port of a device that is gone answers all ones") {
  Region region;
  Mapping io;
  Presence device;
  std::set<std::uint64_t> seen;
  std::uint64_t got = 0;
  Lab lab([&](Lab& l) {
    init_presence(l.kernel, device, l.name("dev"), l.name("dev"));
    init_region(l.kernel, region, l.name("ports"), l.name("ports"), RegionKind::port);
    l.init(io, region, "ports of foo");
    io.device = &device;
    l.task("driver", [&](Context& c) {
      must(request_mem_region(c, io));
      got = port_read(c, io, Width::b, {});
    });
    l.task("hand", [&](Context& c) { surprise_removal(c, device); });
  });
  CHECK(every(lab, [&] { seen.insert(got); }).text().empty());
  CHECK(seen == std::set<std::uint64_t>{0, 0xff});
}

// vc4-missing-drm-enter: MMIO from an ioctl that drm_dev_enter() doesn't cover, after the unbind.
// Fact: drm-section-covers-itself.
TEST_CASE("mmio: an ioctl that looks at nothing writes after iounmap, inside an SRCU section that the unbind waits for it does not") {
  Region region;
  Mapping bar;
  Srcu srcu;
  Allocation state;
  bool covered = false;
  Lab lab([&](Lab& l) {
    l.init(region, "region");
    l.init(bar, region, "bar0");
    l.init(srcu, "unplug_srcu");
    l.init(state, "state", {"unplugged"});
    l.remover("remover", [&](Context& c) {
      must(request_mem_region(c, bar));
      ioremap(c, bar);
      set(c, state, 1);  // usable
      set(c, state, 2);  // unplugged
      synchronize_srcu(c, srcu);
      iounmap(c, bar);
      release_mem_region(c, bar);
    });
    l.task("user", [&](Context& c) {
      const auto index = covered ? srcu_read_lock(c, srcu) : 0;
      if (get(c, state) == 1) writel(c, bar);
      if (covered) srcu_read_unlock(c, srcu, index);
    });
  });
  CHECK(every(lab).text() == "use-after-unmap(bar0)@user");
  covered = true;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
