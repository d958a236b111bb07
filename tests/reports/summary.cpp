#include "unplug/reports/view/summary.hpp"

#include <doctest/doctest.h>

#include "sample.hpp"
#include "unplug/reports/view/phrases.hpp"

namespace unplug::reports {

namespace {

using scenarios::Cell;
using scenarios::Evidence;
using scenarios::Finding;

Finding finding(const char* violation_class, const char* signature, std::optional<unsigned> preemptions) {
  Finding f;
  f.violation_class = violation_class;
  f.signature = signature;
  f.preemptions = preemptions;
  return f;
}

Cell cell(const char* policy, const char* strategy, Evidence::Kind kind, std::uint64_t executions = 10000) {
  Cell c;
  c.policy = policy;
  c.strategy = strategy;
  c.executions = c.evidence.executions = executions;
  c.evidence.kind = kind;
  return c;
}

scenarios::ScenarioResult scenario(std::vector<Cell> cells) {
  scenarios::ScenarioResult s;
  s.name = "s";
  s.cells = std::move(cells);
  return s;
}

}  // namespace

TEST_CASE("strategies of one policy become one verdict") {
  Cell random = cell("p", "random", Evidence::Kind::sampled);
  random.violations = {finding("use-after-free", "a", 3), finding("leak", "b", std::nullopt)};
  random.never_reached = {"x", "y"};
  random.operations.started = 5;
  random.operations.torn_branches = 1;
  Cell pct = cell("p", "pct", Evidence::Kind::sampled);
  pct.violations = {finding("use-after-free", "a", 1), finding("use-after-free", "c", 0)};
  pct.never_reached = {"y"};
  pct.operations.started = 7;
  pct.operations.torn_branches = 4;
  const auto s = scenario({random, pct});
  const ScenarioView view = summarise(s);
  REQUIRE(view.groups.size() == 1);
  REQUIRE(view.groups[0].verdicts.size() == 1);
  const Verdict& verdict = view.groups[0].verdicts[0];
  CHECK(verdict.standing == Standing::broken);
  REQUIRE(verdict.violations.size() == 3);
  CHECK(verdict.violations[0].finding->preemptions == 1U);  // the cheaper copy of "a"
  CHECK(verdict.violations[2].finding->signature == "b");   // a leak is feared less
  REQUIRE(verdict.classes.size() == 2);
  CHECK(verdict.classes[0].signatures == 2);
  CHECK(verdict.never_reached == std::vector<std::string>{"y"});
  CHECK(verdict.operations.started == 12);
  CHECK(verdict.operations.torn_branches == 4);
  REQUIRE(view.findings.size() == 3);
  CHECK(view.findings[0].best->signature == "c");  // fewest preemptions first, unknown last
  CHECK(view.findings[2].best->signature == "b");
}

TEST_CASE("a clean policy stands where its best strategy stands, a broken one nowhere") {
  const auto standing = [](const std::vector<Cell>& cells) {
    const auto s = scenario(cells);
    return summarise(s).groups.at(0).verdicts.at(0).standing;
  };
  const Cell sampled = cell("p", "random", Evidence::Kind::sampled);
  const Cell bounded = cell("p", "dpor", Evidence::Kind::bounded);
  const Cell exhaustive = cell("p", "dpor", Evidence::Kind::exhaustive);
  CHECK(standing({sampled}) == Standing::sampled);
  CHECK(standing({sampled, bounded}) == Standing::bounded);
  CHECK(standing({exhaustive, sampled}) == Standing::exhaustive);
  Cell broken = sampled;
  broken.violations = {finding("leak", "a", 0)};
  CHECK(standing({exhaustive, broken}) == Standing::broken);
}

TEST_CASE("an answer over members is that of the weakest") {
  Cell one = cell("p", "dpor", Evidence::Kind::exhaustive);
  one.member = "n=1";
  Cell two = cell("p", "random", Evidence::Kind::sampled);
  two.member = "n=2";
  auto s = scenario({one, two});
  CHECK(answers(summarise(s)).at(0).sampled == std::vector<std::string>{"p"});
  s.cells[1].violations = {finding("leak", "a", 0)};
  CHECK(answers(summarise(s)).at(0).broken == std::vector<std::string>{"p (in 1 of 2 members)"});
}

TEST_CASE("members with the same verdicts share a table, others don't") {
  const scenarios::ScenarioResult nova = test::sample_nova();
  const ScenarioView view = summarise(nova);
  CHECK(view.groups.size() == 3);
  REQUIRE(view.tables.size() == 1);
  CHECK(view.tables[0].member == "bars=1, 3, 6; removal=unbind");
  const Verdict& revoke = view.tables[0].verdicts.at(3);
  CHECK(revoke.grace_periods.p50 == 1);
  CHECK(revoke.grace_periods.max == 6);
  CHECK(revoke.unbind_ns->p50 == view.groups[0].verdicts[3].unbind_ns->p50);
  CHECK(revoke.unbind_ns->max == view.groups[2].verdicts[3].unbind_ns->max);

  scenarios::ScenarioResult other = nova;
  other.cells.back().violations.push_back(finding("leak", "z", 0));
  CHECK(summarise(other).tables.size() == 2);
}

TEST_CASE("policies come in the order of the scenario, unknown ones behind") {
  auto s = scenario({cell("z", "random", Evidence::Kind::sampled), cell("b", "random", Evidence::Kind::sampled),
                     cell("a", "random", Evidence::Kind::sampled)});
  s.policies.resize(2);
  s.policies[0].name = "a";
  s.policies[1].name = "not run";
  CHECK(summarise(s).policies == std::vector<std::string>{"a", "z", "b"});
}

TEST_CASE("the same unmet expectation is said once, for all who miss it") {
  const scenarios::ScenarioResult forms = test::sample_forms();
  const ScenarioView view = summarise(forms);
  CHECK(view.expectations == 6);
  CHECK(view.unmet_count == 2);
  REQUIRE(view.unmet.size() == 1);
  CHECK(view.unmet[0].cells.size() == 2);
}

TEST_CASE("evidence weighs what it weighs") {
  const auto sentence = [](const std::vector<Cell>& cells) {
    const auto s = scenario(cells);
    return evidence_sentences(summarise(s).groups.at(0).verdicts.at(0), {});
  };
  using Sentences = std::vector<std::string>;
  const Cell mix = cell("p", "mix", Evidence::Kind::sampled);
  CHECK(sentence({mix}) == Sentences{"sampled 10000 executions (mix), none failed: rate < 3/10000"});
  CHECK(sentence({cell("p", "mix", Evidence::Kind::sampled, 29)}) == Sentences{"sampled 29 executions (mix), none failed"});
  Cell bounded = cell("p", "dpor", Evidence::Kind::bounded, 12);
  bounded.evidence.bounds = {"2 preemptions", "50 steps"};
  CHECK(sentence({bounded}) == Sentences{"bounded (dpor): 12 traces, none failed; within: 2 preemptions; 50 steps"});
  Cell broken = cell("p", "dpor", Evidence::Kind::exhaustive, 1);
  broken.violations = {finding("leak", "a", 0)};
  CHECK(sentence({broken}) == Sentences{"exhaustive (dpor): all 1 trace, 1 signature"});
  const Cell timed = cell("p", "timed", Evidence::Kind::sampled, 50);
  CHECK(sentence({mix, timed}) ==
        Sentences{"sampled 10000 executions (mix), none failed: rate < 3/10000", "times from 50 executions (timed)"});
  CHECK(sentence({timed}) == Sentences{"sampled 50 executions (timed), none failed: rate < 3/50"});
}

TEST_CASE("what all rows share is said once, but each verdict keeps its own evidence beside it") {
  const Cell mix = cell("p", "mix", Evidence::Kind::sampled);
  const Cell timed = cell("p", "timed", Evidence::Kind::sampled, 50);
  auto s = scenario({mix, timed, mix, timed});
  s.cells[2].policy = s.cells[3].policy = "q";
  for (Cell& c : s.cells) {
    c.never_reached = {"x", c.policy};
    c.evidence.bounds = {"2 preemptions"};
    c.kept_apart = {{"f with g", "free_irq() in g"}};
    c.never = {{"h", "was never entered", "nobody opens it"}};
    c.not_judged = {"tasklet"};
  }
  s.cells[0].never.push_back({"k", "was never entered", ""});
  const SaidOnce once = said_once(summarise(s).groups.at(0));
  CHECK(once.evidence == std::vector<std::string>{"times from 50 executions (timed)"});
  CHECK(once.bounds == std::vector<std::string>{"2 preemptions"});
  CHECK(once.never_reached == std::vector<std::string>{"x"});
  CHECK(once.kept_apart == std::vector<std::string>{"f with g: free_irq() in g"});
  CHECK(once.accepted == std::vector<std::string>{"h was never entered (accepted: nobody opens it)"});
  CHECK(once.never.empty());  // of one policy only
  CHECK(once.not_judged == std::vector<std::string>{"tasklet"});
}

TEST_CASE("whom removal waited for") {
  using scenarios::Wait;
  std::vector<Wait> waits(5);
  const auto set = [&](std::size_t i, Wait::Phase phase, const char* what, const char* owner, bool bounded, std::uint64_t blocked) {
    waits[i].phase = phase;
    waits[i].what = what;
    waits[i].owner = owner;
    waits[i].bounded = bounded;
    waits[i].blocked = blocked;
  };
  set(0, Wait::Phase::remove, "synchronize_srcu(s)", "user", false, 1);
  set(1, Wait::Phase::remove, "cancel_work_sync(w)", "driver", true, 0);
  set(2, Wait::Phase::devres, "synchronize_rcu(0)", "grace period", true, 9);
  set(3, Wait::Phase::devres, "synchronize_rcu(1)", "grace period", true, 9);
  set(4, Wait::Phase::devres, "free_irq(i)", "hardware", true, 9);
  CHECK(waits_sentence(waits, Wait::Phase::remove) == "user without bound [synchronize_srcu(s)]");
  CHECK(waits_sentence(waits, Wait::Phase::devres) == "grace period [synchronize_rcu(0), synchronize_rcu(1)]; hardware [free_irq(i)]");
  CHECK(waits_sentence(waits, Wait::Phase::module_free).empty());
}

TEST_CASE("rmmod in a word") {
  Verdict verdict;
  CHECK(unload_word(verdict) == "-");
  verdict.rmmod_ns = scenarios::Quantiles{};
  CHECK(unload_word(verdict) == "works");
  const Finding pinned = finding("module-pinned", "m", std::nullopt);
  verdict.notes = {{&pinned, nullptr}};
  CHECK(unload_word(verdict) == "pinned");
  verdict.unload = {10, 3, 0};
  CHECK(unload_word(verdict) == "varies");
  CHECK(unload_remark(verdict) == "refused in 3 of 10 executions");
  verdict.unload = {10, 0, 2};
  CHECK(unload_word(verdict) == "works");
  CHECK(unload_remark(verdict) == "also with a file still open");
}

}  // namespace unplug::reports
