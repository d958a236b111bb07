// What changed between two sets of verdicts.
#include <string>

#include <doctest/doctest.h>

#include "unplug/scenarios/result/changes.hpp"

using namespace unplug::scenarios;

namespace {

Finding finding(const std::string& violation_class, unsigned preemptions, bool fewest = false) {
  Finding f;
  f.violation_class = violation_class;
  f.object = "priv";
  f.offender.function = "foo";
  f.preemptions = preemptions;
  f.fewest = fewest;
  return f;
}

Cell cell(std::vector<Finding> violations, Evidence::Kind kind = Evidence::Kind::exhaustive) {
  Cell c;
  c.policy = "none";
  c.strategy = "dpor";
  c.executions = 12;
  c.evidence.kind = kind;
  c.violations = std::move(violations);
  return c;
}

Changes compare(const Cell& a, const Cell& b) {
  const Cell* before[] = {&a};
  const Cell* after[] = {&b};
  return changes(before, after);
}

}  // namespace

TEST_CASE(
    "changes: what is gone is fixed, what is new is introduced, what stays is left, and moves if it needs another number of preemptions") {
  const Changes c = compare(cell({finding("leak", 0), finding("deadlock", 1), finding("livelock", 2)}),
                            cell({finding("deadlock", 1), finding("livelock", 0), finding("double-free", 3)}));
  REQUIRE(c.list.size() == 4);
  CHECK(c.list[0].kind == Change::Kind::fixes);
  CHECK(c.list[0].violation == "leak(priv)@foo");
  CHECK(c.list[1].kind == Change::Kind::introduces);
  CHECK(c.list[1].violation == "double-free(priv)@foo");
  CHECK(c.list[2].kind == Change::Kind::leaves);
  CHECK(c.list[3].kind == Change::Kind::moves);
  CHECK(c.introduces());
  CHECK(c.evidence_after == "exhaustive, 12 traces");
}

TEST_CASE("changes: what a search has shown counts more than what a sample needed") {
  const Cell sampled = cell({finding("leak", 1)}, Evidence::Kind::sampled),
             searched = cell({finding("leak", 2, true)}, Evidence::Kind::bounded);
  const Cell* before[] = {&sampled, &searched};
  const Changes c = changes(before, before);
  REQUIRE(c.list.size() == 1);
  CHECK(c.list[0].before->preemptions == 2);
  CHECK(c.list[0].before->fewest);
  CHECK(c.evidence_before == "12 executions (dpor); 12 executions (dpor)");
}

TEST_CASE("changes: a note that is new introduces nothing") {
  Cell with = cell({});
  with.notes.push_back(finding("runs-after-unbind", 0));
  with.notes.back().note = true;
  const Changes c = compare(cell({}), with);
  REQUIRE(c.list.size() == 1);
  CHECK(!c.introduces());
}

TEST_CASE("changes: results are compared where both have the same scenario, member, form and policy") {
  Result a, b;
  a.scenarios.resize(1);
  a.scenarios[0].name = "s";
  a.scenarios[0].cells = {cell({finding("leak", 0)}), cell({})};
  a.scenarios[0].cells[1].policy = "other";
  b = a;
  b.scenarios[0].cells.erase(b.scenarios[0].cells.begin() + 1);
  b.scenarios[0].cells[0].violations.clear();
  const auto all = changes(a, b);
  REQUIRE(all.size() == 1);
  CHECK(all[0].policy == "none");
  CHECK(all[0].list.at(0).kind == Change::Kind::fixes);
}
