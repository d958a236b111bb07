// What scripts rely on: exit codes, files written and not written, JSON.
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "program.hpp"

using namespace unplug::test;
using Json = nlohmann::json;

namespace {

constexpr const char* nova = "scenarios/nova-timer.json";

std::string with_out(const Folder& f) { return " --out " + f / "out" + " "; }

// The failure files that a run of the control leaves.
std::vector<std::filesystem::path> failures(const Folder& f) {
  const Ran ran = run_unplug("run scenarios/nova-timer.json --policy none --param bars=1 --executions 100 --seed 1 --quiet" + with_out(f));
  CHECK(ran.code != 2);
  std::vector<std::filesystem::path> files;
  for (const auto& e : std::filesystem::directory_iterator(f.path / "out" / "failures")) files.push_back(e.path());
  std::sort(files.begin(), files.end());
  REQUIRE(!files.empty());
  return files;
}

// Rewrites a failure file by way of JSON.
template <class Change> std::string altered(const Folder& f, const std::filesystem::path& original, Change change) {
  Json j = Json::parse(read_file(original));
  change(j);
  write_file(f.path / "altered.json", j.dump(1));
  return f / "altered.json";
}

}  // namespace

TEST_CASE("run: 0 if everything is as expected, 1 if not") {
  Folder f("run");
  const std::string small = " --param bars=1 --executions 300 --quiet" + with_out(f);
  CHECK(run_unplug(std::string("run ") + nova + " --policy srcu-fence" + small).code == 0);
  std::string text = read_file(std::filesystem::path(UNPLUG_SOURCE_DIR) / nova);
  const std::string row = "{\"policy\": [\"srcu-fence\", \"rwsem-fence\"], \"must\": []";
  REQUIRE(text.find(row) != std::string::npos);
  text.replace(text.find(row), row.size(), "{\"policy\": [\"srcu-fence\", \"rwsem-fence\"], \"must\": [\"double-free\"]");
  write_file(f.path / "wrong.json", text);
  const Ran wrong = run_unplug("run " + f / "wrong.json" + " --policy srcu-fence --param bars=1 --executions 100" + with_out(f));
  CHECK(wrong.code == 1);
  CHECK(wrong.out.find("double-free") != std::string::npos);
}

TEST_CASE("calibrate: the table, the document, the same bytes at any number of jobs, 0 because nothing is missed") {
  const Ran one = run_unplug("calibrate --executions 1000 --seed 3 --jobs 1");
  CHECK(one.code == 0);
  CHECK(one.out.find("N synchronize_rcu() in a row") != std::string::npos);
  CHECK(one.out.find("at least: freeing the text flushes") != std::string::npos);
  CHECK(one.out.find("0 missed; ") != std::string::npos);
  CHECK(run_unplug("calibrate --executions 1000 --seed 3 --jobs 3").out == one.out);
  const Ran document = run_unplug("calibrate --executions 20 --json");
  CHECK(Json::parse(document.out)["unplug"] == "calibration/1");
  CHECK(run_unplug("calibrate --executions 20 --json").out == document.out);
  CHECK(run_unplug("calibrate --executions 20 --quiet").out.empty());
  CHECK(run_unplug("calibrate --executions 0 2>&1").code == 2);
  CHECK(run_unplug("calibrate surplus 2>&1").code == 2);
  const Ran help = run_unplug("calibrate --help");
  CHECK(help.code == 0);
  for (const char* option : {"--executions", "--seed", "--jobs", "--json", "--quiet", "--color"})
    CHECK(help.out.find(option) != std::string::npos);
}

TEST_CASE("compare writes the report") {
  Folder f("compare");
  const Ran ran = run_unplug("compare scenarios/drm-unbounded-wait.json --policy srcu-fence --executions 100 --quiet" + with_out(f));
  CHECK(ran.code == 0);
  CHECK(read_file(f.path / "out" / "index.html").find("</html>") != std::string::npos);
  CHECK(Json::parse(read_file(f.path / "out" / "result.json"))["unplug"] == "result/2");
  for (const auto& e : std::filesystem::recursive_directory_iterator(f.path)) CHECK(e.path().extension() != ".part");
}

