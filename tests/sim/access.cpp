// Accesses and guards as data.
#include "unplug/sim/access.hpp"

#include <doctest/doctest.h>

#include "explore.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

TEST_CASE("accesses conflict if they are of one object and one of them writes") {
  const ObjectId x{0}, y{1};
  constexpr auto R = AccessKind::read, W = AccessKind::write, none = AccessKind::none;
  CHECK_FALSE(conflict({x, R}, {x, R}));
  CHECK(conflict({x, R}, {x, W}));
  CHECK(conflict({x, W}, {x, R}));
  CHECK(conflict({x, W}, {x, W}));
  CHECK_FALSE(conflict({x, W}, {y, W}));
  CHECK_FALSE(conflict({}, {x, W}));
  CHECK_FALSE(conflict({x, W}, {x, none}));
  CHECK_FALSE(conflict({}, {}));
}

TEST_CASE("guards compare the masked word, unsigned") {
  constexpr std::uint64_t top = std::uint64_t{1} << 63U;
  CHECK(Guard{}.holds(0));
  CHECK(Guard{}.holds(UINT64_MAX));
  CHECK(Guard{}.trivial());
  CHECK(Guard::equal(3).holds(3));
  CHECK_FALSE(Guard::equal(3).holds(2));
  CHECK(Guard::equal(3, 0xf).holds(0x13));
  CHECK_FALSE(Guard::equal(0x13, 0xf).holds(0x13));  // the value must lie within the mask to be met
  CHECK(Guard::not_equal(3).holds(2));
  CHECK_FALSE(Guard::not_equal(3, 1).holds(3) == Guard::not_equal(1, 1).holds(3));
  CHECK(Guard::at_least(5).holds(5));
  CHECK_FALSE(Guard::at_least(5).holds(4));
  CHECK(Guard::at_least(5).holds(top));
  CHECK(Guard::at_most(5).holds(5));
  CHECK_FALSE(Guard::at_most(5).holds(top));
  CHECK(Guard::at_most(0, top).holds(5));
  for (const Guard g : {Guard::equal(0), Guard::not_equal(0), Guard::at_least(0), Guard::at_most(0)}) CHECK_FALSE(g.trivial());
}

TEST_CASE("every kind of guard, read or write, with and without a mask, holds back its step exactly while it does not hold") {
  struct Row {
    Guard guard;
    std::uint64_t no, yes;
  };
  constexpr Row rows[] = {{Guard::equal(2), 1, 2},       {Guard::not_equal(1), 1, 0},    {Guard::at_least(2), 1, 7},
                          {Guard::at_most(2), 3, 2},     {Guard::equal(2, 3), 5, 6},     {Guard::not_equal(1, 1), 3, 2},
                          {Guard::at_least(4, 6), 3, 5}, {Guard::at_most(1, 3), 0xf2, 1}};
  for (const Row& row : rows) {
    for (const AccessKind kind : {AccessKind::read, AccessKind::write}) {
      Lambda p([&](Engine& e) {
        const ObjectId x = e.new_object(e.own_name("x"), row.no);
        e.spawn("waiter", [=, &e] {
          e.step({.operation = &await, .access = {x, kind}, .guard = row.guard}, [&](std::uint64_t w) { CHECK(row.guard.holds(w)); });
        });
        e.spawn("setter", [=, &e] {
          write(e, x, row.yes);
          write(e, x, row.no);
          write(e, x, row.yes);
        });
      });
      Engine engine;
      std::set<std::string> orders;
      every_schedule(engine, p, 1'000, [&](const Outcome& o) {
        CHECK(o.kind == Outcome::Kind::completed);
        orders.insert(text(engine.trace(), engine.names()));
      });
      CHECK(orders == std::set<std::string>{"setter.store waiter.await setter.store setter.store",
                                            "setter.store setter.store setter.store waiter.await"});
    }
  }
}

TEST_CASE("a write that keeps a guard true leaves the waiter enabled, who made it true is remembered") {
  Lambda p([](Engine& e) {
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("waiter", [=, &e] { wait(e, x, Guard::at_least(1)); });
    for (const char* name : {"one", "two"}) e.spawn(name, [=, &e] { add(e, x, 1); });
  });
  Engine engine;
  every_schedule(engine, p, 1'000, [&](const Outcome&) {
    const Trace& t = engine.trace();
    for (const Event& e : t.events)
      if (e.operation == &await) CHECK(e.unblocked_by == t.events[0].task);
  });
}

TEST_CASE("of many waiters for a lock one gets it, and the others wait on") {
  Lambda p([](Engine& e) {
    const ObjectId m = e.new_object(e.own_name("m")), inside = e.new_object(e.own_name("inside"));
    for (int i = 0; i < 4; ++i)
      e.spawn("t" + std::to_string(i), [=, &e] {
        const Holding hold(e, m);
        CHECK(add(e, inside, 1) == 0);
        add(e, inside, UINT64_MAX);
      });
  });
  Engine engine;
  std::uint64_t n = every_schedule(engine, p, 1'000, [&](const Outcome& o) { CHECK(o.kind == Outcome::Kind::completed); });
  CHECK(n == 24 * 3 * 3 * 3 / 27);  // only who gets the lock next is open; while it is held nobody else is enabled
}
