#include "sample.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::test {

using namespace scenarios;

namespace {

constexpr std::uint64_t us = 1'000;
constexpr std::uint64_t ms = 1'000'000;

Place at(std::string task, std::string function, std::string step, std::string source) {
  const std::string role = task.substr(0, task.find('.'));
  const std::string verb = step.substr(0, step.find('#'));
  return {std::move(task), role, function, std::move(step), verb, std::move(source), {function}, {}};
}

Finding finding(std::string violation_class, std::string object, Place offender, Place ended_by, unsigned preemptions) {
  Finding f;
  f.violation_class = std::move(violation_class);
  f.object = std::move(object);
  f.signature = fmt::format("{}|{}|{}/{}|{}/{}", f.violation_class, f.object, offender.role, offender.step, ended_by.role, ended_by.step);
  f.offender = std::move(offender);
  f.ended_by = std::move(ended_by);
  f.preemptions = preemptions;
  return f;
}

void file(Finding& f, const std::string& scenario, const std::string& policy, std::uint64_t count, std::uint64_t index) {
  f.count = count;
  f.lowest_index = index;
  f.failure_file = fmt::format("failures/{}.{}.{}.{:x}.json", scenario, policy, f.violation_class, 0x5eed + index);
  std::replace(f.failure_file.begin(), f.failure_file.end(), ' ', '-');
  f.replay_command = "unplug replay out/report/" + f.failure_file;
}

Finding text_freed(const std::string& policy) {
  Finding f =
      finding("execute-after-free", "text of nova_timer", at("user.0", "nova_timer_ioctl", "return", "drivers/gpu/nova-core/timer.rs:212"),
              at("rmmod", "free_module", "free text", ""), 1);
  f.message = "user.0 returned through code of module nova_timer after rmmod had freed it";
  f.offender.call_chain = {"nova_timer_ioctl", "vfs_ioctl", "user"};
  f.feasibility = "task 'user.0' stalled for at least 12 ms, in preemptible context";
  Place created = at("modprobe", "load_module", "map text", "");
  f.created_by = created;
  file(f, "nova-timer", policy, 371, 12);
  return f;
}

Finding bar_unmapped(const std::string& policy) {
  Finding f = finding("use-after-unmap", "bar0", at("user.1", "nova_timer_ioctl", "readl#2", "drivers/gpu/nova-core/timer.rs:207"),
                      at("remove", "devres_release_all", "iounmap bar0", ""), 1);
  f.message = "user.1 read register PTIMER_0 of bar0 after devres had unmapped it";
  f.offender.call_chain = {"nova_timer_ioctl", "vfs_ioctl", "user"};
  f.offender.time_ns = 1'204'000;
  f.ended_by->time_ns = 1'190'500;
  file(f, "nova-timer", policy, 2045, 3);
  return f;
}

Finding priv_freed(const std::string& policy, unsigned preemptions) {
  Finding f = finding("use-after-free", "priv", at("user.0", "nova_timer_ioctl", "mutex_lock#1", "drivers/gpu/nova-core/timer.rs:201"),
                      at("remove", "devres_release_all", "kfree priv", ""), preemptions);
  f.message = "user.0 locked priv.lock after devres had freed priv; revoking bar0 says nothing about priv";
  file(f, "nova-timer", policy, 88, 41);
  return f;
}

Finding pinned() {
  Finding f;
  f.violation_class = "module-pinned";
  f.note = true;
  f.object = "module nova_timer";
  f.signature = "module-pinned|module nova_timer|rmmod/try_stop_module|";
  f.message = "rmmod answers -EWOULDBLOCK while user space holds the file open";
  f.count = 10000;
  f.offender = at("rmmod", "delete_module", "try_stop_module#1", "");
  return f;
}

Wait wait(Wait::Phase phase, std::string what, std::string function, std::string owner, std::vector<std::string> waited_for, bool bounded,
          std::uint64_t blocked, Quantiles ns) {
  return {phase, std::move(what), std::move(function), std::move(owner), std::move(waited_for), bounded, 10000, blocked, ns};
}

struct Policy {
  std::string name;
  bool fence, revoke, batched, pin;
};

const std::vector<Policy>& nova_policies() {
  static const std::vector<Policy> all{{"none", false, false, false, false},
                                       {"srcu-fence", true, false, false, false},
                                       {"rwsem-fence", true, false, false, false},
                                       {"rcu-revoke", false, true, false, false},
                                       {"rcu-revoke-batched", false, true, true, false},
                                       {"fd-refcount", false, false, false, true},
                                       {"rcu-revoke + fd-refcount", false, true, false, true}};
  return all;
}

// The cells of one policy: `mix` for safety, `timed` for time.
void add_nova_cells(ScenarioResult& scenario, const Policy& policy, unsigned bars) {
  Cell cell;
  cell.member = fmt::format("bars={}, removal=unbind", bars);
  cell.policy = policy.name;
  cell.strategy = "mix";
  cell.seed = 0x7edc'ba98'7654'3210;
  cell.executions = 10000;
  cell.evidence = {
      Evidence::Kind::sampled, 10000, 50000, 9871, 17, {"2 tasks of role user, 2 ioctls each", "interrupt 'irq' arrives at most 2 times"}};
  if (!policy.fence && !policy.pin) cell.violations.push_back(text_freed(policy.name));
  if (!policy.fence) cell.violations.push_back(priv_freed(policy.name, policy.revoke ? 2 : 1));
  if (!policy.fence && !policy.revoke) cell.violations.push_back(bar_unmapped(policy.name));
  if (policy.pin) cell.notes.push_back(pinned());
  const std::uint64_t periods = policy.revoke ? (policy.batched ? 1 : bars) : 0;
  cell.grace_periods = {10000, periods, periods, periods, periods};
  cell.operations = {40000, 39900, 0, 0, 100, 0, 0, 0};
  if (policy.fence) {
    const bool srcu = policy.name == "srcu-fence";
    cell.waits.push_back(wait(Wait::Phase::remove, srcu ? "synchronize_srcu(dev.srcu)" : "down_write(dev.sem)", "policy " + policy.name,
                              "user", {"user"}, false, 4096, {}));
    cell.operations = {40000, 36880, 3120, 0, 0, 0, 1, 0};
  }
  cell.waits.push_back(wait(Wait::Phase::remove, "free_irq(irq)", "nova_timer_remove", "hardware", {"irq handler"}, true, 77, {}));
  cell.waits.push_back(wait(Wait::Phase::remove, "cancel_work_sync(poll)", "nova_timer_remove", "driver", {}, true, 0, {}));
  for (unsigned i = 0; i < periods; ++i) {
    cell.waits.push_back(wait(Wait::Phase::devres, fmt::format("synchronize_rcu() for bar{}", i), "policy " + policy.name, "grace period",
                              {"RCU readers"}, true, 9000, {}));
  }
  if (policy.revoke) cell.operations = {40000, 39900, 0, 45, 55, 0, 0, 2};
  cell.unload = {10000, policy.pin ? 10000ULL : 0ULL, policy.pin ? 0ULL : 7600ULL};
  cell.expectations.push_back(
      {policy.fence ? "must nothing" : "must use-after-free(priv)@nova_timer_ioctl", "devm memory behind an open FD", true, ""});
  if (bars == 3 && policy.name == "srcu-fence") {
    cell.expectations.push_back({"evidence exhaustive", "the fence is what the thread argues for, so sampling is not enough", false,
                                 "sampled 10000 executions; 'unplug prove' explores this scenario"});
  }
  cell.never_reached = {"nova_timer_ioctl/mutex_unlock#2"};
  cell.kept_apart = {{"nova_timer_open with nova_timer_remove", "misc_deregister() in nova_timer_remove"}};
  if (policy.pin && !policy.revoke) cell.verdict = CellVerdict::refused;
  if (!cell.violations.empty()) cell.verdict = CellVerdict::fails;
  scenario.cells.push_back(cell);

  cell.strategy = "timed";
  cell.executions = 1000;
  cell.evidence = {Evidence::Kind::sampled, 1000, 0, 1000, 0, cell.evidence.bounds};
  cell.violations.clear();
  cell.verdict = CellVerdict::clean;
  cell.notes.clear();
  cell.expectations.clear();
  cell.never_reached.push_back("nova_timer_irq/complete#1");
  for (Wait& w : cell.waits) w.ns = {1000, 3 * ms, 8 * ms, 12 * ms, 16 * ms};
  const std::uint64_t fence = policy.fence ? 3'980 * us : 0;
  cell.remove_ns = Quantiles{1000, 40 * us + fence, 90 * us + fence, 120 * us + 2 * fence, 130 * us + 2 * fence};
  const std::uint64_t devres = periods * 16'100 * us;
  cell.unbind_ns = Quantiles{1000, cell.remove_ns->p50 + devres, cell.remove_ns->p90 + devres, cell.remove_ns->p99 + devres + ms,
                             cell.remove_ns->max + devres + (policy.revoke ? 9 : 1) * ms};
  if (!policy.pin) cell.rmmod_ns = Quantiles{1000, 18 * ms, 30 * ms, 34 * ms, 41 * ms};
  scenario.cells.push_back(cell);
}

}  // namespace

