// Verbs of interrupts, and of what runs in their context: threads of handlers, tasklets, NAPI.
#include "small.hpp"

using namespace unplug::scenarios::test;

TEST_CASE("request_threaded_irq: the thread runs when the handler says so, in process context, and free_irq waits for it") {
  Small s;
  s.functions = R"("foo_irq": [{"return": "IRQ_WAKE_THREAD"}], "foo_thread": [{"msleep": "1ms"}, {"store": "priv.n", "value": 1}])";
  s.probe = R"({"request_threaded_irq": "irq", "fn": "foo_irq", "thread_fn": "foo_thread"})";
  s.tasks = R"("hw": {"raise": "irq"})";
  s.remove = R"({"free_irq": "irq"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_thread/store#1"));
  s.remove = R"({"disable_irq_nosync": "irq"})";
  e = explore(s);
  CHECK(e.shows("use-after-free(priv)@foo_thread"));
  CHECK_MESSAGE(e.shows("leak(irq)@foo_probe"), e.text());
  s.remove = R"({"disable_irq": "irq"}, {"free_irq": "irq"})";
  CHECK(explore(s).clean());
  // It isn't woken by a handler that has done it all, or that was not meant.
  s.remove = R"({"free_irq": "irq"})";
  for (const char* answer : {R"({"return": "IRQ_HANDLED"})", R"({"return": "IRQ_NONE"})", ""}) {
    s.functions = fmt::format(R"("foo_irq": [{}], "foo_thread": [{{"store": "priv.n", "value": 1}}])", answer);
    CHECK(!explore(s).reaches("foo_thread/store#1"));
  }
}

TEST_CASE("request_threaded_irq without a handler always wakes the thread, and needs IRQF_ONESHOT") {
  Small s;
  s.functions = R"("foo_thread": [{"store": "priv.n", "value": 1}])";
  s.probe = R"({"request_threaded_irq": "irq", "thread_fn": "foo_thread", "flags": "IRQF_ONESHOT", "else": "out"}, {"label": "out"})";
  s.tasks = R"("hw": {"raise": "irq", "times": 2})";
  s.remove = R"({"free_irq": "irq"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_thread/store#1"));
  s.probe = R"({"request_threaded_irq": "irq", "thread_fn": "foo_thread"})";
  s.remove = "";
  e = explore(s);
  CHECK_MESSAGE(e.found == std::set<std::string>{"api-misuse(irq)@foo_probe"}, e.text());
  CHECK(!e.reaches("foo_thread/store#1"));
}

TEST_CASE("IRQF_SHARED: an interrupt runs all handlers of the line, freeing one leaves the others, and who doesn't share gets no line") {
  Small s;
  s.functions = R"("foo_a": [{"READ_ONCE": "priv.n", "to": "n"}, {"return": "IRQ_NONE"}], "foo_b": [{"READ_ONCE": "late.x", "to": "x"}])";
  s.probe = R"({"kzalloc": "late", "fields": {"x": 0}}, {"request_irq": "a", "fn": "foo_a", "flags": ["IRQF_SHARED"]},
    {"request_irq": "b", "fn": "foo_b", "flags": ["IRQF_SHARED"], "shares": "a", "else": [{"udelay": "1ns", "id": "refused"}]})";
  s.tasks = R"("hw": {"raise": "a"})";
  s.remove = R"({"free_irq": "b"}, {"kfree": "late"}, {"free_irq": "a"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_b/READ_ONCE#1"));
  CHECK(!e.reaches("foo_probe/refused"));
  s.remove = R"({"free_irq": "a"}, {"kfree": "late"}, {"free_irq": "b"})";
  e = explore(s);
  CHECK_MESSAGE(e.found == std::set<std::string>{"use-after-free(late)@foo_b"}, e.text());
  // One of another driver, which was there before.
  s.functions = R"("foo_a": [{"udelay": "1ns"}])";
  s.probe = R"({"request_irq": "a", "fn": "foo_a", "flags": ["IRQF_SHARED"], "other_drivers": 2, "else": "out"},
    {"udelay": "1ns", "id": "got"}, {"label": "out"})";
  s.remove = R"({"free_irq": "a"})";
  CHECK(explore(s).reaches("foo_probe/got"));
  s.probe = R"({"request_irq": "a", "fn": "foo_a", "other_drivers": 1, "else": "out"}, {"udelay": "1ns", "id": "got"}, {"label": "out"})";
  s.remove = "";
  CHECK(!explore(s).reaches("foo_probe/got"));
}

