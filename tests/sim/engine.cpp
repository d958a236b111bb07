// What the engine promises: one access a step, guards, choices, endings, reuse.
#include "unplug/sim/engine.hpp"

#include <doctest/doctest.h>

#include "unplug/sim/lifetimes.hpp"
#include "unplug/sim/strategies/replay.hpp"

using namespace unplug::sim;

namespace {

const Operation load{.name = "load"}, store{.name = "store"}, await{.name = "await"}, lock{.name = "lock"}, unlock{.name = "unlock"},
    end_life{.name = "end"}, pick_one{.name = "choose"};

struct Lambda : Program {
  std::function<void(Engine&)> make;
  explicit Lambda(std::function<void(Engine&)> m) : make(std::move(m)) {}
  void setup(Engine& e) override { make(e); }
};

Outcome run(Engine& e, Program& p, Strategy& s, std::uint64_t seed) {
  const ExecutionInfo info{0, seed, &e.names()};
  REQUIRE(s.begin(info));
  return e.run(p, s, info);
}

}  // namespace

TEST_CASE("a guarded step waits until its guard holds") {
  Engine e;
  int order = 0, waited_at = 0, stored_at = 0;
  Lambda p([&](Engine& eng) {
    const ObjectId flag = eng.new_object(eng.own_name("flag"));
    eng.spawn("waiter", [&, flag] {
      Step s{.operation = &await, .access = {flag, AccessKind::read}, .guard = Guard::equal(1)};
      eng.step(s, [&](std::uint64_t w) { CHECK(w == 1); });
      waited_at = ++order;
    });
    eng.spawn("setter", [&, flag] {
      eng.step({.operation = &store, .access = {flag, AccessKind::write}}, [&](std::uint64_t& w) { w = 1; });
      stored_at = ++order;
    });
  });
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    order = 0;
    const auto s = make_strategy("random");
    CHECK(run(e, p, *s, seed).kind == Outcome::Kind::completed);
    CHECK(e.trace().events.size() == 2);
    CHECK(e.trace().events[0].operation == &store);
  }
}

TEST_CASE("tasks that wait for each other end the execution as blocked and are unwound") {
  Engine e;
  int unwound = 0;
  struct Counter {
    int& n;
    ~Counter() { ++n; }
  };
  Lambda p([&](Engine& eng) {
    const ObjectId a = eng.new_object(eng.own_name("a")), b = eng.new_object(eng.own_name("b"));
    const auto body = [&](ObjectId first, ObjectId second) {
      const Counter c{unwound};
      eng.step({.operation = &lock, .access = {first, AccessKind::write}, .guard = Guard::equal(0)}, [](std::uint64_t& w) { w = 1; });
      eng.step({.operation = &lock, .access = {second, AccessKind::write}, .guard = Guard::equal(0)}, [](std::uint64_t& w) { w = 1; });
      eng.step({.operation = &unlock, .access = {second, AccessKind::write}}, [](std::uint64_t& w) { w = 0; });
      eng.step({.operation = &unlock, .access = {first, AccessKind::write}}, [](std::uint64_t& w) { w = 0; });
    };
    eng.spawn("ab", [=] { body(a, b); });
    eng.spawn("ba", [=] { body(b, a); });
  });
  int blocked = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto s = make_strategy("random");
    blocked += run(e, p, *s, seed).kind == Outcome::Kind::blocked;
  }
  CHECK(unwound == 200);
  CHECK(blocked > 10);
  CHECK(blocked < 90);
}

TEST_CASE("an unordered use and end are a fault in every run, and the canonical schedule shows the end first") {
  Engine e;
  Lambda p([&](Engine& eng) {
    const LifetimeId l = eng.new_lifetime(eng.own_name("L"), 7, true);
    eng.spawn("user", [&, l] {
      Step s{.operation = &load};
      s.uses.add(l);
      eng.step(s);
    });
    eng.spawn("ender", [&, l] {
      Step s{.operation = &end_life};
      s.ends = l;
      eng.step(s);
    });
  });
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto s = make_strategy("random");
    CHECK(run(e, p, *s, seed).kind == Outcome::Kind::completed);
    std::vector<LifetimeFault> faults;
    LifetimeJudge{}.judge(e.trace(), faults);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].kind == LifetimeFault::Kind::use_after_end);
    const std::uint64_t fingerprint = e.trace().fingerprint;
    ScheduleReplay replay(canonical_schedule(e.trace(), e.names(), faults[0].end, faults[0].use));
    CHECK(run(e, p, replay, seed).kind == Outcome::Kind::completed);
    CHECK_FALSE(replay.diverged());
    CHECK(e.trace().events[0].operation == &end_life);
    CHECK(e.trace().fingerprint == fingerprint);
  }
}

TEST_CASE("a step inside an effect is an error of the program, not a crash") {
  Engine e;
  Lambda p([&](Engine& eng) {
    const ObjectId a = eng.new_object(eng.own_name("a"));
    eng.spawn("bad", [&, a] {
      eng.step({.operation = &store, .access = {a, AccessKind::write}}, [&](std::uint64_t&) { eng.step({.operation = &load}); });
    });
  });
  const auto s = make_strategy("random");
  const Outcome o = run(e, p, *s, 1);
  CHECK(o.kind == Outcome::Kind::failed);
  CHECK(o.message.find("took another step (load)") != std::string::npos);
}

TEST_CASE("fibers are reused between executions") {
  Engine e;
  Lambda p([&](Engine& eng) {
    for (int i = 0; i < 5; ++i) eng.spawn("t" + std::to_string(i), [&] { eng.step({.operation = &load}); });
  });
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto s = make_strategy("random");
    CHECK(run(e, p, *s, seed).kind == Outcome::Kind::completed);
    CHECK(e.trace().events.size() == 5);
  }
}
