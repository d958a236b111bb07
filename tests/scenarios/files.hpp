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

}  // namespace unplug::scenarios::test
