// The corpus: public bugs of removal, their fixes as merged and as they should be; and whole drivers, written down from their source. What
// each file expects is so.
#include <algorithm>
#include <string>

#include "files.hpp"
#include "unplug/embedded/scenarios.hpp"

using namespace unplug;
using namespace unplug::scenarios;

namespace {

// Runs what ships in scenarios/FOLDER (empty: beside the folders) as it asks to be run, `each` looks at a result besides. The flagships
// have tests of their own.
void check_folder(const std::string& folder, void (*each)(const ScenarioResult&)) {
  const std::string prefix = folder.empty() ? "" : folder + "/";
  std::size_t files = 0;
  for (const embedded::EmbeddedFile& file : embedded::files()) {
    const std::string name(file.name);
    if (folder.empty() ? name.find('/') != std::string::npos : !name.starts_with(prefix)) continue;
    if (std::ranges::find(test::flagships, name.substr(0, name.size() - 5)) != test::flagships.end()) continue;
    CAPTURE(name);
    ++files;
    Diagnostics out;
    const auto s = parse_scenario(std::string(file.text), "scenarios/" + std::string(file.name), {}, out);
    REQUIRE_MESSAGE(s != nullptr, out.render());
    // A fix in chaoskey returns with a lock held.
    if (name != "drivers/chaoskey.json") CHECK_MESSAGE(out.all().empty(), out.render());
    CHECK(!s->title.empty());
    CHECK(!s->source.empty());
    CHECK(name == prefix + s->name + ".json");
    for (const ExpectRow& row : s->expect) CHECK(!row.why.empty());
    RunOptions options;
    options.strategies = {"auto"};  // of files that name none: what the program does by default
    options.jobs = 2;
    const ScenarioResult result = scenarios::test::run(*s, options);
    std::size_t expectations = 0;
    for (const Cell& c : result.cells) {
      expectations += c.expectations.size();
      for (const Expectation& e : c.expectations) CHECK_MESSAGE(e.met, c.member, " ", c.form, " ", c.policy, ": ", e.text, ": ", e.detail);
    }
    CHECK(expectations > 0);
    each(result);
  }
  CHECK(files > 0);
}

}  // namespace

TEST_CASE("corpus: every file is as it expects, with the evidence that it asks for, and says why") {
  check_folder("corpus", [](const ScenarioResult&) {});
}

TEST_CASE("drivers: every file is as it expects, all of it is reached and meets removal, no default is taken") {
  check_folder("drivers", [](const ScenarioResult& result) {
    CHECK(result.defaults_taken.empty());
    for (const Cell& c : result.cells) {
      CAPTURE(c.member);
      CAPTURE(c.form);
      CHECK(c.never_reached.empty());
      for (const Never& n : c.never) CHECK_MESSAGE(!n.why.empty(), n.what, " ", n.how);
    }
  });
}

TEST_CASE("scenarios beside the folders: every file is as it expects, with the evidence that it asks for") {
  check_folder("", [](const ScenarioResult&) {});
}
