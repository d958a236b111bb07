// Broken inputs: each is refused with exit code 2 and the message kept in tests/golden/cli/validate.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "program.hpp"
#include "support/golden.hpp"

using namespace unplug::test;

namespace {

// Names of the broken files, without ".json".
std::vector<std::string> broken_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(UNPLUG_SOURCE_DIR "/tests/broken"))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("validate says what is wrong with each broken file, and where") {
  const std::vector<std::string> names = broken_files();
  CHECK(names.size() >= 130);
  for (const std::string& name : names) {
    CAPTURE(name);
    const std::string path = "tests/broken/" + name + ".json";
    const Ran ran = run_unplug("validate " + path + " 2>&1");
    CHECK(ran.code == 2);
    CHECK(ran.out.starts_with(path + ":"));
    CHECK(ran.out.find(": error: ") != std::string::npos);
    check_golden("cli/validate/" + name + ".txt", ran.out);
  }
}

TEST_CASE("validate warns of what makes a verdict vacuous, and the file runs all the same") {
  for (const std::string name : {"missing_else", "missing_fence", "step_out_of_reach", "interrupt_never_freed", "set_up_too_late",
                                 "lock_kept", "misspelt_member_of_stranger"}) {
    CAPTURE(name);
    const std::string path = "tests/warned/" + name + ".json";
    const Ran ran = run_unplug("validate " + path + " 2>&1");
    CHECK(ran.code == 0);
    CHECK(ran.out.find(": warning: ") != std::string::npos);
    check_golden("cli/validate/" + name + ".txt", ran.out);
    Folder folder("warned");
    CHECK(run_unplug("run " + path + " --executions 10 --quiet --out " + folder / "out" + " 2>&1").out ==
          ran.out.substr(0, ran.out.rfind(path)));
  }
}

TEST_CASE("a broken policy file given to --policy is said with its own place, and nothing is written") {
  Folder folder("policy");
  const Ran ran =
      run_unplug("compare scenarios/nova-timer.json --policy tests/broken/policy_unknown_mechanism.json --out " + folder / "out" + " 2>&1");
  CHECK(ran.code == 2);
  check_golden("cli/validate/policy_option.txt", ran.out);
  CHECK(!std::filesystem::exists(folder.path / "out"));
  const Ran missing = run_unplug("compare scenarios/nova-timer.json --policy srcu-fense --out " + folder / "out" + " 2>&1");
  CHECK(missing.code == 2);
  check_golden("cli/validate/policy_option_misspelt.txt", missing.out);
}

TEST_CASE("inputs that are no readable file") {
  const Ran missing = run_unplug("validate tests/broken/there_is_no_such_file.json 2>&1");
  CHECK(missing.code == 2);
  check_golden("cli/validate/missing_file.txt", missing.out);
  const Ran directory = run_unplug("validate tests/broken 2>&1");
  CHECK(directory.code == 2);
  check_golden("cli/validate/directory.txt", directory.out);
}

TEST_CASE("files of another kind given to run name the right verb") {
  for (const std::string name : {"failure_file", "result_file", "policy_unknown_part"}) {
    CAPTURE(name);
    const Ran ran = run_unplug("run tests/broken/" + name + ".json 2>&1");
    CHECK(ran.code == 2);
    check_golden("cli/validate/run_" + name + ".txt", ran.out);
  }
  const Ran replayed = run_unplug("replay scenarios/nova-timer.json 2>&1");
  CHECK(replayed.code == 2);
  check_golden("cli/validate/replay_scenario.txt", replayed.out);
}

TEST_CASE("deep nesting is refused, not followed") {
  Folder folder("nesting");
  for (const std::string open : {"[", "{\"a\":"}) {
    CAPTURE(open);
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += open;
    write_file(folder.path / "deep.json", text);
    const Ran ran = run_unplug("validate " + folder / "deep.json" + " 2>&1");
    CHECK(ran.code == 2);
    CHECK(ran.out.find("deep.json:1:") != std::string::npos);
    CHECK(ran.out.size() < 2000);
  }
}

TEST_CASE("the shipped scenarios are valid") {
  for (const std::string name : {"nova-timer", "drm-unbounded-wait", "rdma-uverbs-upgrade"}) {
    const Ran ran = run_unplug("validate scenarios/" + name + ".json 2>&1");
    CHECK(ran.code == 0);
    CHECK(ran.out.find("error") == std::string::npos);
  }
}
