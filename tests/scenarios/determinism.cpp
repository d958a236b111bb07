// The same scenario, policy, strategy and seed give the same result, however the work is split.
#include <string>

#include <fmt/format.h>

#include "files.hpp"
#include "support/golden.hpp"
#include "unplug/scenarios/world/world.hpp"
#include "unplug/sim/hash.hpp"
#include "unplug/sim/strategy.hpp"
#include "unplug/sim/trial.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

std::string text(const std::optional<Quantiles>& q) {
  return q ? fmt::format("{}:{}/{}/{}/{}", q->count, q->p50, q->p90, q->p99, q->max) : std::string("-");
}

std::string text(const std::vector<Finding>& findings) {
  std::string t;
  for (const Finding& f : findings)
    t += fmt::format("  {} {} first {} of {}: {} at {} {} {}\n", f.signature, f.message, f.lowest_index, f.count, f.feasibility,
                     f.offender.task, f.offender.step, f.offender.time_ns.value_or(0));
  return t;
}

// Everything in a result that exploration decides.
std::string text(const ScenarioResult& r) {
  std::string t;
  for (const Cell& c : r.cells) {
    const Operations& o = c.operations;
    t += fmt::format("{} {} {}: {} executions, {} traces, remove {} unbind {} rmmod {} gp {}\n", c.member, c.policy, c.strategy,
                     c.executions, c.evidence.distinct_traces, text(c.remove_ns), text(c.unbind_ns), text(c.rmmod_ns),
                     text(c.grace_periods));
    t +=
        fmt::format("  operations {} {} {} {} {} {} {} {}, unload {} {} {}\n", o.started, o.completed, o.refused_at_entry, o.torn, o.failed,
                    o.unfinished, o.entry_branches, o.torn_branches, c.unload.attempted, c.unload.refused, c.unload.done_while_open);
    t += text(c.violations) + text(c.notes);
    for (const Wait& w : c.waits)
      t += fmt::format("  wait {} {} {} {} {} {} {}\n", w.what, w.function, w.owner, w.bounded, w.executions, w.blocked, text(w.ns));
    for (const std::string& n : c.never_reached) t += "  never " + n + "\n";
    for (const Never& n : c.never) t += fmt::format("  never {} {} {}\n", n.what, n.how, n.why);
    for (const KeptApart& k : c.kept_apart) t += fmt::format("  apart {} {}\n", k.what, k.by);
    for (const std::string& n : c.not_judged) t += "  not judged " + n + "\n";
    for (const Expectation& e : c.expectations) t += fmt::format("  {} {} {}\n", e.text, e.met, e.detail);
  }
  return t;
}

std::string outcome(const Scenario& s, unsigned jobs, std::uint64_t seed) {
  RunOptions options;
  options.strategies = {"mix", "random", "timed"};
  options.strategies_given = true;
  options.executions = 200;
  options.jobs = jobs;
  options.seed = seed;
  return text(run(s, options));
}

}  // namespace

TEST_CASE("a result depends neither on the number of threads nor on the run, only on the seed") {
  for (const std::string& name : flagships) {
    CAPTURE(name);
    LoadOptions load;
    if (name == "nova-timer") load.params = {{"bars", "3"}};
    const auto s = flagship(name, load);
    const std::string one = outcome(*s, 1, 1);
    CHECK(!one.empty());
    CHECK(unplug::test::golden_diff(one, outcome(*s, 1, 1)).empty());
    CHECK(unplug::test::golden_diff(one, outcome(*s, 2, 1)).empty());
    CHECK(unplug::test::golden_diff(one, outcome(*s, 5, 1)).empty());
    CHECK(one != outcome(*s, 2, 2));
  }
}

TEST_CASE("fingerprints of the first executions") {
  std::string lines;
  for (const std::string& name : flagships) {
    LoadOptions load;
    if (name == "nova-timer") load.params = {{"bars", "3"}};
    const auto s = flagship(name, load);
    for (const PolicyFile& policy : s->policies) {
      for (const char* strategy_name : {"random", "timed", "mix"}) {
        sim::Engine engine;
        World world(s->program(0, 0, 0), policy.spec, engine);
        const auto strategy = sim::make_strategy(strategy_name);
        sim::run_trials(engine, world, *strategy, 1);
        for (std::uint64_t i = 0; i < 10; ++i) {
          const sim::ExecutionInfo info{i, sim::execution_seed(1, i), &engine.names()};
          REQUIRE(strategy->begin(info));
          static_cast<void>(engine.run(world, *strategy, info));
          lines += fmt::format("{} | {} | {} | {} | 0x{:016x}\n", name, policy.name, strategy_name, i, engine.trace().fingerprint);
        }
      }
    }
  }
  unplug::test::check_golden("scenarios/fingerprints.txt", lines);
}
