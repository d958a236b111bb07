// What the program does for those who write files: explain, schema, new, list.
#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "program.hpp"
#include "support/golden.hpp"

using namespace unplug::test;

namespace {

// The first word of each line of a list.
std::vector<std::string> listed(const std::string& kind) {
  const Ran ran = run_unplug("list " + kind);
  CHECK(ran.code == 0);
  std::vector<std::string> words;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);)
    if (const std::size_t end = line.find(' '); end != 0 && !line.empty()) words.push_back(line.substr(0, end));
  return words;
}

}  // namespace

TEST_CASE("explain: a word that means something, one that doesn't, a word near it") {
  const Ran verb = run_unplug("explain cancel_work_sync");
  CHECK(verb.code == 0);
  CHECK(verb.out.starts_with("cancel_work_sync (verb)\n"));
  CHECK(run_unplug("explain leak").out.starts_with("leak (class of violation)\n"));
  CHECK(run_unplug("explain none").out.starts_with("none (policy)\n"));
  check_golden("cli/explain/rust-devres-d4.txt", run_unplug("explain rust-devres-d4").out);  // with its steps
  for (const std::string word : {"mutex_lok", "use-after-fre", "srcu-fense", "gibberish"}) {
    CAPTURE(word);
    const Ran ran = run_unplug("explain " + word + " 2>&1");
    CHECK(ran.code == 2);
    check_golden("cli/explain/" + word + ".txt", ran.out);
  }
  CHECK(run_unplug("explain 2>&1").code == 2);
}

TEST_CASE("explain: a failure file that a run has left, a policy file, and files of other kinds") {
  Folder f("explain");
  run_unplug("run scenarios/templates/timer.json --form buggy --quiet --out " + f / "out");
  std::vector<std::string> failures;
  for (const auto& e : std::filesystem::directory_iterator(f.path / "out" / "failures")) failures.push_back(e.path().string());
  REQUIRE(!failures.empty());
  const Ran failure = run_unplug("explain " + failures.front());
  CHECK(failure.code == 0);
  CHECK(failure.out.starts_with(failures.front() + " (failure file)\n"));
  const std::string command = "unplug replay " + failures.front() + "\n";
  CHECK(failure.out.find(command) != std::string::npos);
  CHECK(run_unplug("replay " + failures.front()).code == 1);

  CHECK(run_unplug("explain scenarios/policies/rwsem-fence.json").out == run_unplug("explain rwsem-fence").out);
  for (const std::string file : {"scenarios/nova-timer.json", "tests/broken/result_file.json", "no/such/file.json"}) {
    CAPTURE(file);
    const Ran ran = run_unplug("explain " + file + " 2>&1");
    CHECK(ran.code == 2);
    CHECK(ran.out.starts_with(file + ":"));
  }
}

TEST_CASE("schema: each that is listed is one of draft-07, as committed") {
  const std::vector<std::string> kinds = listed("schemas");
  CHECK(kinds == std::vector<std::string>{"policy", "result", "scenario"});
  for (const std::string& kind : kinds) {
    const Ran ran = run_unplug("schema " + kind);
    CHECK(ran.code == 0);
    CHECK(nlohmann::json::parse(ran.out)["$schema"] == "http://json-schema.org/draft-07/schema#");
    const std::string version = kind == "result" ? "-2.json" : "-1.json";
    const std::string committed = (kind == "result" ? "reports" : "docs") + std::string("/schema/") + kind + version;
    CHECK(ran.out == read_file(std::filesystem::path(UNPLUG_SOURCE_DIR) / committed));
  }
  CHECK(run_unplug("schema").out == run_unplug("list schemas").out);
  const Ran unknown = run_unplug("schema scenarios 2>&1");
  CHECK(unknown.code == 2);
  check_golden("cli/schema/unknown.txt", unknown.out);
}

TEST_CASE("validate --schema: what an editor would say, one word a file") {
  const Ran good = run_unplug("validate --schema scenarios/nova-timer.json tests/broken/dangling_label.json 2>&1");
  CHECK(good.code == 0);
  CHECK(good.out == "scenarios/nova-timer.json: conforms\ntests/broken/dangling_label.json: conforms\n");
  const Ran bad = run_unplug(
      "validate --schema tests/broken/unknown_key_of_verb.json tests/broken/not_json.json tests/broken/result_file.json 2> /dev/null");
  CHECK(bad.code == 2);
  CHECK(bad.out ==
        "tests/broken/unknown_key_of_verb.json: fails\ntests/broken/not_json.json: unreadable\ntests/broken/result_file.json: unknown\n");
}

TEST_CASE("new: every template is valid without warnings, and its run is as the file expects") {
  const std::vector<std::string> names = listed("templates");
  CHECK(names == std::vector<std::string>{"chardev", "irq+work", "litmus", "policy", "sysfs", "timer"});
  for (const std::string& name : names) {
    CAPTURE(name);
    Folder f("new");
    const std::string file = f / "foo.json";
    const Ran made = run_unplug("new " + name + " foo --out " + file + " 2>&1");
    CHECK(made.code == 0);
    CHECK(made.out.empty());
    const Ran valid = run_unplug("validate " + file + " 2>&1");
    CHECK(valid.code == 0);
    CHECK(valid.out.find("warning") == std::string::npos);
    CHECK(valid.out.find("default taken") == std::string::npos);
    CHECK(run_unplug("validate --schema " + file + " 2>&1").out == file + ": conforms\n");
    if (valid.out.find(": scenario ") != std::string::npos) CHECK(run_unplug("run " + file + " --quiet --out " + f / "out").code == 0);
  }
}

