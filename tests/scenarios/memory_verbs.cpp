// Memory and what keeps it: each verb does what its kernel function does.
#include "short_driver.hpp"

using namespace unplug::scenarios::test;

namespace {

// The pointer is found under RCU, and what it leads to is kept by a count.
ShortDriver counted(const std::string& release) {
  ShortDriver s;
  s.module = R"(, "static": {"root": {"fields": {"p": 0}}})";
  s.probe = R"({"kzalloc": "obj", "fields": {"n": 0}}, {"kref_init": "obj.ref"}, {"rcu_assign_pointer": "root.p", "value": "obj"})";
  s.ioctl = R"("rcu_read_lock", {"rcu_dereference": "root.p", "to": "p"}, {"let": "got", "value": 0},
    {"if": "p", "do": [{"kref_get_unless_zero": "p.ref", "to": "got"}]}, "rcu_read_unlock",
    {"if": "!got", "return": "-ENODEV"}, {"READ_ONCE": "p.n", "to": "n"}, {"kref_put": "p.ref", "release": "obj_release"})";
  s.functions = R"(, "obj_release": [{"container_of": "obj.ref", "to": "p"}, )" + release + "]";
  s.remove = R"({"rcu_assign_pointer": "root.p", "value": "NULL"}, {"kref_put": "obj.ref", "release": "obj_release"})";
  return s;
}

}  // namespace

TEST_CASE("kref: the release runs in whoever puts last, and finds its container, only kfree_rcu() covers who looks it up") {
  CHECK(shows(counted(R"({"kfree_rcu": "p"})")) == "");
  CHECK(shows(counted(R"({"kfree": "p"})")) == "use-after-free(obj)@foo_ioctl");
}

TEST_CASE("refcount_t: a count that is 0 is not counted up") {
  ShortDriver s;
  s.probe = R"({"devm_kzalloc": "priv"}, {"refcount_set": "priv.users", "value": 1})";
  s.ioctl = R"({"refcount_inc_not_zero": "priv.users", "to": "r", "else": "out"}, {"refcount_dec": "priv.users"}, {"label": "out"})";
  CHECK(shows(s) == "use-after-free(priv)@foo_ioctl");  // after the unbind the memory is gone, whatever the count says
  s.ioctl = R"({"refcount_dec_and_test": "priv.users", "to": "last"}, {"if": "last", "do": [{"refcount_inc": "priv.users"}]})";
  CHECK(shows(s) == "api-misuse(priv.users)@foo_ioctl, use-after-free(priv)@foo_ioctl");
}

TEST_CASE("percpu_ref: killed, tryget_live fails, the release says when nobody is left") {
  ShortDriver s;
  s.module = R"(, "static": {"core": {"fields": {"n": 0}}})";
  s.probe = R"({"percpu_ref_init": "core.ref", "release": "foo_zero"}, {"init_completion": "core.done", "owner": "driver"},
    {"init_completion": "core.confirmed", "owner": "driver"}, {"kzalloc": "res", "fields": {"n": 0}})";
  s.ioctl =
      R"({"percpu_ref_tryget_live": "core.ref", "else": "out"}, {"READ_ONCE": "res.n", "to": "n"}, {"percpu_ref_put": "core.ref"},
    {"label": "out"})";
  s.functions = R"(, "foo_zero": [{"complete": "core.done"}], "foo_confirm": [{"complete": "core.confirmed"}])";
  s.remove = R"({"percpu_ref_kill": "core.ref"}, {"wait_for_completion": "core.done"}, {"percpu_ref_exit": "core.ref"}, {"kfree": "res"})";
  CHECK(shows(s) == "");
  s.remove = R"({"percpu_ref_kill": "core.ref"}, {"kfree": "res"})";
  CHECK(shows(s) == "use-after-free(res)@foo_ioctl");
  s.remove =
      R"({"percpu_ref_kill_and_confirm": "core.ref", "confirm": "foo_confirm"}, {"wait_for_completion": "core.confirmed"},
    {"kfree": "res"})";
  CHECK(shows(s) == "use-after-free(res)@foo_ioctl");  // confirmed is not drained
}

TEST_CASE("allocations with an else may fail, without one they don't") {
  ShortDriver s;
  s.ioctl = R"({"kzalloc": "obj", "to": "p", "fields": {"n": 0}}, {"store": "p.n", "value": 1}, {"kfree": "p"})";
  CHECK(shows(s) == "");
  s.ioctl =
      R"({"kmalloc": "obj", "to": "p", "fields": {"n": 0}, "else": "oom"}, {"label": "oom"}, {"store": "p.n", "value": 1}, {"kfree": "p"})";
  CHECK(shows(s) == "null-deref(n)@foo_ioctl");
}

