// Small files that once had a wrong or an empty verdict (tests/faults): what is right of each is in its first comment, and here.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "files.hpp"

using namespace unplug;
using namespace unplug::scenarios;

namespace {

constexpr std::string_view faults_folder = "tests/faults/";

struct Loaded {
  std::unique_ptr<Scenario> scenario;
  std::string said;  // of it when it was loaded
};

Loaded load(const std::string& name) {
  Diagnostics out;
  Loaded l;
  l.scenario = load_scenario(std::string(faults_folder) + name + ".json", {}, out);
  l.said = out.render();
  return l;
}

// As a user runs it who gives no options.
ScenarioResult result_of(const std::string& name) {
  const Loaded l = load(name);
  REQUIRE_MESSAGE(l.scenario != nullptr, l.said);
  RunOptions options;
  options.strategies = {"auto"};
  options.jobs = 2;
  return test::run(*l.scenario, options);
}

std::string violations(const Cell& c) {
  std::set<std::string> found;
  for (const Finding& v : c.violations) found.insert(fmt::format("{}({})@{}", v.violation_class, v.object, v.offender.function));
  std::string all;
  for (const std::string& v : found) all += (all.empty() ? "" : " ") + v;
  return all;
}

std::string unmet(const ScenarioResult& r) {
  std::string all;
  for (const Cell& c : r.cells)
    for (const Expectation& e : c.expectations)
      if (!e.met) all += fmt::format("[{}: {}]", c.form, e.text);
  return all;
}

struct Right {
  std::string_view file, cell;  // member and form
  CellVerdict verdict;
  std::string_view violations;
};

using enum CellVerdict;

constexpr Right right[] = {
    {"at-most-succeeds", "plain", fails, "api-misuse(dev.urb)@foo_submit"},
    {"at-most-succeeds", "at_most", clean, ""},
    {"attribute-made-in-a-core", "in the driver", fails, "use-after-free(priv)@core_store"},
    {"attribute-made-in-a-core", "in the core", fails, "use-after-free(priv)@core_store"},
    {"blocked-final", "", fails, "api-misuse(s)@P0 deadlock(s)@P0 lock-cycle(s)@P0"},
    {"cdev-add-never-opened", "", fails, "use-after-free(dev)@foo_open"},
    {"cell-without-row", "good", clean, ""},
    {"cell-without-row", "bad", fails, "use-after-free(priv)@foo_irq"},
    {"control-endpoint", "", fails,
     "leak(ir.urb)@igorplugusb_probe use-after-free(buf_in)@igorplugusb_callback use-after-free(ir)@__run_timers "
     "use-after-free(ir)@igorplugusb_callback use-after-free(ir)@igorplugusb_cmd use-after-free(ir.urb)@igorplugusb_cmd "
     "use-after-free(rc)@ir_raw_event_store"},
    {"default-misses", "removal=unbind, v5.3", fails, "use-after-free(idev)@ml_effect_timer use-after-free(ml)@__run_timers"},
    {"default-misses", "removal=unbind, v7.1 without signals", clean, ""},
    {"default-misses", "removal=unbind, v7.1", fails, "use-after-free(pad)@pad_play_effect"},
    {"default-misses", "removal=unbind, ef166ce08801", clean, ""},
    {"default-misses", "removal=unbind, mutant: flush stops nothing", fails, "use-after-free(pad)@pad_play_effect"},
    {"default-misses", "removal=rmmod pad+rmmod ml, v5.3", fails,
     "execute-after-free(ml)@ml_ff_destroy use-after-free(idev)@ml_effect_timer use-after-free(ml)@__run_timers"},
    {"default-misses", "removal=rmmod pad+rmmod ml, v7.1 without signals", fails, "execute-after-free(ml)@ml_ff_destroy"},
    {"default-misses", "removal=rmmod pad+rmmod ml, v7.1", fails,
     "execute-after-free(ml)@ml_effect_timer execute-after-free(ml)@ml_ff_destroy execute-after-free(pad)@pad_play_effect "
     "use-after-free(pad)@pad_play_effect"},
    {"default-misses", "removal=rmmod pad+rmmod ml, ef166ce08801", fails, "execute-after-free(ml)@ml_ff_destroy"},
    {"default-misses", "removal=rmmod pad+rmmod ml, mutant: flush stops nothing", fails,
     "execute-after-free(ml)@ml_effect_timer execute-after-free(ml)@ml_ff_destroy execute-after-free(pad)@pad_play_effect "
     "use-after-free(pad)@pad_play_effect"},
    {"disabled-tasklet-freed", "disabled", fails, "use-after-free(priv)@tasklet_action"},
    {"disabled-tasklet-freed", "killed", clean, ""},
    {"double-free-noise", "", fails, "double-free(p)@P1"},
    {"finding-without-function", "", fails, "use-after-free(r)@percpu_ref_switch_to_atomic_rcu"},
    {"form-only-function", "old", clean, ""},
    {"form-only-function", "new", fails, "leak(foo)@foo_ioctl use-after-free(priv)@foo_new"},
    {"form-warned-in-vain", "called", fails, "leak(rp)@foo_probe"},
    {"form-warned-in-vain", "not called", fails, "leak(rp)@foo_probe"},
    {"leak-of-counts", "removal=unbind, pm", fails, "leak(pm)@foo_ioctl"},
    {"leak-of-counts", "removal=unbind, clock", fails, "leak(clk)@foo_ioctl"},
    {"leak-of-counts", "removal=unbind, module", fails, "leak(foo)@foo_ioctl"},
    {"leak-of-counts", "removal=unbind+rmmod, pm", fails, "leak(pm)@foo_ioctl"},
    {"leak-of-counts", "removal=unbind+rmmod, clock", fails, "leak(clk)@foo_ioctl"},
    {"leak-of-counts", "removal=unbind+rmmod, module", fails, "leak(foo)@foo_ioctl stuck-module(foo)@delete_module"},
    {"leak-of-memory-with-to", "plain", fails, "leak(buf)@foo_probe"},
    {"leak-of-memory-with-to", "to", fails, "leak(buf)@foo_probe"},
    {"leak-of-memory-with-to", "overwritten", fails, "leak(buf)@foo_probe"},
    {"leak-of-memory-with-to", "to in work", fails, "leak(buf)@foo_work"},
    {"must-in-any-cell", "a", fails, "use-after-free(priv)@foo_store"},
    {"must-in-any-cell", "b", clean, ""},
    {"name-of-no-device", "", fails, "use-after-free(priv)@core_ioctl"},
    {"names-across-modules", "", refused, ""},
    {"never-reached-but-reached", "", fails, "use-after-free(priv)@foo_irq"},
    {"observe-empty", "", clean, ""},
    {"pointer-returned", "inline", refused, ""},
    {"pointer-returned", "returned", refused, ""},
    {"polling-never-ends", "", clean, ""},
    {"preemptions-over-the-bound", "", fails, "use-after-unmap(bar)@foo_read"},
    {"preemptions-two-counts", "", fails, "use-after-free(fifo)@foo_work"},
    {"srcu-section-left-open", "", fails, "leak(s)@P0"},
};

}  // namespace

