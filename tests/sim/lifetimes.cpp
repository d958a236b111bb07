// Lifetimes are judged on finished traces: what has to hold, each with the smallest program that breaks without it.
#include "unplug/sim/lifetimes.hpp"

#include <algorithm>

#include "explore.hpp"
#include "models.hpp"
#include "pairs.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

using Kind = LifetimeFault::Kind;

}  // namespace

TEST_CASE("with freed as a lifetime the models have their known numbers of traces and of violating traces") {
  struct Row {
    const char* name;
    StepModel model;
    std::size_t traces, violating;
  };
  Row rows[] = {
      {"flag_nolock 1", flag_nolock(1), 2, 1},
      {"flag_nolock 2", flag_nolock(2), 4, 3},
      {"flag_nolock 3", flag_nolock(3), 8, 7},
      {"drain_nolock 1", drain_nolock(1), 3, 1},
      {"drain_nolock 2", drain_nolock(2), 19, 10},
      {"kref nolock 1", broken_kref(1, Mistake::nolock), 4, 1},
      {"kref nolock 2", broken_kref(2, Mistake::nolock), 37, 12},
      {"kref noget 1", broken_kref(1, Mistake::noget), 2, 1},
      {"kref noget 2", broken_kref(2, Mistake::noget), 6, 4},
      {"kref lateuse 1", broken_kref(1, Mistake::lateuse), 3, 2},
      {"kref lateuse 2", broken_kref(2, Mistake::lateuse), 22, 20},
      // The safe ones: as many traces as with a variable, none violating.
      {"flag_mutex 3", flag_mutex(3), 24, 0},
      {"kref 2", kref(2), 22, 0},
      {"drain 2", drain(2), 10, 0},
      {"srcu2 2", srcu2(2), 84, 0},
      {"work_cancel 2", work_cancel(2), 24, 0},
      {"irq_choice 2", irq_choice(2), 11, 0},
  };
  Engine engine;
  for (Row& row : rows) {
    CAPTURE(row.name);
    const Union all = over_all_schedules(engine, row.model.lifted());
    CHECK(all.traces == row.traces);
    CHECK(all.violating == row.violating);
    CHECK(all.judged == all.observed);
  }
}

TEST_CASE("one trace each is enough for the models of three users and more") {
  Engine engine;
  const auto count = [&](StepModel model) {
    std::size_t traces = 0, violating = 0;
    every_class(engine, model.lifted(), [&](const Outcome&) {
      ++traces;
      violating += judge(engine.trace()).empty() ? 0 : 1;
    });
    return std::pair{traces, violating};
  };
  CHECK(count(flag_nolock(3)) == std::pair<std::size_t, std::size_t>{8, 7});
  CHECK(count(kref(3)) == std::pair<std::size_t, std::size_t>{354, 0});
  CHECK(count(drain(3)) == std::pair<std::size_t, std::size_t>{120, 0});
}

TEST_CASE("a verdict changes nothing: a violating step writes and its task goes on") {
  // `end L; end M` beside `[L] x=1; if x: [M]`: if the step on L lost its write, the pair on M would be lost with it.
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true), m = e.new_lifetime(e.own_name("M"), 0, true);
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("ender", [=, &e] {
      end(e, l);
      end(e, m);
    });
    e.spawn("user", [=, &e] {
      e.step({.operation = &store, .access = {x, AccessKind::write}, .uses = {l}}, [](std::uint64_t& w) { w = 1; });
      if (read(e, x) == 1) use(e, m);
    });
  });
  Engine engine;
  const Union all = over_all_schedules(engine, p);
  CHECK(all.judged == all.observed);
  CHECK(kinds(all.judged) == std::vector{Kind::use_after_end, Kind::use_after_end});
  CHECK(all.traces == 1);  // one run tells it all
}

TEST_CASE("ended more than once: a use is blamed on a first end only") {
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
    e.spawn("ender", [=, &e] {
      end(e, l);
      end(e, l);
    });
    e.spawn("user", [=, &e] { use(e, l); });
  });
  Engine engine;
  const Union all = over_all_schedules(engine, p);
  CHECK(all.judged == all.observed);
  REQUIRE(kinds(all.judged) == std::vector{Kind::use_after_end, Kind::double_end});
  CHECK(all.judged.begin()->end_ordinal == 0);
  CHECK(all.judged.rbegin()->use_ordinal == 1);
}

TEST_CASE("two unordered ends are a double end in both roles, and a use is blamed on either") {
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
    for (const char* name : {"a", "b"}) e.spawn(name, [=, &e] { end(e, l); });
    e.spawn("user", [=, &e] { use(e, l); });
  });
  Engine engine;
  const Union all = over_all_schedules(engine, p);
  CHECK(all.judged == all.observed);
  CHECK(kinds(all.judged) == std::vector{Kind::use_after_end, Kind::use_after_end, Kind::double_end, Kind::double_end});
}

