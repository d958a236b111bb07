// What the engine promises of steps: one access each, taken one at a time when the strategy says so, recorded, and fingerprinted.
#include "unplug/sim/engine.hpp"

#include <memory>

#include "explore.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

TEST_CASE("a step is announced before it is taken: a strategy sees what every task is about to do") {
  struct Watching final : Strategy {
    struct Seen {
      TaskId id;
      std::string name;
      std::string_view operation;
      Access access;
      std::uint32_t alternatives;
    };
    const NameTable* names = nullptr;
    std::vector<Seen> seen;
    std::vector<TaskId> last;
    bool begin(const ExecutionInfo& info) override {
      names = info.names;
      return true;
    }
    TaskId pick(std::span<const TaskView> enabled, TaskId current) override {
      if (seen.empty())  // a view is valid until the step is taken
        for (const TaskView& v : enabled) seen.push_back({v.id, names->text(v.name), v.operation().name, v.access(), v.alternatives()});
      last.push_back(current);
      return enabled.back().id;
    }
    std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t bound) override { return bound - 1; }
    [[nodiscard]] std::string describe() const override { return "watching"; }
  } s;
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x")), y = eng.new_object(eng.own_name("y"));
    eng.spawn("reader", [=, &eng] { read(eng, x); });
    eng.spawn("blocked", [=, &eng] { wait(eng, y, Guard::equal(1)); });
    eng.spawn("chooser", [&eng] {
      CHECK(eng.choose(pick_one, 3) == 2);
      nop(eng);
    });
    eng.spawn("writer", [=, &eng] { write(eng, y, 1); });
  });
  CHECK(run(e, p, s).kind == Outcome::Kind::completed);
  REQUIRE(s.seen.size() == 3);
  CHECK(s.seen[0].id == TaskId{0});
  CHECK(s.seen[0].access == Access{ObjectId{0}, AccessKind::read});
  CHECK(s.seen[0].operation == load.name);
  CHECK(s.seen[0].name == "reader");
  CHECK(s.seen[1].id == TaskId{2});
  CHECK(s.seen[1].alternatives == 3);
  CHECK(s.seen[1].access == Access{});
  CHECK(s.seen[2].access == Access{ObjectId{1}, AccessKind::write});
  // The task that took the last step, or none if it has ended.
  CHECK(s.last == std::vector<TaskId>{{}, {}, TaskId{2}, {}, {}});
  CHECK(text(e.trace(), e.names()) == "writer.store chooser.choose2 chooser.nothing blocked.await reader.load");
}

TEST_CASE("the effect of a step runs when it is granted, and what it returns is what step() returns") {
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"), 5);
    eng.spawn("a", [=, &eng] {
      CHECK(eng.step({.operation = &load, .access = {x, AccessKind::read}}, [](std::uint64_t w) { return std::to_string(w); }) == "5");
      CHECK(add(eng, x, 2) == 5);
      CHECK(read(eng, x) == 7);
      std::uint64_t seen = 99;
      eng.step({.operation = &nothing}, [&](std::uint64_t w) { seen = w; });
      CHECK(seen == 0);  // no object, no word
      const std::unique_ptr<int> moved = eng.step({.operation = &nothing}, [](std::uint64_t) { return std::make_unique<int>(3); });
      CHECK(*moved == 3);
    });
  });
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
}