ScenarioResult sample_nova() {
  ScenarioResult s;
  s.name = "nova-timer";
  s.path = "scenarios/nova-timer.json";
  s.title = "NVIDIA nova-core timer subdevice: ioctls read a free-running clock through bar0";
  s.source = "drivers/gpu/nova-core/timer.rs, RFC of 17 February 2025";
  s.text_hash = "3f2a9c0b77de1145";
  s.kernel = {"version 6.18", "PREEMPT_RCU y", "HZ 250", "grace periods 'busy': 16.1 ms at the median"};
  s.defaults_taken = {"fops.owner: null (the file leaves it open)", "a register read may return: 0, 1, all ones after unplug"};
  s.model_limits = {"sequential consistency: reorderings of weak memory are not explored",
                    "workload: 2 tasks of role user with open, 2 ioctls and close each; at most 2 interrupts; 1 unbind",
                    "entry kinds not modelled by the file: mmap, poll, sysfs, debugfs, suspend/resume"};
  s.primitives = {"synchronize_srcu: kernel/rcu/srcutree.c, v6.18; leaves out expedited grace periods",
                  "devm_ioremap_resource: lib/devres.c, v6.18; resource trees are a list",
                  "free_irq: kernel/irq/manage.c, v6.18; no threaded handlers"};
  s.policies = {
      {"none",
       "nothing fences, nothing pins",
       "nobody (the control)",
       "",
       "Shows what the scenario can break.",
       {"entry: none", "resource: none", "pin: none"}},
      {"srcu-fence",
       "SRCU around the file operations",
       "RDMA uverbs",
       "since v4.13 (2017)",
       "remove() waits for every operation in flight, later ones are refused.",
       {"entry: srcu", "resource: none", "pin: none", "work: quiesced", "waiters: shot down"}},
      {"rwsem-fence",
       "a read-write semaphore around the file operations",
       "TPM",
       "since v3.19 (2015)",
       "",
       {"entry: rwsem", "work: quiesced"}},
      {"rcu-revoke",
       "Revocable: each resource is revoked on its own",
       "Rust for Linux with fops.owner = NULL",
       "2025 to mid-2026",
       "try_access() at every use, one synchronize_rcu() per resource.",
       {"entry: none", "resource: rcu-revoke", "waiters: let run"}},
      {"rcu-revoke-batched",
       "Revocable with one grace period for all",
       "nobody yet (proposed in review)",
       "2025",
       "",
       {"resource: rcu-revoke-batched"}},
      {"fd-refcount", "an open file pins the module", "plain C drivers with .owner = THIS_MODULE", "always", "", {"pin: fd-refcount"}}};
  for (const unsigned bars : {1U, 3U, 6U}) {
    for (const Policy& policy : nova_policies()) add_nova_cells(s, policy, bars);
  }
  return s;
}

