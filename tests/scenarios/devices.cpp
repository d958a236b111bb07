// Several devices of one module, several modules, devices that drivers add, and device links: in whose memory, text and turn things go.
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "files.hpp"

using namespace unplug::scenarios::test;

namespace {

// A file of that text explored exhaustively: "class(object)@function", notes too, each once, in the order of the alphabet.
std::string found_in(const std::string& text) {
  using namespace unplug::scenarios;
  Diagnostics out;
  const auto s = parse_scenario(text, "t", {}, out);
  REQUIRE_MESSAGE(s != nullptr, out.render());
  RunOptions options;
  options.strategies = {"dpor"};
  options.executions = 200'000;
  std::set<std::string> found;
  const ScenarioResult result = run(*s, options);
  CHECK(!result.cells.empty());
  for (const Cell& c : result.cells) {
    CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
    CHECK(c.unreplayed_predictions == 0);
    for (const auto* list : {&c.violations, &c.notes})
      for (const Finding& f : *list) found.insert(fmt::format("{}({})@{}", f.violation_class, f.object, f.offender.function));
  }
  return fmt::format("{}", fmt::join(found, ", "));
}

}  // namespace

TEST_CASE("two devices of one module: what probe makes is each one's own, what is static is both's") {
  meets(R"({"name": "t", "modules": {"foo": {"init": "foo_init", "static": {"foo": {}}}}, "devices": {"foo0": {}, "foo1": {}},
    "functions": {
      "foo_init": [{"mutex_init": "foo.lock"}, {"INIT_LIST_HEAD": "foo.devices"}],
      "foo_probe": [
        {"kzalloc": "priv", "fields": {"hits": 0}, "members": {"node": "list_head"}},
        {"mutex_lock": "foo.lock"}, {"list_add": "priv.node", "head": "foo.devices"}, {"mutex_unlock": "foo.lock"},
        {"device_create_file": "hits", "fn": "foo_hits"}],
      "foo_hits": [
        {"mutex_lock": "foo.lock"},
        {"list_for_each_entry": "p", "head": "foo.devices", "member": "node", "do": [{"load": "p.hits", "to": "n"}]},
        {"mutex_unlock": "foo.lock"}],
      "foo_remove": [
        {"device_remove_file": "hits"},
        {"mutex_lock": "foo.lock", "form": "fixed"},
        {"list_del": "priv.node", "head": "foo.devices", "form": "fixed"},
        {"mutex_unlock": "foo.lock", "form": "fixed"},
        {"kfree": "priv"}]},
    "run": {"removal": [{"unbind": "foo1"}], "removal_after": "0ms..1ms", "tasks": {"user": {"do": [{"sysfs_read": "foo0/hits"}]}}},
    "forms": ["v1", "fixed"], "policies": ["none"],
    "expect": [
      {"form": "v1", "must": ["use-after-free(priv)@foo_hits"], "may": ["*"], "evidence": "exhaustive", "why": "foo1 stays on the list"},
      {"form": "fixed", "must": [], "evidence": "exhaustive"}]})");
}

TEST_CASE("two devices of one module: each has its own interrupt, registers and node, and both go with the module") {
  const auto file = [](const std::string& removal, const std::string& remove) {
    return fmt::format(R"({{"name": "t", "modules": {{"foo": {{"fops": {{"owner": null, "unlocked_ioctl": "foo_ioctl"}}}}}},
    "devices": {{"foo0": {{}}, "foo1": {{}}}},
    "functions": {{
      "foo_probe": [{{"devm_kzalloc": "priv", "fields": {{"n": 0}}}}, {{"devm_ioremap_resource": "bar"}},
        {{"request_irq": "irq", "fn": "foo_irq"}}, {{"misc_register": "foo"}}],
      "foo_irq": [{{"writel": "bar.ACK"}}],
      "foo_ioctl": [],
      "foo_remove": [{{"misc_deregister": "foo"}}{}]}},
    "run": {{"removal": [{}], "tasks": {{"hw": {{"raise": "foo1/irq"}}}}}}, "policies": ["none"]}})",
                       remove, removal);
  };
  CHECK(found_in(file(R"({"unbind": "foo0"})", "")) == "leak(irq)@foo_probe");  // of foo0: what is raised is the other's
  CHECK(found_in(file(R"({"unbind": "foo1"})", "")).find("use-after-unmap(bar)@foo_irq") != std::string::npos);
  CHECK(found_in(file(R"("rmmod")", R"(, {"free_irq": "irq"})")).empty());
  CHECK(found_in(
            file(R"([{"unbind": "foo1"}, {"bind": "foo1"}, {"unbind": "foo0"}, {"rmmod": "foo"}, "insmod"])", R"(, {"free_irq": "irq"})"))
            .empty());
}

