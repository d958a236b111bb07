// A replay is strict: whatever differs from the recording is said, with where, what was expected and what was found.
#include "unplug/sim/strategies/replay.hpp"

#include "models.hpp"
#include "unplug/sim/recorder.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// Three tasks; "b" chooses. Recorded under a fixed seed that gives both kinds of decision.
struct Recorded {
  Engine engine;
  Lambda program{[](Engine& e) {
    const ObjectId x = e.new_object(e.own_name("x"));
    for (const char* name : {"a", "b", "c"})
      e.spawn(name, [=, &e, chooses = name[0] == 'b'] {
        add(e, x, 1);
        if (chooses && e.choose(pick_one, 4) == 3) nop(e);
        read(e, x);
      });
  }};
  std::vector<Decision> decisions;
  std::uint64_t fingerprint = 0;

  Recorded() {
    const auto s = make_strategy("random");
    Recorder recorder(*s);
    REQUIRE(run(engine, program, recorder, 5).kind == Outcome::Kind::completed);
    decisions = recorder.decisions();
    fingerprint = engine.trace().fingerprint;
  }
  std::optional<Divergence> replay(const std::vector<Decision>& d, Outcome::Kind* ended = nullptr) {
    DecisionReplay r(d, false);
    const Outcome o = run(engine, program, r);
    if (ended != nullptr) *ended = o.kind;
    return r.divergence();
  }
};

std::size_t first(const std::vector<Decision>& decisions, bool data) {
  std::size_t i = 0;
  while (decisions[i].choice.has_value() != data) ++i;
  return i;
}

}  // namespace

TEST_CASE("unaltered decisions replay") {
  Recorded r;
  Outcome::Kind ended{};
  CHECK_FALSE(r.replay(r.decisions, &ended));
  CHECK(ended == Outcome::Kind::completed);
  CHECK(r.engine.trace().fingerprint == r.fingerprint);
}

TEST_CASE("each field of a decision about tasks matters") {
  Recorded r;
  const std::size_t i = first(r.decisions, false);
  auto d = r.decisions;
  SUBCASE("step") { ++d[i].step; }
  SUBCASE("task that is not enabled") { d[i].task = "nobody"; }
  SUBCASE("operation") { d[i].operation = "frob"; }
  SUBCASE("one alternative less") { d[i].alternatives.pop_back(); }
  SUBCASE("another alternative") { d[i].alternatives[0] = "aa"; }
  SUBCASE("one alternative more") { d[i].alternatives.push_back("zz"); }
  SUBCASE("a choice where none is") { d[i].choice = 0; }
  Outcome::Kind ended{};
  const auto divergence = r.replay(d, &ended);
  REQUIRE(divergence);
  CHECK(ended == Outcome::Kind::cut);
  CHECK(divergence->step == r.decisions[i].step);
  CHECK(divergence->enabled == r.decisions[i].alternatives);
  CHECK(divergence->found == "at step 0: a choice among 3 tasks");
  CHECK(divergence->expected.starts_with("at step "));
  CHECK(r.engine.trace().events.size() == i);
}

TEST_CASE("each field of a decision about data matters") {
  Recorded r;
  const std::size_t i = first(r.decisions, true);
  auto d = r.decisions;
  REQUIRE(d[i].bound == 4);
  SUBCASE("step") { ++d[i].step; }
  SUBCASE("task") { d[i].task = "a"; }
  SUBCASE("operation") { d[i].operation = "frob"; }
  SUBCASE("bound") { d[i].bound = 5; }
  SUBCASE("value out of bounds") { d[i].choice = 4; }
  SUBCASE("no choice where one is") { d[i].choice.reset(); }
  Outcome::Kind ended{};
  const auto divergence = r.replay(d, &ended);
  REQUIRE(divergence);
  CHECK(ended == Outcome::Kind::cut);
  CHECK(divergence->step == r.decisions[i].step);
  CHECK(divergence->found == "at step " + std::to_string(r.decisions[i].step) + ": a data choice of 4 by 'b' (choose)");
  CHECK(divergence->enabled.empty());
}

TEST_CASE("decisions that are missing or left over are a divergence") {
  Recorded r;
  Outcome::Kind ended{};
  for (std::size_t keep = 0; keep < r.decisions.size(); ++keep) {
    auto d = r.decisions;
    d.resize(keep);
    const auto divergence = r.replay(d, &ended);
    REQUIRE(divergence);
    CHECK(ended == Outcome::Kind::cut);
    CHECK(divergence->expected == "no further decision");
    CHECK(divergence->step == r.decisions[keep].step);
  }
  auto d = r.decisions;
  d.push_back({99, "a", "load", {}, 0, {"a", "b"}});
  const auto divergence = r.replay(d, &ended);
  REQUIRE(divergence);
  CHECK(ended == Outcome::Kind::completed);
  CHECK(divergence->found == "the execution ended");
  CHECK(divergence->expected == "at step 99: task 'a' (load), among a, b");
  CHECK(divergence->step == r.engine.trace().events.size());
  // One of them left out in the middle: whatever comes next is not where it should be.
  for (std::size_t i = 0; i < r.decisions.size(); ++i) {
    d = r.decisions;
    d.erase(d.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(r.replay(d));
  }
}

TEST_CASE("a divergence belongs to its execution") {
  Recorded r;
  DecisionReplay replay(r.decisions, false);
  Lambda other([](Engine& e) {
    e.spawn("x", [&e] { nop(e); });
    e.spawn("y", [&e] { nop(e); });
  });
  CHECK(run(r.engine, other, replay).kind == Outcome::Kind::cut);
  CHECK(replay.divergence());
  CHECK(run(r.engine, r.program, replay).kind == Outcome::Kind::completed);
  CHECK_FALSE(replay.divergence());
  CHECK(r.engine.trace().fingerprint == r.fingerprint);
}

TEST_CASE("a schedule replays strictly") {
  Recorded r;
  run(r.engine, r.program, "random", 5);
  const Schedule s = schedule_of(r.engine.trace());
  const auto diverged = [&](const Schedule& altered) {
    ScheduleReplay replay(altered);
    const Outcome o = run(r.engine, r.program, replay);
    CHECK((o.kind == Outcome::Kind::completed || o.kind == Outcome::Kind::cut));
    if (o.kind == Outcome::Kind::cut) CHECK(replay.diverged());
    return replay.diverged();
  };
  CHECK_FALSE(diverged(s));
  CHECK(r.engine.trace().fingerprint == r.fingerprint);
  for (std::size_t keep = 0; keep < s.size(); ++keep) CHECK(diverged(Schedule(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(keep))));
  Schedule longer = s;
  longer.push_back(s.back());
  CHECK(diverged(longer));
  Schedule wrong = s;
  wrong[0].task = r.engine.names().intern("nobody");
  CHECK(diverged(wrong));
  for (std::size_t i = 0; i < s.size(); ++i) {
    wrong = s;
    wrong[i].choice = 4;  // no step has so many alternatives; most have one
    CHECK(diverged(wrong));
  }
}
