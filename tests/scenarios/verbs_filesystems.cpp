// Words for attributes, debugfs and procfs.
#include <fmt/format.h>

#include "files.hpp"

using namespace unplug::scenarios::test;

namespace {

struct FilesystemDriver {
  std::string module, probe, functions, remove, tasks, expect, removal = R"("unbind")";

  [[nodiscard]] std::string text() const {
    return fmt::format(R"({{"name": "t", "modules": {{"foo": {{{}}}}}, "policies": ["none"],
      "functions": {{"foo_probe": [{{"kzalloc": "priv", "fields": {{"x": 0}}}}{}], {} "foo_remove": [{}]}},
      "run": {{"removal": [{}], "tasks": {{{}}}}}, "expect": [{}]}})",
                       module, probe, functions, remove, removal, tasks, expect);
  }
};

constexpr const char* show = R"j("show": [{"READ_ONCE": "priv.x", "to": "x"}, {"return": 0}],)j";

}  // namespace

TEST_CASE("dev_groups are drained before remove(), attributes of one's own when one removes them") {
  FilesystemDriver d;
  d.functions = show;
  d.remove = R"j({"kfree": "priv"})j";
  d.module = R"j("dev_groups": {"temp": "show"})j";
  d.tasks = R"j("u": {"do": [{"sysfs_read": "temp"}]})j";
  d.expect = R"j({"must": []})j";
  meets(d.text());
  d.module = "";
  d.probe = R"j(, {"device_create_file": "temp", "fn": "show"})j";
  d.remove = R"j({"kfree": "priv"}, {"device_remove_file": "temp"})j";
  d.expect = R"j({"must": ["use-after-free(priv)@show"], "may": []})j";
  meets(d.text());
}

TEST_CASE("a descriptor of an attribute pins nothing, and fails once the attribute is gone, sysfs_notify wakes who polls it") {
  FilesystemDriver d;
  d.functions = show;
  d.module = R"j("dev_groups": {"temp": "show"})j";
  d.remove = R"j({"kfree": "priv"})j";
  d.tasks = R"j("u": {"do": [{"open": "temp", "to": "fd", "else": "out"}, {"read": "fd", "to": "r"}, {"label": "out"}]})j";
  d.expect = R"j({"must": [], "why": "read either runs before the drain or answers -ENODEV"})j";
  meets(d.text());
  d.module = "";
  d.probe = R"j(, {"device_create_file": "temp", "fn": "show"})j";
  d.remove = R"j({"device_remove_file": "temp"}, {"sysfs_notify": "temp", "form": "notify"}, {"kfree": "priv"},
    {"udelay": "1us", "form": "quiet"})j";
  d.tasks = R"j("u": {"do": [{"open": "temp", "to": "fd", "else": "out"}, {"read": "fd", "else": "out"},
    {"poll": "fd", "events": "EPOLLPRI"}, {"label": "out"}]})j";
  d.expect = R"j({"form": "notify", "must": []}, {"form": "quiet", "must": ["deadlock(temp)@u"], "may": [],
    "why": "kernfs_drain_open_files() wakes no poll"})j";
  meets(d.text());
}

TEST_CASE("self-removal: from the own attribute it never returns, unless the attribute gives its protection up") {
  FilesystemDriver d;
  d.probe = R"j(, {"device_create_file": "delete", "fn": "delete_store"})j";
  d.functions = R"j("delete_store": [{"device_remove_file_self": "delete", "else": "out", "form": "remove_self"},
    {"sysfs_break_active_protection": "delete", "form": "break"}, {"device_release_driver": null},
    {"sysfs_unbreak_active_protection": "delete", "form": "break"}, {"label": "out"}],)j";
  d.remove = R"j({"device_remove_file": "delete"}, {"kfree": "priv"}, {"udelay": "1us", "form": "plain"})j";
  d.removal = R"j({"sysfs_write": "delete"})j";
  d.tasks = R"j("u": {"do": [{"sysfs_read": "delete"}]})j";
  d.expect =
      R"j({"form": "plain", "must": ["hung-remove(delete)", "deadlock(delete)@foo_remove"], "may": ["lock-cycle",
    "deadlock", "hung-remove"]},
    {"form": ["remove_self", "break"], "must": [], "may": ["lock-cycle"]})j";
  meets(d.text());
}

TEST_CASE("debugfs: removal waits for operations, not for descriptors, whose operations fail later, unsafe files protect nothing") {
  FilesystemDriver d;
  d.module = R"j("file_operations": {"regs": {"owner": "foo", "read": "show"}})j";
  d.functions = show;
  d.probe = R"j(, {"debugfs_create_file": "regs", "fops": "regs", "form": "safe"},
    {"debugfs_create_file_unsafe": "regs", "fops": "regs", "form": "unsafe"},
    {"debugfs_create_file_unsafe": "regs", "fops": "regs", "form": "by hand"})j";
  d.functions = R"j("show": [{"debugfs_file_get": "regs", "else": "out", "form": "by hand"}, {"READ_ONCE": "priv.x", "to": "x"},
    {"debugfs_file_put": "regs", "form": "by hand"}, {"label": "out"}],)j";
  d.remove = R"j({"debugfs_remove": "regs"}, {"kfree": "priv"})j";
  d.tasks = R"j("u": {"do": [{"open": "regs", "to": "fd", "else": "out"}, {"read": "fd", "to": "r"}, {"label": "out"}]})j";
  d.expect = R"j({"form": ["safe", "by hand"], "must": []}, {"form": "unsafe", "must": ["use-after-free(priv)@show"], "may": []})j";
  meets(d.text());
}

TEST_CASE("procfs: removal releases what is open itself") {
  FilesystemDriver d;
  d.module = R"j("file_operations": {"state": {"owner": null, "read": "show", "release": "proc_release"}})j";
  d.probe = R"j(, {"proc_create": "state", "fops": "state"})j";
  d.functions = std::string(show) + R"j("proc_release": [{"WRITE_ONCE": "priv.x", "value": 1}],)j";
  d.remove = R"j({"proc_remove": "state"}, {"kfree": "priv"})j";
  d.removal = R"j(["unbind", "rmmod"])j";
  d.tasks = R"j("u": {"do": [{"open": "state", "to": "fd", "else": "out"}, {"read": "fd", "to": "r"}, {"close": "fd"},
    {"label": "out"}]})j";
  d.expect = R"j({"must": []})j";
  meets(d.text());
}
