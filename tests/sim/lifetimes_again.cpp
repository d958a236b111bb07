// Lifetimes that end and begin again: what has to hold, each with the smallest program that breaks without it.
#include <algorithm>

#include "explore.hpp"
#include "pairs.hpp"
#include "unplug/sim/lifetimes.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

using Kind = LifetimeFault::Kind;

}  // namespace

TEST_CASE("what has ended may begin again, and is used rightly if that happens before the use") {
  Engine engine;
  const auto program = [](bool waits, std::size_t uses) {
    return Lambda([=](Engine& e) {
      const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
      const ObjectId ready = e.new_object(e.own_name("ready"));
      e.spawn("maker", [=, &e] {
        for (std::uint64_t i = 1; i < 4; ++i) {
          end(e, l);
          begin(e, l);
          write(e, ready, i);
        }
      });
      e.spawn("user", [=, &e] {
        if (waits) wait(e, ready, Guard::equal(3));
        for (std::size_t i = 0; i < uses; ++i) use(e, l);
      });
    });
  };
  SUBCASE("ordered by an object") {
    Lambda p = program(true, 2);
    const Union all = over_all_schedules(engine, p);
    CHECK(all.judged.empty());
    CHECK(all.observed.empty());
  }
  SUBCASE("unordered: at fault with every end, seen from one trace") {
    Lambda p = program(false, 1);
    const Union all = over_all_schedules(engine, p);
    CHECK(all.traces == 1);
    CHECK(all.observed.size() == 3);
    CHECK(kinds(all.judged) == std::vector{Kind::use_after_end});  // the first
  }
}

TEST_CASE("a begin that a use does not wait for is no excuse, one between two ends is") {
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, false);
    e.spawn("ender", [=, &e] {
      begin(e, l);
      end(e, l);
      begin(e, l);
      end(e, l);
      end(e, l);
      use(e, l);
    });
    e.spawn("maker", [=, &e] { begin(e, l); });
  });
  Engine engine;
  const Union all = over_all_schedules(engine, p);
  CHECK(all.traces == 1);
  REQUIRE(kinds(all.judged) == std::vector{Kind::use_after_end, Kind::double_end});
  CHECK(all.judged.begin()->end_ordinal == 3);
  CHECK(all.observed.size() == 3);  // the use after the last end too, where the maker's begin comes between the two
  CHECK(std::ranges::includes(all.observed, all.judged));
}

TEST_CASE("of several begins a use that follows none is blamed on a first one") {
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, false);
    for (const char* name : {"a", "b"})
      e.spawn(name, [=, &e] {
        begin(e, l);
        begin(e, l);
      });
    e.spawn("user", [=, &e] { use(e, l); });
  });
  Engine engine;
  const Union all = over_all_schedules(engine, p);
  CHECK(all.judged == all.observed);
  CHECK(kinds(all.judged) == std::vector{Kind::use_before_begin, Kind::use_before_begin});
  for (const Pair& pair : all.judged) CHECK(pair.end_ordinal == 0);
}

TEST_CASE("who sleeps in what ends and begins again sleeps in the earlier one, unless it went to sleep later") {
  const auto program = [](bool waits) {
    return Lambda([=](Engine& e) {
      const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
      const ObjectId ready = e.new_object(e.own_name("ready")), never = e.new_object(e.own_name("never"));
      e.spawn("maker", [=, &e] {
        end(e, l);
        begin(e, l);
        write(e, ready, 1);
      });
      e.spawn("waiter", [=, &e] {
        if (waits) wait(e, ready, Guard::equal(1));
        e.step({.operation = &await, .access = {never, AccessKind::read}, .guard = Guard::equal(1), .uses = {l}});
      });
    });
  };
  Engine engine;
  Lambda late = program(true), early = program(false);
  CHECK(over_all_schedules(engine, late).judged.empty());
  const Union all = over_all_schedules(engine, early);
  CHECK(all.judged == all.observed);
  CHECK(kinds(all.judged) == std::vector{Kind::blocked_use});
}

TEST_CASE("more boundaries of one lifetime than fit into a word") {
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, false);
    const ObjectId never = e.new_object(e.own_name("never"));
    e.spawn("maker", [=, &e] {
      for (int i = 0; i < 100; ++i) {
        begin(e, l);
        use(e, l);
        end(e, l);
      }
      use(e, l);
      e.step({.operation = &await, .access = {never, AccessKind::read}, .guard = Guard::equal(1), .uses = {l}});
    });
  });
  Engine engine;
  run(engine, p, "random");
  const std::vector<LifetimeFault> faults = judge(engine.trace());
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].kind == Kind::use_after_end);
  CHECK(faults[0].end == 299);
  CHECK(faults[1].kind == Kind::blocked_use);
  CHECK(faults[1].end == 299);
}