TEST_CASE("DEBUG_SHIRQ: free_irq calls a shared handler once more, when what it uses may be gone") {
  Small s;
  s.functions = R"("foo_irq": [{"READ_ONCE": "early.x", "to": "x"}])";
  s.probe = R"({"kzalloc": "early", "fields": {"x": 0}}, {"request_irq": "irq", "fn": "foo_irq", "flags": ["IRQF_SHARED"]})";
  s.remove = R"({"disable_irq": "irq"}, {"kfree": "early"}, {"free_irq": "irq"})";
  CHECK(explore(s).clean());
  s.kernel = R"("DEBUG_SHIRQ": true)";
  const Explored e = explore(s);
  CHECK_MESSAGE(e.found == std::set<std::string>{"use-after-free(early)@foo_irq"}, e.text());
}

TEST_CASE("synchronize_irq waits and keeps nobody out, disable_irq keeps them out until enable_irq, and one enable too many is misuse") {
  Small s;
  s.functions = R"("foo_irq": [{"READ_ONCE": "priv.n", "to": "n"}, {"if": "n", "do": [{"udelay": "1ns", "id": "after"}]}])";
  s.probe = R"({"request_irq": "irq", "fn": "foo_irq"})";
  s.tasks = R"("hw": {"raise": "irq"})";
  s.remove = R"({"synchronize_irq": "irq"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"free_irq": "irq"})";
  CHECK(explore(s).reaches("foo_irq/after"));
  s.remove = R"({"disable_irq": "irq"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"free_irq": "irq"})";
  CHECK(!explore(s).reaches("foo_irq/after"));
  s.remove = R"({"disable_irq": "irq"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"enable_irq": "irq"}, {"free_irq": "irq"})";
  const Explored e = explore(s);
  CHECK(e.clean());
  CHECK(e.reaches("foo_irq/after"));
  s.remove = R"({"enable_irq": "irq"}, {"free_irq": "irq"})";
  CHECK(explore(s).shows("api-misuse(irq)@foo_remove"));
}

TEST_CASE(
    "IRQF_TRIGGER_HIGH: an interrupt of the line that no handler claims is nobody's, and IRQF_NO_AUTOEN: none comes before enable_irq") {
  Small s;
  s.functions = R"("foo_irq": [{"return": "IRQ_NONE"}])";
  s.probe = R"({"request_irq": "irq", "fn": "foo_irq", "flags": ["IRQF_TRIGGER_HIGH"]})";
  s.tasks = R"("hw": {"raise": "irq"})";
  s.remove = R"({"free_irq": "irq"})";
  CHECK(explore(s).shows("api-misuse(irq)@note_interrupt"));
  s.probe = R"({"request_irq": "irq", "fn": "foo_irq"})";
  CHECK(explore(s).clean());
  s.functions = R"("foo_irq": [{"READ_ONCE": "priv.n", "to": "n"}, {"if": "n == 0", "do": [{"udelay": "1ns", "id": "early"}]}])";
  s.probe =
      R"({"request_irq": "irq", "fn": "foo_irq", "flags": "IRQF_NO_AUTOEN"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"enable_irq": "irq"})";
  CHECK(!explore(s).reaches("foo_irq/early"));
}

