// What expectations may name: everything a violation can be reported with, and nothing else.
#include <algorithm>
#include <fstream>
#include <iterator>

#include "files.hpp"
#include "unplug/model/core/kernel_functions.hpp"
#include "unplug/scenarios/world/world.hpp"
#include "unplug/sim/hash.hpp"
#include "unplug/sim/strategy.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

TEST_CASE("expect: a row may name what another policy than those run brings along, a misspelt word not") {
  std::ifstream in("tests/broken/unknown_class.json");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string pattern = "use-after-fre(priv)@foo_work", about = R"("policy": "srcu-fence", )";
  REQUIRE(text.find(pattern) != std::string::npos);
  REQUIRE(text.find(about) != std::string::npos);
  const auto loads = [&](const std::string& with, const std::string& row = "") {
    std::string changed = text;
    changed.replace(changed.find(pattern), pattern.size(), with);
    changed.replace(changed.find(about), about.size(), row);
    LoadOptions load;
    load.policies = {"none"};
    Diagnostics out;
    return parse_scenario(changed, "test.json", load, out) != nullptr;
  };
  CHECK(loads("deadlock(disassociate_srcu)@foo_remove"));
  CHECK(loads("deadlock(ops_sem)@__device_release_driver"));
  CHECK(loads("use-after-free(priv)@*"));
  CHECK(loads("*"));
  CHECK(!loads("deadlock(disassociate_srcv)@foo_remove"));
  CHECK(!loads("deadlock(priv)@vfs_opem"));
  CHECK(!loads("deadlock(priv)@vfs_opem", R"("policy": "none", )"));
  CHECK(loads("deadlock(of_steps)@enter", about));  // not about this run
}

TEST_CASE("expect: a row may name what a pointer that is NULL did not lead to, as the finding prints it") {
  const auto text = [](const std::string& must) {
    return R"({"name": "t", "modules": {"foo": {}}, "functions": {
        "foo_probe": [{"kzalloc": "priv", "fields": {"next": null, "n": 0}}, {"mutex_init": "priv.lock"}],
        "foo_remove": [{"load": "priv.next", "to": "p"}, {"mutex_lock": "p.lock"}, {"load": "p.n", "to": "n"}, {"kfree": "priv"}]},
      "run": {"removal": "unbind", "tasks": {}}, "policies": ["none"], "strategies": ["dpor"],
      "expect": [{"must": [)" +
           must + R"(], "may": []}]})";
  };
  Diagnostics out;
  const auto s = parse_scenario(text(R"("null-deref(lock)@foo_remove", "null-deref(n)@foo_remove")"), "t", {}, out);
  REQUIRE_MESSAGE(s != nullptr, out.render());
  const ScenarioResult r = scenarios::test::run(*s, {});
  for (const Expectation& e : r.cells.at(0).expectations) CHECK_MESSAGE(e.met, e.text, ": ", e.detail);
  CHECK(parse_scenario(text(R"("null-deref(lok)@foo_remove")"), "t", {}, out) == nullptr);
}

TEST_CASE("expect: every function outside the driver that steps are in is among the kernel's functions or the tasks'") {
  for (const std::string& name : flagships) {
    const auto s = flagship(name);
    for (const PolicyFile& policy : s->policies) {
      sim::Engine engine;
      const auto program = s->program(0, 0, 0);
      World world(program, policy.spec, engine);
      const auto strategy = sim::make_strategy("random");
      for (std::uint64_t i = 0; i < 50; ++i) {
        const sim::ExecutionInfo info{i, sim::execution_seed(1, i), &engine.names()};
        strategy->begin(info);
        static_cast<void>(engine.run(world, *strategy, info));
        for (const sim::Event& e : engine.trace().events) {
          if (!e.site) continue;
          const std::string& function = world.kernel().site(e.site).function;
          const bool known = std::ranges::find(model::kernel_functions, function) != model::kernel_functions.end() ||
                             std::ranges::any_of(program->functions, [&](const Function& f) { return f.name == function; });
          if (!known) FAIL_CHECK(function);
        }
      }
    }
  }
}
