// Programs and strategies that break the engine's rules are told so; nothing is silently wrong, nothing crashes.
#include "support.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// The message with which a task of this body ends the execution.
std::string message_of(const std::function<void(Engine&, ObjectId)>& body) {
  Engine e;
  Lambda p([&](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("bad", [&, x] { body(eng, x); });
  });
  const Outcome o = run(e, p, "random");
  CHECK(o.kind == Outcome::Kind::failed);
  return o.message;
}

}  // namespace

TEST_CASE("a step inside an effect") {
  CHECK(message_of([](Engine& e, ObjectId x) {
          e.step({.operation = &store, .access = {x, AccessKind::write}}, [&](std::uint64_t&) { nop(e); });
        }) == "the effect of a step took another step (nothing)");
}

TEST_CASE("a step outside any task") {
  Engine e;
  Lambda p([](Engine& eng) { nop(eng); });
  const Outcome o = run(e, p, "random");
  CHECK(o.kind == Outcome::Kind::failed);
  CHECK(o.message == "a step was taken outside any task (in setup)");
}

TEST_CASE("an effect that makes objects does not invalidate the word it works on") {
  CHECK(message_of([](Engine& e, ObjectId x) {
          e.step({.operation = &store, .access = {x, AccessKind::write}}, [&](std::uint64_t& w) {
            for (int i = 0; i < 1000; ++i) e.new_object(e.own_name("y"));
            w = 1;
          });
        }) == "an effect made an object: make it before the step");
}

TEST_CASE("a read that writes") {
  CHECK(message_of([](Engine& e, ObjectId x) {
          e.step({.operation = &load, .access = {x, AccessKind::read}}, [](std::uint64_t& w) { w = 1; });
        }) == "a step declared as a read has written its object");
}

TEST_CASE("a guard without an object, an access to no object or to one of another execution") {
  CHECK(message_of([](Engine& e, ObjectId) { e.step({.operation = &await, .guard = Guard::equal(0)}); }) ==
        "step 'await' has a guard but no access");
  CHECK(message_of([](Engine& e, ObjectId) {
          e.step({.operation = &load, .access = {ObjectId{}, AccessKind::read}});
        }) == "step 'load' accesses an object that does not exist");
  CHECK(message_of([](Engine& e, ObjectId x) {
          e.step({.operation = &load, .access = {ObjectId{x.index() + 1}, AccessKind::read}});
        }) == "step 'load' accesses an object that does not exist");
}

TEST_CASE("a step that relies on more lifetimes than there is room for") {
  CHECK(message_of([](Engine& e, ObjectId) {
          Witnesses uses;
          for (std::uint32_t i = 0; i <= Witnesses::capacity; ++i) uses.add(LifetimeId{i});
          e.step({.operation = &nothing, .uses = uses});
        }) == "the code of task 'bad' threw an exception: a step relies on more lifetimes than there is room for");
}

TEST_CASE("a data choice with an access or a guard") {
  CHECK(message_of([](Engine& e, ObjectId x) {
          e.step({.operation = &pick_one, .access = {x, AccessKind::read}, .alternatives = 2});
        }) == "step 'choose' is a data choice and accesses an object");
}

TEST_CASE("too many tasks") {
  Engine e(EngineLimits{.tasks = 10});
  Lambda p([](Engine& eng) {
    eng.spawn("forker", [&eng] {
      for (int i = 0;; ++i) {
        eng.spawn("t" + std::to_string(i), [&eng] { nop(eng); });
        nop(eng);
      }
    });
  });
  const Outcome o = run(e, p, "random");
  CHECK(o.kind == Outcome::Kind::failed);
  CHECK(o.message == "more than 10 tasks in one execution: does something start tasks in a loop?");
  CHECK(e.trace().tasks.size() == 10);
}