TEST_CASE("everything about a step is in its event") {
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"), 5);
    const LifetimeId k = eng.new_lifetime(eng.own_name("K"), 3, true), l = eng.new_lifetime(eng.own_name("L"), 4, false);
    eng.spawn("a", [=, &eng] {
      eng.step({.operation = &begin_life, .begins = l});
      eng.step({.operation = &update, .access = {x, AccessKind::write}, .guard = Guard::at_least(5), .uses = {k, l, k}},
               [](std::uint64_t& w) { w = 9; });
      eng.step({.operation = &end_life, .access = {x, AccessKind::read}, .uses = {k}, .ends = l});
      eng.step({.operation = &end_life, .uses = {k}, .ends = k});
    });
  });
  run(e, p, "random");
  const Trace& t = e.trace();
  REQUIRE(t.events.size() == 4);
  CHECK(t.events[0].begins == LifetimeId{1});
  CHECK(t.events[1].ordinal == 1);
  CHECK(t.events[1].access == Access{ObjectId{0}, AccessKind::write});
  CHECK(t.events[1].guard.op == Guard::Op::at_least);
  CHECK(t.events[1].before == 5);
  CHECK(t.events[2].before == 9);
  CHECK(t.events[2].ends == LifetimeId{1});
  const auto uses = [&](std::size_t i) { return std::vector<LifetimeId>(t.uses_of(t.events[i]).begin(), t.uses_of(t.events[i]).end()); };
  CHECK(uses(0).empty());
  CHECK(uses(1) == std::vector{LifetimeId{0}, LifetimeId{1}});  // none twice
  CHECK(uses(2) == std::vector{LifetimeId{0}, LifetimeId{1}});  // an end uses what it ends
  CHECK(uses(3) == std::vector{LifetimeId{0}});
  CHECK(t.objects[0].word == 9);
  CHECK(t.lifetimes[1].kind == 4);
  CHECK_FALSE(t.lifetimes[1].from_start);
  CHECK(t.tasks[0].steps == 4);
}

TEST_CASE("a guarded step waits until its guard holds") {
  Engine e;
  Lambda p([&](Engine& eng) {
    const ObjectId flag = eng.new_object(eng.own_name("flag"));
    eng.spawn("waiter", [=, &eng] { CHECK(wait(eng, flag, Guard::equal(1)) == 1); });
    eng.spawn("setter", [=, &eng] { write(eng, flag, 1); });
  });
  CHECK(every_schedule(e, p, 10, [&](const Outcome& o) {
          CHECK(o.kind == Outcome::Kind::completed);
          CHECK(text(e.trace(), e.names()) == "setter.store waiter.await");
        }) == 1);
}

TEST_CASE("tasks that wait for each other end the execution as blocked and are unwound") {
  Engine e;
  int unwound = 0;
  Lambda p([&](Engine& eng) {
    const ObjectId a = eng.new_object(eng.own_name("a")), b = eng.new_object(eng.own_name("b"));
    const auto body = [&](ObjectId first, ObjectId other) {
      const Counted c(unwound);
      const Holding outer(eng, first);
      const Holding inner(eng, other);
    };
    eng.spawn("ab", [=] { body(a, b); });
    eng.spawn("ba", [=] { body(b, a); });
  });
  int blocked = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) blocked += run(e, p, "random", seed).kind == Outcome::Kind::blocked ? 1 : 0;
  CHECK(unwound == 200);
  CHECK((blocked > 10 && blocked < 90));
}