TEST_CASE("modules: what init makes is the module's, there before probe and until exit, whichever device goes") {
  const auto file = [](const std::string& remove, const std::string& exit) {
    return fmt::format(R"({{"name": "t", "modules": {{"foo": {{"init": "foo_init", "static": {{"all": {{"fields": {{"n": 0}}}}}}}}}},
    "devices": {{"foo0": {{}}, "foo1": {{}}}},
    "functions": {{
      "foo_init": [{{"kzalloc": "pool", "fields": {{"n": 0}}}}, {{"alloc_workqueue": "wq", "max_active": 0}}],
      "foo_probe": [{{"kzalloc": "priv", "fields": {{"n": 0}}}}, {{"INIT_WORK": "priv.work", "fn": "foo_work"}},
        {{"queue_work": "priv.work", "wq": "wq"}}],
      "foo_work": [{{"atomic_inc": "pool.n"}}, {{"WRITE_ONCE": "priv.n", "value": 1}}],
      "foo_remove": [{}{{"kfree": "priv"}}],
      "foo_exit": [{{"destroy_workqueue": "wq"}}{}]}},
    "run": {{"removal": [[{{"unbind": "foo1"}}, "rmmod"]], "tasks": {{}}}}, "policies": ["none"]}})",
                       remove, exit);
  };
  CHECK(found_in(file(R"({"cancel_work_sync": "priv.work"}, )", R"(, {"kfree": "pool"})")).empty());
  CHECK(found_in(file(R"({"cancel_work_sync": "priv.work"}, )", "")) == "leak(pool)@foo_init");
  CHECK(found_in(file("", R"(, {"kfree": "pool"})")).find("use-after-free(priv)@process_one_work") != std::string::npos);
}

TEST_CASE("modules: a driver that does all of it in init and exit has no device") {
  const auto file = [](const char* owner) {
    return fmt::format(
        R"({{"name": "t", "modules": {{"foo": {{"init": "foo_init", "fops": {{"owner": {}, "unlocked_ioctl": "foo_ioctl"}}}}}},
    "functions": {{
      "foo_init": [{{"kzalloc": "state", "fields": {{"n": 0}}}}, {{"misc_register": "foo"}}],
      "foo_ioctl": [{{"READ_ONCE": "state.n", "to": "n"}}],
      "foo_exit": [{{"misc_deregister": "foo"}}, {{"kfree": "state"}}]}},
    "run": {{"removal": ["rmmod"], "tasks": {{"user": {{"do": [{{"open": "foo", "to": "fd"}}, {{"ioctl": "fd"}}, {{"close": "fd"}}]}}}}}},
    "policies": ["none"]}})",
        owner);
  };
  CHECK(found_in(file(R"("foo")")) == "module-pinned(foo)@delete_module");
  CHECK(found_in(file("null")).find("use-after-free(state)@foo_ioctl") != std::string::npos);
}

TEST_CASE("core and driver: the core's files pin the core, and what it calls of the driver has to be pinned or waited for") {
  meets(R"({"name": "t",
    "modules": {
      "core": {"init": "core_init", "static": {"core": {"fields": {"ops": 0}}}, "fops": {"owner": "core", "unlocked_ioctl": "core_ioctl"}},
      "foo": {"depends": ["core"]}},
    "functions": {
      "core_init": [{"mutex_init": "core.lock"}, {"misc_register": "ctl"}],
      "core_exit": [{"misc_deregister": "ctl"}],
      "core_register": [{"WRITE_ONCE": "core.ops", "value": 1}],
      "core_unregister": [
        {"mutex_lock": "core.lock", "form": "locked"},
        {"WRITE_ONCE": "core.ops", "value": 0},
        {"mutex_unlock": "core.lock", "form": "locked"}],
      "core_ioctl": [
        {"mutex_lock": "core.lock", "form": "locked"},
        {"READ_ONCE": "core.ops", "to": "ops"},
        {"if": "!ops", "goto": "out"},
        {"try_module_get": "foo", "form": "pinned", "else": "out"},
        {"call": "foo_op"},
        {"module_put": "foo", "form": "pinned"},
        {"label": "out"},
        {"mutex_unlock": "core.lock", "form": "locked"}],
      "foo_probe": [{"call": "core_register"}],
      "foo_op": [{"udelay": "1us"}],
      "foo_remove": [{"call": "core_unregister"}]},
    "run": {"removal": [{"rmmod": "foo"}], "tasks": {"user": {"do": [{"open": "core/ctl", "to": "fd"}, {"ioctl": "fd"}]}}},
    "forms": ["v1", "pinned", "locked"], "policies": ["none"],
    "expect": [
      {"form": "v1", "must": ["execute-after-free(foo)@foo_op"], "may": ["*"], "evidence": "exhaustive"},
      {"form": "pinned", "must": [], "may": ["module-pinned(foo)@delete_module"], "evidence": "exhaustive"},
      {"form": "locked", "must": [], "evidence": "exhaustive"}]
})");
}

