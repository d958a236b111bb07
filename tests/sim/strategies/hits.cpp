// How often each random strategy hits a bug: at least what the reference measures on the same models, seen directly and judged on traces.
#include <cmath>

#include "sim/models.hpp"
#include "sim/pairs.hpp"
#include "unplug/sim/schedule.hpp"
#include "unplug/sim/trial.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

struct Rate {
  double seen = 0, judged = 0;  // of 1
};

Rate hits(StepModel model, const char* name, std::uint64_t executions) {
  Engine engine;
  const auto strategy = make_strategy(name);
  run_trials(engine, model, *strategy, 7);
  std::uint64_t seen = 0, judged_bad = 0;
  for (std::uint64_t i = 0; i < executions; ++i) {
    const ExecutionInfo info{i, execution_seed(7, i), &engine.names()};
    strategy->begin(info);
    engine.run(model, *strategy, info);
    seen += model.bad || !observed(engine.trace()).empty() ? 1 : 0;
    judged_bad += judged(engine.trace()).empty() ? 0 : 1;
  }
  const auto all = static_cast<double>(executions);
  return {static_cast<double>(seen) / all, static_cast<double>(judged_bad) / all};
}

struct Row {
  const char* model;
  StepModel (*make)();
  const char* strategy;
  double variable, judged;  // the reference's rates: `freed` a variable, seen; a lifetime, judged
};

constexpr Row rows[] = {
    {"flag_nolock 2", [] { return flag_nolock(2); }, "random", .236, .680},
    {"flag_nolock 2", [] { return flag_nolock(2); }, "pct", .236, .652},
    {"flag_nolock 2", [] { return flag_nolock(2); }, "pos", .309, .655},
    {"flag_nolock 2", [] { return flag_nolock(2); }, "surw", .367, .672},
    {"drain_nolock 2", [] { return drain_nolock(2); }, "random", .121, .169},
    {"drain_nolock 2", [] { return drain_nolock(2); }, "pct", .154, .172},
    {"drain_nolock 2", [] { return drain_nolock(2); }, "pos", .158, .239},
    {"drain_nolock 2", [] { return drain_nolock(2); }, "surw", .251, .325},
    {"kref noget 2", [] { return broken_kref(2, Mistake::noget); }, "random", .025, .662},
    {"kref noget 2", [] { return broken_kref(2, Mistake::noget); }, "pct", .277, .654},
    {"kref noget 2", [] { return broken_kref(2, Mistake::noget); }, "pos", .141, .661},
    {"kref noget 2", [] { return broken_kref(2, Mistake::noget); }, "surw", .127, .668},
    {"pad(2,10)", [] { return pad(2, 10); }, "pct", .031, .503},
    {"pad(2,10)", [] { return pad(2, 10); }, "pos", .038, .107},
    {"pad(2,10)", [] { return pad(2, 10); }, "surw", .047, .228},
    {"pad(4,30)", [] { return pad(4, 30); }, "pct", .012, .736},
    {"pad(4,30)", [] { return pad(4, 30); }, "pos", .019, .062},
    {"pad(4,30)", [] { return pad(4, 30); }, "surw", .039, .169},
    {"deep(2,10)", [] { return deep(2, 10); }, "pct", .042, .042},
    {"deep(2,10)", [] { return deep(2, 10); }, "pos", .043, .045},
    {"deep(2,10)", [] { return deep(2, 10); }, "surw", .019, .025},
};

}  // namespace

TEST_CASE("random strategies hit the bugs of the reference models at least as often as the reference does") {
  // The reference's figures are of 2,000 executions; so are ours: two standard errors below is within chance.
  constexpr std::uint64_t executions = 2'000;
  for (const Row& row : rows) {
    CAPTURE(row.model);
    CAPTURE(row.strategy);
    const auto least = [](double p) { return p - 2.9 * std::sqrt(2 * p * (1 - p) / static_cast<double>(executions)); };
    const double seen = hits(row.make(), row.strategy, executions).seen,
                 judged = hits(row.make().lifted(), row.strategy, executions).judged;
    CHECK(seen >= least(row.variable));
    CHECK(judged >= least(row.judged));
    MESSAGE(std::string(row.model) << " " << std::string(row.strategy) << ": " << seen << " (" << row.variable << "), " << judged << " ("
                                   << row.judged << ")");
  }
}

