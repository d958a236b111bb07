// Managed resources, devices, and probes that fail: each verb does what its kernel function does.
#include "short_driver.hpp"

using namespace unplug::scenarios::test;

TEST_CASE("devres: actions run in reverse order of registration") {
  ShortDriver s;
  const std::string memory = R"({"devm_kzalloc": "priv", "fields": {"n": 0}})",
                    action = R"({"devm_add_action": "foo_off", "data": "priv"})";
  s.functions = R"(, "foo_off": [{"argument": null, "to": "p"}, {"READ_ONCE": "p.n", "to": "n"}])";
  s.probe = memory + ", " + action;
  CHECK(shows(s) == "");
  s.probe = action + ", " + memory;
  CHECK(shows(s) == "use-after-free(priv)@foo_off");
}

TEST_CASE("devres: an action that is taken off is not called, one that is released is called now") {
  ShortDriver s;
  s.functions = R"(, "foo_off": [{"kfree": "obj"}])";
  s.probe = R"({"kzalloc": "obj", "fields": {"n": 0}}, {"devm_add_action_or_reset": "foo_off"})";
  CHECK(shows(s) == "");
  s.remove = R"({"devm_release_action": "foo_off"}, {"READ_ONCE": "obj.n", "to": "n"})";
  CHECK(shows(s) == "use-after-free(obj)@foo_remove");
  s.remove = R"({"devm_remove_action": "foo_off"})";
  CHECK(shows(s) == "leak(obj)@foo_probe");
  s.remove = R"({"devm_remove_action_nowarn": "foo_off", "to": "r"}, {"if": "r == 0", "do": [{"kfree": "obj"}]},
    {"devm_remove_action_nowarn": "foo_off", "to": "r"}, {"if": "r == 0", "do": [{"kfree": "obj"}]})";
  CHECK(shows(s) == "");
  s.remove = R"({"devm_release_action": "foo_off"}, {"devm_remove_action": "foo_off"})";
  CHECK(shows(s) == "api-misuse(foo)@foo_remove");
}

TEST_CASE("devres: a group is released apart, or forgotten") {
  ShortDriver s;
  s.probe =
      R"({"devres_open_group": "g"}, {"devm_kzalloc": "a", "fields": {"n": 0}}, {"devres_close_group": "g"},
    {"devm_kzalloc": "b", "fields": {"n": 0}})";
  s.remove = R"({"devres_release_group": "g"}, {"READ_ONCE": "b.n", "to": "n"}, {"READ_ONCE": "a.n", "to": "n"})";
  CHECK(shows(s) == "use-after-free(a)@foo_remove");
  s.remove = R"({"devres_remove_group": "g"}, {"READ_ONCE": "a.n", "to": "n"}, {"devm_kfree": "a"}, {"READ_ONCE": "b.n", "to": "n"})";
  CHECK(shows(s) == "");
  s.remove = R"({"devres_remove_group": "g"}, {"devres_release_group": "g"})";
  CHECK(shows(s) == "api-misuse(foo)@devres_release_group");
}

TEST_CASE("devices: what is managed by another device goes when that one does, not with the binding") {
  ShortDriver s;
  s.module = R"(, "static": {"outer": {}})";
  s.probe = R"({"device_initialize": "outer.dev", "release": "outer_release"}, {"kzalloc": "card", "fields": {"n": 0}},
    {"devm_request_irq": "irq", "fn": "foo_irq", "dev": "outer.dev"})";
  s.functions = R"(, "foo_irq": [{"READ_ONCE": "card.n", "to": "n"}], "outer_release": [])";
  s.tasks = R"(, "hardware": {"raise": "irq"})";
  s.remove = R"({"kfree": "card"}, {"devres_release_all": "outer.dev"})";
  CHECK(shows(s) == "use-after-free(card)@foo_irq");
  s.remove = R"({"devres_release_all": "outer.dev"}, {"kfree": "card"})";
  CHECK(shows(s) == "");
  s.remove = R"({"devm_free_irq": "irq", "dev": "outer.dev"}, {"kfree": "card"}, {"put_device": "outer.dev"})";
  CHECK(shows(s) == "");
}

TEST_CASE("devices: the last reference runs the release, unregistering waits for nobody who holds another") {
  ShortDriver s;
  s.probe =
      R"({"kzalloc": "card", "fields": {"n": 0}}, {"device_initialize": "card.dev", "release": "card_release"},
    {"device_add": "card.dev"})";
  s.functions = R"(, "card_release": [{"container_of": "card.dev", "to": "c"}, {"kfree": "c"}], "foo_open": [{"get_device": "card.dev"}],
    "foo_release": [{"put_device": "card.dev"}])";
  s.fops = R"(, "open": "foo_open", "release": "foo_release")";
  s.ioctl = R"({"READ_ONCE": "card.n", "to": "n"})";
  s.remove = R"({"device_unregister": "card.dev"})";
  CHECK(shows(s) == "");
  s.functions = R"(, "card_release": [{"kfree": "card"}], "foo_open": [], "foo_release": [])";
  CHECK(shows(s) == "use-after-free(card)@foo_ioctl");
  s.remove = R"({"device_unregister": "card.dev"}, {"put_device": "card.dev"})";
  CHECK(shows(s, "use-after-free(card)@foo_remove"));
}

TEST_CASE("driver data: the core clears it after the unbind, private data goes after devres, since 7.2 before") {
  ShortDriver s;
  s.module = R"(, "post_unbind": "foo_drop")";
  s.probe =
      R"({"devm_kzalloc": "hw", "fields": {"n": 0}}, {"kzalloc": "data", "fields": {"n": 0}}, {"dev_set_drvdata": null, "value": "data"})";
  s.functions = R"(, "foo_drop": [{"dev_get_drvdata": null, "to": "d"}, {"READ_ONCE": "hw.n", "to": "n"}, {"kfree": "d"}])";
  CHECK(shows(s) == "use-after-free(hw)@foo_drop");
  s.sections = R"(, "kernel": {"private_data_first": true})";
  CHECK(shows(s) == "");
  s.ioctl = R"({"dev_get_drvdata": null, "to": "d"}, {"if": "d", "do": [{"READ_ONCE": "d.n", "to": "n"}]})";
  CHECK(shows(s) == "use-after-free(data)@foo_ioctl");  // between the drop and the core's clearing
}

TEST_CASE("a probe that fails: devres unwinds what is managed, the driver has to free the rest") {
  ShortDriver s;
  s.run = R"(, "fail_probe": 1)";
  s.probe = R"({"devm_kzalloc": "priv", "fields": {"n": 0}}, {"devm_ioremap_resource": "bar0"})";
  CHECK(shows(s) == "");
  s.probe = R"({"kzalloc": "priv", "fields": {"n": 0}}, {"devm_ioremap_resource": "bar0"}, {"devm_add_action_or_reset": "foo_free"})";
  s.functions = R"(, "foo_free": [{"kfree": "priv"}])";
  CHECK(shows(s) == "leak(priv)@foo_probe");
  s.probe = R"({"kzalloc": "priv", "fields": {"n": 0}}, {"devm_add_action_or_reset": "foo_free"}, {"devm_ioremap_resource": "bar0"})";
  CHECK(shows(s) == "");
  s.probe =
      R"({"kzalloc": "priv", "fields": {"n": 0}}, {"devm_add_action": "foo_free", "else": [{"kfree": "priv"}, {"return": "-ENOMEM"}]},
    {"devm_ioremap_resource": "bar0"})";
  CHECK(shows(s) == "");
}
