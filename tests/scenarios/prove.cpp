// Exhaustive exploration of scenarios: what it counts, what stands behind it, and that it finds all that sampling finds.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "cells.hpp"
#include "unplug/sim/strategy.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

TEST_CASE("prove: every trace of drm-unbounded-wait, with the numbers of traces pinned, and the same with any number of threads") {
  const auto s = flagship("drm-unbounded-wait");
  const ScenarioResult one = run(*s, exhaustive(1)), two = run(*s, exhaustive(2)), five = run(*s, exhaustive(5));
  std::string traces;
  REQUIRE(one.cells.size() == two.cells.size());
  for (std::size_t i = 0; i < one.cells.size(); ++i) {
    const Cell& c = one.cells[i];
    CHECK(text(c) == text(two.cells[i]));
    CHECK(text(c) == text(five.cells[i]));
    CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
    CHECK(c.evidence.distinct_traces == c.executions);
    CHECK(c.unreplayed_predictions == 0);
    for (const Expectation& e : c.expectations) CHECK_MESSAGE(e.met, c.policy, ": ", e.text, ": ", e.detail);
    traces += fmt::format("{}: {}\n", c.policy, c.executions);
  }
  CHECK(traces == "none: 18\n"
                  "srcu-fence: 134\n"
                  "srcu-fence without waiters: 70\n"
                  "rwsem-fence: 123\n"
                  "rwsem-fence without waiters: 41\n"
                  "rcu-revoke: 117\n"
                  "fd-refcount: 52\n"
                  "rcu-revoke+fd-refcount: 152\n");
}

TEST_CASE("prove: what sampling finds, exhaustive exploration finds, and it finds no less") {
  for (const std::string name : {"drm-unbounded-wait", "rdma-uverbs-upgrade"}) {
    CAPTURE(name);
    LoadOptions load;
    if (name == "rdma-uverbs-upgrade") load.policies = {"fd-refcount"};
    const auto s = flagship(name, load);
    RunOptions sampled;
    sampled.executions = 3'000;
    sampled.strategies = {"mix"};
    const ScenarioResult some = run(*s, sampled, load), all = run(*s, exhaustive(2), load);
    for (std::size_t i = 0; i < all.cells.size(); ++i) {
      CAPTURE(all.cells[i].policy);
      const auto found = signatures(some.cells[i]), known = signatures(all.cells[i]);
      CHECK(std::ranges::includes(known, found));
    }
  }
}

TEST_CASE("prove: a limit on the traces makes the evidence bounded, and says which, a stopped one is no cell") {
  LoadOptions load;
  load.policies = {"rcu-revoke"};
  const auto s = flagship("drm-unbounded-wait", load);
  RunOptions o = exhaustive(2);
  o.max_traces = 20;
  const ScenarioResult r = run(*s, o, load);
  REQUIRE(r.cells.size() == 1);
  // Of two tasks that are alike: each stands for a trace or two.
  const std::uint64_t seen = r.cells[0].executions;
  CHECK(seen > 20);
  CHECK(seen <= 40);
  CHECK(r.cells[0].evidence.kind == Evidence::Kind::bounded);
  CHECK(std::ranges::find(r.cells[0].evidence.bounds, fmt::format("the first {} traces", seen)) != r.cells[0].evidence.bounds.end());
  o = exhaustive(2);
  o.stop = [] { return true; };
  CHECK(run(*s, o).cells.empty());
}

TEST_CASE("prove --preemptions: the same with any number of threads, more with each preemption, nothing that is not there") {
  LoadOptions load;
  load.policies = {"none", "fd-refcount"};
  const auto s = flagship("drm-unbounded-wait", load);
  const ScenarioResult all = run(*s, exhaustive(1), load);
  std::vector<std::set<std::string>> before(all.cells.size());
  for (unsigned k = 0; k < 2; ++k) {
    RunOptions o = exhaustive(1);
    o.strategies = {fmt::format("bounded({})", k)};
    const ScenarioResult one = run(*s, o, load);
    o.jobs = 2;
    const ScenarioResult two = run(*s, o, load);
    o.jobs = 5;
    const ScenarioResult five = run(*s, o, load);
    for (std::size_t i = 0; i < one.cells.size(); ++i) {
      const Cell& c = one.cells[i];
      CAPTURE(c.policy);
      CHECK(text(c) == text(two.cells[i]));
      CHECK(text(c) == text(five.cells[i]));
      const std::set<std::string> found = signatures(c);
      CHECK(std::ranges::includes(found, before[i]));
      CHECK(std::ranges::includes(signatures(all.cells[i]), found));
      CHECK(c.evidence.distinct_traces <= all.cells[i].executions);
      CHECK(c.evidence.kind == Evidence::Kind::bounded);
      before[i] = found;
    }
  }
}
