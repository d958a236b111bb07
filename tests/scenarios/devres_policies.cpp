// Handles of resources that a driver drops, and the policies that destroy resources by themselves.
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "short_driver.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

ShortDriver driver(const std::string& probe, const std::string& remove, const std::string& functions = "") {
  ShortDriver d;
  d.probe = probe;
  d.remove = remove;
  d.functions = functions;
  return d;
}

// A window whose destructor reads it, and memory of the driver.
const std::string probe = R"({"kzalloc": "table", "fields": {"n": 0}}, {"devm_ioremap_resource": "bar0", "regs": {"A": [0]},
                              "drop": "bar_drop"})",
                  destructor = R"(, "bar_drop": [{"readl": "bar0.A"}, {"READ_ONCE": "table.n", "to": "n"}])";

std::string with_policy(const ShortDriver& d, const std::string& policy) {
  std::string text = d.text();
  text.replace(text.find(R"("policies": ["none"])"), 20, "\"policies\": [\"" + policy + "\"]");
  return text;
}

std::string shows_under(const ShortDriver& d, const std::string& policy) {
  Diagnostics out;
  const auto s = parse_scenario(with_policy(d, policy), "t", {}, out);
  INFO(out.render());
  REQUIRE(s != nullptr);
  std::set<std::string> found;
  const ScenarioResult r = run(*s, {});
  for (const Cell& c : r.cells) {
    CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
    for (const Finding& f : c.violations) found.insert(fmt::format("{}({})@{}", f.violation_class, f.object, f.offender.function));
  }
  return fmt::format("{}", fmt::join(found, ", "));
}

}  // namespace

TEST_CASE("drop: nothing without a policy that destroys: the window stays until devres, whose callback runs the destructor first") {
  const ShortDriver d = driver(probe, R"({"drop": "bar0"}, {"readl": "bar0.A"}, {"kfree": "table"})", destructor);
  CHECK(shows_under(d, "none") == "use-after-free(table)@bar_drop");
  CHECK(shows_under(d, "rcu-revoke") == "use-after-free(table)@bar_drop");
}

TEST_CASE("drop: a policy that destroys does it when the handle is dropped, and the devres callback finds nothing to do") {
  const ShortDriver d = driver(probe, R"({"drop": "bar0"}, {"kfree": "table"})", destructor);
  for (const std::string policy : {"rust-devres-d0", "rust-devres-d1", "rust-devres-d2", "rust-devres-d3", "rust-devres-d4"}) {
    CAPTURE(policy);
    CHECK(shows_under(d, policy).empty());
  }
  const ShortDriver late = driver(probe, R"({"drop": "bar0"}, {"readl": "bar0.A"}, {"kfree": "table"})", destructor);
  CHECK(shows_under(late, "rust-devres-d4") == "use-after-unmap(bar0)@foo_remove");
  // Behind "use" access is refused instead.
  const ShortDriver refused =
      driver(probe, R"({"drop": "bar0"}, {"use": "bar0", "do": [{"readl": "bar0.A"}], "else": []}, {"kfree": "table"})", destructor);
  CHECK(shows_under(refused, "rust-devres-d4").empty());
}

TEST_CASE("drop: one that the policy is not for is left to devres") {
  const ShortDriver d =
      driver(R"({"devm_ioremap_resource": "bar0", "regs": {"A": [0]}}, {"devm_ioremap_resource": "bar1", "regs": {"A": [0]}})",
             R"({"drop": "bar0"}, {"drop": "bar1"}, {"readl": "bar1.A"})");
  std::string text = d.text();
  text.replace(text.find(R"("policies": ["none"])"), 20, R"("policies": [{"use": "rust-devres-d4", "guards": ["bar0"]}])");
  meets(text.insert(text.rfind('}'), R"(, "expect": [{"must": [], "evidence": "exhaustive"}])"));
}

TEST_CASE("drop_in_place, devres_destroy: for policies only") {
  for (const std::string verb : {"drop_in_place", "devres_destroy"}) {
    Diagnostics out;
    CHECK(parse_scenario(driver("", "{\"" + verb + "\": \"p\"}").text(), "t", {}, out) == nullptr);
    CHECK(out.render().find("'" + verb + "' cannot stand here") != std::string::npos);
    CHECK(out.render().find("this one is for policies") != std::string::npos);
  }
}