TEST_CASE("faults: every cell that once was wrong or empty has the verdict that is right, with proof, and no blemish") {
  std::string_view last;
  ScenarioResult result;
  for (const Right& r : right) {
    CAPTURE(r.file);
    CAPTURE(r.cell);
    if (r.file != last) result = result_of(std::string(r.file));
    last = r.file;
    std::size_t cells = 0;
    for (const Cell& c : result.cells) {
      if (c.member + (c.member.empty() || c.form.empty() ? "" : ", ") + c.form != r.cell) continue;
      ++cells;
      CHECK(c.verdict == r.verdict);
      CHECK(violations(c) == r.violations);
      CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
      CHECK(c.unreplayed_predictions == 0);
      CHECK(c.never.empty());
      for (const Finding& f : c.violations) CHECK(!f.offender.function.empty());
    }
    CHECK(cells == 1);
    CHECK(static_cast<std::size_t>(std::ranges::count(right, r.file, &Right::file)) == result.cells.size());
  }
}

TEST_CASE("faults: what was right is met, what is not is unmet, and no file is left out") {
  const std::vector<std::pair<std::string, std::string>> wanted{
      {"cell-without-row", "[bad: a row of \"expect\" that speaks of this cell]"},
      {"must-in-any-cell", "[b: must use-after-free(priv)@foo_store]"},
  };
  for (const auto& entry : std::filesystem::directory_iterator(faults_folder)) {
    const std::string file = entry.path().stem().string();
    CAPTURE(file);
    const Loaded l = load(file);
    if (l.scenario == nullptr) continue;
    const auto want = std::ranges::find(wanted, file, &std::pair<std::string, std::string>::first);
    CHECK(unmet(result_of(file)) == (want == wanted.end() ? "" : want->second));
    const bool known = std::ranges::find(right, file, &Right::file) != std::end(right);
    CHECK_MESSAGE((known || file == "predictions-not-replayed"), "the table above says nothing of it");
  }
}

TEST_CASE("faults: a word that no declaration has is refused where it is") {
  const Loaded form = load("final-form-typo"), value = load("pointer-first-value");
  CHECK(form.scenario == nullptr);
  CHECK(form.said.find("no form 'badd'") != std::string::npos);
  CHECK(form.said.find("did you mean 'bad'?") != std::string::npos);
  CHECK(value.scenario == nullptr);
  CHECK(value.said.find("no shared memory 'nosuch'") != std::string::npos);
}

TEST_CASE("faults: no warning of what only another form leads to, nor of a name that means the one there is") {
  for (const char* name : {"form-only-function", "form-warned-in-vain", "never-reached-but-reached", "pointer-returned"}) {
    CAPTURE(name);
    CHECK(load(name).said.empty());
  }
}

TEST_CASE("faults: an execution that ends with a thread that waits for ever has a final state, too") {
  const Cell c = result_of("blocked-final").cells.at(0);
  CHECK(c.stuck_states == 1);
  CHECK(c.final_states == 0);
  for (const Expectation& e : c.expectations) CHECK_MESSAGE(e.met, e.text);
}

TEST_CASE("faults: a step of a handler that runs is not listed as never reached") {
  CHECK(result_of("never-reached-but-reached").cells.at(0).never_reached.empty());
}

TEST_CASE("faults: what is predicted from a list that is made by way of a pointer replays") {
  const Cell c = result_of("predictions-not-replayed").cells.at(0);
  CHECK(c.unreplayed_predictions == 0);
  CHECK(violations(c).find("data-race(ndev.active)@j1939_netdev_notify") != std::string::npos);
}

TEST_CASE("faults: the preemptions of a finding are those of the schedule that is shown, with any bound") {
  for (const char* name : {"preemptions-over-the-bound", "preemptions-two-counts"}) {
    const Loaded l = load(name);
    REQUIRE(l.scenario != nullptr);
    for (const unsigned bound : {0U, 1U, 2U}) {
      CAPTURE(name);
      CAPTURE(bound);
      RunOptions options;
      options.strategies = {fmt::format("bounded({})", bound)};
      options.strategies_given = true;
      const Cell c = test::run(*l.scenario, options).cells.at(0);
      CHECK(c.violations.empty() == (bound == 0));
      for (const Finding& f : c.violations) CHECK(f.preemptions == 1);
    }
  }
}