TEST_CASE("core and driver: a module stays while another that is loaded uses its symbols, and goes after it") {
  const auto file = [](const std::string& removal, const std::string& depends = R"("depends": ["core"])") {
    return fmt::format(R"({{"name": "t", "modules": {{"core": {{}}, "foo": {{{}}}}},
      "functions": {{"core_register": [], "foo_probe": [{{"call": "core_register"}}], "foo_remove": [{{"call": "core_register"}}]}},
      "run": {{"removal": [{}], "tasks": {{}}}}, "policies": ["none"]}})",
                       depends, removal);
  };
  CHECK(found_in(file(R"({"rmmod": "core"})")) == "module-pinned(core)@delete_module");
  CHECK(found_in(file(R"([{"rmmod": "foo"}, {"rmmod": "core"}])")).empty());
  CHECK(found_in(file(R"([{"rmmod": "foo"}, {"rmmod": "core"}, {"insmod": "core"}, {"insmod": "foo"}, {"rmmod": "core"}])")) ==
        "module-pinned(core)@delete_module");
  // Registered by way of a pointer that nothing pins: unbinding calls into text that has gone.
  CHECK(found_in(file(R"([{"rmmod": "core"}, "unbind"])", "")) == "execute-after-free(core)@core_register");
}

TEST_CASE("parent and child: the parent's driver adds the child, and has to take it away before what the child uses") {
  meets(R"({"name": "t",
    "modules": {"mfd": {"static": {"mfd": {"fields": {"priv": 0}}}}, "cell": {"depends": ["mfd"]}},
    "devices": {"mfd0": {"driver": "mfd"}, "cell0": {"driver": "cell", "parent": "mfd0"}},
    "functions": {
      "mfd_probe": [
        {"kzalloc": "priv", "fields": {"n": 0}}, {"WRITE_ONCE": "mfd.priv", "value": "priv"}, {"device_add": "cell0"}],
      "cell_probe": [{"device_create_file": "level", "fn": "cell_level"}],
      "cell_level": [{"READ_ONCE": "mfd.priv", "to": "p"}, {"READ_ONCE": "p.n", "to": "n"}],
      "cell_remove": [{"device_remove_file": "level"}],
      "mfd_remove": [
        {"kfree": "priv", "form": "v1"},
        {"device_unregister": "cell0"},
        {"kfree": "priv", "form": "fixed"}]},
    "run": {"removal": [{"unbind": "mfd0"}], "tasks": {"user": {"do": [{"sysfs_read": "cell0/level"}]}}},
    "forms": ["v1", "fixed"], "policies": ["none"],
    "expect": [
      {"form": "v1", "must": ["use-after-free(priv)@cell_level"], "may": ["*"], "evidence": "exhaustive"},
      {"form": "fixed", "must": [], "evidence": "exhaustive"}]})");
}

TEST_CASE("parent and child: what a parent's driver manages by the child's device goes with that") {
  const auto file = [](const std::string& remove) {
    return fmt::format(R"({{"name": "t", "modules": {{"mfd": {{}}, "cell": {{}}}},
    "devices": {{"mfd0": {{"driver": "mfd"}}, "cell0": {{"driver": "cell", "parent": "mfd0"}}}},
    "functions": {{
      "mfd_probe": [{{"device_add": "cell0"}}, {{"devm_kzalloc": "state", "fields": {{"n": 0}}, "dev": "cell0"}}],
      "cell_probe": [], "cell_remove": [],
      "mfd_remove": [{}]}},
    "run": {{"removal": [{{"unbind": "mfd0"}}], "tasks": {{}}}}, "policies": ["none"]}})",
                       remove);
  };
  const std::string read = R"({"READ_ONCE": "state.n", "to": "n"})", away = R"({"device_unregister": "cell0"})";
  CHECK(found_in(file(read + ", " + away)).empty());
  CHECK(found_in(file(away + ", " + read)) == "use-after-free(state)@mfd_remove");
  CHECK(found_in(file(R"({"devres_release_all": "cell0"}, )" + read + ", " + away)) == "use-after-free(state)@mfd_remove");
}

