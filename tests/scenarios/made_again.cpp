// What a driver makes anew each time: requests in open() and gives back in release(), maps for each transfer, registers in resume().
#include <string>

#include "short_driver.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

// Makes a thing and gives it back, twice, in an ioctl.
ShortDriver each_time(const std::string& make, const std::string& end, const std::string& functions = "", const std::string& probe = "") {
  ShortDriver d;
  d.probe = probe;
  d.ioctl = R"({"call": "foo_transfer"}, {"call": "foo_transfer"})";
  d.functions = R"(, "foo_transfer": [)" + make + (make.empty() ? "" : ", ") + end + "]" + functions;
  return d;
}

struct Made {
  const char *make, *end, *functions, *probe;
  const char* shows = "";
};
constexpr Made made_things[] = {
    // the last: an open file pins no devm memory
    {R"({"request_irq": "irq", "fn": "foo_irq"})", R"({"free_irq": "irq"})", R"(, "foo_irq": [{"return": "IRQ_HANDLED"}])", ""},
    {R"({"device_create_file": "attr", "fn": "foo_show"})", R"({"device_remove_file": "attr"})", R"(, "foo_show": [])", ""},
    {R"({"ioremap": "bar0", "regs": {"A": [0]}}, {"readl": "bar0.A"})", R"({"readl": "bar0.A"}, {"iounmap": "bar0"})", "", ""},
    {R"({"alloc_workqueue": "wq", "max_active": 1})", R"({"destroy_workqueue": "wq"})", "", ""},
    {R"({"kthread_run": "worker", "fn": "foo_loop"})", R"({"kthread_stop": "worker"})",
     R"(, "foo_loop": [{"label": "again"}, {"set_current_state": "worker", "state": "TASK_INTERRUPTIBLE"},
        {"kthread_should_stop": "worker", "to": "stop"}, {"if": "stop", "return": 0}, {"schedule": "worker"}, {"goto": "again"}])",
     ""},
    {R"({"kthread_run_worker": "kw"}, {"kthread_init_work": "kwork", "fn": "foo_work", "worker": "kw"}, {"kthread_queue_work": "kwork"})",
     R"({"kthread_destroy_worker": "kw"})", R"(, "foo_work": [])", ""},
    // Filled anew each time.
    {R"({"kzalloc": "m", "fields": {"x": 3}}, {"load": "m.x", "to": "x"}, {"if": "x != 3", "do": [{"kfree": "m"}]})",
     R"({"store": "m.x", "value": 4}, {"kfree": "m"})", "", ""},
    // So is what is part of it.
    {R"({"kzalloc": "m", "members": {"p": {"fields": {"y": 5}}}}, {"load": "m.p.y", "to": "y"}, {"if": "y != 5", "do": [{"kfree": "m"}]})",
     R"({"store": "m.p.y", "value": 4}, {"kfree": "m"})", "", ""},
    // Set up anew: what the earlier round has left is gone ("bug" shows as a double free).
    {R"({"init_completion": "done", "owner": "driver"}, {"completion_done": "done", "to": "x"}, {"if": "x", "do": [{"call": "bug"}]})",
     R"({"complete_all": "done"})", R"(, "bug": [{"kzalloc": "b"}, {"kfree": "b"}, {"kfree": "b"}])", ""},
    {R"({"INIT_WORK": "work", "fn": "foo_work"}, {"schedule_work": "work", "to": "q"}, {"if": "q == 0", "do": [{"call": "bug"}]})",
     R"({"disable_work_sync": "work"})", R"(, "foo_work": [], "bug": [{"kzalloc": "b"}, {"kfree": "b"}, {"kfree": "b"}])", ""},
    {R"({"refcount_set": "users", "value": 2}, {"refcount_read": "users", "to": "n"}, {"if": "n != 2", "do": [{"call": "bug"}]})",
     R"({"refcount_dec": "users"})", R"(, "bug": [{"kzalloc": "b"}, {"kfree": "b"}, {"kfree": "b"}])", ""},
    {R"({"timer_setup": "timer", "fn": "foo_timer"}, {"mod_timer": "timer", "delay": "1ms"})", R"({"timer_shutdown_sync": "timer"})",
     R"(, "foo_timer": [])", ""},
    {R"({"init_srcu_struct": "srcu"}, {"srcu_read_lock": "srcu", "to": "idx"}, {"srcu_read_unlock": "srcu", "idx": "idx"})",
     R"({"cleanup_srcu_struct": "srcu"})", "", ""},
    {R"({"percpu_ref_init": "ref", "release": "foo_release"}, {"init_completion": "done", "owner": "driver"}, {"percpu_ref_get": "ref"})",
     R"({"percpu_ref_put": "ref"}, {"percpu_ref_kill": "ref"}, {"wait_for_completion": "done"}, {"percpu_ref_exit": "ref"})",
     R"(, "foo_release": [{"complete": "done"}])", ""},
    {R"({"misc_register": "bar"})", R"({"misc_deregister": "bar"})", "", ""},
    {R"({"kmem_cache_create": "cache"})", R"({"kmem_cache_destroy": "cache"})", "", ""},
    {R"({"debugfs_create_file": "state"})", R"({"debugfs_remove": "state"})", "", ""},
    {R"({"proc_create": "state"})", R"({"proc_remove": "state"})", "", ""},
    {R"({"dma_map_single": "data"})", R"({"dma_unmap_single": "data"})", "", R"({"devm_kzalloc": "data", "fields": {"x": 0}})",
     "use-after-free(data)@foo_transfer"},
};

}  // namespace