TEST_CASE("enabled_by: 0 in the register masks the interrupt at the device, which waits for no handler, and anything else unmasks it") {
  Small s;
  s.functions = R"("foo_irq": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.probe = R"({"ioremap": "bar0"}, {"request_irq": "irq", "fn": "foo_irq"})";
  s.tasks = R"("hw": {"raise": "irq", "enabled_by": "bar0.IMR"})";
  const auto masked = [&](const std::string& and_then) {
    s.remove = R"({"writel": "bar0.IMR", "value": 0}, )" + and_then + R"({"kfree": "priv"}, {"free_irq": "irq"}, {"iounmap": "bar0"})";
    Explored e = explore(s);
    e.found.erase("double-free(priv)@foo_remove");  // Small's own
    return e.found;
  };
  CHECK(masked("") == std::set<std::string>{"use-after-free(priv)@foo_irq"});
  CHECK(masked(R"({"synchronize_irq": "irq"}, )").empty());
  CHECK(masked(R"({"writel": "bar0.IMR", "value": 2}, {"synchronize_irq": "irq"}, )") ==
        std::set<std::string>{"use-after-free(priv)@foo_irq"});
  CHECK(masked(R"({"writel": "bar0.OTHER", "value": 2}, {"synchronize_irq": "irq"}, )").empty());
  // A register with contents: the write is posted, so what masks is its arrival, which a read-back makes sure of.
  s.probe = R"({"ioremap": "bar0", "regs": {"IMR": 1}}, {"request_irq": "irq", "fn": "foo_irq"})";
  CHECK(masked(R"({"synchronize_irq": "irq"}, )") == std::set<std::string>{"use-after-free(priv)@foo_irq"});
  CHECK(masked(R"({"readl": "bar0.IMR"}, {"synchronize_irq": "irq"}, )").empty());
}

TEST_CASE(
    "cpu: an interrupt on the CPU of a task that holds the lock its handler takes spins for ever, with interrupts off it does not come") {
  Small s;
  s.functions = R"("foo_irq": [{"spin_lock": "lock"}, {"READ_ONCE": "priv.n", "to": "n"}, {"spin_unlock": "lock"}])";
  s.probe = R"({"spin_lock_init": "lock"}, {"request_irq": "irq", "fn": "foo_irq"})";
  s.op = R"({"spin_lock": "lock"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"spin_unlock": "lock"})";
  s.remove = R"({"free_irq": "irq"})";
  s.tasks = R"("hw": {"raise": "irq", "cpu": "user"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.shows("deadlock(lock)@foo_irq"), e.text());
  s.op = R"({"spin_lock_irq": "lock"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"spin_unlock_irq": "lock"})";
  e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_irq/READ_ONCE#1"));
  s.op = R"({"local_irq_disable": null}, {"spin_lock": "lock"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"spin_unlock": "lock"},
    {"local_irq_enable": null}, {"READ_ONCE": "priv.n", "to": "n"})";
  CHECK(explore(s).clean());
  s.op = R"({"local_irq_save": null, "to": "flags"}, {"spin_lock": "lock"}, {"spin_unlock": "lock"}, {"local_irq_restore": "flags"})";
  CHECK(explore(s).clean());
  // Softirqs off keep no hard interrupt away.
  s.op = R"("local_bh_disable", {"spin_lock": "lock"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"spin_unlock": "lock"}, "local_bh_enable")";
  CHECK(explore(s).shows("deadlock(lock)@foo_irq"));
  for (const char* who : {"probe", "remove"}) {
    s.op = "";
    s.remove = R"({"spin_lock": "lock"}, {"WRITE_ONCE": "priv.n", "value": 1}, {"spin_unlock": "lock"}, {"free_irq": "irq"})";
    s.tasks = fmt::format(R"("hw": {{"raise": "irq", "cpu": "{}"}})", who);
    CHECK(explore(s).shows("deadlock(lock)@foo_irq") == (std::string(who) == "remove"));
  }
}

