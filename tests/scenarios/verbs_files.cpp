// Words for files: what a driver does with them, and what user space does to it through them.
#include <fmt/format.h>

#include "files.hpp"

using namespace unplug::scenarios::test;

namespace {

struct Driver {
  std::string module = R"("fops": {"owner": "foo", "unlocked_ioctl": "foo_ioctl"})";
  std::string probe, functions, remove, tasks, expect, removal = R"("unbind")", run;

  [[nodiscard]] std::string text() const {
    return fmt::format(R"({{"name": "t", "modules": {{"foo": {{{}}}}}, "policies": ["none"],
      "functions": {{"foo_probe": [{}], {} "foo_remove": [{}]}},
      "run": {{"removal": [{}], {} "tasks": {{{}}}}}, "expect": [{}]}})",
                       module, probe, functions, remove, removal, run, tasks, expect);
  }
};

}  // namespace

TEST_CASE("several devices, each with operations of its own, and an argument that the function sees") {
  Driver d;
  d.module = R"j("fops": {"owner": "foo", "unlocked_ioctl": "foo_ioctl"},
    "file_operations": {"ctl_fops": {"owner": null, "read": "ctl_read", "write": "ctl_write", "flush": "ctl_flush"}})j";
  d.probe = R"j({"devm_ioremap_resource": "bar0"}, {"misc_register": "a"}, {"misc_register": "ctl", "fops": "ctl_fops"})j";
  d.functions = R"j("foo_ioctl": [{"if": "arg == 3", "do": [{"writel": "bar0.A"}]}],
    "ctl_read": [{"return": 5}], "ctl_write": [{"if": "arg != 7", "return": "-EINVAL"}], "ctl_flush": [{"readl": "bar0.F"}],)j";
  d.remove = R"j({"misc_deregister": "a"}, {"misc_deregister": "ctl"})j";
  d.tasks = R"j("u": {"do": [{"open": "a", "to": "f"}, {"ioctl": "f", "arg": 2}]},
    "v": {"do": [{"open": "a", "to": "f"}, {"ioctl": "f", "arg": "3"}]},
    "w": {"do": [{"open": "ctl", "to": "g", "else": "out"}, {"read": "g", "to": "n"}, {"if": "n != 5", "goto": "out"},
    {"write": "g", "arg": 7, "else": "out"},
      {"write": "g", "arg": 6, "to": "bad"}, {"if": "bad == -22", "do": [{"close": "g"}]}, {"label": "out"}]})j";
  d.expect = R"j({"must": ["use-after-unmap(bar0)@foo_ioctl", "use-after-unmap(bar0)@ctl_flush"], "may": []})j";
  meets(d.text());
}

TEST_CASE("dup: the file is released with its last descriptor, flush runs with each") {
  Driver d;
  d.module = R"j("fops": {"owner": "foo", "flush": "foo_flush", "release": "foo_release"})j";
  d.probe = R"j({"devm_ioremap_resource": "bar0"}, {"devm_ioremap_resource": "bar1"}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_flush": [{"readl": "bar0.F"}], "foo_release": [{"readl": "bar1.R"}],)j";
  d.remove = R"j({"misc_deregister": "dev"})j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "a"}, {"dup": "a", "to": "b"}, {"close": "a"}]})j";
  d.expect = R"j({"must": ["use-after-unmap(bar0)@foo_flush"], "may": [], "why": "b is open still: no release"})j";
  meets(d.text());
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "a"}, {"dup": "a", "to": "b"}, {"close": "a"}, {"close": "b"}]})j";
  d.expect = R"j({"must": ["use-after-unmap(bar0)@foo_flush", "use-after-unmap(bar1)@foo_release"], "may": []})j";
  meets(d.text());
}

