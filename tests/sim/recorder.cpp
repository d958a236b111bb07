// What the recorder keeps, and that a recording replays strictly or says where it can't.
#include "unplug/sim/recorder.hpp"

#include <algorithm>

#include "models.hpp"
#include "random_programs.hpp"
#include "unplug/sim/strategies/replay.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// Takes tasks in the order of a text of their names' first letters; data choices are 0.
struct Script final : Strategy {
  std::string order;
  std::size_t next = 0;
  const NameTable* names = nullptr;
  explicit Script(std::string o) : order(std::move(o)) {}
  bool begin(const ExecutionInfo& info) override {
    next = 0;
    names = info.names;
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
    if (next < order.size())
      for (const TaskView& v : enabled)
        if (names->text(v.name)[0] == order[next]) {
          ++next;
          return v.id;
        }
    return {};
  }
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return 0; }
  [[nodiscard]] std::string describe() const override { return "script"; }
};

std::vector<std::uint64_t> preemptions(std::string order, std::function<void(Engine&)> setup) {
  Engine e;
  Lambda p(std::move(setup));
  Script script(std::move(order));
  Recorder recorder(script);
  CHECK(run(e, p, recorder).kind != Outcome::Kind::cut);
  return recorder.preemptions();
}

using Steps = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a preemption is a switch away from a task that could have gone on") {
  const auto two = [](Engine& e) {
    for (const char* name : {"a", "b"})
      e.spawn(name, [&e] {
        nop(e);
        nop(e);
        nop(e);
      });
  };
  CHECK(preemptions("aaabbb", two).empty());  // a has ended
  CHECK(preemptions("abbbaa", two) == Steps{1});
  CHECK(preemptions("abaabb", two) == Steps{1, 2});  // back and forth: both could go on
  CHECK(preemptions("ababab", two) == Steps{1, 2, 3, 4});
}

TEST_CASE("leaving a task after a sleep or a yield, or while it waits, is no preemption") {
  const auto sleeper = [](Engine& e) {
    e.spawn("a", [&e] {
      e.step({.operation = &doze, .sleep = 1});
      nop(e);
      nop(e);
    });
    e.spawn("b", [&e] {
      nop(e);
      nop(e);
    });
  };
  CHECK(preemptions("abbaa", sleeper).empty());
  CHECK(preemptions("aabba", sleeper) == Steps{2});
  CHECK(preemptions("abaab", sleeper) == Steps{2});  // b was preempted, not a
  CHECK(preemptions("baabaa" + std::string(), [](Engine& e) {
          e.spawn("a", [&e] {
            e.step({.operation = &doze});
            e.step({.operation = &doze});
            nop(e);
            nop(e);
          });
          e.spawn("b", [&e] {
            nop(e);
            nop(e);
          });
        }) == Steps{1});

  const auto waiter = [](Engine& e) {
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("a", [=, &e] {
      nop(e);
      wait(e, x, Guard::equal(1));
    });
    e.spawn("b", [=, &e] {
      write(e, x, 1);
      nop(e);
    });
  };
  CHECK(preemptions("abba", waiter).empty());
  CHECK(preemptions("abab", waiter) == Steps{2});
}

TEST_CASE("starting a task that runs at once is a preemption of who started it") {
  CHECK(preemptions("abaa", [](Engine& e) {
          e.spawn("a", [&e] {
            nop(e);
            e.spawn("b", [&e] { nop(e); });
            nop(e);
            nop(e);
          });
        }) == Steps{1});
}

TEST_CASE("only points with more than one alternative are decisions, with stable names and sorted alternatives") {
  Engine e;
  Lambda p([](Engine& eng) {
    eng.spawn("zoe", [&eng] {
      nop(eng);
      eng.choose(pick_one, 3);
    });
    eng.spawn("ann", [&eng] { nop(eng); });
  });
  Script script("zaz");
  Recorder recorder(script);
  CHECK(run(e, p, recorder).kind == Outcome::Kind::completed);
  const std::vector<Decision> expected{
      {0, "zoe", "nothing", {}, 0, {"ann", "zoe"}}, {1, "ann", "nothing", {}, 0, {"ann", "zoe"}}, {2, "zoe", "choose", 0, 3, {}}};
  CHECK(recorder.decisions() == expected);
  CHECK(recorder.describe() == "script");
  CHECK_FALSE(recorder.obeys_time());
  CHECK(Recorder(*make_strategy("timed")).obeys_time());
  // A second execution starts from nothing.
  CHECK(run(e, p, recorder).kind == Outcome::Kind::completed);
  CHECK(recorder.decisions() == expected);
}

TEST_CASE("a recorded execution replays in another engine: same decisions, same trace") {
  const auto check = [](Program& program, std::string_view name, std::uint64_t seed) {
    Engine first, other;
    const auto s = make_strategy(name);
    Recorder recorder(*s);
    const Outcome o = run(first, program, recorder, seed);
    DecisionReplay replay(recorder.decisions(), s->obeys_time());
    Recorder again(replay);
    CHECK(run(other, program, again, seed).kind == o.kind);
    CHECK_FALSE(replay.divergence());
    CHECK(again.decisions() == recorder.decisions());
    CHECK(again.preemptions() == recorder.preemptions());
    CHECK(other.trace().fingerprint == first.trace().fingerprint);
    CHECK(other.trace().end_time == first.trace().end_time);
    CHECK(text(other.trace(), other.names()) == text(first.trace(), first.names()));
    // So does the complete schedule.
    Engine third;
    Schedule schedule;
    for (const Event& ev : first.trace().events)
      schedule.push_back({third.names().intern(first.names().text(first.trace().tasks[ev.task.index()].name)), ev.choice});
    ScheduleReplay strict(schedule, s->obeys_time());
    CHECK(run(third, program, strict, seed).kind == o.kind);
    CHECK_FALSE(strict.diverged());
    CHECK(third.trace().fingerprint == first.trace().fingerprint);
    CHECK(third.trace().end_time == first.trace().end_time);
  };
  for (const char* strategy : {"random", "timed"}) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      StepModel models[] = {kref(3), drain(2), irq_choice(3), abba(2), missed_wake(2), work_cancel(2)};
      for (StepModel& m : models) check(m, strategy, seed);
      RandomProgram random_program(seed);
      check(random_program, strategy, seed);
    }
  }
}