TEST_CASE("compare interrupted: what is finished is reported, what is missing is said, and the exit code names the signal") {
  Folder f("interrupted");
  // The first cells end soon, the last would take long.
  const Ran ran = run_shell(
      "'" UNPLUG_BINARY "' compare scenarios/drm-unbounded-wait.json scenarios/nova-timer.json --strategy mix --executions 20000 --jobs 1" +
      with_out(f) + "2>&1 & while ! ls '" + f / "out" + "'/failures/* > /dev/null 2>&1; do sleep 0.05; done; " + "kill -TERM $!; wait $!");
  CHECK(ran.code == 128 + 15);
  CHECK(ran.out.find("unplug: interrupted: ") != std::string::npos);
  const Json result = Json::parse(read_file(f.path / "out" / "result.json"));
  const std::string incomplete = result["incomplete"];
  CHECK(incomplete.starts_with("interrupted: "));
  CHECK(ran.out.find(incomplete) != std::string::npos);
  std::size_t cells = 0, cut = 0;  // at hand when the signal came: what they had seen by then counts
  for (const Json& scenario : result["scenarios"]) {
    for (const Json& cell : scenario["cells"]) {
      ++cells;
      CHECK(cell["expectations"]["unmet"].empty());
      if (cell["executions"] == 20000) continue;
      ++cut;
      CHECK(cell["evidence"]["kind"] == "bounded");
      CHECK(std::string(cell["evidence"]["bounds"].back()).starts_with("interrupted after "));
    }
  }
  CHECK(cells > cut);
  CHECK(cut <= 1);
  CHECK(incomplete == "interrupted: " + std::to_string(cells) + " of 29 cells were run" + (cut != 0 ? ", some not to their end" : ""));
  CHECK(read_file(f.path / "out" / "index.html").find(incomplete) != std::string::npos);
}

TEST_CASE("prove: 0 if exhaustive exploration finds what is expected, its failures replay, and a limit is a bound") {
  Folder f("prove");
  const Ran ran = run_unplug("prove scenarios/drm-unbounded-wait.json --json" + with_out(f));
  CHECK(ran.code == 0);
  const Json result = Json::parse(ran.out);
  CHECK(!result["scenarios"][0]["cells"].empty());
  for (const Json& cell : result["scenarios"][0]["cells"]) CHECK(cell["evidence"]["kind"] == "exhaustive");
  CHECK(result["command"] == "unplug prove scenarios/drm-unbounded-wait.json --seed 1");
  const Ran run = run_unplug("run scenarios/drm-unbounded-wait.json --policy rcu-revoke --strategy dpor --json" + with_out(f));
  CHECK(Json::parse(run.out)["command"] == "unplug run scenarios/drm-unbounded-wait.json --policy rcu-revoke --strategy dpor --seed 1");
  CHECK(Json::parse(run.out)["scenarios"][0]["cells"][0]["executions"] == 117);
  std::size_t files = 0;
  for (const auto& e : std::filesystem::directory_iterator(f.path / "out" / "failures")) {
    CHECK(run_unplug("replay --quiet " + e.path().string()).code == 1);
    ++files;
  }
  CHECK(files == 3);
  const Ran few = run_unplug("prove scenarios/drm-unbounded-wait.json --policy rcu-revoke --executions 50" + with_out(f));
  CHECK(few.out.find("bounded (dpor): 90 traces") != std::string::npos);  // 50 of which others are renamings
  CHECK(few.out.find("the first 90 traces") != std::string::npos);
}

TEST_CASE("prove --preemptions: the bound is named, the command repeats it, and its failures replay") {
  Folder f("bounded");
  const std::string file = "prove scenarios/drm-unbounded-wait.json --policy none --policy rcu-revoke";
  const Ran ran = run_unplug(file + " --preemptions 1 --json" + with_out(f));
  CHECK(ran.code == 0);
  const Json result = Json::parse(ran.out);
  CHECK(result["command"] == "unplug prove scenarios/drm-unbounded-wait.json --policy none --policy rcu-revoke --preemptions 1 --seed 1");
  CHECK(result["scenarios"][0]["cells"].size() == 2);
  for (const Json& cell : result["scenarios"][0]["cells"]) {
    CHECK(cell["strategy"] == "bounded(1)");
    CHECK(cell["evidence"]["kind"] == "bounded");
    CHECK(cell["evidence"]["bounds"].back() == "up to 1 preemption");
    CHECK(cell["evidence"]["distinct_traces"] <= cell["evidence"]["executions"]);
  }
  std::size_t files = 0;
  for (const auto& e : std::filesystem::directory_iterator(f.path / "out" / "failures")) {
    CHECK(run_unplug("replay --quiet " + e.path().string()).code == 1);
    ++files;
  }
  CHECK(files > 0);
  const Ran table = run_unplug(file + " --preemptions 1" + with_out(f));
  CHECK(table.out.find("bounded: ") != std::string::npos);
  CHECK(table.out.find(" schedules") != std::string::npos);
  CHECK(run_unplug(file + " --preemptions 10" + with_out(f)).code == 2);
  CHECK(run_unplug(file + " --strategy mix" + with_out(f)).code == 2);  // proving is a strategy
}