TEST_CASE("two tasks of one name") {
  // Schedules, replays and random draws go by name.
  Engine e;
  Lambda p([](Engine& eng) {
    eng.spawn("twin", [&eng] { nop(eng); });
    eng.spawn("twin", [&eng] { nop(eng); });
  });
  for (int i = 0; i < 2; ++i) {
    const Outcome o = run(e, p, "random");
    CHECK(o.kind == Outcome::Kind::failed);
    CHECK(o.message == "two tasks are called 'twin'");
  }
}

TEST_CASE("two objects of one name") {
  // Two traces that differ in which of them came first would have one fingerprint.
  Engine e;
  Lambda p([](Engine& eng) {
    const NameId name = eng.names().intern("twin");
    eng.new_object(name);
    eng.new_lifetime(name, 0, true);  // another kind of thing: no clash
    eng.spawn("twin", [&eng] { nop(eng); });
    eng.new_object(name);
  });
  for (int i = 0; i < 2; ++i) CHECK(run(e, p, "random").message == "two objects are called 'twin'");
}

TEST_CASE("a strategy that picks a task that is not enabled") {
  struct Wrong final : Strategy {
    TaskId answer;
    explicit Wrong(TaskId a) : answer(a) {}
    bool begin(const ExecutionInfo& /*info*/) override { return true; }
    TaskId pick(std::span<const TaskView> /*enabled*/, TaskId /*current*/) override { return answer; }
    std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return 0; }
    [[nodiscard]] std::string describe() const override { return "wrong"; }
  };
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("ready", [&eng] { nop(eng); });
    eng.spawn("blocked", [&eng, x] { wait(eng, x, Guard::equal(1)); });
  });
  for (const TaskId t : {TaskId{1}, TaskId{2}, TaskId{77}}) {
    Wrong s(t);
    const Outcome o = run(e, p, s);
    CHECK(o.kind == Outcome::Kind::failed);
    CHECK(o.message == "strategy 'wrong' picked a task that is not enabled");
    CHECK(e.trace().events.empty());
  }
}

TEST_CASE("an effect may throw: the step counts as taken, and the task may go on") {
  Engine e;
  int caught = 0;
  Lambda p([&](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("thrower", [&, x] {
      try {
        eng.step({.operation = &store, .access = {x, AccessKind::write}}, [](std::uint64_t& w) {
          w = 1;
          throw 1;
        });
      } catch (int) {
        ++caught;
      }
      nop(eng);
    });
    eng.spawn("waiter", [&, x] { wait(eng, x, Guard::equal(1)); });
  });
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
  CHECK(caught == 1);
  CHECK(e.trace().events.size() == 3);
}

TEST_CASE("nothing that an unwound task does reaches the trace") {
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    struct Noisy {
      Engine& e;
      ~Noisy() {
        e.new_object(e.own_name("late"));
        e.new_lifetime(e.own_name("late"), 0, true);
        e.set_site(SiteId{7}, FrameId{7});
        e.fail("late");
      }
    };
    eng.spawn("t", [&eng, x] {
      const Noisy noisy{eng};
      wait(eng, x, Guard::equal(1));
    });
  });
  const Outcome o = run(e, p, "random");
  CHECK(o.kind == Outcome::Kind::blocked);
  CHECK(o.message.empty());
  CHECK(e.trace().objects.size() == 1);
  CHECK(e.trace().lifetimes.empty());
}

TEST_CASE("a timeout of what is no data choice, or that awaits what does not exist") {
  Engine e;
  int form = 0;
  Lambda p([&](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("t", [&, x] {
      const Await other{form == 0 ? ObjectId{7} : x, {}};
      const Awaited ends{{&other, 1}, 5};
      Step s{.operation = &nothing, .alternatives = form == 1 ? 1U : 2U};
      if (form == 2) {
        s.alternatives = 1;
        s.access = {x, AccessKind::read};
      }
      s.awaited = &ends;
      eng.step(s);
    });
  });
  for (form = 0; form < 3; ++form) {
    const Outcome o = run(e, p, "random");
    CHECK(o.kind == Outcome::Kind::failed);
    CHECK(o.message == "step 'nothing' awaits something, and is no data choice or it does not exist");
  }
  form = 3;
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
}
