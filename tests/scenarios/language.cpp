// The scenario language, a small scenario for each of its features.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "files.hpp"

using namespace unplug;
using namespace unplug::scenarios;

namespace {

// A driver of one screen; the sections that a test is about are its own.
struct Source {
  std::string probe, ioctl, remove, functions, tasks;
  std::string fops = R"("owner": "policy", "unlocked_ioctl": "foo_ioctl")";
  std::string sections;
  std::string removal = R"(["unbind"])";

  [[nodiscard]] std::string text() const {
    return fmt::format(R"({{"name": "t", "modules": {{"foo": {{"fops": {{{}}}}}}}, {}
      "functions": {{
        "foo_probe": [{{"devm_kzalloc": "priv", "fields": {{"n": 0}}}}, {{"devm_ioremap_resource": "bar0", "regs": {{"A": [0, 1]}}}},
          {} {{"cdev_device_add": "dev"}}],
        "foo_ioctl": [{}], {}
        "foo_remove": [{{"cdev_device_del": "dev"}}, {{"policy": "fence"}}{}]}},
      "run": {{"removal": [{}], "tasks": {{"user": {{"do": [{{"open": "dev", "to": "fd"}}, {{"ioctl": "fd"}}]}}{}}}}}}})",
                       fops, sections, probe, ioctl, functions, remove, removal, tasks);
  }
};

std::unique_ptr<Scenario> load(const std::string& text, const std::string& policy) {
  Diagnostics out;
  LoadOptions options;
  options.policies = {policy};
  auto s = parse_scenario(text, "t", options, out);
  INFO(out.render());
  REQUIRE(s != nullptr);
  return s;
}

ScenarioResult run_source(const Source& source, const std::string& policy = "none", std::uint64_t executions = 300) {
  RunOptions options;
  options.strategies = {"random"};
  options.executions = executions;
  return scenarios::test::run(*load(source.text(), policy), options);
}

// Whether any cell shows "class(object)@function"; parts may be left out.
bool shows(const ScenarioResult& r, const std::string& violation_class, const std::string& object = {}, const std::string& function = {}) {
  const Pattern p{{}, violation_class, object, function};
  return std::ranges::any_of(r.cells, [&](const Cell& c) {
    const auto fits = [&](const Finding& f) { return p.matches(f.violation_class, f.object, f.offender.function); };
    return std::ranges::any_of(c.violations, fits) || std::ranges::any_of(c.notes, fits);
  });
}

bool never(const ScenarioResult& r, const std::string& step) {
  return std::ranges::find(r.cells.at(0).never_reached, step) != r.cells.at(0).never_reached.end();
}

std::string names(const Scenario& s) {
  std::string t;
  for (const Member& m : s.members) t += "[" + m.name + "]";
  return t;
}

}  // namespace

TEST_CASE("parameters and ways of removal span members") {
  Source s;
  s.sections = R"("params": {"n": [1, 2], "fixed": 7},)";
  CHECK(names(*load(s.text(), "none")) == "[n=1][n=2]");
  s.removal = R"(["unbind"], ["unbind", "rmmod"])";
  CHECK(names(*load(s.text(), "none")) ==
        "[n=1, removal=unbind][n=1, removal=unbind+rmmod][n=2, removal=unbind][n=2, removal=unbind+rmmod]");
}

TEST_CASE("repeat unrolls with its variable") {
  Source s;
  s.sections = R"("params": {"n": 3},)";
  s.probe = R"({"repeat": "$n", "as": "i", "do": [{"devm_ioremap_resource": "more$i"}]},)";
  s.ioctl = R"({"repeat": "$n", "as": "i", "do": [{"readl": "more$i.X"}]})";
  const auto loaded = load(s.text(), "none");
  CHECK(loaded->program(0, 0, 0)->of(EntityKind::mapping).size() == 4);
  const ScenarioResult r = run_source(s);
  for (const char* object : {"more0", "more1", "more2"}) CHECK(shows(r, "use-after-unmap", object, "foo_ioctl"));
}

TEST_CASE("forms choose steps") {
  Source s;
  s.ioctl = R"({"readl": "bar0.A", "form": ["bad"]}, {"udelay": "1us", "form": "good"})";
  const auto loaded = load(s.text(), "none");
  CHECK(loaded->forms == std::vector<std::string>{"bad", "good"});
  for (const Cell& c : run_source(s).cells) CHECK(c.violations.empty() == (c.form == "good"));
}

