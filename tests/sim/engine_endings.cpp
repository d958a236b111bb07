// How executions end other than by everybody finishing, and that nothing is left over: every destructor runs, the engine goes on.
#include <stdexcept>

#include "support.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// Random, but ends the execution after `steps` steps.
struct CutAfter final : Strategy {
  Random draws{1};
  std::uint64_t left;
  explicit CutAfter(std::uint64_t steps) : left(steps) {}
  bool begin(const ExecutionInfo& /*info*/) override { return true; }
  TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
    return left-- == 0 ? TaskId{} : enabled[draws.below(enabled.size())].id;
  }
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t bound) override {
    return static_cast<std::uint32_t>(draws.below(bound));
  }
  [[nodiscard]] std::string describe() const override { return "cut-after"; }
};

// Two tasks of C++ code that is all guards: nested locks, destructors with several steps, a child, an exception handled. (A guard cannot
// sit in a unique_ptr: the destructor of that is noexcept, and the end of an execution is thrown through it.)
struct GuardHeavy final : Program {
  int alive = 0;

  struct Balance {
    GuardHeavy& p;
    explicit Balance(GuardHeavy& program) : p(program) { ++p.alive; }
    ~Balance() { --p.alive; }
    Balance(const Balance&) = delete;
    Balance& operator=(const Balance&) = delete;
  };
  struct Device {
    Balance balance;
    Engine& e;
    ObjectId a, b;
    Device(GuardHeavy& p, Engine& engine, ObjectId x, ObjectId y) : balance(p), e(engine), a(x), b(y) { add(e, a, 1); }
    ~Device() noexcept(false) {
      const Balance inner(balance.p);
      add(e, a, UINT64_MAX);
      nop(e);
      add(e, b, 1);
    }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
  };

  void setup(Engine& e) override {
    const ObjectId m = e.new_object(e.own_name("m")), n = e.new_object(e.own_name("n")), a = e.new_object(e.own_name("a")),
                   b = e.new_object(e.own_name("b"));
    const auto body = [=, this, &e] {
      const Balance outer(*this);
      const Holding hold_m(e, m);
      const Device device(*this, e, a, b);
      {
        const Balance middle(*this);
        const Holding hold_n(e, n);
        const Device inner(*this, e, b, a);
        e.choose(pick_one, 3);
        e.spawn(e.names().text(e.current_name()) + ".child", [=, this, &e] {
          const Balance child(*this);
          const Holding hold(e, n);
          nop(e);
        });
        nop(e);
      }
      try {
        const Balance thrower(*this);
        const Device doomed(*this, e, a, b);
        throw std::runtime_error("handled");
      } catch (const std::runtime_error&) {
        const Device in_handler(*this, e, a, b);
        nop(e);
      }
    };
    e.spawn("one", body);
    e.spawn("two", body);
  }
};

}  // namespace

TEST_CASE("an execution can be cut at every step of C++ code full of guards") {
  Engine e;
  GuardHeavy p;
  std::uint64_t steps = 0;
  for (std::uint64_t cut = 0;; ++cut) {
    CutAfter s(cut);
    const Outcome o = run(e, p, s);
    REQUIRE(p.alive == 0);
    if (o.kind == Outcome::Kind::completed) break;
    REQUIRE(o.kind == Outcome::Kind::cut);
    REQUIRE(e.trace().events.size() == cut);
    ++steps;
  }
  CHECK(steps == 2 * (2 + 4 + 2 + 4 + 2 + 4 + 5 + 3));
}