TEST_CASE("slab caches: destroyed with objects left, and a callback that frees into one that is gone") {
  ShortDriver s;
  s.probe = R"({"kmem_cache_create": "cache"})";
  s.functions = R"(, "obj_free": [{"container_of": "obj.rcu", "to": "p"}, {"kmem_cache_free": "p", "cache": "cache"}])";
  s.ioctl =
      R"({"kmem_cache_zalloc": "obj", "cache": "cache", "to": "p", "members": {"rcu": "rcu_head"}},
    {"call_rcu": "p.rcu", "fn": "obj_free"})";
  s.remove = R"("rcu_barrier", {"kmem_cache_destroy": "cache"})";
  // remove() waits for no file: the ioctl may allocate behind the end of the cache.
  const std::string found = shows(s);
  CHECK(found.find("use-after-free(cache)@foo_ioctl") != std::string::npos);
  CHECK(found.find("api-misuse(cache)@foo_remove") != std::string::npos);
}

TEST_CASE("lists: what is on one is found, and only the safe loop survives its entries") {
  ShortDriver s;
  s.users = 2;
  s.module = R"(, "static": {"dev": {}})";
  s.probe = R"({"mutex_init": "dev.lock"}, {"INIT_LIST_HEAD": "dev.queue"})";
  const std::string add = R"({"list_add_tail": "p.node", "head": "dev.queue"})";
  const std::string lock = R"({"mutex_lock": "dev.lock"})", unlock = R"({"mutex_unlock": "dev.lock"})";
  const std::string make = R"({"kzalloc": "obj", "to": "p", "fields": {"n": 0}, "members": {"node": "list_head"}}, )";
  const auto drain = [](const std::string& loop) {
    return R"({")" + loop + R"(": "q", "head": "dev.queue", "member": "node", "do": [{"load": "q.n", "to": "n"},
      {"list_del": "q.node", "head": "dev.queue"}, {"kfree": "q"}]})";
  };
  s.ioctl = make + lock + ", " + add + ", " + drain("list_for_each_entry_safe") + ", " + unlock;
  CHECK(shows(s) == "");
  s.ioctl = make + lock + ", " + add + ", " + drain("list_for_each_entry") + ", " + unlock;
  CHECK(shows(s) == "api-misuse(dev.queue)@foo_ioctl, use-after-free(obj)@foo_ioctl");
  s.ioctl = make + add + ", " + drain("list_for_each_entry_safe");
  CHECK(shows(s, "(dev.queue)@foo_ioctl"));  // nothing locks the list
}

TEST_CASE("lists: list_del() poisons, list_del_init() may be repeated, the first entry, an entry that was never on one") {
  ShortDriver s;
  s.module = R"(, "static": {"dev": {"members": {"node": "list_head", "ready": "LIST_HEAD_INIT"}}})";
  s.probe = R"({"INIT_LIST_HEAD": "dev.queue"})";
  s.ioctl =
      R"({"list_add": "dev.node", "head": "dev.queue"}, {"list_del_init": "dev.node", "head": "dev.queue"},
    {"list_del_init": "dev.node", "head": "dev.queue"},
    {"list_empty": "dev.queue", "to": "empty"}, {"if": "!empty", "do": [{"list_del": "dev.node", "head": "dev.queue"}]},
    {"list_first_entry_or_null": "dev.queue", "to": "p"}, {"if": "p", "do": [{"list_del": "dev.node", "head": "dev.queue"}]},
    {"list_del_init": "dev.ready", "head": "dev.queue"})";
  CHECK(shows(s) == "");
  s.ioctl =
      R"({"list_add": "dev.node", "head": "dev.queue"}, {"list_del": "dev.node", "head": "dev.queue"},
    {"list_del": "dev.node", "head": "dev.queue"})";
  CHECK(shows(s) == "api-misuse(dev.queue)@foo_ioctl");
  s.ioctl = R"({"list_del": "dev.node", "head": "dev.queue"})";
  CHECK(shows(s) == "api-misuse(dev.queue)@foo_ioctl");
}

TEST_CASE("id tables: taking an entry out waits for nobody who has looked it up") {
  ShortDriver s;
  s.module = R"(, "static": {"dev": {}})";
  s.probe = R"({"idr_init": "dev.idr"}, {"kzalloc": "obj", "fields": {"n": 0}}, {"idr_alloc": "dev.idr", "ptr": "obj", "to": "id"})";
  s.ioctl =
      R"("rcu_read_lock", {"idr_find": "dev.idr", "index": 0, "to": "p"}, {"if": "p", "do": [{"READ_ONCE": "p.n", "to": "n"}]},
    "rcu_read_unlock")";
  s.remove = R"({"idr_remove": "dev.idr", "index": 0, "to": "q"}, {"kfree": "q"}, {"idr_destroy": "dev.idr"})";
  CHECK(shows(s) == "use-after-free(obj)@foo_ioctl");
  s.remove = R"({"idr_remove": "dev.idr", "index": 0, "to": "q"}, "synchronize_rcu_expedited", {"kfree": "q"}, {"idr_destroy": "dev.idr"})";
  CHECK(shows(s) == "");
  s.probe = R"({"xa_init": "dev.xa"}, {"kzalloc": "obj", "fields": {"n": 0}}, {"xa_alloc": "dev.xa", "ptr": "obj", "to": "id"})";
  s.ioctl =
      R"("rcu_read_lock", {"xa_load": "dev.xa", "index": 0, "to": "p"}, {"if": "p", "do": [{"READ_ONCE": "p.n", "to": "n"}]},
    "rcu_read_unlock")";
  s.remove = R"({"xa_erase": "dev.xa", "index": 0, "to": "q"}, {"kfree_rcu": "q"}, {"xa_destroy": "dev.xa"})";
  CHECK(shows(s) == "");
}

