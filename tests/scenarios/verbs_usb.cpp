// Verbs of USB drivers: URBs, and the devices of usb_register_dev().
#include "small.hpp"

using namespace unplug::scenarios::test;

namespace {

Small one_urb(const std::string& answers) {
  Small s;
  s.probe = R"({"usb_alloc_urb": "priv.urb", "fn": "foo_done", "endpoint": 1, "answers": )" + answers + "}, " +
            R"({"usb_submit_urb": "priv.urb"})";
  s.functions = R"("foo_done": [{"urb_status": "priv.urb", "to": "status"}, {"WRITE_ONCE": "priv.n", "value": 1},
    {"if": "status == 0", "do": [{"udelay": "1ns", "id": "answered"}]},
    {"if": "status == -ESHUTDOWN", "do": [{"udelay": "1ns", "id": "shut"}]},
    {"if": "status == -ENOENT", "do": [{"udelay": "1ns", "id": "killed"}]}])";
  s.remove = R"({"usb_kill_urb": "priv.urb"}, {"usb_free_urb": "priv.urb"})";
  return s;
}

}  // namespace

TEST_CASE("usb_alloc_urb: what is in flight when the driver is unbound ends before remove(), as the device's answer or with -ESHUTDOWN") {
  Explored e = explore(one_urb("0"));
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_done/shut"));
  CHECK(!e.reaches("foo_done/answered"));
  CHECK(!e.reaches("foo_done/killed"));
  e = explore(one_urb("1"));
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_done/shut"));
  CHECK(e.reaches("foo_done/answered"));
}

TEST_CASE("usb_kill_urb: without it the completion handler runs on behind remove(), and a URB that nobody frees is a leak") {
  Small s = one_urb("0");
  s.remove = R"({"usb_free_urb": "priv.urb"})";
  CHECK(explore(s).shows("use-after-free(priv)@foo_done"));
  s.remove = R"({"usb_unlink_urb": "priv.urb", "to": "was"}, {"usb_free_urb": "priv.urb"})";
  CHECK(explore(s).shows("use-after-free(priv)@foo_done"));
  s.remove = R"({"usb_poison_urb": "priv.urb"})";
  const Explored e = explore(s);
  CHECK_MESSAGE(e.found == std::set<std::string>{"leak(priv.urb)@foo_probe"}, e.text());
}

TEST_CASE("usb_submit_urb: an operation that outlives remove() is refused, poisoned or not") {
  Small s = one_urb("0");
  s.functions +=
      R"(, "foo_late": [{"usb_submit_urb": "priv.urb", "to": "error", "else": "out"},
    {"udelay": "1ns", "id": "submitted"}, {"return": 0}, {"label": "out"},
    {"if": "error == -EPERM", "do": [{"udelay": "1ns", "id": "EPERM"}]},
    {"if": "error == -ENOENT", "do": [{"udelay": "1ns", "id": "ENOENT"}]}])";
  s.probe = R"({"usb_alloc_urb": "priv.urb", "fn": "foo_done", "endpoint": 1, "answers": 0}, {"INIT_WORK": "priv.late", "fn": "foo_late"})";
  s.remove = R"({"usb_poison_urb": "priv.urb"}, {"queue_work": "priv.late"}, {"flush_work": "priv.late"}, {"usb_free_urb": "priv.urb"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_late/EPERM"));
  CHECK(!e.reaches("foo_late/submitted"));
  s.remove = R"({"usb_block_urb": "priv.urb"}, {"usb_unpoison_urb": "priv.urb"}, {"queue_work": "priv.late"}, {"flush_work": "priv.late"},
    {"usb_free_urb": "priv.urb"})";
  e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_late/ENOENT"));
  CHECK(!e.reaches("foo_late/EPERM"));
}

TEST_CASE("usb_get_urb: a reference more, which somebody has to put") {
  Small s = one_urb("1");
  s.probe += R"(, {"usb_get_urb": "priv.urb"})";
  CHECK(explore(s).shows("leak(priv.urb)@foo_probe"));
  s.remove += R"(, {"usb_put_urb": "priv.urb"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  s.remove += R"(, {"usb_put_urb": "priv.urb"})";
  e = explore(s);
  CHECK_MESSAGE(e.shows("use-after-free(priv.urb)@foo_remove"), e.text());
}

TEST_CASE("usb_register_dev: usb_deregister_dev waits for an open() in flight, and deadlocks with one that waits for who removes") {
  const auto file = [](const std::string& remove, const std::string& expect) {
    return fmt::format(R"j({{"name": "t", "kernel": {{}}, "policies": ["none"], "strategies": ["dpor"],
      "modules": {{"foo": {{"fops": {{"owner": "foo", "open": "foo_open"}}}}}},
      "functions": {{
        "foo_probe": [{{"kzalloc": "priv", "fields": {{"n": 0}}}}, {{"mutex_init": "lock"}}, {{"usb_set_intfdata": null, "value": "priv"}},
          {{"usb_register_dev": "foo0"}}],
        "foo_open": [{{"usb_get_intfdata": null, "to": "p"}}, {{"mutex_lock": "lock"}}, {{"READ_ONCE": "p.n", "to": "n"}},
          {{"mutex_unlock": "lock"}}],
        "foo_remove": [{}, {{"kfree": "priv"}}]}},
      "run": {{"removal": ["unbind"], "tasks": {{"user": {{"do": [{{"open": "foo0", "to": "fd", "else": "out"}}, {{"label": "out"}}]}}}}}},
      "expect": [{}]}})j",
                       remove, expect);
  };
  meets(file(R"j({"usb_deregister_dev": "foo0"})j", R"j({"must": [], "evidence": "exhaustive"})j"));
  meets(file(R"j({"mutex_lock": "lock"}, {"usb_deregister_dev": "foo0"}, {"mutex_unlock": "lock"})j",
             R"j({"must": ["deadlock(minor_rwsem)@foo_remove", "deadlock(lock)@foo_open"], "may": ["hung-remove", "lock-cycle"],
               "evidence": "exhaustive"})j"));
  meets(file(R"j({"READ_ONCE": "priv.n", "to": "n"})j", R"j({"must": ["use-after-free(priv)@foo_open"], "may": ["*"]})j"));
}
