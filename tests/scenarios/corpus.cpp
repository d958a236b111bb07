// Public bugs of drivers, as scenarios: whatever stands in scenarios/corpus/ meets its expectations.
#include <algorithm>
#include <filesystem>

#include "files.hpp"

using namespace unplug;
using namespace unplug::scenarios;

TEST_CASE("every scenario of the corpus is as it expects") {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("scenarios/corpus")) files.push_back(entry.path().string());
  std::ranges::sort(files);
  REQUIRE(!files.empty());
  for (const std::string& file : files) {
    CAPTURE(file);
    Diagnostics out;
    const auto s = load_scenario(file, {}, out);
    REQUIRE_MESSAGE(s != nullptr, out.render());
    CHECK(out.render().empty());
    RunOptions options;
    options.executions = 1000;
    options.strategies = {"random"};
    const ScenarioResult r = test::run(*s, options);
    std::size_t expectations = 0;
    for (const Cell& c : r.cells) {
      CHECK(c.unreplayed_predictions == 0);
      for (const Expectation& e : c.expectations) {
        ++expectations;
        CHECK_MESSAGE(e.met, c.member, " ", c.form, " ", c.policy, ": ", e.text, ": ", e.detail);
      }
    }
    CHECK(expectations > 0);
  }
}
