// Exhaustive exploration of scenarios: what it counts, what stands behind it, and that it finds all that sampling finds.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "files.hpp"
#include "unplug/sim/strategy.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

RunOptions exhaustive(unsigned jobs) {
  RunOptions o;
  o.strategies = {std::string(sim::exhaustive_strategy)};
  o.strategies_given = true;
  o.jobs = jobs;
  return o;
}

// Everything of a cell that a report shows.
std::string text(const Cell& c) {
  std::string out =
      fmt::format("{} {} {} {} {} | ops {} {} {} {} {} {} {} {} | rmmod {} {} {}\n", c.member, c.policy, c.executions,
                  static_cast<int>(c.evidence.kind), c.evidence.distinct_traces, c.operations.started, c.operations.completed,
                  c.operations.refused_at_entry, c.operations.torn, c.operations.failed, c.operations.unfinished,
                  c.operations.entry_branches, c.operations.torn_branches, c.unload.attempted, c.unload.refused, c.unload.done_while_open);
  for (const auto* list : {&c.violations, &c.notes})
    for (const Finding& f : *list)
      out += fmt::format("  {} {} | {} | {} | {}\n", f.signature, f.count, f.message, f.feasibility, f.preemptions.value_or(0));
  for (const Wait& w : c.waits)
    out += fmt::format("  wait {} {} {} {} {} {} {}\n", static_cast<int>(w.phase), w.what, w.function, w.owner,
                       fmt::join(w.waited_for, ","), w.executions, w.blocked);
  out += fmt::format("  gps {} {} | never {} | verdict {}\n", c.grace_periods.p50, c.grace_periods.max, fmt::join(c.never_reached, ","),
                     static_cast<int>(c.verdict));
  for (const Never& n : c.never) out += fmt::format("  never {} {}\n", n.what, n.how);
  for (const KeptApart& k : c.kept_apart) out += fmt::format("  apart {} {}\n", k.what, k.by);
  return out;
}

std::set<std::string> signatures(const Cell& c) {
  std::set<std::string> out;
  for (const auto* list : {&c.violations, &c.notes})
    for (const Finding& f : *list) out.insert(f.signature);
  return out;
}

}  // namespace

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
                  "rcu-revoke: 661\n"
                  "fd-refcount: 52\n"
                  "rcu-revoke+fd-refcount: 536\n");
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
  o.max_traces = 100;
  const ScenarioResult r = run(*s, o, load);
  REQUIRE(r.cells.size() == 1);
  CHECK(r.cells[0].executions == 100);
  CHECK(r.cells[0].evidence.kind == Evidence::Kind::bounded);
  CHECK(std::ranges::find(r.cells[0].evidence.bounds, "the first 100 traces") != r.cells[0].evidence.bounds.end());
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