TEST_CASE("a task that is blocked for ever uses what its pending step relies on") {
  // `end L` beside `[L] wait x`: no use is ever executed.
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("ender", [=, &e] { end(e, l); });
    e.spawn("waiter", [=, &e] { e.step({.operation = &await, .access = {x, AccessKind::read}, .guard = Guard::equal(1), .uses = {l}}); });
  });
  Engine engine;
  CHECK(run(engine, p, "random").kind == Outcome::Kind::blocked);
  const std::vector<LifetimeFault> faults = judge(engine.trace());
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].kind == Kind::blocked_use);
  CHECK(engine.names().text(engine.trace().tasks[faults[0].task.index()].name) == "waiter");
  CHECK(faults[0].use == LifetimeFault::no_event);
  CHECK(faults[0].end == 0);
}

TEST_CASE("a blocked step that would itself end a lifetime uses it too") {
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("ender", [=, &e] { end(e, l); });
    e.spawn("waiter", [=, &e] { e.step({.operation = &await, .access = {x, AccessKind::read}, .guard = Guard::equal(1), .ends = l}); });
  });
  Engine engine;
  run(engine, p, "random");
  CHECK(kinds(judged(engine.trace())) == std::vector{Kind::blocked_use});
}

TEST_CASE("a waiter that wakes needs no rule, and an end before it is a plain use after end") {
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("ender", [=, &e] {
      end(e, l);
      write(e, x, 1);
    });
    e.spawn("waiter", [=, &e] { e.step({.operation = &await, .access = {x, AccessKind::read}, .guard = Guard::equal(1), .uses = {l}}); });
  });
  Engine engine;
  const Union all = over_all_schedules(engine, p);
  CHECK(all.judged == all.observed);
  CHECK(kinds(all.judged) == std::vector{Kind::use_after_end});
}

TEST_CASE("bounding the steps of the whole run would lose pairs that a bound per task keeps") {
  // `end L`, `n; n`, `[L]`: three steps in all are over before both the end and the use; a bound of two steps a task keeps the pair.
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
    e.spawn("ender", [=, &e] { end(e, l); });
    e.spawn("other", [&e] {
      nop(e);
      nop(e);
    });
    e.spawn("user", [=, &e] { use(e, l); });
  });
  Engine engine(EngineLimits{.steps_per_task = 2});
  const Union all = over_all_schedules(engine, p);
  CHECK(all.judged == all.observed);
  CHECK(kinds(all.judged) == std::vector{Kind::use_after_end});
}

TEST_CASE("what a step uses before its life began is a fault unless the begin happens before") {
  Engine engine;
  SUBCASE("unordered") {
    Lambda p([](Engine& e) {
      const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, false);
      e.spawn("maker", [=, &e] { begin(e, l); });
      e.spawn("user", [=, &e] { use(e, l); });
    });
    const Union all = over_all_schedules(engine, p);
    CHECK(all.judged == all.observed);
    CHECK(kinds(all.judged) == std::vector{Kind::use_before_begin});
  }
  SUBCASE("ordered by an object") {
    Lambda p([](Engine& e) {
      const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, false);
      const ObjectId ready = e.new_object(e.own_name("ready"));
      e.spawn("maker", [=, &e] {
        begin(e, l);
        write(e, ready, 1);
      });
      e.spawn("user", [=, &e] {
        wait(e, ready, Guard::equal(1));
        use(e, l);
      });
    });
    CHECK(over_all_schedules(engine, p).judged.empty());
  }
  SUBCASE("never begun") {
    Lambda p([](Engine& e) {
      const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, false);
      e.spawn("user", [=, &e] { use(e, l); });
    });
    run(engine, p, "random");
    const std::vector<LifetimeFault> faults = judge(engine.trace());
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].kind == Kind::use_before_begin);
    CHECK(faults[0].end == LifetimeFault::no_event);
  }
  SUBCASE("the begin itself is no fault") {
    Lambda p([](Engine& e) {
      const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, false);
      e.spawn("maker", [=, &e] { e.step({.operation = &begin_life, .uses = {l}, .begins = l}); });
    });
    run(engine, p, "random");
    CHECK(judge(engine.trace()).empty());
  }
  SUBCASE("created after the begin") {
    Lambda p([](Engine& e) {
      const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, false);
      e.spawn("maker", [=, &e] {
        begin(e, l);
        e.spawn("child", [=, &e] { use(e, l); });
        nop(e);
      });
    });
    CHECK(over_all_schedules(engine, p).judged.empty());
  }
}

TEST_CASE("six uses and an end fit into one step, blocked or not") {
  Lambda p([](Engine& e) {
    Witnesses six;
    for (int i = 0; i < 6; ++i) six.add(e.new_lifetime(e.own_name("L"), 0, true));
    const LifetimeId seventh = e.new_lifetime(e.own_name("M"), 0, true);
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("ender", [=, &e] { end(e, seventh); });
    e.spawn("waiter", [=, &e] {
      e.step({.operation = &nothing, .uses = six, .ends = seventh});
      e.step({.operation = &await, .access = {x, AccessKind::read}, .guard = Guard::equal(1), .uses = six, .ends = seventh});
    });
  });
  Engine engine;
  CHECK(run(engine, p, "random").kind == Outcome::Kind::blocked);
  const Pairs found = judged(engine.trace());
  CHECK(std::ranges::count(kinds(found), Kind::blocked_use) == 2);  // either end came first
  CHECK(std::ranges::count(kinds(found), Kind::double_end) == 2);
}