ScenarioResult sample_forms() {
  ScenarioResult s;
  s.name = "foo-misc";
  s.path = "scenarios/foo-misc.json";
  s.title = "one screen of a misc driver: work re-arms itself during remove()";
  s.text_hash = "00c0ffee00c0ffee";
  s.kernel = {"version 6.18", "PREEMPT_RCU n", "DEBUG_SHIRQ y"};
  s.policies = {{"none", "nothing fences", "nobody (the control)", "", "", {}}};
  for (const char* form : {"buggy", "fixed"}) {
    for (const char* policy : {"none", "srcu-fence", "srcu-fence without waiters"}) {
      const bool buggy = std::string_view(form) == "buggy";
      Cell cell;
      cell.form = form;
      cell.policy = policy;
      cell.strategy = "dpor";
      cell.executions = cell.evidence.executions = cell.evidence.distinct_traces = buggy ? 5312 : 812;
      cell.evidence.kind = buggy ? Evidence::Kind::bounded : Evidence::Kind::exhaustive;
      cell.evidence.bounds = {"interrupt 'irq' arrives at most 2 times"};
      if (buggy) cell.evidence.bounds.push_back("2 preemptions");
      if (buggy || cell.policy == "none") {
        Finding f = finding("use-after-unmap", "bar0", at("kworker.0", "foo_poll", "readl#1", "drivers/misc/foo.c:88"),
                            at("remove", "devres_release_all", "iounmap bar0", ""), 0);
        f.message = "work that foo_irq queued after cancel_delayed_work_sync() reads bar0 after it was unmapped";
        f.offender.operation = "MMIO read of STATUS";
        f.serves = "foo_poll";
        f.also_at = "foo_irq";
        file(f, s.name, policy, 40, 7);
        cell.violations.push_back(f);
        cell.unreplayed_predictions = buggy ? 1 : 0;
      }
      if (cell.policy == "srcu-fence without waiters") {
        Finding f;
        f.violation_class = "deadlock";
        f.signature = "deadlock|dev.srcu|remove/synchronize_srcu#1|user/wait_for_completion#1";
        f.object = "dev.srcu";
        f.message = "remove() waits for user.0 in foo_ioctl, which waits for an interrupt that free_irq() has shut off";
        f.offender = at("remove", "foo_remove", "synchronize_srcu#1", "drivers/misc/foo.c:376");
        f.count = 12;
        cell.violations.push_back(f);
      }
      cell.expectations.push_back({buggy ? "must use-after-unmap(bar0)@foo_poll" : "must nothing", "", cell.violations.empty() != buggy,
                                   cell.violations.empty() != buggy ? "" : "found 1 other signature: deadlock(dev.srcu)@foo_remove"});
      if (!buggy) cell.never = {{"foo_ioctl with foo_remove", "were never under way together", ""}};
      cell.verdict = !cell.violations.empty() ? CellVerdict::fails : buggy ? CellVerdict::clean : CellVerdict::vacuous;
      s.cells.push_back(cell);
    }
  }
  return s;
}