TEST_CASE("made again: what is given back before it is requested anew is used rightly") {
  for (const Made& m : made_things) {
    CAPTURE(std::string(m.make));
    CHECK(shows(each_time(m.make, m.end, m.functions, m.probe)) == m.shows);
  }
}

TEST_CASE("made again: what is used after it was given back is told, of the second one too") {
  ShortDriver late = each_time(R"({"ioremap": "bar0", "regs": {"A": [0]}})", R"({"iounmap": "bar0"}, {"readl": "bar0.A"})");
  CHECK(shows(late) == "use-after-unmap(bar0)@foo_transfer");
  ShortDriver twice = each_time(R"({"request_irq": "irq", "fn": "foo_irq"})", R"({"free_irq": "irq"}, {"free_irq": "irq"})",
                                R"(, "foo_irq": [{"return": "IRQ_HANDLED"}])");
  CHECK(shows(twice) == "double-release(irq)@foo_transfer");
  ShortDriver kept =
      each_time(R"({"alloc_workqueue": "wq", "max_active": 1})", R"({"maybe": "ends", "do": [{"destroy_workqueue": "wq"}]})");
  CHECK(shows(kept, "leak(wq)"));
  ShortDriver freed = each_time(R"({"kzalloc": "m", "fields": {"x": 3}})", R"({"kfree": "m"}, {"load": "m.x", "to": "x"})");
  CHECK(shows(freed) == "use-after-free(m)@foo_transfer");
}

TEST_CASE("made again: an interrupt that reads through the earlier mapping is found, by an exhaustive search too") {
  ShortDriver d;
  d.probe = R"({"request_mem_region": "bar0"}, {"call": "map"}, {"request_irq": "irq", "fn": "foo_irq"})";
  d.ioctl = R"({"iounmap": "bar0"}, {"call": "map"})";
  d.remove = R"({"free_irq": "irq"}, {"iounmap": "bar0"}, {"release_mem_region": "bar0"})";
  d.functions = R"(, "map": [{"ioremap": "bar0", "regs": {"A": [0]}}], "foo_irq": [{"readl": "bar0.A"}, {"return": "IRQ_HANDLED"}])";
  d.tasks = R"(, "hardware": {"raise": "irq"})";
  CHECK(shows(d, "use-after-unmap(bar0)@foo_irq"));
  d.ioctl = R"({"disable_irq": "irq"}, )" + d.ioctl + R"(, {"enable_irq": "irq"})";
  CHECK(!shows(d, "use-after-unmap(bar0)@foo_irq"));
}

TEST_CASE("made again: what probe() sets up is new, what another function sets up may be in use") {
  ShortDriver d;
  d.functions = R"(, "foo_work": [])";
  const std::string set_up = R"({"INIT_WORK": "work", "fn": "foo_work"})";
  d.ioctl = set_up + R"(, {"schedule_work": "work"})";
  d.remove = R"({"cancel_work_sync": "work"})";
  d.users = 2;  // the second call may find it queued
  CHECK(shows(d, "api-misuse(work)@foo_ioctl"));
  d.probe = set_up;
  d.ioctl = R"({"schedule_work": "work"})";
  CHECK(!shows(d, "api-misuse"));
  // In probe(), but not once.
  d.probe = R"({"devm_kzalloc": "priv", "fields": {"n": 0}}, {"label": "again"}, )" + set_up +
            R"(, {"schedule_work": "work"}, {"load": "priv.n", "to": "n"}, {"store": "priv.n", "value": 1},
              {"if": "n == 0", "do": [{"goto": "again"}]})";
  d.users = 1;
  CHECK(shows(d, "api-misuse(work)@foo_probe"));
}

