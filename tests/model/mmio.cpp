// kernel/mmio: claims of regions, mappings, register accesses.
#include <array>

#include "support.hpp"

namespace unplug::model::test {

TEST_CASE("mmio 14: an access that is not ordered before iounmap is use-after-unmap, in every execution, ordered it is none") {
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

TEST_CASE("mmio 14: nobody else's region is touched unless somebody else has claimed it since") {
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

TEST_CASE("mmio 14: a region belongs to one claimant at a time, who gets -EBUSY has nothing to release") {
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

TEST_CASE("mmio 14: released twice, unmapped twice, released without a claim") {
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

TEST_CASE("mmio: before ioremap there is nothing to read, never unmapped is a leak") {
  Region region;
  Mapping bar;
  Allocation owner;
  bool early = true, unmap = true;
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
      if (unmap) release_mem_region(c, bar);
      kfree(c, owner);
    });
  });
  CHECK(every(lab).text() == "use-before-init(bar0)@t");
  early = false;
  CHECK(every(lab).text().empty());
  unmap = false;
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

}  // namespace unplug::model::test
