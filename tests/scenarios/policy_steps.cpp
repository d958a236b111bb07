// Policies in steps: where each hook runs, what it is given, what it can refuse, and how it is left out.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "files.hpp"

using namespace unplug;
using namespace unplug::scenarios;

namespace {

std::optional<PolicyFile> policy(const std::string& sections, Diagnostics& out) {
  auto d = Document::parse(fmt::format(R"({{"unplug": "policy/1", "name": "p", "parts": {{}}, {}}})", sections), "p.json", out);
  return d ? read_policy(std::move(d), out) : std::nullopt;
}

PolicyFile policy(const std::string& sections) {
  Diagnostics out;
  auto p = policy(sections, out);
  INFO(out.render());
  REQUIRE(p.has_value());
  return *p;
}

std::string refused(const std::string& sections) {
  Diagnostics out;
  CHECK(!policy(sections, out).has_value());
  return out.render();
}

// A driver with a resource, a device node and a user who opens it, calls and closes.
constexpr const char* driver = R"({"name": "t", "shared": {"count": 0, "seen": 0},
  "modules": {"foo": {"fops": {"owner": "foo", "open": "foo_open", "unlocked_ioctl": "foo_ioctl", "release": "foo_release"}}},
  "functions": {
    "foo_probe": [{"devm_ioremap_resource": "bar0", "regs": {"A": [0]}}, {"misc_register": "dev"}],
    "foo_open": [], "foo_release": [],
    "foo_ioctl": [{"use": "bar0", "do": [{"readl": "bar0.A"}], "else": "out"}, {"label": "out"}],
    "foo_remove": [{"misc_deregister": "dev"}, {"policy": "fence"}, {"drop": "bar0"}]},
  "run": {"removal": [["unbind", "rmmod"]], "tasks": {"user": {"do": [{"open": "dev", "to": "fd"}, {"ioctl": "fd"}, {"close": "fd"}]}}},
  "strategies": ["dpor"]})";

std::unique_ptr<Scenario> load(const PolicyFile& p, Diagnostics& out, const std::string& text = driver) {
  LoadOptions options;
  options.policy = p;
  return parse_scenario(text, "t.json", options, out);
}

Cell run_under(const PolicyFile& p, const std::string& text = driver) {
  Diagnostics out;
  const auto s = load(p, out, text);
  INFO(out.render());
  REQUIRE(s != nullptr);
  return scenarios::test::run(*s, {}).cells.at(0);
}

bool shows(const Cell& c, std::string_view violation_class, std::string_view object = "*") {
  return std::ranges::any_of(
      c.violations, [&](const Finding& f) { return f.violation_class == violation_class && (object == "*" || f.object == object); });
}

// A hook that shows itself: its assertion fails where it runs.
Cell run_hook(const std::string& hook) {
  return run_under(policy(fmt::format(R"("hooks": {{"{}": [{{"let": "here", "value": 0}}, {{"assert": "here == 1"}}]}})", hook)));
}

}  // namespace

TEST_CASE("policy steps: every hook runs, in a function of its name") {
  for (const HookInfo& h : hooks()) {
    CAPTURE(h.name);
    const Cell c = run_hook(std::string(h.name));
    CHECK(shows(c, "assertion-failed"));
  }
}

TEST_CASE("policy steps: without revoke, or with acquire that never looks, a mapping is used after it is gone") {
  const std::string state = R"("state": {"resource": {"gone": 0}},)";
  const std::string acquire = R"("acquire": ["rcu_read_lock", {"READ_ONCE": "resource.gone", "to": "gone"},
      {"if": "gone", "do": ["rcu_read_unlock", {"return": "-ENODEV"}]}],
    "release": ["rcu_read_unlock"])";
  const std::string revoke = R"("revoke": [{"WRITE_ONCE": "resource.gone", "value": 1}, "synchronize_rcu"])";
  const PolicyFile whole = policy(fmt::format("{} \"hooks\": {{{}, {}}}", state, acquire, revoke));
  const Cell c = run_under(whole);
  CHECK(!shows(c, "use-after-unmap"));
  CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
  CHECK(c.operations.refused_at_entry + c.operations.torn > 0);
  for (const char* part : {"revoke", "acquire"}) {
    CAPTURE(part);
    CHECK(shows(run_under(without(whole, part)), "use-after-unmap", "bar0"));
  }
  CHECK(without(whole, "revoke").name == "p without revoke");
}

TEST_CASE("policy steps: the token that enter and acquire set comes back in exit and release") {
  for (const auto& hook : {std::pair{"enter", "exit"}, std::pair{"acquire", "release"}}) {
    const std::string begin = hook.first, end = hook.second;
    CAPTURE(begin);
    const auto hooks = [&](int expected) {
      return policy(
          fmt::format(R"("hooks": {{"{}": [{{"let": "token", "value": 7}}], "{}": [{{"assert": "token == {}"}}]}})", begin, end, expected));
    };
    CHECK(!shows(run_under(hooks(7)), "assertion-failed"));
    CHECK(shows(run_under(hooks(8)), "assertion-failed"));
  }
}