TEST_CASE("replay: reproduced is 1, and the same text every time") {
  Folder f("replay");
  for (const auto& file : failures(f)) {
    CAPTURE(file.string());
    const Ran first = run_unplug("replay " + file.string());
    CHECK(first.code == 1);
    CHECK(first.out.find("reproduced: ") != std::string::npos);
    CHECK(run_unplug("replay " + file.string()).out == first.out);
    CHECK(run_unplug("replay --quiet " + file.string()).out.empty());
  }
}

TEST_CASE("replay: an altered decision is 4 and says where, what was expected, found and enabled") {
  Folder f("diverge");
  const std::string path = altered(f, failures(f).front(), [](Json& j) {
    for (Json& d : j["decisions"])
      if (d.contains("among")) {
        d["task"] = "nobody";
        return;
      }
  });
  const Ran ran = run_unplug("replay " + path + " 2>&1");
  CHECK(ran.code == 4);
  for (const char* word : {"at step", "expected", "found", "enabled", "nobody"}) {
    CAPTURE(word);
    CHECK(ran.out.find(word) != std::string::npos);
  }
}

TEST_CASE("replay --lenient: what fits is followed, what does not is replaced and counted, other engine versions are tried") {
  Folder f("lenient");
  const auto file = failures(f).front();
  const Ran same = run_unplug("replay --lenient " + file.string());
  CHECK(same.code == 1);
  CHECK(same.out.find(", 0 replaced\n") != std::string::npos);
  const std::string other = altered(f, file, [](Json& j) {
    j["engine_semantics"] = 999;
    j["decisions"].insert(j["decisions"].begin(), Json::parse(R"({"step": 0, "task": "nobody", "op": "x", "among": ["nobody", "y"]})"));
  });
  CHECK(run_unplug("replay " + other + " 2>/dev/null").code == 2);
  const Ran lenient = run_unplug("replay --lenient " + other + " 2>&1");
  CHECK(lenient.code == 1);  // but for the one that fits nowhere, it is the recorded schedule
  CHECK(lenient.out.find(", 1 replaced\n") != std::string::npos);
  const std::string none = altered(f, file, [](Json& j) { j["decisions"] = Json::array(); });
  const Ran calm = run_unplug("replay --lenient " + none + " 2>&1");
  CHECK((calm.code == 1 || calm.code == 4));
  CHECK(calm.out.find("lenient: 0 decision(s) recorded, ") != std::string::npos);
}

TEST_CASE("replay: another engine version is 2, another trace is 4, another scenario text is 2") {
  Folder f("versions");
  const auto original = failures(f).front();
  const Ran version =
      run_unplug("replay " + altered(f, original, [](Json& j) { j["engine_semantics"] = j["engine_semantics"].get<int>() + 1; }) + " 2>&1");
  CHECK(version.code == 2);
  CHECK(version.out.find("engine semantics") != std::string::npos);
  const Ran trace = run_unplug("replay " + altered(f, original, [](Json& j) { j["fingerprint"] = "0x0123456789abcdef"; }) + " 2>&1");
  CHECK(trace.code == 4);
  CHECK(trace.out.find("0x0123456789abcdef") != std::string::npos);
  const Ran text = run_unplug("replay " + altered(f, original, [](Json& j) { j["scenario_text"][0] = "// other"; }) + " 2>&1");
  CHECK(text.code == 2);
  CHECK(text.out.find("not the one that failed") != std::string::npos);
}

TEST_CASE("verify: executions are the same in this process and in new ones, with and without fixed addresses") {
  const Ran ran = run_unplug("verify scenarios/*.json --executions 3 2>&1");
  CHECK(ran.code == 0);
  CHECK(ran.out.find("scenarios/nova-timer.json: 126 executions, each four times the same\n") != std::string::npos);
  CHECK(run_unplug("verify scenarios/nova-timer.json --strategy dpor 2>&1").code == 2);
  CHECK(run_unplug("verify scenarios/nova-timer.json --strategy 'pct(99)' 2>&1").code == 2);
}

