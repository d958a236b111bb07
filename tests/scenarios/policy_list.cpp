// The policies a file runs under: parts left out, resources that are guarded, and how the caller chooses among them.
#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "files.hpp"
#include "unplug/scenarios/run/failure_file.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

// Two windows, each used by an ioctl after the device may have gone.
std::string two_windows(const std::string& policies, const std::string& expect = "[]") {
  return fmt::format(R"({{"name": "t", "modules": {{"foo": {{"fops": {{"owner": "foo", "unlocked_ioctl": "foo_ioctl"}}}}}},
    "functions": {{
      "foo_probe": [{{"devm_ioremap_resource": "bar0", "regs": {{"A": [0]}}}}, {{"devm_ioremap_resource": "bar1", "regs": {{"B": [0]}}}},
        {{"misc_register": "foo0"}}],
      "foo_ioctl": [{{"use": "bar0", "do": [{{"readl": "bar0.A"}}], "else": []}},
        {{"use": "bar1", "do": [{{"readl": "bar1.B"}}], "else": []}}],
      "foo_remove": [{{"misc_deregister": "foo0"}}, {{"policy": "fence"}}]}},
    "run": {{"removal": ["unbind"], "removal_after": "0ms",
      "tasks": {{"user": {{"do": [{{"open": "foo0", "to": "fd"}}, {{"ioctl": "fd"}}]}}}}}},
    "policies": {}, "expect": {}}})",
                     policies, expect);
}

std::unique_ptr<Scenario> parsed(const std::string& text, const LoadOptions& load = {}) {
  Diagnostics out;
  auto s = parse_scenario(text, "t", load, out);
  INFO(out.render());
  REQUIRE(s != nullptr);
  return s;
}

std::string names(const Scenario& s) {
  std::vector<std::string> out;
  for (const PolicyFile& p : s.policies) out.push_back(p.name);
  return fmt::format("{}", fmt::join(out, "; "));
}

// Objects of what an exhaustive search finds.
std::string objects(const Scenario& s) {
  RunOptions options;
  options.strategies = {"dpor"};
  const ScenarioResult r = run(s, options);
  std::vector<std::string> out;
  for (const Cell& c : r.cells)
    for (const Finding& f : c.violations)
      if (std::ranges::find(out, f.object) == out.end()) out.push_back(f.object);
  std::ranges::sort(out);
  return fmt::format("{}", fmt::join(out, ", "));
}

std::string mistakes(const std::string& text) {
  Diagnostics out;
  CHECK(parse_scenario(text, "t", {}, out) == nullptr);
  return out.render();
}

}  // namespace

TEST_CASE("policies: \"guards\" names the resources that the resource guard is for, the others are raw pointers, whoever makes the guard") {
  for (const std::string policy : {"rcu-revoke", "rcu-revoke-batched", "rust-devres-d4"}) {
    CAPTURE(policy);
    const auto with = [&](const std::string& guards) { return two_windows(fmt::format(R"([{{"use": "{}"{}}}])", policy, guards)); };
    CHECK(objects(*parsed(with(""))).empty());
    CHECK(objects(*parsed(with(R"(, "guards": ["bar0", "bar1"])"))).empty());
    CHECK(objects(*parsed(with(R"(, "guards": ["bar0"])"))) == "bar1");
    CHECK(objects(*parsed(with(R"(, "guards": "bar1")"))) == "bar0");
  }
}

TEST_CASE("policies: what a policy guards is said in its description, and goes with a failure into its file") {
  const auto s = parsed(two_windows(R"([{"use": "rcu-revoke", "guards": ["bar0"]}])"));
  const std::vector<std::string> parts = label(s->policies[0]).parts;
  CHECK(std::ranges::find(parts, "resource: rcu-revoke (bar0 only)") != parts.end());
  FailureFile f;
  f.policy = s->policies[0];
  f.scenario_hash = text_hash(f.scenario_text);
  Diagnostics out;
  const auto document = Document::parse(to_json(f), "f.json", out);
  REQUIRE(document != nullptr);
  Diagnostics ignored;  // the rest of this failure is empty
  const auto back = read_failure(*document, ignored, true);
  CHECK_MESSAGE(back.has_value(), ignored.render());
  if (back) CHECK(back->policy.spec.guards == std::vector<std::string>{"bar0"});
}