TEST_CASE("if, goto, label and else") {
  Source s;
  s.ioctl = R"({"readl": "bar0.A", "to": "a"}, {"if": "a == 0", "goto": "end"}, {"writel": "bar0.ONE", "id": "one"},
    {"if": "a == 0", "do": [{"writel": "bar0.X", "id": "dead"}], "else": [{"writel": "bar0.Y", "id": "live"}]},
    {"label": "end"}, {"if": "!a", "return": "-EIO"}, {"writel": "bar0.Z", "id": "last"})";
  const ScenarioResult r = run_source(s);
  CHECK(never(r, "foo_ioctl/dead"));
  for (const char* step : {"foo_ioctl/one", "foo_ioctl/live", "foo_ioctl/last"}) CHECK(!never(r, step));
  CHECK(r.cells[0].operations.failed > 0);
  CHECK(r.cells[0].operations.completed > 0);
}

TEST_CASE("use: else steps come back behind the block, an else label does not, and no else is a violation") {
  Source s;
  s.ioctl = R"({"use": "bar0", "do": [{"readl": "bar0.A"}], "else": [{"store": "priv.n", "value": 1, "id": "refused"}]},
    {"WRITE_ONCE": "priv.n", "value": 2, "id": "after"})";
  const ScenarioResult block = run_source(s, "rcu-revoke");
  CHECK(!never(block, "foo_ioctl/refused"));
  CHECK(!never(block, "foo_ioctl/after"));
  CHECK(!shows(block, "use-after-unmap"));
  CHECK(!shows(block, "unhandled-refusal"));
  s.ioctl = R"({"use": "bar0", "do": [{"readl": "bar0.A"}]})";
  CHECK(shows(run_source(s, "rcu-revoke"), "unhandled-refusal", "bar0", "foo_ioctl"));
}

TEST_CASE("sleeping in a guarded block is atomic under RCU only") {
  Source s;
  s.ioctl = R"({"use": "bar0", "do": [{"msleep": "1ms..2ms"}], "else": "out"}, {"label": "out"})";
  CHECK(shows(run_source(s, "rcu-revoke"), "sleep-in-atomic", "", "foo_ioctl"));
  CHECK(!shows(run_source(s, "srcu-fence"), "sleep-in-atomic"));
}

TEST_CASE("call and maybe") {
  Source s;
  s.functions = R"("foo_helper": [{"readl": "bar0.A"}, {"return": "-EIO"}],)";
  s.ioctl = R"({"maybe": "ask", "do": [{"call": "foo_helper", "to": "r"}, {"return": "r"}]})";
  const ScenarioResult r = run_source(s);
  CHECK(shows(r, "use-after-unmap", "bar0", "foo_helper"));
  CHECK(r.cells[0].operations.failed > 0);
  CHECK(r.cells[0].operations.completed > 0);
}

TEST_CASE("plain accesses race, marked ones do not") {
  Source s;
  s.tasks = R"(, "other": {"do": [{"open": "dev", "to": "fd"}, {"ioctl": "fd"}]})";
  s.ioctl = R"({"load": "priv.n", "to": "n"}, {"store": "priv.n", "value": 1})";
  CHECK(shows(run_source(s, "srcu-fence"), "data-race"));
  s.ioctl = R"({"READ_ONCE": "priv.n", "to": "n"}, {"WRITE_ONCE": "priv.n", "value": 1})";
  CHECK(!shows(run_source(s, "srcu-fence"), "data-race"));
}

TEST_CASE("call_rcu needs rcu_barrier before the text goes") {
  Source s;
  s.sections = R"("kernel": {"unload_grace_period": false},)";
  s.removal = R"(["unbind", "rmmod"])";
  s.functions = R"("foo_cb": [{"udelay": "1us"}],)";
  s.probe = R"({"init_rcu_head": "head"},)";
  s.remove = R"(, {"call_rcu": "head", "fn": "foo_cb"})";
  CHECK(shows(run_source(s), "execute-after-free", "foo", "foo_cb"));
  s.functions = R"("foo_cb": [{"udelay": "1us"}], "foo_exit": ["rcu_barrier"],)";
  CHECK(!shows(run_source(s), "execute-after-free", "foo", "foo_cb"));
}

TEST_CASE("what the driver leaves behind") {
  Source s;
  s.probe = R"({"mutex_init": "priv.lock"},)";
  s.ioctl = R"({"mutex_lock": "priv.lock"})";
  CHECK(shows(run_source(s), "leak"));
  s.probe = R"({"request_irq": "irq", "fn": "foo_irq"},)";
  s.functions = R"("foo_irq": [{"return": "IRQ_HANDLED"}],)";
  s.ioctl = "";
  CHECK(shows(run_source(s), "leak", "irq"));
  s.remove = R"(, {"free_irq": "irq"})";
  CHECK(!shows(run_source(s), "leak"));
}

