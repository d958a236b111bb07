// Words for attributes, debugfs and procfs.
#include <fmt/format.h>

#include "files.hpp"

using namespace unplug::scenarios::test;

namespace {

struct Driver {
  std::string module, probe, functions, remove, tasks, expect, removal = R"("unbind")";

  [[nodiscard]] std::string text() const {
    return fmt::format(R"({{"name": "t", "modules": {{"foo": {{{}}}}}, "policies": ["none"],
      "functions": {{"foo_probe": [{{"kzalloc": "priv", "fields": {{"x": 0}}}}{}], {} "foo_remove": [{}]}},
      "run": {{"removal": [{}], "tasks": {{{}}}}}, "expect": [{}]}})",
                       module, probe, functions, remove, removal, tasks, expect);
  }
};

constexpr const char* show = R"("show": [{"READ_ONCE": "priv.x", "to": "x"}, {"return": 0}],)";

}  // namespace

TEST_CASE("dev_groups are drained before remove(), attributes of one's own when one removes them") {
  Driver d;
  d.functions = show;
  d.remove = R"({"kfree": "priv"})";
  d.module = R"("dev_groups": {"temp": "show"})";
  d.tasks = R"("u": {"do": [{"sysfs_read": "temp"}]})";
  d.expect = R"({"must": []})";
  meets(d.text());
  d.module = "";
  d.probe = R"(, {"device_create_file": "temp", "fn": "show"})";
  d.remove = R"({"kfree": "priv"}, {"device_remove_file": "temp"})";
  d.expect = R"({"must": ["use-after-free(priv)@show"], "may": []})";
  meets(d.text());
}

TEST_CASE("a descriptor of an attribute pins nothing, and fails once the attribute is gone, sysfs_notify wakes who polls it") {
  Driver d;
  d.functions = show;
  d.module = R"("dev_groups": {"temp": "show"})";
  d.remove = R"({"kfree": "priv"})";
  d.tasks = R"("u": {"do": [{"open": "temp", "to": "fd", "else": "out"}, {"read": "fd", "to": "r"}, {"label": "out"}]})";
  d.expect = R"({"must": [], "why": "read either runs before the drain or answers -ENODEV"})";
  meets(d.text());
  d.module = "";
  d.probe = R"(, {"device_create_file": "temp", "fn": "show"})";
  d.remove =
      R"({"sysfs_notify": "temp", "form": "notify"}, {"device_remove_file": "temp"}, {"kfree": "priv"}, {"udelay": "1us",
    "form": "quiet"})";
  d.tasks =
      R"("u": {"do": [{"open": "temp", "to": "fd", "else": "out"}, {"read": "fd", "else": "out"}, {"poll": "fd",
    "events": "EPOLLPRI"}, {"label": "out"}]})";
  d.expect = R"({"form": "notify", "must": []}, {"form": "quiet", "must": ["deadlock(temp)@u"], "may": [],
    "why": "kernfs_drain_open_files() wakes no poll"})";
  meets(d.text());
}

TEST_CASE("self-removal: from the own attribute it never returns, unless the attribute gives its protection up") {
  Driver d;
  d.probe = R"(, {"device_create_file": "delete", "fn": "delete_store"})";
  d.functions = R"("delete_store": [{"device_remove_file_self": "delete", "else": "out", "form": "remove_self"},
    {"sysfs_break_active_protection": "delete", "form": "break"}, {"device_release_driver": null},
    {"sysfs_unbreak_active_protection": "delete", "form": "break"}, {"label": "out"}],)";
  d.remove = R"({"device_remove_file": "delete"}, {"kfree": "priv"}, {"udelay": "1us", "form": "plain"})";
  d.removal = R"({"sysfs_write": "delete"})";
  d.tasks = R"("u": {"do": [{"sysfs_read": "delete"}]})";
  d.expect = R"({"form": "plain", "must": ["hung-remove(delete)", "deadlock(delete)@foo_remove"], "may": ["lock-cycle", "deadlock"]
},
    {"form": ["remove_self", "break"], "must": [], "may": ["lock-cycle"]})";
  meets(d.text());
}

TEST_CASE("debugfs: removal waits for operations, not for descriptors, whose operations fail later, unsafe files protect nothing") {
  Driver d;
  d.module = R"("file_operations": {"regs": {"owner": "foo", "read": "show"}})";
  d.functions = show;
  d.probe =
      R"(, {"debugfs_create_file": "regs", "fops": "regs", "form": "safe"}, {"debugfs_create_file_unsafe": "regs", "fops": "regs",
    "form": "unsafe"},
    {"debugfs_create_file_unsafe": "regs", "fops": "regs", "form": "by hand"})";
  d.functions =
      R"("show": [{"debugfs_file_get": "regs", "else": "out", "form": "by hand"}, {"READ_ONCE": "priv.x", "to": "x"},
    {"debugfs_file_put": "regs", "form": "by hand"}, {"label": "out"}],)";
  d.remove = R"({"debugfs_remove": "regs"}, {"kfree": "priv"})";
  d.tasks = R"("u": {"do": [{"open": "regs", "to": "fd", "else": "out"}, {"read": "fd", "to": "r"}, {"label": "out"}]})";
  d.expect = R"({"form": ["safe", "by hand"], "must": []}, {"form": "unsafe", "must": ["use-after-free(priv)@show"], "may": []})";
  meets(d.text());
}

TEST_CASE("procfs: removal releases what is open itself") {
  Driver d;
  d.module = R"("file_operations": {"state": {"owner": null, "read": "show", "release": "proc_release"}})";
  d.probe = R"(, {"proc_create": "state", "fops": "state"})";
  d.functions = std::string(show) + R"("proc_release": [{"WRITE_ONCE": "priv.x", "value": 1}],)";
  d.remove = R"({"proc_remove": "state"}, {"kfree": "priv"})";
  d.removal = R"(["unbind", "rmmod"])";
  d.tasks = R"("u": {"do": [{"open": "state", "to": "fd", "else": "out"}, {"read": "fd", "to": "r"}, {"close": "fd"},
    {"label": "out"}]})";
  d.expect = R"({"must": []})";
  meets(d.text());
}