TEST_CASE("a descriptor that threads share: close does not end an operation of another thread") {
  Driver d;
  d.module = R"j("fops": {"owner": "foo", "unlocked_ioctl": "foo_ioctl", "release": "foo_release"})j";
  d.probe = R"j({"kzalloc": "priv", "fields": {"x": 0}}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_ioctl": [{"READ_ONCE": "priv.x", "to": "x"}], "foo_release": [{"WRITE_ONCE": "priv.x", "value": 1}],)j";
  d.remove = R"j({"misc_deregister": "dev"}, {"kfree": "priv"})j";
  d.removal = R"j("rmmod")j";
  d.run = R"j("shared_descriptors": ["fd"],)j";
  d.tasks = R"j("a": {"do": [{"open": "dev", "to": "fd"}, {"close": "fd"}]}, "b": {"do": [{"await_descriptor": "fd"},
    {"ioctl": "fd"}]})j";
  d.expect = R"j({"must": ["module-pinned"], "may": []})j";
  meets(d.text());
}

TEST_CASE("fork: a child has copies of descriptors and mappings, and the file stays open with it") {
  Driver d;
  d.module = R"j("fops": {"owner": "foo", "mmap": "foo_mmap", "release": "foo_release"})j";
  d.probe = R"j({"devm_ioremap_resource": "bar0"}, {"devm_ioremap_resource": "bar1"}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_mmap": [{"remap_pfn_range": "bar0"}], "foo_release": [{"readl": "bar1.R"}],)j";
  d.remove = R"j({"misc_deregister": "dev"})j";
  d.tasks = R"j("parent": {"do": [{"open": "dev", "to": "fd"}, {"mmap": "fd", "to": "m"}, {"fork": "child"}, {"close": "fd"},
    {"munmap": "m"}]},
    "child": {"forked_by": "parent", "do": [{"user_access": "m"}]})j";
  d.expect = R"j({"must": ["use-after-unmap(bar0)@child"], "may": [], "why": "release waits for the child's copies"})j";
  meets(d.text());
}

TEST_CASE("mmap: an access goes through the entry, and munmap ends it, operations of a mapping are called") {
  Driver d;
  d.module = R"j("fops": {"owner": "foo", "mmap": "foo_mmap"}, "vm_operations": {"ops": {"open": "vm_open", "close": "vm_close",
    "fault": "vm_fault"}})j";
  d.probe = R"j({"kzalloc": "ring", "fields": {"x": 0}}, {"kzalloc": "count", "fields": {"n": 0}}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_mmap": [{"vm_ops": "ops"}], "vm_fault": [{"vm_insert_page": "ring"}, {"return": "VM_FAULT_NOPAGE"}],
    "vm_open": [{"WRITE_ONCE": "count.n", "value": 1}], "vm_close": [{"READ_ONCE": "count.n", "to": "n"}],)j";
  d.remove = R"j({"misc_deregister": "dev"}, {"kfree": "ring"}, {"kfree": "count"})j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "fd", "else": "out"}, {"mmap": "fd", "to": "m", "else": "out"},
    {"user_access": "m", "to": "r"}, {"munmap": "m"},
    {"user_access": "m", "to": "gone"}, {"if": "gone != 3", "do": [{"user_access": "m"}]}, {"label": "out"}]})j";
  d.expect = R"j({"must": ["use-after-free(ring)@u", "use-after-free(count)@vm_close"], "may": []})j";
  meets(d.text());
}

TEST_CASE("zap: the entries go, and without a fault handler the next access is a SIGBUS") {
  Driver d;
  d.module = R"j("fops": {"owner": "foo", "mmap": "foo_mmap"})j";
  d.probe = R"j({"devm_ioremap_resource": "bar0"}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_mmap": [{"remap_pfn_range": "bar0"}],)j";
  d.remove = R"j({"misc_deregister": "dev"}, {"unmap_mapping_range": "dev", "form": "zap"}, {"udelay": "1us", "form": "no zap"})j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "fd", "else": "out"}, {"mmap": "fd", "to": "m"}, {"user_access": "m"},
    {"label": "out"}]})j";
  d.expect = R"j({"form": "no zap", "must": ["use-after-unmap(bar0)@u"], "may": []},
    {"form": "zap", "must": ["use-after-unmap(bar0)@u"], "may": [], "why": "mmap of a file that is open puts the entry in once more"})j";
  meets(d.text());
}