TEST_CASE("list knows every kind and refuses others") {
  for (const std::string kind : {"scenarios", "policies", "mechanisms", "strategies", "verbs", "classes", "formats"}) {
    CAPTURE(kind);
    const Ran ran = run_unplug("list " + kind);
    CHECK(ran.code == 0);
    CHECK(!ran.out.empty());
    CHECK(ran.out.find('\033') == std::string::npos);
  }
  CHECK(run_unplug("list policies").out.find("srcu-fence") != std::string::npos);
  CHECK(run_unplug("list nonsense 2>&1").code == 2);
}

TEST_CASE("bad usage is 2 and writes nothing") {
  Folder f("usage");
  for (const std::string arguments :
       {"", "rnu", "run", "run scenarios/nova-timer.json --executions 0", "run scenarios/nova-timer.json --executions many",
        "run scenarios/nova-timer.json --policy scru-fence", "run scenarios/nova-timer.json --strategy rnadom",
        "run scenarios/nova-timer.json --param bar=1", "run scenarios/nova-timer.json --param bars",
        "run scenarios/nova-timer.json --gp soon", "run scenarios/nova-timer.json --form fixed",
        "run scenarios/nova-timer.json --without waiter", "run scenarios/nova-timer.json tests/broken/unknown_verb.json",
        "run --color red x", "compare tests/broken/empty.json", "replay", "replay there_is_no_such_file.json", "validate"}) {
    CAPTURE(arguments);
    const bool runs = arguments.starts_with("run ") || arguments.starts_with("compare ");
    const Ran ran = run_unplug(arguments + (runs ? with_out(f) : "") + " 2>&1");
    CHECK(ran.code == 2);
    CHECK(!ran.out.empty());
    CHECK(std::filesystem::is_empty(f.path));
  }
}

TEST_CASE("--json is one document with what scripts need of every cell") {
  Folder f("json");
  const std::string command =
      std::string("run ") + nova + " --policy none --policy srcu-fence --param bars=1 --strategy timed --executions 100 --json --jobs ";
  const Ran ran = run_unplug(command + "1" + with_out(f));
  const Json j = Json::parse(ran.out);
  CHECK(j["unplug"] == "result/2");
  std::size_t cells = 0, violations = 0;
  for (const Json& s : j["scenarios"]) {
    for (const Json& c : s["cells"]) {
      ++cells;
      for (const char* key : {"executions", "evidence", "violations", "notes", "remove_ns", "unbind_ns", "expectations"}) {
        CAPTURE(key);
        CHECK(c.contains(key));
      }
      for (const char* key : {"p50", "p90", "p99", "max"}) CHECK(c["unbind_ns"].contains(key));
      CHECK(c["executions"] == 100);
      violations += c["violations"].size();
      for (const Json& v : c["violations"])
        for (const char* key : {"class", "signature", "count", "failure_file"}) CHECK(v.contains(key));
    }
  }
  CHECK(cells == 2);
  CHECK(violations > 0);
  // In fresh processes, and on more threads, the same text.
  CHECK(run_unplug(command + "1" + with_out(f)).out == ran.out);
  CHECK(run_unplug(command + "5" + with_out(f)).out == ran.out);
}

TEST_CASE("--format prints the result in each format that is listed, --json is one of them") {
  Folder f("format");
  const std::string command = "run scenarios/models/kref.json" + with_out(f);
  std::istringstream list(run_unplug("list formats").out);
  std::size_t formats = 0;
  for (std::string line; std::getline(list, line); ++formats) {
    const std::string format = line.substr(0, line.find(' '));
    CAPTURE(format);
    const Ran ran = run_unplug(command + "--quiet --format " + format);
    CHECK(ran.code == 0);
    CHECK(ran.out.find("kref") != std::string::npos);
    if (format == "json") CHECK(ran.out == run_unplug(command + "--json").out);
    if (format == "terminal") CHECK(ran.out == run_unplug(command).out);
  }
  CHECK(formats >= 4);
  CHECK(run_unplug(command + "--format cake 2>&1").code == 2);
  CHECK(run_unplug(command + "--format html --json 2>&1").code == 2);
  CHECK(run_unplug("diff scenarios/zram-sysfs-lock.json --listing 'lock first' --format html 2>&1").code == 2);
}

TEST_CASE("colour only where it is wanted") {
  Folder f("colour");
  const std::string command = std::string("run ") + nova + " --policy none --param bars=1 --executions 100" + with_out(f);
  CHECK(run_unplug(command + "2>&1", "NO_COLOR=1").out.find('\033') == std::string::npos);
  CHECK(run_unplug(command + "2>&1").out.find('\033') == std::string::npos);
  CHECK(run_unplug(command + "--color always").out.find('\033') != std::string::npos);
}
