// Preemption bounding visits exactly the schedules with so many preemptions, each once, against enumeration and the recorder's count.
#include "unplug/sim/bounded.hpp"

#include <map>
#include <set>

#include "explore.hpp"
#include "models.hpp"
#include "random_programs.hpp"
#include "unplug/sim/recorder.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

using Schedules = std::map<std::uint32_t, std::multiset<std::string>>;  // by preemptions

std::string line(const Engine& e, Engine& names_of) { return text(e.trace(), names_of.names()); }

// Every schedule there is; empty if there are more than `limit`.
Schedules enumerated(Engine& engine, Program& program, std::uint64_t limit) {
  Schedules out;
  EverySchedule walk;
  Recorder recorder(walk);
  std::uint64_t n = 0;
  for (ExecutionInfo info{0, 1, &engine.names()}; recorder.begin(info); ++info.index) {
    if (++n > limit) return {};
    engine.run(program, recorder, info);
    out[static_cast<std::uint32_t>(recorder.preemptions().size())].insert(line(engine, engine));
  }
  return out;
}

// What the search visits for each number of preemptions, until no schedule needs more.
Schedules searched(Engine& engine, Program& program) {
  Schedules out;
  for (BoundedOptions o;; ++o.preemptions) {
    const BoundedResult r = explore_bounded(engine, program, o, [&](const Outcome&) {
      out[o.preemptions].insert(line(engine, engine));
      return true;
    });
    CHECK(r.kind == BoundedResult::Kind::complete);
    CHECK(r.executions == out[o.preemptions].size());
    if (out[o.preemptions].empty()) out.erase(o.preemptions);
    if (!r.withheld) return out;
  }
}

}  // namespace

TEST_CASE("each schedule is visited once, under the number of its preemptions, and together they are all") {
  Engine engine;
  StepModel models[] = {kref(2), drain(2), srcu2(1), work_cancel(1), irq_choice(1), abba(2), flag_mutex(2), readers(2)};
  for (StepModel& m : models) {
    const Schedules all = enumerated(engine, m, 200'000);
    REQUIRE(!all.empty());
    CHECK(searched(engine, m) == all);
  }
  std::size_t compared = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomProgram p(seed);
    const Schedules all = enumerated(engine, p, 2'000);
    if (all.empty()) continue;
    ++compared;
    CAPTURE(seed);
    CHECK(searched(engine, p) == all);
  }
  CHECK(compared > 100);
}

TEST_CASE("a wait that blocked, the end of a task and a pause cost nothing, anything else that could go on does") {
  Engine engine;
  const Operation sleep{.name = "sleep", .pause = true};
  Lambda p([&](Engine& e) {
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("a", [=, &e] {
      e.step({.operation = &sleep});
      nop(e);
      wait(e, x, Guard::equal(1));
    });
    e.spawn("b", [=, &e] {
      nop(e);
      write(e, x, 1);
    });
  });
  // b first and to its end, or a: left after its sleep, or going on until it blocks. Leaving a or b elsewhere is a preemption.
  const Schedules found = searched(engine, p);
  CHECK(found.at(0).size() == 3);
  CHECK(found == enumerated(engine, p, 1'000));
}

TEST_CASE("jobs below a split visit what one search visits") {
  Engine engine;
  StepModel models[] = {kref(2), drain(2), irq_choice(2), abba(2)};
  for (StepModel& m : models) {
    for (BoundedOptions o; o.preemptions < 4; ++o.preemptions) {
      std::multiset<std::string> whole, parts;
      o.prefix.clear();
      explore_bounded(engine, m, o, [&](const Outcome&) {
        whole.insert(line(engine, engine));
        return true;
      });
      for (const std::size_t wanted : {1U, 5U, 40U, 100'000U}) {
        CAPTURE(wanted);
        std::vector<std::vector<std::uint32_t>> prefixes;
        o.prefix.clear();
        CHECK(split_bounded(engine, m, o, wanted, prefixes).empty());
        CHECK(std::set(prefixes.begin(), prefixes.end()).size() == prefixes.size());
        parts.clear();
        for (const auto& prefix : prefixes) {
          o.prefix = prefix;
          Engine another;  // indices mean the same in every engine
          explore_bounded(another, m, o, [&](const Outcome&) {
            parts.insert(line(another, another));
            return true;
          });
        }
        CHECK(parts == whole);
      }
    }
  }
}

TEST_CASE("limits, the visitor and a stop end the search, and what a program throws comes out") {
  Engine engine;
  StepModel m = kref(3);
  BoundedOptions o;
  o.preemptions = 2;
  o.max_executions = 7;
  CHECK(explore_bounded(engine, m, o, [](const Outcome&) { return true; }).executions == 7);
  CHECK(explore_bounded(engine, m, o, [](const Outcome&) { return false; }).kind == BoundedResult::Kind::stopped);
  o.stop = [] { return true; };
  CHECK(explore_bounded(engine, m, o, [](const Outcome&) { return true; }).executions == 0);

  Lambda bad([](Engine& e) { e.spawn("a", [] { throw std::runtime_error("oops"); }); });
  const BoundedResult r = explore_bounded(engine, bad, {}, [](const Outcome&) { return true; });
  CHECK(r.kind == BoundedResult::Kind::failed);
  CHECK(r.message.find("oops") != std::string::npos);

  int run = 0;
  Lambda fickle([&](Engine& e) {
    ++run;
    for (int t = 0; t < (run == 2 ? 3 : 2); ++t) e.spawn("t" + std::to_string(t), [&e] { nop(e); });
  });
  const BoundedResult other = explore_bounded(engine, fickle, {}, [](const Outcome&) { return true; });
  CHECK(other.kind == BoundedResult::Kind::failed);
  CHECK(other.message == "the same choices led elsewhere than before");
}