TEST_CASE("memory freed twice") {
  Source s;
  s.probe = R"({"kzalloc": "buf"},)";
  s.remove = R"(, {"kfree": "buf"})";
  CHECK(run_source(s).cells[0].violations.empty());
  s.remove = R"(, {"kfree": "buf"}, {"kfree": "buf"})";
  CHECK(shows(run_source(s), "double-free", "buf", "foo_remove"));
}

TEST_CASE("another driver claims the region") {
  Source s;
  s.ioctl = R"({"repeat": 40, "do": [{"udelay": "1us"}]}, {"readl": "bar0.A"})";
  s.tasks = R"(, "other": {"do": [{"repeat": 25, "do": [{"udelay": "1us"}]}, {"request_mem_region": "bar0"}]})";
  CHECK(shows(run_source(s, "none", 2000), "region-reused", "bar0", "foo_ioctl"));
}

TEST_CASE("fops.owner: null, the module, or as the policy says") {
  Source s;
  s.removal = R"(["unbind", "rmmod"])";
  const auto pinned = [&](const std::string& owner, const std::string& policy) {
    s.fops = R"("unlocked_ioctl": "foo_ioctl", "owner": )" + owner;
    return shows(run_source(s, policy), "module-pinned");
  };
  CHECK(!pinned("null", "fd-refcount"));
  CHECK(pinned(R"("foo")", "none"));
  CHECK(pinned(R"("policy")", "fd-refcount"));
  CHECK(!pinned(R"("policy")", "none"));
}

TEST_CASE("SRCU verbs: the index counts, and a fence made by hand holds") {
  Source s;
  s.probe = R"({"init_srcu_struct": "srcu"},)";
  s.ioctl = R"({"srcu_read_lock": "srcu", "to": "idx"}, {"READ_ONCE": "priv.n", "to": "gone"}, {"if": "gone", "goto": "out"},
    {"readl": "bar0.A"}, {"label": "out"}, {"srcu_read_unlock": "srcu", "idx": "idx"})";
  s.remove = R"(, {"WRITE_ONCE": "priv.n", "value": 1}, {"synchronize_srcu": "srcu"})";
  const ScenarioResult by_hand = run_source(s);
  CHECK(!shows(by_hand, "use-after-unmap"));
  CHECK(!shows(by_hand, "api-misuse"));
  s.ioctl = R"({"srcu_read_lock": "srcu", "to": "idx"}, {"readl": "bar0.A", "to": "other"}, {"srcu_read_unlock": "srcu", "idx": "other"})";
  // Counted out on the other side, the reader never leaves.
  CHECK(shows(run_source(s), "hung-remove", "srcu", "foo_remove"));
}

TEST_CASE("at_most bounds what a step does in a task, and work queued too late runs too late") {
  Source s;
  s.probe = R"({"INIT_WORK": "priv.w", "fn": "foo_work"},)";
  s.functions = R"("foo_work": [{"writel": "bar0.B"}, {"queue_work": "priv.w", "at_most": 2}],)";
  s.ioctl = R"({"queue_work": "priv.w"})";
  const ScenarioResult r = run_source(s);
  CHECK(r.cells[0].evidence.kind == Evidence::Kind::sampled);
  CHECK(shows(r, "use-after-unmap", "bar0", "foo_work"));
}

TEST_CASE("release runs when the file is closed") {
  Source s;
  s.fops = R"("owner": "policy", "unlocked_ioctl": "foo_ioctl", "release": "foo_release")";
  s.functions = R"("foo_release": [{"readl": "bar0.A"}],)";
  s.tasks = R"(, "closer": {"do": [{"open": "dev", "to": "f"}, {"close": "f"}]})";
  CHECK(shows(run_source(s), "use-after-unmap", "bar0", "foo_release"));
}

TEST_CASE("a module that comes back serves new files") {
  Source s;
  s.removal = R"(["rmmod", "insmod"])";
  s.ioctl = R"({"udelay": "1us"})";
  s.tasks = R"(, "late": {"do": [{"open": "dev", "to": "a"}, {"open": "dev", "to": "b", "await": true}, {"ioctl": "b"}]})";
  const ScenarioResult r = run_source(s, "srcu-fence");
  CHECK(load(s.text(), "none")->program(0, 0, 0)->bindings.size() == 2);
  CHECK(r.cells[0].violations.empty());
  CHECK(r.cells[0].operations.completed > 0);
}

