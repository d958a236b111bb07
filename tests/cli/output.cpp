// What the program touches, and what it says where it can't: folders, pipes, disks, names of files that ship.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "program.hpp"

using namespace unplug::test;

namespace {

const std::string small = " foo-misc --policy none --strategy mix --executions 20 --quiet";
std::string out(const Folder& f) { return " --out '" + f.path.string() + "/out' 2>&1"; }

}  // namespace

TEST_CASE("a run leaves alone what it has not written, and takes away what an earlier run of its own has") {
  Folder f("foreign");
  std::filesystem::create_directories(f.path / "out" / "failures");
  for (const char* mine : {"out/notes.txt", "out/failures/mine.json"}) write_file(f.path / mine, "mine");
  CHECK(run_unplug("run" + small + out(f)).code == 0);
  CHECK(std::filesystem::exists(f.path / "out" / "unplug-manifest.json"));
  const auto failures = [&] {
    std::size_t n = 0;
    for (const auto& e : std::filesystem::directory_iterator(f.path / "out" / "failures")) n += e.path().filename() != "mine.json" ? 1 : 0;
    return n;
  };
  const std::size_t before = failures();
  CHECK(before > 0);
  // Another run that finds nothing: its own files from before go, others stay.
  CHECK(run_unplug("run two-devices --form fixed --quiet" + out(f)).code == 0);
  CHECK(failures() == 0);
  for (const char* mine : {"out/notes.txt", "out/failures/mine.json"}) CHECK(read_file(f.path / mine) == "mine");
  for (const auto& e : std::filesystem::recursive_directory_iterator(f.path)) CHECK(e.path().extension() != ".part");
}

TEST_CASE("a run that is refused has touched nothing, and one whose folder has a file of that name which is somebody's says so") {
  Folder f("refused");
  CHECK(run_unplug("run" + small + out(f)).code == 0);
  const std::string before = read_file(f.path / "out" / "result.json");
  CHECK(run_unplug("run tests/broken/not_json.json --quiet" + out(f)).code == 2);
  CHECK(read_file(f.path / "out" / "result.json") == before);
  write_file(f.path / "result.json", "mine");
  const Ran ran = run_unplug("run" + small + " --out '" + f.path.string() + "' 2>&1");
  CHECK(ran.code == 2);
  CHECK(ran.out.find("none of the files that unplug has written") != std::string::npos);
  CHECK(read_file(f.path / "result.json") == "mine");
}

TEST_CASE("an empty --out, and one that can't be written to, are found before any work is done and told once") {
  const Ran empty = run_unplug("run foo-misc --out '' 2>&1");
  CHECK(empty.code == 2);
  CHECK(empty.out.find("--out") != std::string::npos);
  const Ran ran = run_unplug("compare nova-timer --out /proc/none 2>&1");
  CHECK(ran.code == 2);
  CHECK(ran.out.find("/proc/none") != std::string::npos);
  CHECK(ran.out.find("/proc/none", ran.out.find("/proc/none") + 1) == std::string::npos);
}

TEST_CASE("standard output that can't be written to is exit 3, whatever the run found") {
  Folder f("full");
  for (const std::string verb :
       {"list verbs", "schema scenario", "explain mutex_lock", "run foo-misc --policy none --strategy mix --executions 20"}) {
    CAPTURE(verb);
    const std::string to = verb.starts_with("run") ? " --out '" + f / "out" + "'" : "";
    const Ran ran = run_shell("('" UNPLUG_BINARY "' " + verb + to + " > /dev/full) 2>&1");
    CHECK(ran.code == 3);
    CHECK(ran.out.find("can't write to standard output") != std::string::npos);
  }
}

TEST_CASE("- is standard input, and what ships is there under its name in any directory") {
  Folder f("elsewhere");
  const std::string source = UNPLUG_SOURCE_DIR "/scenarios/two-devices.json", go = "cd '" + f.path.string() + "' && '" UNPLUG_BINARY "' ";
  CHECK(run_shell(go + "validate - < " + source).code == 0);
  CHECK(run_shell(go + "run - --form fixed --quiet < " + source).code == 0);
  CHECK(run_shell(go + "prove two-devices --form fixed --quiet").code == 0);
  CHECK(run_shell(go + "diff - --forms v1 fixed --quiet < " + source + " > /dev/null").code <= 1);
  // One folder that says whose it is, and nothing else.
  std::vector<std::string> left;
  for (const auto& e : std::filesystem::directory_iterator(f.path)) left.push_back(e.path().filename());
  CHECK(left == std::vector<std::string>{"unplug-out"});
  const Ran unknown = run_shell(go + "run two-devces 2>&1");
  CHECK(unknown.code == 2);
  CHECK(unknown.out.find("did you mean 'two-devices'?") != std::string::npos);
}

TEST_CASE("options take one value each, numbers out of range are refused, an unknown verb is told the nearest") {
  Folder f("options");
  CHECK(run_unplug("run --policy none --strategy mix --executions 20 foo-misc --quiet" + out(f)).code == 0);
  for (const std::string number : {"-5", "0", "99999999999999999999999", "1e3"}) {
    CAPTURE(number);
    const Ran ran = run_unplug("run foo-misc --executions " + number + out(f));
    CHECK(ran.code == 2);
    CHECK(ran.out.find("'" + number + "' is no whole number from 1 to") != std::string::npos);
  }
  const Ran verb = run_unplug("comapre foo-misc 2>&1");
  CHECK(verb.code == 2);
  CHECK(verb.out.find("did you mean 'compare'?") != std::string::npos);
}

TEST_CASE("a search at the end of its --limit, or interrupted, tells what it has seen, as bounded") {
  Folder f("limit");
  const Ran ran = run_unplug("prove nova-timer --policy rcu-revoke --param bars=6 --limit 1s --quiet" + out(f));
  const auto result = nlohmann::json::parse(read_file(f.path / "out" / "result.json"));
  std::size_t cells = 0;
  for (const auto& cell : result["scenarios"][0]["cells"]) {
    ++cells;
    CHECK(cell["evidence"]["kind"] == "bounded");
    CHECK(cell["executions"] > 0);
  }
  CHECK(cells > 0);
  CHECK(ran.code <= 1);
}