TEST_CASE("device links: a consumer is unbound before its supplier, and without a link whenever somebody does it") {
  const auto file = [](const std::string& link) {
    return fmt::format(R"({{"name": "t",
    "modules": {{"phy": {{"static": {{"phy": {{"fields": {{"priv": 0}}}}}}}}, "mac": {{"depends": ["phy"]}}}},
    "devices": {{"phy0": {{"driver": "phy"}}, "mac0": {{"driver": "mac"{}}}}},
    "functions": {{
      "phy_probe": [{{"kzalloc": "priv", "fields": {{"n": 0}}}}, {{"WRITE_ONCE": "phy.priv", "value": "priv"}}],
      "phy_remove": [{{"kfree": "priv"}}],
      "mac_probe": [],
      "mac_remove": [{{"READ_ONCE": "phy.priv", "to": "p"}}, {{"READ_ONCE": "p.n", "to": "n"}}]}},
    "run": {{"removal": [[{{"unbind": "phy0"}}, {{"unbind": "mac0"}}]], "tasks": {{}}}}, "policies": ["none"]}})",
                       link);
  };
  CHECK(found_in(file("")) == "use-after-free(priv)@mac_remove");
  CHECK(found_in(file(R"(, "suppliers": ["phy0"])")).empty());
}

TEST_CASE("two devices: one that is pulled out answers all ones, the other goes on") {
  const auto file = [](const char* device) {
    return fmt::format(R"({{"name": "t", "modules": {{"foo": {{}}}}, "devices": {{"foo0": {{}}, "foo1": {{}}}},
    "functions": {{
      "foo_probe": [{{"devm_ioremap_resource": "bar", "regs": {{"STATUS": 7}}}}, {{"device_create_file": "status", "fn": "foo_status"}}],
      "foo_status": [{{"readl": "bar.STATUS", "to": "s"}}, {{"assert": "s == 7"}}],
      "foo_remove": [{{"device_remove_file": "status"}}]}},
    "run": {{"removal": [{{"unplug": "foo1"}}], "tasks": {{"user": {{"do": [{{"sysfs_read": "{}/status"}}]}}}}}}, "policies": ["none"]}})",
                       device);
  };
  CHECK(found_in(file("foo0")).empty());
  CHECK(found_in(file("foo1")) == "assertion-failed(s == 7)@foo_status");
}

TEST_CASE("two devices: a policy has a fence for each, and waits for the operations of the one that goes") {
  meets(R"({"name": "t", "modules": {"foo": {"fops": {"owner": "foo", "unlocked_ioctl": "foo_ioctl"}}}, "devices": {"foo0": {}, "foo1": {}},
    "functions": {
      "foo_probe": [{"devm_kzalloc": "priv", "fields": {"n": 0}}, {"misc_register": "node"}],
      "foo_ioctl": [{"READ_ONCE": "priv.n", "to": "n"}],
      "foo_remove": [{"misc_deregister": "node"}, {"policy": "fence"}]},
    "run": {"removal": [{"unbind": "foo0"}, {"unbind": "foo1"}], "tasks": {
      "user": {"do": [{"open": "foo1/node", "to": "fd"}, {"ioctl": "fd"}]}}},
    "policies": ["none", "rwsem-fence"],
    "expect": [
      {"policy": "none", "removal": "unbind foo0", "must": [], "evidence": "exhaustive"},
      {"policy": "none", "removal": "unbind foo1", "must": ["use-after-free(priv)@foo_ioctl"], "may": ["*"], "evidence": "exhaustive"},
      {"policy": "rwsem-fence", "must": [], "evidence": "exhaustive"}]})");
}