TEST_CASE("msleep draws from its range under timed, the same for the same seed") {
  Source s;
  s.remove = R"(, {"msleep": "10ms..30ms"})";
  RunOptions options;
  options.strategies = {"timed"};
  options.executions = 300;
  const auto loaded = load(s.text(), "none");
  const ScenarioResult a = scenarios::test::run(*loaded, options), b = scenarios::test::run(*loaded, options);
  REQUIRE(a.cells[0].unbind_ns.has_value());
  CHECK(a.cells[0].unbind_ns->p50 >= 10 * sim::millisecond);
  CHECK(a.cells[0].unbind_ns->max <= 45 * sim::millisecond);
  CHECK(a.cells[0].unbind_ns->max > a.cells[0].unbind_ns->p50);
  CHECK(a.cells[0].unbind_ns->max == b.cells[0].unbind_ns->max);
}

TEST_CASE("timers, delayed work, kernel threads and spinlocks: each has its verbs, and what remove() forgets is found") {
  Source s;
  s.removal = R"(["unbind"])";
  s.functions = R"("foo_timer": [{"spin_lock": "priv.lock"}, {"readl": "bar0.A"}, {"spin_unlock": "priv.lock"}],
    "foo_hr": [{"WRITE_ONCE": "priv.n", "value": 1}, {"return": 0}],
    "foo_poll": [{"writel": "bar0.POLL"}],
    "foo_thread": [{"label": "again"}, {"set_current_state": "thread", "state": "TASK_INTERRUPTIBLE"},
      {"kthread_should_stop": "thread", "to": "stop"}, {"if": "stop", "return": 3}, {"schedule": "thread"}, {"goto": "again"}],)";
  s.probe = R"({"spin_lock_init": "priv.lock"}, {"timer_setup": "priv.timer", "fn": "foo_timer"},
    {"hrtimer_setup": "priv.hr", "fn": "foo_hr"}, {"INIT_DELAYED_WORK": "priv.poll", "fn": "foo_poll"},
    {"kthread_run": "thread", "fn": "foo_thread"},)";
  s.ioctl = R"({"spin_lock_bh": "priv.lock"}, {"mod_timer": "priv.timer", "delay": "1ms..2ms"}, {"spin_unlock_bh": "priv.lock"},
    {"hrtimer_start": "priv.hr", "delay": "100us", "at_most": 1}, {"queue_delayed_work": "priv.poll", "delay": "10ms", "else": "out"},
    {"label": "out"})";
  const std::string good = R"(, {"timer_shutdown_sync": "priv.timer", "to": "was"}, {"hrtimer_cancel": "priv.hr"},
    {"disable_delayed_work_sync": "priv.poll"}, {"kthread_stop": "thread", "to": "result"},
    {"if": "result == 3", "do": [{"writel": "bar0.OFF", "id": "off"}]})";
  s.remove = good;
  const ScenarioResult clean = run_source(s, "srcu-fence", 1'000);
  for (const Cell& c : clean.cells) CHECK_MESSAGE(c.violations.empty(), c.violations.front().signature);
  CHECK(!never(clean, "foo_remove/off"));

  s.remove = R"(, {"timer_delete": "priv.timer"}, {"cancel_delayed_work": "priv.poll"})";
  const ScenarioResult bad = run_source(s, "srcu-fence", 1'000);
  CHECK(shows(bad, "use-after-unmap", "bar0", "foo_timer"));
  CHECK(shows(bad, "use-after-unmap", "bar0", "foo_poll"));
  CHECK(shows(bad, "use-after-free", "priv", "__hrtimer_run_queues"));
  // A timer takes the lock: the others have to take it with softirqs off.
  s.remove = good;
  s.ioctl = R"({"spin_lock": "priv.lock"}, {"mod_timer": "priv.timer", "delay": "1ms"}, {"spin_unlock": "priv.lock"})";
  CHECK(shows(run_source(s, "srcu-fence"), "deadlock", "priv.lock", "foo_ioctl"));
  s.ioctl = R"({"spin_lock_irqsave": "priv.lock"}, {"msleep": "1ms"}, {"spin_unlock_irqrestore": "priv.lock"})";
  CHECK(shows(run_source(s, "srcu-fence"), "sleep-in-atomic", "msleep", "foo_ioctl"));
}

TEST_CASE("a result says which ways into a driver its file does not have") {
  Source s;
  s.probe = R"({"INIT_WORK": "priv.w", "fn": "foo_work"},)";
  s.functions = R"("foo_work": [{"writel": "bar0.B"}],)";
  const std::string limit = run_source(s, "none", 1).model_limits.at(1);
  CHECK(limit.find("tasklets") != std::string::npos);
  for (const char* there : {"file operations", " work,"}) CHECK(limit.find(there) == std::string::npos);
}