TEST_CASE(
    "tasklets: tasklet_kill waits for one that is scheduled, for a disabled one for ever, and keeps nobody from scheduling it again") {
  Small s;
  s.functions = R"("foo_tasklet": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.probe = R"({"tasklet_setup": "priv.t", "fn": "foo_tasklet"})";
  s.op = R"({"tasklet_schedule": "priv.t", "at_most": 1})";
  s.remove = R"({"tasklet_kill": "priv.t"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_tasklet/READ_ONCE#1"));
  s.remove = R"({"tasklet_kill": "priv.t"}, {"tasklet_schedule": "priv.t"})";
  CHECK(explore(s).shows("use-after-free(priv)@tasklet_action"));
  s.remove = R"({"tasklet_disable": "priv.t"}, {"tasklet_kill": "priv.t"})";
  CHECK(explore(s).shows("hung-remove(priv.t)@foo_remove"));
  s.remove = R"({"tasklet_disable_nosync": "priv.t"}, {"tasklet_enable": "priv.t"}, {"tasklet_kill": "priv.t"})";
  CHECK(explore(s).clean());
  s.remove = R"({"tasklet_enable": "priv.t"}, {"tasklet_kill": "priv.t"})";
  CHECK(explore(s).shows("api-misuse(priv.t)@foo_remove"));
  // Disabled, it doesn't run, and who disables it waits for it; the other form doesn't.
  s.functions = R"("foo_tasklet": [{"READ_ONCE": "priv.n", "to": "n"}, {"if": "n", "do": [{"udelay": "1ns", "id": "late"}]}])";
  s.op =
      R"({"tasklet_schedule": "priv.t"}, {"tasklet_disable": "priv.t"}, {"WRITE_ONCE": "priv.n", "value": 1},
    {"WRITE_ONCE": "priv.n", "value": 0},
    {"tasklet_enable": "priv.t"})";
  s.remove = R"({"tasklet_kill": "priv.t"})";
  CHECK(!explore(s).reaches("foo_tasklet/late"));
  s.op = R"({"tasklet_schedule": "priv.t"}, {"tasklet_disable_nosync": "priv.t"}, {"WRITE_ONCE": "priv.n", "value": 1},
    {"WRITE_ONCE": "priv.n", "value": 0}, {"tasklet_enable": "priv.t"})";
  CHECK(explore(s).reaches("foo_tasklet/late"));
}

TEST_CASE("NAPI: napi_disable waits for the poll and refuses schedules, twice in a row it never returns, and a full poll comes again") {
  Small s;
  s.functions = R"("foo_poll": [{"READ_ONCE": "priv.n", "to": "n"}, {"napi_work": "priv.napi", "to": "done"},
    {"if": "done < 4", "do": [{"napi_complete_done": "priv.napi", "to": "r"}], "else": [{"udelay": "1ns", "id": "full"}]},
    {"return": "done"}])";
  s.probe = R"({"netif_napi_add": "priv.napi", "fn": "foo_poll", "weight": 4, "full_polls": 1}, {"napi_enable": "priv.napi"})";
  s.op = R"({"napi_schedule": "priv.napi", "to": "r", "else": "out"}, {"label": "out"})";
  s.remove = R"({"napi_disable": "priv.napi"}, {"napi_schedule": "priv.napi", "else": "refused"}, {"udelay": "1ns", "id": "scheduled"},
    {"label": "refused"}, {"netif_napi_del": "priv.napi"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_poll/full"));
  CHECK(!e.reaches("foo_remove/scheduled"));
  s.remove = R"({"napi_disable": "priv.napi"}, {"napi_disable": "priv.napi"})";
  CHECK(explore(s).shows("hung-remove(priv.napi)@foo_remove"));
  s.remove = R"({"netif_napi_del": "priv.napi"})";
  CHECK(explore(s).shows("api-misuse(priv.napi)@foo_remove"));
}

TEST_CASE("interrupts: what is wrong about a line, a CPU or a mask is said") {
  Small s;
  s.functions = R"("foo_irq": ["rcu_read_lock", "rcu_read_unlock"])";
  s.probe = R"({"ioremap": "bar0"}, {"request_irq": "a", "fn": "foo_irq"}, {"request_irq": "b", "fn": "foo_irq", "shares": "a"},
    {"request_irq": "c", "fn": "foo_irq", "shares": "b"})";
  CHECK(mistakes(s).find("'b' itself shares another interrupt") != std::string::npos);
  s.probe = R"({"ioremap": "bar0"}, {"request_irq": "a", "fn": "foo_irq", "flags": ["IRQF_SHRED"]})";
  CHECK(mistakes(s).find("did you mean 'IRQF_SHARED'?") != std::string::npos);
  s.probe = R"({"ioremap": "bar0"}, {"request_irq": "a", "fn": "foo_irq"})";
  s.tasks = R"("hw": {"raise": "a", "cpu": "removal"})";
  CHECK(mistakes(s).find("no task 'removal'") != std::string::npos);
  s.tasks = R"("hw": {"raise": "a", "enabled_by": "bar1.IMR"})";
  CHECK(mistakes(s).find("no MMIO mapping 'bar1'") != std::string::npos);
  s.tasks = R"("user": {"do": [{"msleep": "1ms"}], "cpu": "remove"})";
  CHECK(mistakes(s).find("'cpu' of a task that raises no interrupt") != std::string::npos);
}