TEST_CASE("new policy: with it the new chardev's bug is gone, and comes back without what the policy does in remove()") {
  Folder f("new_policy");
  CHECK(run_unplug("new chardev foo --out " + f / "foo.json").code == 0);
  CHECK(run_unplug("new policy gate --out " + f / "gate.json").code == 0);
  const std::string run = "run " + f / "foo.json" + " --form buggy --json --quiet --out " + f / "out";
  const auto shown = [&](const std::string& options) {
    const Ran ran = run_unplug(run + options);
    CHECK((ran.code == 0 || ran.code == 1));
    const auto cell = nlohmann::json::parse(ran.out).at("scenarios").at(0).at("cells").at(0);
    CHECK(cell.at("evidence").at("kind") == "exhaustive");
    return std::pair{cell.at("policy").get<std::string>(), cell.at("violations").size()};
  };
  const std::string policy = " --policy " + f / "gate.json";
  CHECK(shown("") == std::pair{std::string("none"), std::size_t{2}});
  CHECK(shown(policy) == std::pair{std::string("gate"), std::size_t{0}});
  CHECK(shown(policy + " --without remove") == std::pair{std::string("gate without remove"), std::size_t{2}});
}

TEST_CASE("the example of the guide is a file that validates and runs as it says") {
  const std::string guide = read_file(UNPLUG_SOURCE_DIR "/docs/scenario-guide.md"), fence = "```jsonc\n";
  const std::size_t from = guide.find(fence);
  REQUIRE(from != std::string::npos);
  Folder f("guide");
  const std::string file = f / "foo.json";
  write_file(file, guide.substr(from + fence.size(), guide.find("```", from + fence.size()) - from - fence.size()));
  const Ran valid = run_unplug("validate " + file + " 2>&1");
  CHECK(valid.code == 0);
  CHECK(valid.out.find("warning") == std::string::npos);
  CHECK(valid.out.find("default taken") == std::string::npos);
  CHECK(run_unplug("run " + file + " --quiet --executions 2000 --out " + f / "out").code == 0);
}

TEST_CASE("new: prints, or writes a file that was not there") {
  Folder f("overwrite");
  const Ran printed = run_unplug("new chardev foo");
  CHECK(printed.code == 0);
  CHECK(printed.out.find("\"foo_probe\"") != std::string::npos);
  CHECK(run_unplug("new chardev").out.find("\"mydrv_probe\"") != std::string::npos);
  const std::string file = f / "foo.json";
  CHECK(run_unplug("new chardev foo --out " + file).code == 0);
  CHECK(read_file(file) == printed.out);
  const Ran again = run_unplug("new timer foo --out " + file + " 2>&1");
  CHECK(again.code == 2);
  CHECK(again.out == "unplug: " + file + " is there already; another name, or remove it first\n");
  CHECK(read_file(file) == printed.out);
  CHECK(run_unplug("new chardev foo --out " + f / "a/new/folder/x.json" + " 2>&1").code == 0);
  CHECK(read_file(f / "a/new/folder/x.json") == printed.out);
  const Ran name = run_unplug("new chardev foo-card 2>&1");
  CHECK(name.code == 2);
  CHECK(name.out == "unplug: 'foo-card' can't be the name: letters, digits and _, a letter first\n");
  const Ran unknown = run_unplug("new chrdev 2>&1");
  CHECK(unknown.code == 2);
  check_golden("cli/new/unknown.txt", unknown.out);
}

TEST_CASE("list: every kind has something to say") {
  for (const std::string kind : {"scenarios", "policies", "mechanisms", "parts", "hooks", "strategies", "verbs", "things", "templates",
                                 "schemas", "classes", "formats"}) {
    CAPTURE(kind);
    CHECK_FALSE(listed(kind).empty());
  }
  for (const std::string kind : {"parts", "hooks", "templates", "schemas"})
    check_golden("cli/list/" + kind + ".txt", run_unplug("list " + kind).out);
  // A long name has a line of its own.
  CHECK(
      run_unplug("list scenarios").out.find("scenarios/corpus/nfcmrvl-teardown-before-fence.json\n" + std::string(34, ' ') + "nfcmrvl: ") !=
      std::string::npos);
  const Ran verbs = run_unplug("list verbs");
  CHECK(verbs.out.starts_with("memory:\n  devm_kzalloc  "));
  CHECK(verbs.out.find("\n\ndelayed work:\n") != std::string::npos);
  CHECK(verbs.out.find("\n  schedule_work                   another name of queue_work\n") != std::string::npos);
  const Ran things = run_unplug("list things");
  CHECK(things.out.find("mutex                             one that mutex_init declares\n") != std::string::npos);
  CHECK(run_unplug("list nothing 2>&1").code == 2);
}