TEST_CASE("made again: what is part of memory that is another one each time is new each time") {
  ShortDriver d;
  d.ioctl = R"({"kzalloc": "m", "fields": {"x": 0}, "to": "p"}, {"init_completion": "m.done", "owner": "driver"},
    {"INIT_WORK": "m.work", "fn": "foo_work"}, {"kref_init": "m.ref"}, {"mutex_init": "m.lock"}, {"complete": "p.done"},
    {"wait_for_completion": "p.done"}, {"schedule_work": "p.work"}, {"cancel_work_sync": "p.work"}, {"kfree": "p"})";
  d.functions = R"(, "foo_work": [])";
  CHECK(shows(d).empty());
}

TEST_CASE("made again: what is static is set up again by the next probe(), not by init()") {
  ShortDriver d;
  d.functions = R"(, "foo_init": [], "bug": [{"kzalloc": "b"}, {"kfree": "b"}, {"kfree": "b"}])";
  d.module = R"(, "static": {"foo": {}}, "init": "foo_init")";
  const std::string set_up = R"({"init_completion": "foo.done", "owner": "driver"})";
  const std::string look = R"({"completion_done": "foo.done", "to": "x"}, {"if": "x", "do": [{"call": "bug"}]})";
  d.probe = set_up + ", " + look;
  d.remove = R"({"complete_all": "foo.done"})";
  d.removal = R"([["unbind", "bind", "unbind"]])";
  CHECK(!shows(d, "double-free(b)"));
  d.probe = look;
  d.functions = R"(, "foo_init": [)" + set_up + R"(], "bug": [{"kzalloc": "b"}, {"kfree": "b"}, {"kfree": "b"}])";
  CHECK(shows(d, "double-free(b)@bug"));
}

TEST_CASE("made again: a head that one kind of grace period has is given to no other") {
  ShortDriver d;
  d.probe = R"({"kzalloc": "m", "members": {"rcu": "rcu_head"}}, {"init_srcu_struct": "srcu"})";
  d.ioctl = R"({"call_rcu": "m.rcu", "fn": "foo_rcu"}, {"rcu_barrier": null}, {"call_srcu": "srcu", "head": "m.rcu", "fn": "foo_rcu"})";
  d.remove = R"({"rcu_barrier": null}, {"srcu_barrier": "srcu"}, {"kfree": "m"})";
  d.functions = R"(, "foo_rcu": [])";
  CHECK(!shows(d, "api-misuse"));
  d.ioctl = R"({"call_rcu": "m.rcu", "fn": "foo_rcu"}, {"call_srcu": "srcu", "head": "m.rcu", "fn": "foo_rcu"})";
  CHECK(shows(d, "api-misuse(srcu)@foo_ioctl"));
}

TEST_CASE("made again: there is no warning of what is set up once the interrupt is freed, nor where it is a step") {
  ShortDriver d;
  d.functions = R"(, "foo_irq": [{"complete": "c"}, {"return": "IRQ_HANDLED"}])";
  const auto warnings = [&] {
    Diagnostics out;
    REQUIRE(parse_scenario(d.text(), "t", {}, out) != nullptr);
    return out.render();
  };
  const std::string irq = R"({"request_irq": "irq", "fn": "foo_irq"}, )", free = R"({"free_irq": "irq"}, )",
                    set_up = R"({"init_completion": "c", "owner": "driver"})";
  d.probe = irq + free + set_up;
  CHECK(warnings().find("set up after") == std::string::npos);
  d.probe = irq + set_up + R"(, {"free_irq": "irq"})";
  CHECK(warnings().find("'c' is set up after 'irq': 'foo_irq' may use it before") != std::string::npos);
  d.probe = "";
  d.ioctl = irq + set_up + R"(, {"free_irq": "irq"})";
  d.remove = R"({"free_irq": "irq"})";
  CHECK(warnings().find("set up after") == std::string::npos);
}

TEST_CASE("made again: one declaration may stand at several places, another one with the same name not") {
  ShortDriver d = each_time("", "");
  d.probe = R"({"request_irq": "irq", "fn": "foo_irq"})";
  d.remove = R"({"free_irq": "irq"}, {"request_irq": "irq", "fn": "foo_irq", "line": 7}, {"free_irq": "irq"})";
  d.functions += R"(, "foo_irq": [{"return": "IRQ_HANDLED"}], "other": [])";
  CHECK(shows(d).empty());
  d.remove = R"({"free_irq": "irq"}, {"request_irq": "irq", "fn": "other"}, {"free_irq": "irq"})";
  Diagnostics out;
  CHECK(parse_scenario(d.text(), "t", {}, out) == nullptr);
  CHECK(out.render().find("'irq' is declared twice") != std::string::npos);
}