TEST_CASE("policies: mistakes about what is guarded are told where they stand") {
  CHECK(mistakes(two_windows(R"([{"use": "rcu-revoke", "guards": ["bar2"]}])")).find("no resource 'bar2'") != std::string::npos);
  CHECK(mistakes(two_windows(R"([{"use": "rcu-revoke", "guards": []}])")).find("no resources") != std::string::npos);
  CHECK(mistakes(two_windows(R"([{"use": "srcu-fence", "guards": ["bar0"]}])")).find("policy 'srcu-fence' does nothing about resources") !=
        std::string::npos);
}

TEST_CASE("policies: one that is asked for by the name it has in the file is the file's, with what it says") {
  const std::string text = two_windows(R"(["none", {"use": "srcu-fence", "without": ["irq"]}, {"use": "rcu-revoke", "guards": ["bar0"]}])");
  CHECK(names(*parsed(text)) == "none; srcu-fence without irq; rcu-revoke");
  LoadOptions load;
  load.policies = {"srcu-fence without irq", "rcu-revoke"};
  const auto chosen = parsed(text, load);
  CHECK(names(*chosen) == "srcu-fence without irq; rcu-revoke");
  CHECK(chosen->policies[1].spec.guards == std::vector<std::string>{"bar0"});
  load.policies = {"srcu-fence"};  // not as the file has it
  CHECK(names(*parsed(text, load)) == "srcu-fence");
  load.policies = {"srcu-fence without irq"};
  load.without = {"entry"};
  CHECK(names(*parsed(text, load)) == "srcu-fence without irq, entry");
}

TEST_CASE("expectations: where a row asks for more than a sample, that is what is searched, if nobody says how to run it") {
  std::string text = two_windows(R"(["none", "srcu-fence", "rwsem-fence"])", R"([
    {"policy": "none", "must": ["use-after-unmap(bar0)@foo_ioctl"], "may": ["*"]},
    {"policy": "srcu-fence", "must": [], "evidence": "exhaustive"}, {"policy": "rwsem-fence", "must": [], "evidence": "bounded"}])");
  const std::string user = R"("user": {)";
  text.replace(text.find(user), user.size(), user + R"("count": 2, )");
  const auto s = parsed(text);
  RunOptions options;
  options.strategies = {"auto"};
  options.executions = 1;  // so that the search of `auto` is given up
  const auto strategies = [&] {
    std::vector<std::string> out;
    for (const Cell& c : run(*s, options).cells) out.push_back(c.strategy);
    CHECK(cell_count(*s, options) == out.size());
    return fmt::format("{}", fmt::join(out, " "));
  };
  CHECK(strategies() == "mix dpor bounded(2)");
  options.executions = 10'000;
  CHECK(strategies() == "dpor dpor dpor");  // or not: then a proof is more than is asked for
  const ScenarioResult r = run(*s, options);
  for (const Cell& c : r.cells)
    for (const Expectation& e : c.expectations) CHECK_MESSAGE(e.met, c.policy, ": ", e.text, ": ", e.detail);
  options.strategies = {"mix"};
  options.strategies_given = true;
  CHECK(strategies() == "mix mix mix");
  s->strategies = {"pct"};
  options.strategies_given = false;
  CHECK(strategies() == "pct pct pct");
}

TEST_CASE("members: --param removal=WAY takes one way of removal") {
  std::string text = two_windows(R"(["none"])", R"([{"removal": "rmmod", "must": [], "may": ["*"]}])");
  text.replace(text.find(R"(["unbind"])"), 10, R"(["unbind", ["unbind", "rmmod"], "rmmod"])");
  CHECK(parsed(text)->members.size() == 3);
  LoadOptions load;
  load.params = {{"removal", "unbind+rmmod"}};
  const auto s = parsed(text, load);
  REQUIRE(s->members.size() == 1);
  CHECK(removal_name(s->members[0].removal) == "unbind+rmmod");
  load.params = {{"removal", "unbnd"}};
  Diagnostics out;
  CHECK(parse_scenario(text, "t", load, out) == nullptr);
  CHECK(out.render().find("did you mean 'unbind'?") != std::string::npos);
}
