// Linearisations: canonical, complete, and legal.
#include "unplug/sim/schedule.hpp"

#include <algorithm>

#include "explore.hpp"
#include "models.hpp"
#include "pairs.hpp"
#include "random_programs.hpp"
#include "unplug/sim/strategies/replay.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

std::string text(const Schedule& s, const NameTable& names) {
  std::string out;
  for (const Label& l : s) out += (out.empty() ? "" : " ") + names.text(l.task) + (l.choice != 0 ? std::to_string(l.choice) : "");
  return out;
}

std::size_t find(const Trace& t, const NameTable& names, std::string_view task, std::uint32_t ordinal) {
  for (std::size_t i = 0; i < t.events.size(); ++i)
    if (names.text(t.tasks[t.events[i].task.index()].name) == task && t.events[i].ordinal == ordinal) return i;
  FAIL("no such event");
  return 0;
}

}  // namespace

TEST_CASE("the schedule of a trace is what was executed, choices included") {
  Engine e;
  Lambda p([](Engine& eng) {
    eng.spawn("a", [&eng] {
      eng.choose(pick_one, 3);
      nop(eng);
    });
    eng.spawn("b", [&eng] { nop(eng); });
  });
  std::set<std::string> all;
  every_schedule(e, p, 100, [&](const Outcome&) { all.insert(text(schedule_of(e.trace()), e.names())); });
  CHECK(all == std::set<std::string>{"a a b", "a b a", "b a a", "a1 a b", "a1 b a", "b a1 a", "a2 a b", "a2 b a", "b a2 a"});
}

TEST_CASE("the canonical schedule of a trace is one for all its linearisations, by least name and few switches") {
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("b", [=, &eng] {
      write(eng, x, 1);
      nop(eng);
      nop(eng);
    });
    eng.spawn("a", [=, &eng] {
      nop(eng);
      wait(eng, x, Guard::equal(1));
      nop(eng);
    });
  });
  std::set<std::string> canonical;
  every_schedule(e, p, 1'000, [&](const Outcome&) { canonical.insert(text(canonical_schedule(e.trace(), e.names()), e.names())); });
  CHECK(canonical == std::set<std::string>{"a b b b a a"});
}

TEST_CASE("with an end and a use: all that comes after neither, the end, the use, the rest") {
  // c precedes the end, d follows the use, o is nobody's business.
  Engine e;
  Lambda p([](Engine& eng) {
    const LifetimeId l = eng.new_lifetime(eng.own_name("L"), 0, true);
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("ender", [=, &eng] {
      nop(eng);
      end(eng, l);
      write(eng, x, 1);
    });
    eng.spawn("o", [&eng] {
      nop(eng);
      nop(eng);
    });
    eng.spawn("reader", [=, &eng] {
      wait(eng, x, Guard::equal(1));
      nop(eng);
    });
    eng.spawn("user", [=, &eng] {
      nop(eng);
      use(eng, l);
      nop(eng);
    });
  });
  std::set<std::string> seen;
  every_schedule(e, p, 100'000, [&](const Outcome&) {
    const std::size_t end = find(e.trace(), e.names(), "ender", 1), use = find(e.trace(), e.names(), "user", 1);
    seen.insert(text(canonical_schedule(e.trace(), e.names(), end, use), e.names()));
  });
  CHECK(seen == std::set<std::string>{"ender o o user ender user user ender reader reader"});
}

TEST_CASE("an end before the use stays before it") {
  Engine e;
  Lambda p([](Engine& eng) {
    const LifetimeId l = eng.new_lifetime(eng.own_name("L"), 0, true);
    eng.spawn("a", [=, &eng] {
      end(eng, l);
      nop(eng);
      use(eng, l);
    });
    eng.spawn("b", [&eng] { nop(eng); });
  });
  run(e, p, "random");
  const std::size_t end = find(e.trace(), e.names(), "a", 0), use = find(e.trace(), e.names(), "a", 2);
  CHECK(text(canonical_schedule(e.trace(), e.names(), end, use), e.names()) == "b a a a");
}

TEST_CASE("canonical schedules hold every step once and replay, for any pair that is not the wrong way round") {
  // Any two events may be asked for, ends and uses or not, as long as the second does not precede the first.
  Engine e;
  std::uint64_t pairs = 0;
  const auto check = [&](Program& p, std::uint64_t seed) {
    const Outcome o = run(e, p, "random", seed);
    const Trace trace = e.trace();
    for (std::size_t end = 0; end < trace.events.size(); ++end) {
      for (std::size_t use = 0; use < trace.events.size(); ++use) {
        if (end == use || past_of(trace, end)[use]) continue;
        ++pairs;
        const Schedule s = canonical_schedule(trace, e.names(), end, use);
        REQUIRE(s.size() == trace.events.size());
        ScheduleReplay replay(s);
        const Outcome again = run(e, p, replay, seed);
        if (again.kind != o.kind || replay.diverged() || e.trace().fingerprint != trace.fingerprint) FAIL_CHECK("seed " << seed);
      }
    }
  };
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    StepModel models[] = {kref(3), drain(2), work_cancel(2), irq_choice(3), abba(2), srcu2(2)};
    for (StepModel& m : models) check(m, seed);
  }
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomProgram p(seed, seed % 2 == 1);
    check(p, seed);
  }
  CHECK(pairs > 10'000);
}