TEST_CASE("an engine goes on after an execution of every ending") {
  Engine e;
  GuardHeavy p;
  CutAfter whole(10'000);
  run(e, p, whole);
  const std::uint64_t fingerprint = e.trace().fingerprint;
  for (std::uint64_t cut = 0; cut < 40; ++cut) {
    CutAfter s(cut);
    run(e, p, s);
    CutAfter again(10'000);
    REQUIRE(run(e, p, again).kind == Outcome::Kind::completed);
    REQUIRE(e.trace().fingerprint == fingerprint);
  }
}

TEST_CASE("a task that loops for ever is stopped at the bound, and the message says where") {
  Engine e(EngineLimits{.steps_per_task = 50});
  Lambda p([](Engine& eng) {
    const ObjectId flag = eng.new_object(eng.own_name("flag"));
    eng.spawn("poller", [=, &eng] {
      while (!eng.aborting() && read(eng, flag) == 0) {
      }
    });
    eng.spawn("bystander", [&eng] { nop(eng); });
  });
  const Outcome o = run(e, p, "random");
  CHECK(o.kind == Outcome::Kind::step_bound);
  CHECK(e.names().text(e.trace().tasks[o.task.index()].name) == "poller");
  CHECK(o.message == "task 'poller' took 50 steps, at 'load': does it loop on a value that nothing changes any more?");
  CHECK(e.trace().tasks[0].steps == 50);
  CHECK(e.trace().tasks[0].end == TaskRecord::End::cut);
  CHECK(e.trace().tasks[1].end == TaskRecord::End::finished);
}

TEST_CASE("a task that returns at its bound is not stopped") {
  Engine e(EngineLimits{.steps_per_task = 50});
  Lambda p([](Engine& eng) {
    eng.spawn("exact", [&eng] {
      for (int i = 0; i < 50; ++i) nop(eng);
    });
  });
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
}

TEST_CASE("a task that ignores the end of its execution is thrown out") {
  // A compiled program leaves by return, so it is not thrown out of its first refused step; but not even it may loop for ever.
  Engine e;
  struct Task {
    static void loop(void* engine) {
      for (;;) nop(*static_cast<Engine*>(engine));
    }
  };
  Lambda p([](Engine& eng) {
    TaskSpec spec;
    spec.name = spec.role = eng.names().intern("stubborn");
    spec.entry = &Task::loop;
    spec.argument = &eng;
    eng.spawn(spec);
  });
  CutAfter s(3);
  CHECK(run(e, p, s).kind == Outcome::Kind::cut);
  CHECK(e.trace().events.size() == 3);
}

TEST_CASE("a task without exceptions sees refused steps return at once without effect") {
  Engine e;
  struct State {
    Engine* engine;
    ObjectId object;
    int effects = 0, after = 0;
    static void body(void* argument) {
      auto& s = *static_cast<State*>(argument);
      const auto count = [&](std::uint64_t&) { ++s.effects; };
      s.engine->step({.operation = &nothing}, count);
      s.engine->step({.operation = &await, .access = {s.object, AccessKind::read}, .guard = Guard::equal(1)}, count);
      CHECK(s.engine->aborting());
      CHECK(s.engine->choose(pick_one, 3) == 0);
      CHECK_FALSE(s.engine->spawn("too late", [] {}));
      s.engine->step({.operation = &nothing}, count);
      ++s.after;
    }
  } state{&e, {}};
  Lambda p([&](Engine& eng) {
    state.object = eng.new_object(eng.own_name("never"));
    TaskSpec spec;
    spec.name = spec.role = eng.names().intern("compiled");
    spec.entry = &State::body;
    spec.argument = &state;
    eng.spawn(spec);
  });
  CHECK(run(e, p, "random").kind == Outcome::Kind::blocked);
  CHECK(state.effects == 1);
  CHECK(state.after == 1);
  CHECK(e.trace().events.size() == 1);
}

TEST_CASE("what a task throws ends the execution as failed, with its message") {
  Engine e;
  int destroyed = 0;
  const auto throwing = [&](int steps_before, auto what) {
    return Lambda([&destroyed, steps_before, what](Engine& eng) {
      eng.spawn("thrower", [&destroyed, steps_before, what, &eng] {
        const Counted c(destroyed);
        for (int i = 0; i < steps_before; ++i) nop(eng);
        throw what;
      });
      eng.spawn("waiter", [&destroyed, &eng] {
        const Counted c(destroyed);
        for (int i = 0; i < 100; ++i) nop(eng);
      });
    });
  };
  SUBCASE("in the middle") {
    Lambda p = throwing(2, std::runtime_error("out of frobs"));
    const Outcome o = run(e, p, "random");
    CHECK(o.kind == Outcome::Kind::failed);
    CHECK(o.message == "the code of task 'thrower' threw an exception: out of frobs");
    CHECK(o.task == TaskId{0});
    CHECK(destroyed == 2);
  }
  SUBCASE("before its first step, while setup goes on") {
    Lambda p = throwing(0, std::runtime_error("at once"));
    const Outcome o = run(e, p, "random");
    CHECK(o.kind == Outcome::Kind::failed);
    CHECK(o.message == "the code of task 'thrower' threw an exception: at once");
    CHECK(e.trace().events.empty());
    CHECK(destroyed == 1);  // the other was not even started
  }
  SUBCASE("something that is no std::exception") {
    Lambda p = throwing(1, 42);
    CHECK(run(e, p, "random").message == "the code of task 'thrower' threw an exception");
    CHECK(destroyed == 2);
  }
  Lambda fine([](Engine& eng) { eng.spawn("fine", [&eng] { nop(eng); }); });
  CHECK(run(e, fine, "random").kind == Outcome::Kind::completed);
}

TEST_CASE("a nested task that throws before its first step ends the execution, its makers are unwound") {
  Engine e;
  int destroyed = 0;
  Lambda p([&](Engine& eng) {
    eng.spawn("outer", [&] {
      const Counted c(destroyed);
      eng.spawn("middle", [&] {
        const Counted d(destroyed);
        eng.spawn("inner", [&] {
          const Counted f(destroyed);
          throw std::runtime_error("no");
        });
        nop(eng);
      });
      nop(eng);
    });
  });
  const Outcome o = run(e, p, "random");
  CHECK(o.kind == Outcome::Kind::failed);
  CHECK(o.message == "the code of task 'inner' threw an exception: no");
  CHECK(destroyed == 3);
}

TEST_CASE("fail() ends the execution from setup, from a task and from inside an effect") {
  Engine e;
  int destroyed = 0, after = 0;
  SUBCASE("setup") {
    Lambda p([&](Engine& eng) {
      eng.fail("no device");
      CHECK_FALSE(eng.spawn("never", [] {}));
    });
    const Outcome o = run(e, p, "random");
    CHECK(o.kind == Outcome::Kind::failed);
    CHECK(o.message == "no device");
    CHECK_FALSE(o.task);
  }
  SUBCASE("task") {
    Lambda p([&](Engine& eng) {
      eng.spawn("t", [&] {
        const Counted c(destroyed);
        nop(eng);
        eng.fail("no device");
        nop(eng);
        ++after;
      });
    });
    const Outcome o = run(e, p, "random");
    CHECK(o.message == "no device");
    CHECK(o.task == TaskId{0});
    CHECK(destroyed == 1);
    CHECK(after == 0);
  }
  SUBCASE("effect") {
    // The waiter is unwound first; nothing may look at its step when the effect is resumed and ends.
    struct Timed final : Timing {
      std::vector<Time> log;
      Time ready(Time now) override {
        log.push_back(now);
        return now;
      }
    };
    Lambda p([&](Engine& eng) {
      const ObjectId x = eng.new_object(eng.own_name("x"));
      eng.spawn("waiter", [=, &eng] {
        auto timing = std::make_unique<Timed>();
        eng.step({.operation = &await, .access = {x, AccessKind::read}, .guard = Guard::equal(1), .timing = timing.get()});
      });
      eng.spawn("t", [=, &eng, &destroyed] {
        const Counted c(destroyed);
        eng.step({.operation = &store, .access = {x, AccessKind::write}}, [&](std::uint64_t& w) {
          w = 1;
          eng.fail("not like this");
        });
      });
    });
    const Outcome o = run(e, p, "random");
    CHECK(o.message == "not like this");
    CHECK(destroyed == 1);
  }
}

TEST_CASE("an exception from setup reaches the caller, tasks are unwound, and the engine goes on") {
  int destroyed = 0;
  {
    Engine e;
    bool broken = true;
    Lambda p([&](Engine& eng) {
      for (int i = 0; i < 3; ++i)
        eng.spawn("t" + std::to_string(i), [&] {
          const Counted c(destroyed);
          nop(eng);
        });
      if (broken) throw std::runtime_error("bad scenario");
    });
    const auto s = make_strategy("random");
    for (int i = 1; i <= 3; ++i) {
      CHECK_THROWS_WITH(run(e, p, *s), "bad scenario");
      CHECK(destroyed == 3 * i);
    }
    broken = false;
    CHECK(run(e, p, *s).kind == Outcome::Kind::completed);
    CHECK(destroyed == 12);
  }
}

TEST_CASE("an exception from a strategy reaches the caller") {
  struct Broken final : Strategy {
    std::uint64_t left;
    explicit Broken(std::uint64_t n) : left(n) {}
    bool begin(const ExecutionInfo& /*info*/) override { return true; }
    TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
      if (left-- == 0) throw std::runtime_error("strategy bug");
      return enabled[0].id;
    }
    std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return 0; }
    [[nodiscard]] std::string describe() const override { return "broken"; }
  };
  Engine e;
  GuardHeavy p;
  for (std::uint64_t n : {0U, 1U, 5U, 20U}) {
    Broken s(n);
    CHECK_THROWS_WITH(run(e, p, s), "strategy bug");
    CHECK(p.alive == 0);
  }
}