TEST_CASE("equivalent executions have one fingerprint, others have another") {
  const auto fingerprints = [](std::function<void(Engine&, ObjectId, ObjectId)> tasks) {
    Engine e;
    Lambda p([tasks](Engine& eng) {
      const ObjectId x = eng.new_object(eng.own_name("x")), y = eng.new_object(eng.own_name("y"));
      tasks(eng, x, y);
    });
    std::set<std::uint64_t> seen;
    every_schedule(e, p, 10'000, [&](const Outcome&) { seen.insert(e.trace().fingerprint); });
    return seen.size();
  };
  const auto two = [](auto first, auto other) {
    return [=](Engine& e, ObjectId x, ObjectId y) {
      e.spawn("a", [=, &e] { first(e, x, y); });
      e.spawn("b", [=, &e] { other(e, x, y); });
    };
  };
  const auto write_x = [](Engine& e, ObjectId x, ObjectId) { write(e, x, 1); };
  const auto write_y = [](Engine& e, ObjectId, ObjectId y) { write(e, y, 1); };
  const auto read_x = [](Engine& e, ObjectId x, ObjectId) { read(e, x); };
  const auto read_twice = [](Engine& e, ObjectId x, ObjectId) {
    read(e, x);
    read(e, x);
  };
  const auto noop = [](Engine& e, ObjectId, ObjectId) {
    nop(e);
    nop(e);
  };
  CHECK(fingerprints(two(write_x, write_x)) == 2);
  CHECK(fingerprints(two(write_x, write_y)) == 1);
  CHECK(fingerprints(two(read_x, read_twice)) == 1);
  CHECK(fingerprints(two(write_x, read_x)) == 2);
  CHECK(fingerprints(two(write_x, read_twice)) == 3);
  CHECK(fingerprints(two(noop, noop)) == 1);
  CHECK(fingerprints([](Engine& e, ObjectId, ObjectId) {
          e.spawn("a", [&e] { e.choose(pick_one, 4); });
          e.spawn("b", [&e] { e.choose(pick_one, 3); });
        }) == 12);
  // Who chose what, and when in its life, matters; in what order tasks chose does not.
  CHECK(fingerprints([](Engine& e, ObjectId, ObjectId) {
          e.spawn("a", [&e] {
            for (std::uint64_t n = e.choose(pick_one, 2); n != 0; --n) nop(e);
            e.choose(pick_one, 2);
          });
        }) == 4);
}

TEST_CASE("draws that move a data choice to another step move the fingerprint") {
  // 65 steps before the choice and none after, or the other way round: the same numbers of steps, another execution.
  Engine e;
  std::set<std::uint64_t> seen;
  Lambda p([](Engine& eng) {
    eng.spawn("a", [&eng] {
      const std::uint64_t before = eng.draw(Stream::phase, 2) * 65;
      for (std::uint64_t i = 0; i < before; ++i) nop(eng);
      eng.choose(pick_one, 2);
      for (std::uint64_t i = before; i < 65; ++i) nop(eng);
    });
  });
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    run(e, p, "random", seed);
    seen.insert(e.trace().fingerprint);
  }
  CHECK(seen.size() == 4);
}

TEST_CASE("an effect says what its step begins, ends and relies on where that depends on the word") {
  Engine e;
  LifetimeId l, m;
  ObjectId x;
  Lambda p([&](Engine& eng) {
    l = eng.new_lifetime(eng.own_name("L"), 0, false);
    m = eng.new_lifetime(eng.own_name("M"), 0, true);
    x = eng.new_object(eng.own_name("x"));
    eng.spawn("a", [&eng, &l, &m, &x] {
      const Step s{.operation = &update, .access = {x, AccessKind::write}, .uses = {m}};
      eng.step(s, [&](std::uint64_t& word) {
        if (word++ == 0) eng.begins(l);
      });
      eng.step(s, [&](std::uint64_t& word) {
        if (word++ == 1) eng.uses(l);
        eng.uses(m);  // known already
      });
      eng.step(s, [&](std::uint64_t& word) {
        if (word++ == 2) eng.ends(l);
        eng.begins(m);
      });
      eng.begins(l);  // not from an effect: nothing
      eng.ends(l);
      eng.uses(l);
    });
  });
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
  const Trace& t = e.trace();
  REQUIRE(t.events.size() == 3);
  const auto uses = [&](std::size_t i) { return std::vector(t.uses_of(t.events[i]).begin(), t.uses_of(t.events[i]).end()); };
  CHECK(t.events[0].begins == l);
  CHECK(uses(0) == std::vector{m});
  CHECK(uses(1) == std::vector{m, l});
  CHECK(!t.events[1].begins);
  CHECK(t.events[2].ends == l);
  CHECK(t.events[2].begins == m);
  CHECK(uses(2) == std::vector{m, l});
  CHECK(t.boundaries == std::vector<std::uint32_t>{0, 2});
}

TEST_CASE("an execution without tasks is complete") {
  Engine e;
  Lambda p([](Engine& eng) { eng.new_object(eng.own_name("x"), 4); });
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
  CHECK(e.trace().objects[0].word == 4);
}
