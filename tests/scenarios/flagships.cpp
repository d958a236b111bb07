// The scenarios that ship: what they expect is so, and every failure replays.
#include <algorithm>
#include <filesystem>

#include <unistd.h>

#include "files.hpp"
#include "unplug/scenarios/run/failure_file.hpp"
#include "unplug/scenarios/run/failures.hpp"
#include "unplug/sim/strategy.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("unplug-flagships-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

void expectations_hold(const std::string& name) {
  Folder folder;
  RunOptions options;
  options.strategies = {"random"};
  options.executions = 1000;
  options.jobs = 2;
  Output output(folder.path.string());
  std::string problem;
  REQUIRE_MESSAGE(output.open("unplug", problem), problem);
  FailureStore store(output, "failures");
  options.failures = &store;
  options.command = "unplug";
  const auto scenario = flagship(name);
  const ScenarioResult result = run(*scenario, options);
  std::size_t expectations = 0;
  for (const Cell& c : result.cells) {
    for (const Expectation& e : c.expectations) {
      ++expectations;
      CHECK_MESSAGE(e.met, c.member, " ", c.policy, ": ", e.text, ": ", e.detail);
    }
    CHECK(c.unreplayed_predictions == 0);
    CHECK((c.executions == 1000 || c.strategy == sim::exhaustive_strategy));
  }
  CHECK(expectations > 0);

  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path / "failures")) {
    CAPTURE(entry.path().filename().string());
    ++files;
    Diagnostics out;
    const auto failure = read_failure(entry.path().string(), out);
    REQUIRE_MESSAGE(failure.has_value(), out.render());
    const auto replayed = replay_failure(*failure, out);
    REQUIRE_MESSAGE(replayed.has_value(), out.render());
    CHECK(replayed->kind == ReplayResult::Kind::reproduced);
    CHECK(replayed->same_fingerprint);
  }
  CHECK(files > 0);
}

// The median time to the end of the unbind, under `timed`.
std::uint64_t median_unbind(const std::string& policy, const std::string& bars) {
  LoadOptions load;
  load.policies = {policy};
  load.params = {{"bars", bars}};
  RunOptions options;
  options.strategies = {"timed"};
  options.executions = 1000;
  options.jobs = 2;
  const ScenarioResult r = run(*flagship("nova-timer", load), options, load);
  REQUIRE(r.cells.size() == 1);
  REQUIRE(r.cells[0].unbind_ns.has_value());
  CHECK(r.cells[0].unbind_ns->count == 1000);
  return r.cells[0].unbind_ns->p50;
}

}  // namespace

TEST_CASE("zram-sysfs-lock is as expected, exhaustively, and its failures replay") { expectations_hold("zram-sysfs-lock"); }

TEST_CASE("r592-irq-rearms-timer is as expected, the merged fix included, and its failures replay") {
  expectations_hold("r592-irq-rearms-timer");
}

TEST_CASE("nova-timer is as expected, and its failures replay") { expectations_hold("nova-timer"); }
TEST_CASE("drm-unbounded-wait is as expected, and its failures replay") { expectations_hold("drm-unbounded-wait"); }
TEST_CASE("rdma-uverbs-upgrade is as expected, and its failures replay") { expectations_hold("rdma-uverbs-upgrade"); }

TEST_CASE("revoking each resource costs a grace period each, revoking all of them together costs one") {
  const std::uint64_t one = median_unbind("rcu-revoke", "1"), six = median_unbind("rcu-revoke", "6");
  CAPTURE(one);
  CAPTURE(six);
  CHECK(six >= 4 * one);
  const std::uint64_t batched_one = median_unbind("rcu-revoke-batched", "1"), batched_six = median_unbind("rcu-revoke-batched", "6");
  CAPTURE(batched_one);
  CAPTURE(batched_six);
  CHECK(batched_six * 10 <= batched_one * 12);
}

TEST_CASE("an SRCU fence waits for the longest operation, SRCU's own polling, and the work that runs") {
  LoadOptions load;
  load.policies = {"srcu-fence"};
  load.params = {{"bars", "3"}};
  RunOptions options;
  options.strategies = {"timed"};
  options.executions = 1000;
  options.jobs = 2;
  const ScenarioResult r = run(*flagship("nova-timer", load), options, load);
  REQUIRE(r.cells.size() == 1);
  REQUIRE(r.cells[0].unbind_ns.has_value());
  // Three times msleep(1..10 ms), each at most two jiffies late; eleven jiffies of polling; udelay(2 ms) of work; a millisecond of steps.
  const std::uint64_t jiffy = 4 * sim::millisecond;
  const std::uint64_t bound = 3 * (10 * sim::millisecond + 2 * jiffy) + 11 * jiffy + 2 * sim::millisecond + sim::millisecond;
  CHECK(r.cells[0].unbind_ns->max > 0);
  CHECK(r.cells[0].unbind_ns->max <= bound);
}
