#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "unplug/scenarios/run/runner.hpp"
#include "unplug/scenarios/sections.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::scenarios {
namespace {

bool matches(const Pattern& p, const Finding& f) { return p.matches(f.violation_class, f.object, f.offender.function); }

bool any(const std::vector<Pattern>& patterns, const Finding& f) {
  return std::ranges::any_of(patterns, [&](const Pattern& p) { return matches(p, f); });
}

int strength(std::string_view kind) { return kind == "exhaustive" ? 2 : kind == "bounded" ? 1 : 0; }

std::string who(const Finding& f) { return fmt::format("{}({})@{}", f.violation_class, f.object, f.offender.function); }

}  // namespace

void judge_expectations(const Scenario& s, ScenarioResult& result) {
  for (Cell& c : result.cells)
    for (const Cell::Required& r : c.required)
      c.expectations.push_back({fmt::format("some execution ends with {}", r.text), {}, r.seen, r.seen ? std::string{} : "none did"});
  if (s.expect.empty()) return;
  const auto member_of = [&](const Cell& c) {
    const auto m = std::ranges::find(s.members, c.member, &Member::name);
    return static_cast<std::size_t>(m - s.members.begin());
  };
  std::vector<std::vector<const ExpectRow*>> rows(result.cells.size());
  for (const ExpectRow& row : s.expect) {
    std::vector<std::size_t> cells;
    for (std::size_t i = 0; i < result.cells.size(); ++i) {
      const Cell& c = result.cells[i];
      if (!row.speaks_of(s.members[member_of(c)], c.form, c.policy)) continue;
      cells.push_back(i);
      rows[i].push_back(&row);
    }
    if (cells.empty()) continue;  // a policy or form that this run left out
    Cell& first = result.cells[cells.front()];
    for (const Pattern& p : row.must) {
      const bool found = std::ranges::any_of(cells, [&](std::size_t i) {
        const Cell& c = result.cells[i];
        return std::ranges::any_of(c.violations, [&](const Finding& f) { return matches(p, f); }) ||
               std::ranges::any_of(c.notes, [&](const Finding& f) { return matches(p, f); });
      });
      first.expectations.push_back({fmt::format("must {}", p.text), row.why, found, found ? std::string{} : "not found"});
    }
    if (row.must.empty() && row.may.empty()) {
      const bool clean = std::ranges::all_of(cells, [&](std::size_t i) { return result.cells[i].violations.empty(); });
      first.expectations.push_back({"no violation", row.why, clean, clean ? std::string{} : "violations were found"});
    }
    for (const Pattern& p : row.forbid) {
      const Finding* found = nullptr;
      for (const std::size_t i : cells) {
        for (const auto* list : {&result.cells[i].violations, &result.cells[i].notes})
          for (const Finding& f : *list)
            if (matches(p, f)) found = &f;
      }
      first.expectations.push_back(
          {fmt::format("forbid {}", p.text), row.why, found == nullptr, found == nullptr ? std::string{} : "found " + who(*found)});
    }
    for (const std::size_t i : cells) {
      Cell& c = result.cells[i];
      const auto count = [&](std::string_view what, const std::optional<std::uint64_t>& expected, std::uint64_t found) {
        if (!expected) return;
        const bool whole = c.evidence.kind == Evidence::Kind::exhaustive;
        c.expectations.push_back({fmt::format("{} {}", *expected, what), row.why, whole && found == *expected,
                                  !whole               ? "the search was not exhaustive"
                                  : found == *expected ? std::string{}
                                                       : fmt::format("found {}", found)});
      };
      count("executions", row.executions, c.executions);
      count("blocked executions", row.blocked, c.blocked);
      count("failing executions", row.failing, c.failing);
      count("final states", row.states, c.final_states);
    }
    if (!row.evidence.empty()) {
      for (const std::size_t i : cells) {
        Cell& c = result.cells[i];
        static constexpr std::array<std::string_view, 3> kinds{"sampled", "bounded", "exhaustive"};
        const std::string_view have = kinds[static_cast<std::size_t>(c.evidence.kind)];
        // Sampling that was cut now and then ("bounded") is less than sampling; a search that was cut is not.
        const bool cut = have == "bounded" && !sim::searches(c.strategy);
        const bool enough = strength(have) >= strength(row.evidence) && !(row.evidence == "sampled" && cut);
        c.expectations.push_back(
            {fmt::format("evidence {}", row.evidence), row.why, enough, enough ? std::string{} : fmt::format("evidence is {}", have)});
      }
    }
  }
  // Closed world: what no row allows is unexpected.
  for (std::size_t i = 0; i < result.cells.size(); ++i) {
    if (rows[i].empty()) continue;
    Cell& c = result.cells[i];
    std::set<std::string> said;
    for (const Finding& f : c.violations) {
      const bool allowed = std::ranges::any_of(rows[i], [&](const ExpectRow* r) { return any(r->must, f) || any(r->may, f); });
      if (!allowed && said.insert(who(f)).second)
        c.expectations.push_back({fmt::format("nothing but what is listed ({})", c.policy), {}, false, "unexpected " + who(f)});
    }
    if (c.unreplayed_predictions != 0)
      c.expectations.push_back({"every prediction replays", {}, false, fmt::format("{} did not", c.unreplayed_predictions)});
  }
}

bool as_expected(const Result& result) {
  for (const ScenarioResult& s : result.scenarios) {
    for (const Cell& c : s.cells) {
      const bool judged = std::ranges::any_of(s.cells, [](const Cell& x) { return !x.expectations.empty(); });
      if (!judged && !c.violations.empty()) return false;
      if (std::ranges::any_of(c.expectations, [](const Expectation& e) { return !e.met; })) return false;
    }
  }
  return true;
}

}  // namespace unplug::scenarios