TEST_CASE("structures in structures live as long as what they are in, container_of leads out of them") {
  ShortDriver s;
  s.ioctl = R"({"kzalloc": "ptp", "to": "p", "members": {"clock": {"fields": {"zombie": 0}}}}, {"kfree": "p"})";
  CHECK(shows(s) == "");
  s.probe = R"({"kzalloc": "ptp", "fields": {"n": 0}, "members": {"clock": {"fields": {"zombie": 0}}}}, {"kref_init": "ptp.clock.ref"})";
  s.functions = R"(, "clock_release": [{"container_of": "ptp.clock.ref", "to": "c"}, {"WRITE_ONCE": "c.zombie", "value": 1},
    {"container_of": "ptp.clock", "from": "c", "to": "p"}, {"WRITE_ONCE": "p.n", "value": 1}, {"kfree": "p"}])";
  s.ioctl.clear();
  s.remove = R"({"kref_put": "ptp.clock.ref", "release": "clock_release"})";
  CHECK(shows(s) == "");
  s.remove = R"({"kfree": "ptp"}, {"READ_ONCE": "ptp.clock.zombie", "to": "z"})";
  CHECK(shows(s) == "use-after-free(ptp)@foo_remove");
}

TEST_CASE("static variables of a module go with it, and what is embedded in them") {
  ShortDriver s;
  s.removal = R"("rmmod")";
  s.module = R"(, "static": {"stats": {"fields": {"n": 0}}})";
  s.functions = R"(, "foo_work": [{"READ_ONCE": "stats.n", "to": "n"}])";
  s.probe = R"({"INIT_WORK": "stats.work", "fn": "foo_work"}, {"schedule_work": "stats.work"})";
  CHECK(shows(s, "execute-after-free(foo)@process_one_work"));  // the worker looks at the item
  s.probe = R"({"INIT_WORK": "work", "fn": "foo_work"}, {"schedule_work": "work"})";
  CHECK(!shows(s, "execute-after-free(foo)@process_one_work"));
  CHECK(shows(s, "execute-after-free(foo)@foo_work"));
  s.remove = R"({"cancel_work_sync": "work"})";
  CHECK(!shows(s, "execute-after-free(foo)@foo_work"));
}

TEST_CASE("atomic operations: of many, one has it") {
  ShortDriver s;
  s.users = 2;
  s.module = R"(, "static": {"dev": {"fields": {"users": 2, "p": 0, "flags": 0}}})";
  s.probe = R"({"kzalloc": "obj", "fields": {"n": 0}}, {"store": "dev.p", "value": "obj"})";
  s.remove = "";
  const auto frees = [&](const std::string& ioctl) {
    s.ioctl = ioctl;
    return shows(s, "double-free(obj)@foo_ioctl");
  };
  CHECK(!frees(R"({"atomic_dec_and_test": "dev.users", "to": "last"}, {"if": "last", "do": [{"kfree": "obj"}]})"));
  CHECK(!frees(R"({"xchg": "dev.p", "value": "NULL", "to": "p"}, {"kfree": "p"})"));
  CHECK(!frees(R"({"cmpxchg": "dev.flags", "old": 0, "value": 1, "to": "was"}, {"if": "was == 0", "do": [{"kfree": "obj"}]})"));
  CHECK(!frees(R"({"test_and_set_bit": "dev.flags", "bit": 3, "to": "was"}, {"if": "!was", "do": [{"kfree": "obj"}]})"));
  CHECK(frees(
      R"({"test_bit": "dev.flags", "bit": 3, "to": "was"}, {"set_bit": "dev.flags", "bit": 3}, {"if": "!was", "do": [{"kfree": "obj"}]})"));
  CHECK(frees(R"({"READ_ONCE": "dev.p", "to": "p"}, {"WRITE_ONCE": "dev.p", "value": "NULL"}, {"kfree": "p"})"));
  CHECK(!frees(R"({"atomic_inc_not_zero": "dev.flags", "to": "got"}, {"if": "got", "do": [{"kfree": "obj"}]})"));
  CHECK(frees(R"({"atomic_inc_return": "dev.flags", "to": "n"}, {"if": "n >= 1", "do": [{"kfree": "obj"}]})"));
}