TEST_CASE("poll: who sleeps is woken by removal, or not, an epoll leaves its entry on a queue that dies") {
  Driver d;
  d.module = R"j("fops": {"owner": null, "poll": "foo_poll"})j";
  d.probe = R"j({"kzalloc": "priv", "fields": {"gone": 0}}, {"init_poll_queue": "priv.wait", "owner": "hardware"},
    {"misc_register": "dev"})j";
  d.functions = R"j("foo_wait": [{"poll_wait": "priv.wait"}], "foo_poll": [{"call": "foo_wait"}, {"READ_ONCE": "priv.gone", "to": "gone"},
    {"if": "gone", "return": "EPOLLHUP"}, {"return": 0}],)j";
  d.remove = R"j({"misc_deregister": "dev"}, {"WRITE_ONCE": "priv.gone", "value": 1}, {"wake_up_poll": "priv.wait"})j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "fd", "else": "out"}, {"poll": "fd", "events": ["EPOLLIN"], "to": "mask"},
    {"if": "mask == 16", "do": [{"close": "fd"}]}, {"label": "out"}]})j";
  d.expect = R"j({"must": ["leak(priv)"], "may": [], "why": "nobody sleeps for ever; the memory is there for those who poll late"})j";
  meets(d.text());
  // The same with an epoll, which is told of no ->poll that comes too late: removal waits until the file has been added.
  d.module = R"j("fops": {"owner": null, "poll": "foo_poll", "unlocked_ioctl": "foo_added"})j";
  d.probe += R"j(, {"init_completion": "priv.added", "owner": "user"})j";
  d.functions += R"j("foo_added": [{"complete": "priv.added"}],)j";
  d.remove = R"j({"wait_for_completion": "priv.added"}, {"misc_deregister": "dev"}, {"wake_up_poll": "priv.wait", "form": "wake"},
    {"wake_up_pollfree": "priv.wait", "form": "pollfree"}, {"synchronize_rcu": null}, {"kfree": "priv"})j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "fd"}, {"epoll_ctl_add": "fd", "epoll": "ep"}, {"ioctl": "fd"}, {"close": "fd"}]})j";
  d.expect = R"j({"form": "wake", "must": ["use-after-free(priv)@__fput"], "may": ["use-after-free(priv)@foo_added"]},
    {"form": "pollfree", "must": [], "may": ["use-after-free(priv)@foo_added"], "forbid": ["use-after-free(priv)@__fput"]})j";
  meets(d.text());
}

TEST_CASE("a descriptor that is opened again has another file than its duplicate, in an epoll as well") {
  Driver d;
  d.module = R"j("fops": {"owner": null, "poll": "foo_poll"})j";
  d.probe = R"j({"init_poll_queue": "wait", "owner": "hardware"}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_poll": [{"poll_wait": "wait"}, {"return": 0}],)j";
  d.remove = R"j({"misc_deregister": "dev"})j";
  d.tasks =
      R"j("u": {"do": [{"open": "dev", "to": "a", "else": "out"}, {"epoll_ctl_add": "a", "epoll": "ep"},
    {"dup": "a", "to": "b"}, {"close": "a"},
    {"open": "dev", "to": "a", "else": "out"}, {"close": "b"}, {"epoll_ctl_add": "a", "epoll": "ep"}, {"epoll_ctl_del": "a", "epoll": "ep"},
    {"label": "out"}]})j";
  d.expect = R"j({"must": []})j";
  meets(d.text());
}

