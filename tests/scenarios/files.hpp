// What the tests of whole scenarios share: loading, running, looking up.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "unplug/scenarios/run/runner.hpp"

namespace unplug::scenarios::test {

inline const std::vector<std::string> flagships{"nova-timer", "drm-unbounded-wait", "rdma-uverbs-upgrade"};

inline std::unique_ptr<Scenario> flagship(const std::string& name, const LoadOptions& load = {}) {
  Diagnostics out;
  auto s = load_scenario("scenarios/" + name + ".json", load, out);
  INFO(out.render());
  REQUIRE(s != nullptr);
  return s;
}

inline ScenarioResult run(const Scenario& s, RunOptions options, const LoadOptions& load = {}) {
  std::vector<RunProblem> problems;
  ScenarioResult r = run_scenario(s, options, load, problems);
  for (const RunProblem& p : problems) FAIL_CHECK(p.message);
  return r;
}

// A scenario of one screen meets its own expectations, whatever the schedule.
inline void meets(const std::string& text) {
  Diagnostics out;
  const auto s = parse_scenario(text, "t", {}, out);
  REQUIRE_MESSAGE(s != nullptr, out.render());
  RunOptions options;
  options.strategies = {"dpor"};
  options.executions = 200'000;
  const ScenarioResult r = run(*s, options);
  std::size_t expectations = 0;
  for (const Cell& c : r.cells) {
    CHECK_MESSAGE(c.evidence.kind == Evidence::Kind::exhaustive, c.member, " ", c.form);
    for (const Expectation& e : c.expectations) {
      ++expectations;
      CHECK_MESSAGE(e.met, c.member, " ", c.form, ": ", e.text, ": ", e.detail);
    }
  }
  CHECK(expectations > 0);
}

}  // namespace unplug::scenarios::test