TEST_CASE("each seeded bug is found in 99 of 100 campaigns within 20 times the expected number of executions") {
  // Expected from the reference's rate; seen directly, which is the harder way.
  for (const Row& row : rows) {
    CAPTURE(row.model);
    CAPTURE(row.strategy);
    const auto budget = static_cast<std::uint64_t>(20 / row.judged);
    unsigned found = 0;
    Engine engine;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      StepModel model = row.make().lifted();
      const auto strategy = make_strategy(row.strategy);
      run_trials(engine, model, *strategy, seed);
      bool hit = false;
      for (std::uint64_t i = 0; i < budget && !hit; ++i) {
        const ExecutionInfo info{i, execution_seed(seed, i), &engine.names()};
        strategy->begin(info);
        engine.run(model, *strategy, info);
        hit = !judged(engine.trace()).empty();
      }
      found += hit ? 1 : 0;
    }
    CHECK(found >= 99);
  }
}

TEST_CASE("pct: the highest priority goes on until a change point or a wait, so few tasks switch") {
  StepModel model = pad(4, 30);
  Engine engine;
  for (const unsigned depth : {1U, 2U, 3U}) {
    const auto strategy = make_strategy("pct(" + std::to_string(depth) + ")");
    run_trials(engine, model, *strategy, 1);
    for (std::uint64_t i = 0; i < 50; ++i) {
      const ExecutionInfo info{i, execution_seed(1, i), &engine.names()};
      strategy->begin(info);
      engine.run(model, *strategy, info);
      unsigned switches = 0;
      const auto& events = engine.trace().events;
      for (std::size_t e = 1; e < events.size(); ++e) switches += events[e].task != events[e - 1].task ? 1 : 0;
      CHECK(switches <= 4 + 2 * (depth - 1));  // five tasks to their ends, and each change away and back
      if (depth == 1) CHECK(switches == 4);
    }
  }
}

TEST_CASE("pct: a task that spins does not keep the others from going on") {
  Engine engine(EngineLimits{.steps_per_task = 60'000});
  Lambda program([](Engine& e) {
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("spinner", [&e, x] {
      while (!e.aborting() && read(e, x) == 0) {
      }
    });
    e.spawn("setter", [&e, x] { write(e, x, 1); });
  });
  for (std::uint64_t seed = 0; seed < 4; ++seed) CHECK(run(engine, program, "pct", seed).kind == Outcome::Kind::completed);
}

TEST_CASE("mix is its parts in rotation, the same executions as each alone") {
  StepModel model = drain_nolock(2);
  Engine engine;
  const auto fingerprint = [&](const char* name, std::uint64_t index) {
    const auto strategy = make_strategy(name);
    run_trials(engine, model, *strategy, 3);
    const ExecutionInfo info{index, execution_seed(3, index), &engine.names()};
    strategy->begin(info);
    engine.run(model, *strategy, info);
    return schedule_of(engine.trace());
  };
  const char* parts[] = {"random", "pct", "pos", "surw", "pct", "pos", "surw", "pct", "pos", "surw"};
  for (std::uint64_t i = 0; i < 20; ++i) CHECK(fingerprint("mix", i) == fingerprint(parts[i % 10], i));
}

TEST_CASE("what a strategy learns comes from the trials alone: the order of executions doesn't matter") {
  for (const StrategyInfo& strategy : strategies()) {
    const std::string_view name = strategy.name;
    CAPTURE(name);
    if (searches(name)) continue;
    StepModel model = deep(2, 5);
    const auto all = [&](bool backwards) {
      Engine engine;
      std::vector<std::uint64_t> out(20);
      const auto made = make_strategy(name);
      run_trials(engine, model, *made, 5);
      for (std::uint64_t n = 0; n < out.size(); ++n) {
        const std::uint64_t i = backwards ? out.size() - 1 - n : n;
        const ExecutionInfo info{i, execution_seed(5, i), &engine.names()};
        made->begin(info);
        engine.run(model, *made, info);
        out[i] = engine.trace().fingerprint;
      }
      return out;
    };
    CHECK(all(false) == all(true));
  }
}