TEST_CASE("replacing f_op: operations that begin later find others, those under way do not") {
  Driver d;
  d.module = R"j("fops": {"owner": "foo", "open": "foo_open", "unlocked_ioctl": "foo_ioctl"},
    "file_operations": {"dead_fops": {"owner": null, "unlocked_ioctl": "dead_ioctl"}})j";
  d.probe = R"j({"kzalloc": "card", "fields": {"file": 0}}, {"devm_ioremap_resource": "bar0"}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_open": [{"WRITE_ONCE": "card.file", "value": "file"}], "foo_ioctl": [{"readl": "bar0.A"}],
    "dead_ioctl": [{"return": "-ENODEV"}],)j";
  d.remove = R"j({"misc_deregister": "dev"}, {"READ_ONCE": "card.file", "to": "f"},
    {"if": "f", "do": [{"replace_fops": "f", "with": "dead_fops"}]}, {"kfree": "card"})j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "fd", "else": "out"}, {"ioctl": "fd", "to": "r"}, {"label": "out"}]})j";
  d.expect = R"j({"must": ["use-after-unmap(bar0)@foo_ioctl"], "may": [], "why": "an ioctl that has begun goes on"})j";
  meets(d.text());
}

TEST_CASE("a cdev in memory: cdev_put() comes after release, a parent keeps the memory, and a file can be opened again") {
  Driver d;
  d.module = R"j("fops": {"owner": "foo", "release": "foo_release"})j";
  d.probe = R"j({"kzalloc": "ptp", "fields": {"x": 0}}, {"device_initialize": "ptp.dev", "release": "ptp_free"}, {"cdev_init": "ptp.cdev"},
    {"cdev_set_parent": "ptp.cdev", "parent": "ptp.dev", "form": "parent"}, {"cdev_add": "ptp.cdev"})j";
  d.functions = R"j("foo_release": [{"put_device": "ptp.dev"}], "foo_open": [{"get_device": "ptp.dev"}],
    "ptp_free": [{"kfree": "ptp"}],)j";
  d.module = R"j("fops": {"owner": "foo", "open": "foo_open", "release": "foo_release"})j";
  d.remove = R"j({"cdev_del": "ptp.cdev"}, {"put_device": "ptp.dev"})j";
  d.probe += R"j(, {"udelay": "1us", "form": "no parent"})j";
  d.tasks = R"j("u": {"do": [{"open": "ptp.cdev", "to": "fd", "else": "out"}, {"close": "fd"}, {"label": "out"}]})j";
  d.expect = R"j({"form": "no parent", "must": ["use-after-free(ptp)@__fput"], "may": ["*"]},
    {"form": "parent", "must": []})j";
  meets(d.text());
  d.probe = R"j({"kzalloc": "ptp", "fields": {"x": 0}}, {"device_initialize": "ptp.dev", "release": "ptp_free"},
    {"cdev_init": "ptp.cdev"}, {"cdev_device_add": "ptp.cdev", "dev": "ptp.dev"})j";
  d.remove = R"j({"cdev_device_del": "ptp.cdev"}, {"put_device": "ptp.dev"})j";
  d.expect = R"j({"must": [], "why": "CVE-2020-10690 as it was fixed: the device is the cdev's parent"})j";
  meets(d.text());
  d.tasks = R"j("u": {"do": [{"open": "ptp.cdev", "to": "fd", "else": "out"}, {"reopen": "fd", "to": "again", "else": "out"},
    {"close": "fd"}, {"close": "again"}, {"label": "out"}]})j";
  meets(d.text());
}

TEST_CASE("__module_get and module_put of the own module") {
  Driver d;
  d.module = R"j("fops": {"owner": null, "open": "foo_open"})j";
  d.probe = R"j({"misc_register": "dev"})j";
  d.functions = R"j("foo_open": [{"__module_get": null}],)j";
  d.remove = R"j({"misc_deregister": "dev"})j";
  d.removal = R"j(["unbind", "rmmod"])j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "fd"}]})j";
  d.expect = R"j({"must": ["module-pinned", "leak(foo)@foo_open", "stuck-module(foo)@delete_module"],
    "may": ["api-misuse(foo)@foo_open"]})j";
  meets(d.text());
}
