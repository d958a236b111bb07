// What a search takes as one, over every file that ships: without it the same is found.
#include <algorithm>
#include <filesystem>

#include "cells.hpp"
#include "support/slower.hpp"
#include "unplug/scenarios/program/alike.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

std::vector<std::string> shipped() {
  std::vector<std::string> out;
  for (const char* const folder : {"scenarios", "scenarios/corpus", "scenarios/drivers"})
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".json") out.push_back(entry.path().string());
  std::ranges::sort(out);
  return out;
}

bool any_alike(const Scenario& s) {
  for (std::size_t m = 0; m < s.members.size(); ++m)
    for (std::size_t f = 0; f < s.forms.size(); ++f)
      if (std::ranges::any_of(alike_tasks(*s.program(m, f, 0)), [](std::uint32_t group) { return group != 0; })) return true;
  return false;
}

ScenarioResult searched(const Scenario& s, sim::Reductions reductions, std::uint64_t most) {
  RunOptions o = exhaustive(1);
  o.reductions = reductions;
  o.max_traces = most;
  return run(s, o);
}

// What doesn't depend on which orders are one: of each finding what it is and of what, what removal waited for, what never happened.
std::string findings(const Cell& c) {
  std::set<std::string> lines;
  for (const auto* list : {&c.violations, &c.notes})
    for (const Finding& f : *list) lines.insert(fmt::format("{} {} {}", f.violation_class, f.object, f.offender.function));
  for (const Wait& w : c.waits)
    lines.insert(fmt::format("wait {} {} {} {} {}", static_cast<int>(w.phase), w.what, w.function, w.owner, fmt::join(w.waited_for, ",")));
  for (const Never& n : c.never) lines.insert(fmt::format("never {} {}", n.what, n.how));
  for (const KeptApart& k : c.kept_apart) lines.insert(fmt::format("apart {} {}", k.what, k.by));
  return fmt::format("{} final {} {} rmmod refused {}\n{}", static_cast<int>(c.verdict), c.final_states, c.stuck_states,
                     c.unload.refused != 0, fmt::join(lines, "\n"));
}

// How many cells both searches have seen all of, each handed to `compare`.
template <class Compare> std::size_t compared(const ScenarioResult& a, const ScenarioResult& b, Compare&& compare) {
  std::size_t n = 0;
  REQUIRE(a.cells.size() == b.cells.size());
  for (std::size_t i = 0; i < a.cells.size(); ++i) {
    if (a.cells[i].evidence.kind != Evidence::Kind::exhaustive || b.cells[i].evidence.kind != Evidence::Kind::exhaustive) continue;
    CAPTURE(a.cells[i].member);
    CAPTURE(a.cells[i].form);
    CAPTURE(a.cells[i].policy);
    compare(a.cells[i], b.cells[i]);
    ++n;
  }
  return n;
}

}  // namespace

TEST_CASE("reductions: where tasks are alike, every number of a search is that of one that takes them one by one") {
  std::size_t cells = 0, files = 0;
  for (const std::string& file : shipped()) {
    CAPTURE(file);
    Diagnostics out;
    const auto s = load_scenario(file, {}, out);
    REQUIRE(s != nullptr);
    if (!any_alike(*s)) continue;
    ++files;
    cells += compared(searched(*s, {}, 4'000 / unplug::test::slower), searched(*s, {.symmetry = false}, 4'000 / unplug::test::slower),
                      [](const Cell& with, const Cell& without) { CHECK(text(with) == text(without)); });
  }
  MESSAGE(files << " files, " << cells << " cells");
  CHECK(cells > 15 / unplug::test::slower);
}

TEST_CASE("reductions: with none of them the same is found, the same was waited for and the same never happened") {
  std::size_t cells = 0;
  for (const std::string& file : shipped()) {
    CAPTURE(file);
    Diagnostics out;
    const auto s = load_scenario(file, {}, out);
    REQUIRE(s != nullptr);
    cells += compared(searched(*s, {}, 400 / unplug::test::slower),
                      searched(*s, {.additions = false, .symmetry = false}, 400 / unplug::test::slower),
                      [](const Cell& with, const Cell& without) { CHECK(findings(with) == findings(without)); });
  }
  MESSAGE(cells << " cells");
  CHECK(cells > 100 / unplug::test::slower);
}
