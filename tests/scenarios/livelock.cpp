// Executions that run into the bound on steps: a loop that nothing ends is a violation like any other, with a failure file that replays.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "files.hpp"
#include "unplug/scenarios/run/failure_file.hpp"
#include "unplug/scenarios/run/failures.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

// A driver that polls in its ioctl; `loop`: what it does there.
std::string driver(const std::string& loop) {
  return R"({ "unplug": "scenario/1", "name": "poll", "title": "an ioctl that polls",
  "kernel": {"version": "6.18", "PREEMPT_RCU": true, "HZ": 250, "grace_periods": "idle", "unload_grace_period": true},
  "modules": {"foo": {"fops": {"owner": "foo", "open": "foo_open", "unlocked_ioctl": "foo_ioctl"}}},
  "functions": {
    "foo_probe": [ {"devm_kzalloc": "priv", "fields": {"ready": 0}}, {"misc_register": "foo"} ],
    "foo_open": [],
    "foo_ioctl": [ {"label": "again"}, )" +
         loop + R"( ],
    "foo_remove": [ {"misc_deregister": "foo"} ] },
  "run": {"cpus": 2, "removal": [["unbind"]], "removal_after": "0ms..1ms",
    "tasks": {"user": {"do": [{"open": "foo", "to": "fd"}, {"ioctl": "fd"}]}}},
  "policies": ["none"] })";
}

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("unplug-livelock-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::unique_ptr<Scenario> scenario(const std::string& text) const {
    const std::string file = path / "poll.json";
    std::ofstream(file) << text;
    Diagnostics out;
    auto s = load_scenario(file, {}, out);
    REQUIRE_MESSAGE(s != nullptr, out.render());
    return s;
  }
};

RunOptions options(unsigned jobs) {
  RunOptions o;
  o.strategies = {"random"};
  o.strategies_given = true;
  o.executions = 12;
  o.jobs = jobs;
  return o;
}

}  // namespace

TEST_CASE("livelock: an ioctl that polls what nobody changes is found, with any number of threads, and its failure replays") {
  const Folder folder;
  const auto s = folder.scenario(driver(R"({"READ_ONCE": "priv.ready", "to": "r"}, {"if": "r == 0", "goto": "again"})"));
  std::string first;
  for (const unsigned jobs : {1U, 2U}) {
    Output output(folder.path / "out");
    std::string problem;
    REQUIRE_MESSAGE(output.open("unplug", problem), problem);
    FailureStore store(output, "failures");
    RunOptions o = options(jobs);
    o.failures = &store;
    const ScenarioResult r = run(*s, o);
    REQUIRE(r.cells.size() == 1);
    const Cell& c = r.cells.front();
    CHECK(c.unreplayed_predictions == 0);
    CHECK(c.evidence.kind == Evidence::Kind::sampled);
    const auto livelock = std::ranges::find(c.violations, "livelock", &Finding::violation_class);
    REQUIRE(livelock != c.violations.end());
    const Finding& f = *livelock;
    CHECK(f.signature == "livelock(priv.ready): user foo_ioctl/READ_ONCE#1");
    CHECK(f.message.find("waits in polling(priv.ready), which nobody will end") != std::string::npos);
    CHECK(f.count > 0);
    CHECK(f.count <= c.executions);
    Diagnostics out;
    const auto failure = read_failure(f.failure_file, out);
    REQUIRE_MESSAGE(failure.has_value(), out.render());
    if (first.empty()) first = to_json(*failure);
    CHECK(to_json(*failure) == first);
    const auto replayed = replay_failure(*failure, out);
    REQUIRE(replayed.has_value());
    CHECK(replayed->kind == ReplayResult::Kind::reproduced);
    CHECK(replayed->same_fingerprint);
  }
}

TEST_CASE("livelock: a loop that changes something each time is cut by the bound, and said to be") {
  const Folder folder;
  const auto s = folder.scenario(driver(R"({"maybe": "ends", "do": [{"return": 0}]}, {"goto": "again"})"));
  const auto endless = folder.scenario(driver(R"({"atomic_inc": "priv.ready"}, {"goto": "again"})"));
  const ScenarioResult r = run(*endless, options(1));
  const Cell& c = r.cells.front();
  CHECK(c.evidence.kind == Evidence::Kind::bounded);
  CHECK(c.evidence.bounds.back().find("took 20000 steps") != std::string::npos);
  for (const Finding& f : c.violations) CHECK(f.violation_class != "livelock");
  CHECK(run(*s, options(1)).cells.front().evidence.kind == Evidence::Kind::sampled);
}
