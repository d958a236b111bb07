// The corpus: public bugs, their fixes and fixes of fixes, each with what exhaustive exploration says of it.
#include <algorithm>
#include <filesystem>
#include <set>

#include "files.hpp"

using namespace unplug;
using namespace unplug::scenarios;

TEST_CASE("corpus: every file is as it expects") {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("scenarios/corpus")) files.insert(entry.path().string());
  REQUIRE(!files.empty());
  for (const std::string& file : files) {
    CAPTURE(file);
    Diagnostics out;
    const auto s = load_scenario(file, {}, out);
    REQUIRE_MESSAGE(s != nullptr, out.render());
    CHECK_MESSAGE(out.errors() == 0, out.render());
    RunOptions options;
    options.executions = 100'000;
    const ScenarioResult r = scenarios::test::run(*s, options);
    std::size_t expectations = 0;
    for (const Cell& c : r.cells) {
      for (const Expectation& e : c.expectations) {
        ++expectations;
        CHECK_MESSAGE(e.met, c.form, " ", c.member, ": ", e.text, ": ", e.detail);
      }
    }
    CHECK(expectations >= s->expect.size());
    // Every form is spoken of.
    for (const std::string& form : s->forms)
      CHECK_MESSAGE(
          std::ranges::any_of(s->expect, [&](const ExpectRow& row) { return std::ranges::find(row.forms, form) != row.forms.end(); }),
          form);
  }
}