TEST_CASE("policy steps: words of an open file begin anew with each, and are there until it is closed") {
  const PolicyFile p = policy(R"("state": {"file": {"n": 5}}, "hooks": {
    "open": [{"load": "file.n", "to": "n"}, {"assert": "n == 5"}, {"store": "file.n", "value": 6}],
    "close": [{"load": "file.n", "to": "n"}, {"assert": "n == 6"}]})");
  const Cell c = run_under(p);
  CHECK(!shows(c, "assertion-failed"));
}

TEST_CASE("policy steps: duplicates of a descriptor share the words of their file, which is closed once") {
  std::string text = driver;
  const std::string_view close = R"({"close": "fd"})";
  text.replace(text.find(close), close.size(), R"({"dup": "fd", "to": "copy"}, {"close": "fd"}, {"ioctl": "copy"}, {"close": "copy"})");
  const auto at_close = [](int closes) {
    return policy(fmt::format(R"("state": {{"file": {{"operations": 0, "closes": 0}}}}, "hooks": {{
      "enter": [{{"load": "file.operations", "to": "n"}}, {{"store": "file.operations", "value": "n + 1"}}],
      "close": [{{"load": "file.closes", "to": "c"}}, {{"store": "file.closes", "value": "c + 1"}},
        {{"load": "file.operations", "to": "n"}}, {{"assert": "n == 4"}}, {{"assert": "c == {}"}}]}})",
                              closes));
  };
  const Cell c = run_under(at_close(0), text);
  CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
  CHECK(!shows(c, "assertion-failed"));
  CHECK(shows(run_under(at_close(1), text), "assertion-failed"));
}

TEST_CASE("policy steps: enter refuses operations, and remove waits in the middle of remove()") {
  const PolicyFile rwsem = policy(R"("state": {"binding": {"gone": 0}}, "hooks": {
    "bind": [{"init_rwsem": "binding.sem"}],
    "enter": [{"down_read": "binding.sem"}, {"load": "binding.gone", "to": "gone"},
      {"if": "gone", "do": [{"up_read": "binding.sem"}, {"return": "-ENODEV"}]}],
    "exit": [{"up_read": "binding.sem"}],
    "remove": [{"down_write": "binding.sem"}, {"store": "binding.gone", "value": 1}, {"up_write": "binding.sem"}]})");
  const Cell c = run_under(rwsem);
  CHECK(c.violations.empty());
  CHECK(c.operations.refused_at_entry > 0);
  CHECK(shows(run_under(without(rwsem, "remove")), "use-after-unmap", "bar0"));
}

TEST_CASE("policy steps: what a hook makes that is left out is named by the others, and not there") {
  const PolicyFile p = policy(R"("state": {"binding": {"rev": null}}, "hooks": {
    "bind": [{"kzalloc": "rev", "fields": {"res": 1}, "to": "r"}, {"init_srcu_struct": "rev.srcu"}, {"store": "binding.rev", "value": "r"}],
    "enter": [{"load": "binding.rev", "to": "r"}, {"srcu_read_lock": "r.srcu", "to": "token"}],
    "exit": [{"load": "binding.rev", "to": "r"}, {"srcu_read_unlock": "r.srcu", "idx": "token"}]})");
  CHECK(!shows(run_under(p), "null-deref"));
  CHECK(shows(run_under(without(p, "bind")), "null-deref"));
  Diagnostics out;
  CHECK(load(without(p, "bind"), out) != nullptr);
  CHECK(out.all().empty());
}

TEST_CASE("policy steps: a policy's names and a driver's are strangers to each other") {
  Diagnostics out;
  CHECK(load(policy(R"("hooks": {"remove": [{"readl": "bar0.A"}]})"), out) == nullptr);
  CHECK(out.render().find("no MMIO mapping 'bar0'") != std::string::npos);
  CHECK(out.render().find("p.json") != std::string::npos);
}

TEST_CASE("policy steps: what they do is not what the driver does, so a refusal after them is no torn operation") {
  const PolicyFile p = policy(R"("hooks": {"enter": [{"let": "x", "value": 0}, "synchronize_rcu"], "acquire": [{"return": "-ENODEV"}]})");
  const Cell c = run_under(p);
  CHECK(c.operations.torn == 0);
}

TEST_CASE("policy steps: mistakes are said with what was expected") {
  CHECK(refused(R"("hooks": {"aquire": []})").find("did you mean 'acquire'?") != std::string::npos);
  CHECK(refused(R"("state": {"device": {}}, "hooks": {})").find("a policy keeps nothing for a 'device'") != std::string::npos);
  CHECK(refused(R"("functions": {})").find("'functions' without hooks") != std::string::npos);
  Diagnostics out;
  auto d = Document::parse(R"({"name": "p", "parts": {"entry": "srcu"}, "hooks": {"enter": []}})", "p.json", out);
  REQUIRE(d != nullptr);
  CHECK(!read_policy(std::move(d), out).has_value());
  CHECK(out.render().find("hook 'enter' beside mechanism 'srcu'") != std::string::npos);
}

