// `random`: a uniform walk; data choices belong to their task.
#include <array>
#include <map>
#include <set>

#include "sim/support.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

TEST_CASE("random: each enabled task is as likely as any other at every step") {
  Engine e;
  Lambda p([](Engine& eng) {
    for (const char* name : {"a", "b", "c"}) eng.spawn(name, [&eng] { nop(eng); });
  });
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 0; seed < 6'000; ++seed) {
    run(e, p, "random", seed);
    ++seen[text(e.trace(), e.names())];
  }
  CHECK(seen.size() == 6);
  for (const auto& [order, n] : seen) CHECK((n > 850 && n < 1'150));
}

TEST_CASE("random: data choices are uniform, and depend on nothing but seed, task and ordinal") {
  // Two choosers, and a third task with as many steps as the test likes: the values must not shift.
  const auto program = [](int others) {
    return Lambda([others](Engine& e) {
      for (const char* name : {"a", "b"})
        e.spawn(name, [&e] {
          for (int i = 0; i < 4; ++i) e.choose(pick_one, 5);
        });
      e.spawn("other", [&e, others] {
        for (int i = 0; i < others; ++i) nop(e);
      });
    });
  };
  const auto values = [](const Engine& e, TaskId task) {
    std::string out;
    for (const Event& ev : e.trace().events)
      if (ev.task == task) out += static_cast<char>('0' + ev.choice);
    return out;
  };
  Engine e;
  std::array<int, 5> count{};
  int differ = 0;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    Lambda none = program(0), many = program(7);
    run(e, none, "random", seed);
    const std::string a = values(e, TaskId{0}), b = values(e, TaskId{1});
    for (const char c : a + b) ++count[static_cast<std::size_t>(c - '0')];
    differ += a != b ? 1 : 0;
    run(e, many, "random", seed);
    CHECK(values(e, TaskId{0}) == a);
    CHECK(values(e, TaskId{1}) == b);
  }
  CHECK(differ > 990);
  for (const int n : count) CHECK((n > 1'450 && n < 1'750));
}

TEST_CASE("every strategy has a name, a summary, and makes the strategy that describes itself so") {
  std::set<std::string_view> names;
  for (const StrategyInfo& info : strategies()) {
    CHECK(names.insert(info.name).second);
    CHECK_FALSE(info.summary.empty());
    const auto s = make_strategy(info.name);
    CHECK(known_strategy(info.name));
    CHECK(searches(info.name) == (info.name == automatic_strategy || info.name == exhaustive_strategy || info.name == "bounded"));
    if (searches(info.name)) {
      CHECK(s == nullptr);
      continue;
    }
    REQUIRE(s != nullptr);
    CHECK(s->describe().starts_with(info.name));
    CHECK(s->obeys_time() == (info.name == "timed"));
  }
  CHECK(names.contains("random"));
  CHECK(names.contains("timed"));
  CHECK(make_strategy("no such strategy") == nullptr);
  CHECK(make_strategy("") == nullptr);
  CHECK(make_strategy("pct")->describe() == "pct(3)");
  CHECK(make_strategy("pct(2)")->describe() == "pct(2)");
  for (const auto* wrong :
       {"pct(0)", "pct(10)", "pct(2", "pct()", "pct(2) ", "pct2", "random(1)", "PCT", "bounded(10)", "bounded(-1)", "dpor(2)"}) {
    CHECK(!known_strategy(wrong));
    CHECK(!searches(wrong));
  }
  CHECK(preemption_bound("bounded") == 2);
  CHECK(preemption_bound("bounded(0)") == 0);
  CHECK(!preemption_bound("bounded(10)"));
  CHECK(!preemption_bound("pct(2)"));
}
