// RCU and SRCU: each verb does what its kernel function does.
#include "short_driver.hpp"

using namespace unplug::scenarios::test;

TEST_CASE("call_rcu() of a head in memory: its callback finds the container, a head that is pending is misuse, so is freed memory") {
  ShortDriver s;
  s.ioctl = R"({"kzalloc": "obj", "to": "p", "members": {"rcu": "rcu_head"}}, {"call_rcu": "p.rcu", "fn": "obj_free"})";
  s.functions = R"(, "obj_free": [{"container_of": "obj.rcu", "to": "p"}, {"kfree": "p"}])";
  CHECK(shows(s) == "");
  s.ioctl += R"(, {"call_rcu_hurry": "p.rcu", "fn": "obj_free"})";
  CHECK(shows(s, "api-misuse(rcu)@foo_ioctl"));
  s.ioctl = R"({"kzalloc": "obj", "to": "p", "members": {"rcu": "rcu_head"}}, {"call_rcu": "p.rcu", "fn": "obj_free"}, {"kfree": "p"})";
  const std::string freed = shows(s);
  CHECK(freed.find("use-after-free(obj)@foo_ioctl") == std::string::npos);
  CHECK(freed.find("double-free(obj)") != std::string::npos);
}

TEST_CASE("rcu_barrier() knows nothing of kfree_rcu()") {
  ShortDriver s;
  s.module = R"(, "static": {"dev": {}})";
  s.probe = R"({"kzalloc": "obj", "fields": {"n": 0}})";
  s.remove = R"({"kfree_rcu": "obj"}, "rcu_barrier", {"READ_ONCE": "obj.n", "to": "n"})";
  CHECK(shows(s) == "use-after-free(obj)@foo_remove");
  s.remove = R"({"kfree_rcu": "obj"}, "kvfree_rcu_barrier")";
  CHECK(shows(s) == "");
}

TEST_CASE("SRCU: callbacks, their barrier, and the domain's end") {
  ShortDriver s;
  s.module = R"(, "static": {"dev": {"members": {"rcu": "rcu_head"}}})";
  s.probe = R"({"init_srcu_struct": "dev.srcu"}, {"kzalloc": "obj", "fields": {"n": 0}})";
  s.functions = R"(, "foo_cb": [{"kfree": "obj"}])";
  s.remove =
      R"({"call_srcu": "dev.srcu", "head": "dev.rcu", "fn": "foo_cb"}, {"srcu_barrier": "dev.srcu"}, {"cleanup_srcu_struct": "dev.srcu"})";
  CHECK(shows(s) == "");
  s.remove = R"({"call_srcu": "dev.srcu", "head": "dev.rcu", "fn": "foo_cb"}, {"cleanup_srcu_struct": "dev.srcu"})";
  CHECK(shows(s) == "api-misuse(dev.srcu)@foo_remove, leak(dev.srcu)@foo_remove");
  // A reader of the domain holds the callback up, and so the memory.
  s.ioctl = R"({"srcu_read_lock": "dev.srcu", "to": "idx"}, {"READ_ONCE": "dev.gone", "to": "gone"},
    {"if": "!gone", "do": [{"READ_ONCE": "obj.n", "to": "n"}]}, {"srcu_read_unlock": "dev.srcu", "idx": "idx"})";
  s.module = R"(, "static": {"dev": {"fields": {"gone": 0}, "members": {"rcu": "rcu_head"}}})";
  s.remove = R"({"WRITE_ONCE": "dev.gone", "value": 1}, {"call_srcu": "dev.srcu", "head": "dev.rcu", "fn": "foo_cb"})";
  CHECK(shows(s) == "");
  s.remove = R"({"WRITE_ONCE": "dev.gone", "value": 1}, {"synchronize_srcu_expedited": "dev.srcu"}, {"kfree": "obj"})";
  CHECK(shows(s) == "");
  s.remove = R"({"WRITE_ONCE": "dev.gone", "value": 1}, "synchronize_rcu", {"kfree": "obj"})";
  CHECK(shows(s) == "use-after-free(obj)@foo_ioctl");  // another domain's grace period
}

TEST_CASE("srcu_dereference() reads what srcu_read_lock() of its domain protects, and is told where it doesn't") {
  ShortDriver s;
  s.module = R"(, "static": {"dev": {"fields": {"p": null}}})";
  s.probe = R"({"init_srcu_struct": "dev.srcu"}, {"kzalloc": "obj", "fields": {"n": 0}}, {"rcu_assign_pointer": "dev.p", "value": "obj"})";
  const std::string read = R"({"srcu_dereference": "dev.p", "srcu": "dev.srcu", "to": "p"})",
                    use = R"({"if": "p", "do": [{"READ_ONCE": "p.n", "to": "n"}]})",
                    lock = R"({"srcu_read_lock": "dev.srcu", "to": "idx"})", unlock = R"({"srcu_read_unlock": "dev.srcu", "idx": "idx"})";
  s.remove = R"({"rcu_assign_pointer": "dev.p", "value": "NULL"}, {"synchronize_srcu": "dev.srcu"}, {"kfree": "obj"})";
  s.ioctl = fmt::format("{}, {}, {}, {}", lock, read, use, unlock);
  CHECK(shows(s) == "");
  s.ioctl = fmt::format("{}, {}", read, use);
  CHECK(shows(s) == "suspicious-rcu-usage(dev.p)@foo_ioctl, use-after-free(obj)@foo_ioctl");
}

TEST_CASE("rcu_dereference() is told outside of rcu_read_lock(), also where nothing is freed") {
  ShortDriver s;
  s.module = R"(, "static": {"dev": {"fields": {"p": null}}})";
  s.ioctl = R"({"rcu_dereference": "dev.p", "to": "p"})";
  CHECK(shows(s) == "suspicious-rcu-usage(dev.p)@foo_ioctl");
  s.ioctl = fmt::format(R"("rcu_read_lock", {}, "rcu_read_unlock")", s.ioctl);
  CHECK(shows(s) == "");
}