TEST_CASE("modules: init beside one device without a name: what both make is found without saying whose it is") {
  const auto file = [](const std::string& removal, const std::string& tasks) {
    return fmt::format(
        R"({{"name": "t", "modules": {{"foo": {{"init": "foo_init", "fops": {{"owner": "foo", "unlocked_ioctl": "foo_ioctl"}}}}}},
    "functions": {{
      "foo_init": [{{"kzalloc": "table", "fields": {{"n": 0}}}}, {{"misc_register": "ctl"}}],
      "foo_probe": [{{"kzalloc": "priv", "fields": {{"n": 0}}}}, {{"device_create_file": "level", "fn": "foo_level"}}],
      "foo_ioctl": [{{"READ_ONCE": "table.n", "to": "n"}}],
      "foo_level": [{{"READ_ONCE": "table.n", "to": "n"}}, {{"READ_ONCE": "priv.n", "to": "n"}}],
      "foo_remove": [{{"device_remove_file": "level"}}, {{"kfree": "priv"}}],
      "foo_exit": [{{"misc_deregister": "ctl"}}, {{"kfree": "table"}}]}},
    "run": {{"removal": [{}], "tasks": {{{}}}}}, "policies": ["none"]}})",
        removal, tasks);
  };
  const std::string node = R"("a": {"do": [{"open": "ctl", "to": "fd"}, {"ioctl": "fd"}, {"close": "fd"}]})",
                    attribute = R"("b": {"do": [{"sysfs_read": "level"}]})";
  CHECK(found_in(file(R"("unbind")", node + ", " + attribute)).empty());
  CHECK(found_in(file(R"(["unbind", "bind", "rmmod"])", attribute)).empty());
  CHECK(found_in(file(R"(["rmmod", "insmod"])", node)) == "module-pinned(foo)@delete_module");
}

TEST_CASE("two who unbind: one device goes once, and a consumer before its supplier whoever of them comes first") {
  const auto file = [](const std::string& link, const std::string& removal, const std::string& task) {
    return fmt::format(R"({{"name": "t",
    "modules": {{"phy": {{"static": {{"phy": {{"fields": {{"priv": 0}}}}}}}}, "mac": {{"depends": ["phy"]}}}},
    "devices": {{"phy0": {{"driver": "phy"}}, "mac0": {{"driver": "mac"{}}}}},
    "functions": {{
      "phy_probe": [{{"kzalloc": "priv", "fields": {{"n": 0}}}}, {{"WRITE_ONCE": "phy.priv", "value": "priv"}}],
      "phy_remove": [{{"kfree": "priv"}}],
      "mac_probe": [],
      "mac_remove": [{{"READ_ONCE": "phy.priv", "to": "p"}}, {{"READ_ONCE": "p.n", "to": "n"}}]}},
    "run": {{"removal": [{{"unbind": "{}"}}], "tasks": {{"other": {{"do": [{{"unbind_store": "{}"}}]}}}}}}, "policies": ["none"]}})",
                       link, removal, task);
  };
  const std::string link = R"(, "suppliers": ["phy0"])";
  CHECK(found_in(file("", "phy0", "mac0")) == "use-after-free(priv)@mac_remove");
  CHECK(found_in(file(link, "phy0", "mac0")).empty());
  CHECK(found_in(file(link, "mac0", "phy0")).empty());
  CHECK(found_in(file(link, "mac0", "mac0")).empty());
  // To the second who unbinds a supplier, a consumer that the first is unbinding is none to wait for (device_links_busy()).
  CHECK(found_in(file(link, "phy0", "phy0")) == "use-after-free(priv)@mac_remove");
}

TEST_CASE("modules: what a driver registers with a static chain of its own module stands beside modules that come before it") {
  const auto file = [](const std::string& remove) {
    return fmt::format(R"({{"name": "t", "modules": {{"core": {{}}, "foo": {{"static": {{"foo": {{}}}}}}}},
    "functions": {{
      "core_help": [],
      "foo_probe": [{{"BLOCKING_INIT_NOTIFIER_HEAD": "foo.chain"}}, {{"kzalloc": "priv", "fields": {{"n": 0}}}},
        {{"blocking_notifier_chain_register": "nb", "chain": "foo.chain", "fn": "foo_event"}},
        {{"device_create_file": "event", "fn": "foo_show"}}],
      "foo_show": [{{"blocking_notifier_call_chain": "foo.chain"}}],
      "foo_event": [{{"READ_ONCE": "priv.n", "to": "n"}}],
      "foo_remove": [{}]}},
    "run": {{"removal": ["unbind"], "tasks": {{"user": {{"do": [{{"sysfs_read": "event"}}]}}}}}}, "policies": ["none"]}})",
                       remove);
  };
  const std::string attribute = R"({"device_remove_file": "event"}, )",
                    off = R"({"blocking_notifier_chain_unregister": "nb", "chain": "foo.chain"}, )", memory = R"({"kfree": "priv"})";
  CHECK(found_in(file(attribute + off + memory)).empty());
  CHECK(found_in(file(memory + ", " + attribute + R"({"udelay": "1us"})")).find("use-after-free(priv)@foo_event") != std::string::npos);
}
