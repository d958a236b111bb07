// The litmus tests and reference models that ship: every expectation is met, exhaustively, and there is one for each number of the source.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "files.hpp"
#include "unplug/sim/strategy.hpp"

using namespace unplug;
using namespace unplug::scenarios;

namespace {

// Runs every file of scenarios/FOLDER as it asks to be run; answers the result of each by name.
std::map<std::string, ScenarioResult> run_folder(const std::string& folder) {
  std::map<std::string, ScenarioResult> results;
  for (const auto& entry : std::filesystem::directory_iterator("scenarios/" + folder)) {
    const std::string name = entry.path().stem().string();
    CAPTURE(name);
    Diagnostics out;
    const auto s = load_scenario(entry.path().string(), {}, out);
    INFO(out.render());
    REQUIRE(s != nullptr);
    CHECK(s->name == folder + "/" + name);
    CHECK(s->strategies == std::vector{std::string(sim::exhaustive_strategy)});
    const ScenarioResult& r = results.emplace(name, scenarios::test::run(*s, {})).first->second;
    for (const Cell& c : r.cells) {
      CAPTURE(c.member);
      CAPTURE(c.form);
      CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
      CHECK(c.never_reached.empty());
      for (const Expectation& e : c.expectations) CHECK_MESSAGE(e.met, e.text, ": ", e.detail);
    }
    for (const Member& m : s->members)
      for (const std::string& form : s->forms)
        CHECK(std::ranges::any_of(s->expect, [&](const ExpectRow& row) {
          return row.evidence == "exhaustive" && (row.forms.empty() || std::ranges::find(row.forms, form) != row.forms.end()) &&
                 std::ranges::all_of(row.params, [&](const auto& p) { return m.values.at(p.first) == p.second; });
        }));
  }
  return results;
}

}  // namespace

TEST_CASE("litmus tests that ship: the verdicts and numbers of final states of their sources") {
  const auto results = run_folder("litmus");
  struct Row {
    const char* name;
    const char* form;
    std::uint64_t finals;  // 0: the source does not say
    bool reachable;        // a state that the file forbids
  };
  constexpr Row rows[] = {
      {"rcu-sync-read", "", 3, false},         {"rcu-sync-free", "as-written", 2, false}, {"rcu-sync-free", "no-sync", 0, true},
      {"rcu-sync-free", "used-late", 0, true}, {"rcu-store-buffering", "rcu", 3, false},  {"rcu-store-buffering", "srcu", 3, false},
      {"srcu-nest-2", "as-written", 3, false}, {"srcu-nest-2", "stronger", 3, false},     {"srcu-nest-3", "", 4, false},
      {"srcu-nest-5", "", 4, false},           {"srcu-observed-1", "", 7, false},         {"call-rcu-unload", "barrier", 0, false},
      {"call-rcu-unload", "sync", 0, true},    {"call-rcu-unload", "at-once", 0, true},
  };
  std::size_t cells = 0;
  for (const auto& [name, r] : results) cells += r.cells.size();
  CHECK(cells == std::size(rows));
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.form);
    const auto& of = results.at(row.name).cells;
    const auto c = std::ranges::find(of, row.form, &Cell::form);
    REQUIRE(c != of.end());
    if (row.finals != 0) CHECK(c->final_states == row.finals);
    CHECK((c->failing != 0) == row.reachable);
    for (const Finding& f : c->violations) CHECK(f.violation_class == "assertion-failed");
  }
}

TEST_CASE("reference models that ship: the numbers of traces, blocked ones and failing ones of the reference table") {
  const auto results = run_folder("models");
  struct Row {
    const char* name;
    unsigned n;
    std::uint64_t traces, blocked, bad;
  };
  // The table of tests/sim/trace_counts.cpp.
  constexpr Row rows[] = {
      {"readers", 2, 4, 0, 0},       {"readers", 8, 256, 0, 0},   {"lastzero", 2, 5, 0, 0},      {"lastzero", 4, 28, 0, 0},
      {"lastzero", 5, 64, 0, 0},     {"flag-mutex", 1, 2, 0, 0},  {"flag-mutex", 2, 6, 0, 0},    {"flag-mutex", 3, 24, 0, 0},
      {"flag-mutex", 4, 120, 0, 0},  {"flag-nolock", 1, 3, 0, 1}, {"flag-nolock", 2, 9, 0, 5},   {"flag-nolock", 3, 27, 0, 19},
      {"kref", 1, 3, 0, 0},          {"kref", 2, 22, 0, 0},       {"kref", 3, 354, 0, 0},        {"drain", 1, 2, 0, 0},
      {"drain", 2, 10, 0, 0},        {"drain", 3, 120, 0, 0},     {"drain-nolock", 1, 4, 0, 1},  {"drain-nolock", 2, 39, 0, 20},
      {"srcu2", 1, 6, 0, 0},         {"srcu2", 2, 84, 0, 0},      {"work-cancel", 1, 6, 0, 0},   {"work-cancel", 2, 24, 0, 0},
      {"work-cancel", 3, 120, 0, 0}, {"irq-choice", 1, 3, 0, 0},  {"irq-choice", 2, 11, 0, 0},   {"irq-choice", 3, 49, 0, 0},
      {"missed-wake", 1, 2, 1, 0},   {"missed-wake", 2, 5, 3, 0}, {"missed-wake", 3, 16, 10, 0}, {"abba", 1, 3, 1, 0},
      {"abba", 2, 44, 20, 0},
  };
  std::size_t cells = 0;
  for (const auto& [name, r] : results) cells += r.cells.size();
  CHECK(cells == std::size(rows));
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.n);
    const auto& of = results.at(row.name).cells;
    const auto c = std::ranges::find(of, "n=" + std::to_string(row.n), &Cell::member);
    REQUIRE(c != of.end());
    CHECK(c->executions == row.traces);
    CHECK(c->blocked == row.blocked);
    CHECK(c->failing == row.bad + row.blocked);  // who waits for ever is a deadlock to us
  }
}
