// Digests of executions: the same every time, different where executions differ.
#include <algorithm>
#include <set>

#include "files.hpp"
#include "unplug/scenarios/run/verify.hpp"

using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

TEST_CASE("verify: digests repeat, round after round, and differ by execution, policy, strategy and seed") {
  const auto s = flagship("drm-unbounded-wait");
  VerifyOptions o;
  o.strategies = {"mix", "timed"};
  o.executions = 5;
  const std::vector<std::string> once = digests(*s, o);
  CHECK(once.size() == 8 * 2 * 5);
  CHECK(digests(*s, o) == once);
  CHECK(digests(*s, o, 2) == once);
  CHECK(once[0].starts_with("drm-unbounded-wait |  |  | none | mix | execution 0 | "));
  std::set<std::string> values;
  for (const std::string& line : once) values.insert(line.substr(line.rfind('|')));
  CHECK(values.size() > 70);
  o.seed = 2;
  CHECK(first_difference(once, digests(*s, o)) == 0);
}

TEST_CASE("verify: the steps of one execution by its line, with task, object, operation and time") {
  const auto s = flagship("drm-unbounded-wait");
  VerifyOptions o;
  o.strategies = {"timed"};
  o.executions = 3;
  const std::vector<std::string> lines = digests(*s, o), steps = steps_of(*s, o, 4);
  CHECK(lines[4].find("| " + std::to_string(steps.size()) + " steps |") != std::string::npos);
  CHECK(std::ranges::find(steps, "probe #1: request_mem_region on csf choice 0/1 before 0 at 200 ns") != steps.end());
  CHECK(steps.back().starts_with("ended: "));
  CHECK(steps_of(*s, o, 5) != steps);
  CHECK(steps_of(*s, o, lines.size()).empty());
}

TEST_CASE("verify: where two lists part") {
  CHECK(first_difference({"a", "b"}, {"a", "b"}) == std::string::npos);
  CHECK(first_difference({"a", "b"}, {"a", "c"}) == 1);
  CHECK(first_difference({"a"}, {"a", "c"}) == 1);
  CHECK(first_difference({}, {"a"}) == 0);
}