ScenarioResult sample_hostile() {
  ScenarioResult s;
  s.name = "<script>alert('name')</script>";
  s.path = "From a/path with spaces/Größe & \"quotes\".json";
  s.title = "Namen mit Umlauten: Gerät–Prüfung, 設備の取り外し \xE2\x80\xAE desrever \x1b[31m \xff\xfe";
  s.source = std::string(150, 'x') + ".c@v6.18";
  s.kernel = {"version <6.18>", "OPTION&AMP y"};
  s.defaults_taken = {"From here on everything is quoted: > quoted"};
  s.model_limits = {"{{mustache}} and {{{raw}}} are text, too"};
  s.policies = {
      {"<b>bold</b>", "title with <i>markup</i> & an entity &amp;", "Müller & Söhne", "2026", "a\ttab and\na newline", {"entry: <none>"}}};
  Cell cell;
  cell.form = "a-form-with-an-exceedingly-long-name-that-does-not-fit-into-any-reasonable-column-of-any-table";
  cell.member = "path=/sys/devices/pci0000:00, x, owner=null, n=-3";
  cell.policy = "<b>bold</b>";
  cell.strategy = "surw";
  cell.executions = 2;
  cell.evidence = {Evidence::Kind::sampled, 2, 0, 0, 0, {}};
  Finding f = finding("data-race", "priv->\"flag\" & 'co'",
                      at("user.0", "foo_ioctl_with_a_rather_long_name_that_someone_generated_from_a_macro<T&>", "plain store#1", "a b.c:1"),
                      at("kworker.1", "foo_work", "plain load#1", ""), 3);
  f.count = 1;
  f.failure_file = "failures/" + std::string(120, 'y') + ".json";
  f.replay_command = "unplug replay 'out dir with spaces/" + f.failure_file + "' --lenient --param a=b --param c=d --trace text";
  cell.violations.push_back(f);
  Finding bare;
  bare.violation_class = "leak";
  bare.signature = "leak|priv||";
  cell.violations.push_back(bare);
  cell.expectations.push_back({"must data-race(</td>)", "", false, ""});
  cell.verdict = CellVerdict::fails;
  cell.never = {{"<entry>", "was never entered", "accepted & <said>"}};
  cell.not_judged = {"pci_enable_device at foo_probe/<1>: nobody counts & checks"};
  cell.final_states = 2;
  cell.stuck_states = 1;
  s.cells.push_back(cell);
  cell = Cell{};
  cell.policy = "policy_name_longer_than_any_column_and_without_a_single_break_xxxxxxxxxxxxxxxxxxxxxxxxxxxx";
  cell.strategy = "timed";
  cell.executions = cell.evidence.executions = 1;
  cell.unbind_ns = Quantiles{1, 0, 1, 999, 9'223'372'036'854'775'807ULL};
  cell.remove_ns = Quantiles{1, 0, 0, 0, 0};
  cell.grace_periods = {1, 0, 1, 2, 9'223'372'036'854'775'807ULL};
  s.cells.push_back(cell);
  return s;
}

Result sample_result() {
  Result r;
  r.tool_version = "0.1.0";
  r.engine_semantics = 1;
  r.command = "unplug compare scenarios/nova-timer.json scenarios/foo-misc.json scenarios/hostile.json --seed 18364758544493064720 --out "
              "out/report";
  r.incomplete = "interrupted: 12 of 70 cells were run";
  r.self_check = "the tool itself: 31 of 31 litmus tests, 44 of 47 mutants killed, 38 of 38 corpus bugs found and 21 of 21 fixes acquitted "
                 "('unplug claims')";
  ScenarioResult empty;
  empty.name = "nothing-ran";
  r.scenarios = {sample_nova(), sample_forms(), sample_hostile(), empty};
  return r;
}

Result smallest_result() {
  Result r;
  r.tool_version = "0.1.0";
  r.engine_semantics = 1;
  ScenarioResult s;
  s.name = "tiny";
  Cell cell;
  cell.policy = "none";
  cell.strategy = "random";
  cell.executions = cell.evidence.executions = 10000;
  s.cells.push_back(cell);
  r.scenarios.push_back(s);
  return r;
}

}  // namespace unplug::test