TEST_CASE("policy steps: a failure file carries the policy with it") {
  Diagnostics out;
  const auto s = load(policy(R"("hooks": {"remove": [{"let": "x", "value": 0}, {"assert": "x == 1"}]})"), out);
  REQUIRE(s != nullptr);
  CHECK(s->policies.at(0).steps != nullptr);
  CHECK(s->program(0, 0, 0)->hooks[static_cast<std::size_t>(Hook::remove)] != UINT32_MAX);
}

TEST_CASE("policy steps: rows of expectations may speak of what only another policy of the file has") {
  const std::string file = "scenarios/revocable-chardev.json";
  Diagnostics out;
  const auto whole = load_scenario(file, {}, out);
  REQUIRE(whole != nullptr);
  for (const PolicyFile& p : whole->policies) {
    CAPTURE(p.name);
    LoadOptions by_name, by_file;
    by_name.policies = {p.name};
    by_file.policy = p;  // as a failure file carries it
    if (p.name.find(" without ") == std::string::npos) CHECK(load_scenario(file, by_name, out) != nullptr);
    CHECK(load_scenario(file, by_file, out) != nullptr);
  }
  CHECK(out.render().empty());
}

TEST_CASE("policy steps: the two bugs of the merged revocable API are found, each in its form, and the redesign is clean") {
  Diagnostics out;
  const auto s = load_scenario("scenarios/revocable-chardev.json", {}, out);
  INFO(out.render());
  REQUIRE(s != nullptr);
  RunOptions options;
  options.strategies = {"mix"};
  options.jobs = 2;
  const ScenarioResult r = scenarios::test::run(*s, options);
  CHECK(r.cells.size() == 4);
  std::size_t met = 0;
  for (const Cell& c : r.cells) {
    CAPTURE(c.policy);
    CHECK(c.unreplayed_predictions == 0);
    for (const Expectation& e : c.expectations) {
      CHECK_MESSAGE(e.met, e.text, ": ", e.detail);
      met += e.met ? 1 : 0;
    }
  }
  CHECK(met >= 5);
}

TEST_CASE("policy steps: what hook probe sets up is there for probe(), and hook unbound comes after devres, or when probe() has failed") {
  const PolicyFile p = policy(R"j("state": {"binding": {"ready": 0}}, "hooks": {
    "probe": [{"WRITE_ONCE": "binding.ready", "value": 1}],
    "bind": [{"READ_ONCE": "binding.ready", "to": "ready"}, {"assert": "ready == 1"}, {"WRITE_ONCE": "binding.ready", "value": 2}],
    "revoke": [{"READ_ONCE": "binding.ready", "to": "ready"}, {"assert": "ready == 2"}, {"WRITE_ONCE": "binding.ready", "value": 3}],
    "unbound": [{"READ_ONCE": "binding.ready", "to": "ready"}, {"assert": "ready != 2"}, {"assert": "ready == 3"}]})j");
  const Cell bound = run_under(p);
  CHECK(bound.evidence.kind == Evidence::Kind::exhaustive);
  CHECK(!shows(bound, "assertion-failed"));
  std::string failing = driver;
  failing.replace(failing.find(R"(, {"misc_register")"), 0, R"(, {"return": "-EIO"})");
  CHECK(!shows(run_under(p, failing), "assertion-failed"));  // devres of what had been mapped comes first, too
  failing = driver;
  failing.replace(failing.find(R"({"devm_ioremap)"), 0, R"({"return": "-EIO"}, )");
  CHECK(shows(run_under(p, failing), "assertion-failed", "ready == 3"));
}

TEST_CASE("policy steps: fences of other subsystems, written in steps, do for this driver what they are for") {
  for (const std::string name : {"percpu-ref", "refcount-completion", "drm-dev-enter", "srcu-fence"}) {
    CAPTURE(name);
    Diagnostics out;
    const auto p = find_policy(name, {}, {}, out);
    REQUIRE(p.has_value());
    CHECK(run_under(*p).violations.empty());
    CHECK(shows(run_under(name == "srcu-fence" ? without(*p, "entry") : without(*p, "remove")), "use-after-unmap", "bar0"));
  }
}

TEST_CASE("policy refcount-completion: who comes after removal is refused, who is inside is waited for, and it costs no grace period") {
  Diagnostics out;
  const auto p = find_policy("refcount-completion", {}, {}, out);
  REQUIRE(p.has_value());
  const Cell c = run_under(*p);
  CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
  CHECK(c.operations.refused_at_entry > 0);
  CHECK(c.operations.torn == 0);
  CHECK(c.grace_periods.max == run_under(*find_policy("none", {}, {}, out)).grace_periods.max);
  CHECK(
      std::ranges::any_of(c.waits, [](const Wait& w) { return w.what.find("wait_for_completion") != std::string::npos && w.blocked > 0; }));
  // Each half alone is not enough: nobody refused, nobody counted.
  CHECK(shows(run_under(without(*p, "exit")), "hung-remove"));
  CHECK(shows(run_under(without(*p, "enter")), "api-misuse"));
}
