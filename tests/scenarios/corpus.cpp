// The corpus: public bugs of removal, their fixes as merged and as they should be. What each file expects is so.
#include <string>

#include "files.hpp"
#include "unplug/embedded/scenarios.hpp"

using namespace unplug;
using namespace unplug::scenarios;

TEST_CASE("corpus: every file is as it expects, with the evidence that it asks for, and says why") {
  std::size_t files = 0;
  for (const embedded::EmbeddedFile& file : embedded::files()) {
    if (!file.name.starts_with("corpus/")) continue;
    CAPTURE(std::string(file.name));
    ++files;
    Diagnostics out;
    const auto s = parse_scenario(std::string(file.text), "scenarios/" + std::string(file.name), {}, out);
    REQUIRE_MESSAGE(s != nullptr, out.render());
    CHECK(!s->title.empty());
    CHECK(!s->source.empty());
    CHECK(std::string(file.name) == "corpus/" + s->name + ".json");
    for (const ExpectRow& row : s->expect) CHECK(!row.why.empty());
    RunOptions options;
    options.executions = 3'000;
    options.jobs = 2;
    const ScenarioResult result = scenarios::test::run(*s, options);
    std::size_t expectations = 0;
    for (const Cell& c : result.cells) {
      expectations += c.expectations.size();
      for (const Expectation& e : c.expectations) CHECK_MESSAGE(e.met, c.member, " ", c.form, " ", c.policy, ": ", e.text, ": ", e.detail);
    }
    CHECK(expectations > 0);
  }
  CHECK(files > 0);
}