TEST_CASE("faults come in the order of lifetime, use and end, after what was there") {
  Lambda p([](Engine& e) {
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true), m = e.new_lifetime(e.own_name("M"), 0, true);
    e.spawn("ender", [=, &e] {
      end(e, m);
      end(e, l);
    });
    e.spawn("user", [=, &e] {
      use(e, m);
      use(e, l);
      use(e, m);
    });
  });
  Engine engine;
  run(engine, p, "random");
  LifetimeJudge judge;
  std::vector<LifetimeFault> out(1);
  judge.judge(engine.trace(), out);
  judge.judge(engine.trace(), out);  // a judge serves many traces
  REQUIRE(out.size() == 7);
  CHECK(out[1].lifetime < out[2].lifetime);
  CHECK(out[2].lifetime == out[3].lifetime);
  CHECK(out[2].use < out[3].use);
  for (std::size_t i = 1; i <= 3; ++i) CHECK((out[i].use == out[i + 3].use && out[i].end == out[i + 3].end));
}

TEST_CASE("more lifetimes than are looked at together: each use, begin and end against the definition") {
  constexpr std::uint32_t lifetimes = 150;  // Reach::capacity is 64
  Engine engine;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Lambda p([seed](Engine& e) {
      std::vector<LifetimeId> lives;
      for (std::uint32_t i = 0; i < lifetimes; ++i) lives.push_back(e.new_lifetime(e.own_name("L"), 0, i % 3 != 0));
      std::vector<ObjectId> objects;
      for (int i = 0; i < 4; ++i) objects.push_back(e.new_object(e.own_name("x")));
      for (std::uint64_t t = 0; t < 4; ++t)
        e.spawn("task" + std::to_string(t), [=, &e] {
          Random draws(combine(seed, t));
          for (int i = 0; i < 200; ++i) {
            const LifetimeId l = lives[draws.below(lifetimes)];
            Step s;
            s.operation = &nothing;
            if (draws.below(2) == 0) s.access = {objects[draws.below(4)], draws.below(2) == 0 ? AccessKind::write : AccessKind::read};
            switch (draws.below(6)) {
              case 0: s.begins = l; break;
              case 1: s.ends = l; break;
              default: s.uses = {l}; break;
            }
            e.step(s);
          }
        });
    });
    run(engine, p, "random", seed);
    const Trace& t = engine.trace();

    // Each pair of a use and a boundary by itself, from pasts.
    std::vector<std::vector<bool>> past;
    for (std::uint32_t i = 0; i < t.events.size(); ++i) past.push_back(past_of(t, i));
    const auto precedes = [&](std::uint32_t a, std::uint32_t b) { return a != b && past[b][a]; };
    Pairs expected;
    for (std::uint32_t l = 0; l < lifetimes; ++l) {
      std::vector<std::uint32_t> begins, ends, uses;
      for (std::uint32_t i = 0; i < t.events.size(); ++i) {
        const Event& e = t.events[i];
        if (e.begins == LifetimeId{l}) begins.push_back(i);
        if (e.ends == LifetimeId{l}) ends.push_back(i);
        if (std::ranges::count(t.uses_of(e), LifetimeId{l}) != 0) uses.push_back(i);
      }
      for (const std::uint32_t u : uses) {
        const bool is_end = t.events[u].ends == LifetimeId{l};
        const auto at_fault = [&](std::uint32_t e) {
          return e != u && !precedes(u, e) &&
                 std::ranges::none_of(begins, [&](std::uint32_t b) { return precedes(e, b) && (b == u || precedes(b, u)); });
        };
        for (const std::uint32_t e : ends) {
          const bool first = std::ranges::none_of(ends, [&](std::uint32_t other) { return at_fault(other) && precedes(other, e); });
          if (at_fault(e) && (is_end || first))
            expected.insert(pair_of(t, is_end ? Kind::double_end : Kind::use_after_end, LifetimeId{l}, t.events[u].task, u, e));
        }
        if (t.lifetimes[l].from_start) continue;
        if (std::ranges::any_of(begins, [&](std::uint32_t b) { return b == u || precedes(b, u); })) continue;
        const auto before_begin = [&](std::uint32_t b) {
          expected.insert(pair_of(t, Kind::use_before_begin, LifetimeId{l}, t.events[u].task, u, b));
        };
        if (begins.empty()) before_begin(LifetimeFault::no_event);
        for (const std::uint32_t b : begins)
          if (std::ranges::none_of(begins, [&](std::uint32_t other) { return precedes(other, b); })) before_begin(b);
      }
    }
    CHECK(judged(t) == expected);
    CHECK(expected.size() > 300);
  }
}
