// Verbs of kernel threads and kthread workers, and of notifier chains.
#include "small.hpp"

using namespace unplug::scenarios::test;

TEST_CASE("kthread_create: a thread sleeps until it is woken, stopped before, its function never runs and kthread_stop answers -EINTR") {
  Small s;
  s.functions = R"("foo_thread": [{"READ_ONCE": "priv.n", "to": "n"}, {"return": 3}])";
  s.probe = R"({"kthread_create": "t", "fn": "foo_thread"}, {"get_task_struct": "t"})";
  const std::string stop =
      R"({"kthread_stop": "t", "to": "r"}, {"put_task_struct": "t"}, {"if": "r == -4", "do": [{"udelay": "1ns", "id": "never ran"}]},
    {"if": "r == 3", "do": [{"udelay": "1ns", "id": "ran"}]})";
  s.remove = stop;
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(!e.reaches("foo_thread/READ_ONCE#1"));
  CHECK(e.reaches("foo_remove/never ran"));
  CHECK(!e.reaches("foo_remove/ran"));
  s.remove = R"({"wake_up_process": "t"}, )" + stop;
  e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_remove/never ran"));
  CHECK(e.reaches("foo_remove/ran"));
  // It returns by itself: without a reference of the driver's there may be nothing left to stop.
  s.probe = R"({"kthread_run": "t", "fn": "foo_thread"})";
  s.remove = R"({"kthread_stop": "t"})";
  CHECK(explore(s).shows("use-after-free(t)@foo_remove"));
  s.probe = R"({"kthread_run": "t", "fn": "foo_thread"}, {"get_task_struct": "t"}, {"put_task_struct": "t"})";
  CHECK(explore(s).shows("use-after-free(t)@foo_remove"));
}

TEST_CASE("set_current_state before looking at the condition: then no wake-up is lost, after it one is") {
  Small s;
  const std::string set = R"({"set_current_state": "t", "state": "TASK_INTERRUPTIBLE"})",
                    look = R"({"kthread_should_stop": "t", "to": "stop"})", leave = R"({"if": "stop", "return": 0})";
  const auto loop = [&](const std::string& first, const std::string& second, const std::string& third) {
    s.functions =
        fmt::format(R"("foo_thread": [{{"label": "again"}}, {}, {}, {}, {{"schedule": "t"}}, {{"goto": "again"}}])", first, second, third);
  };
  s.probe = R"({"kthread_run": "t", "fn": "foo_thread"})";
  s.remove = R"({"kthread_stop": "t"})";
  loop(set, look, leave);
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  loop(look, leave, set);
  e = explore(s);
  CHECK_MESSAGE(e.shows("hung-remove(t)@foo_remove"), e.text());
  // TASK_RUNNING: schedule() doesn't sleep.
  s.functions =
      R"("foo_thread": [{"set_current_state": "t", "state": "TASK_INTERRUPTIBLE"}, {"set_current_state": "t", "state": "TASK_RUNNING"},
    {"schedule": "t"}, {"return": 0}])";
  s.probe = R"({"kthread_create": "t", "fn": "foo_thread"}, {"get_task_struct": "t"}, {"wake_up_process": "t"})";
  s.remove = R"({"kthread_stop": "t"}, {"put_task_struct": "t"})";
  e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
}

TEST_CASE("kthread_exit ends the thread from wherever it is, with what kthread_stop answers") {
  Small s;
  s.functions = R"("foo_helper": [{"kthread_exit": "t", "value": 7}, {"udelay": "1ns", "id": "behind it"}],
    "foo_thread": [{"call": "foo_helper"}, {"udelay": "1ns", "id": "behind it"}, {"return": 3}])";
  s.probe = R"({"kthread_create": "t", "fn": "foo_thread"}, {"get_task_struct": "t"}, {"wake_up_process": "t"})";
  s.remove = R"({"kthread_stop": "t", "to": "r"}, {"put_task_struct": "t"}, {"if": "r == 7", "do": [{"udelay": "1ns", "id": "seven"}]},
    {"if": "r == 3", "do": [{"udelay": "1ns", "id": "three"}]})";
  const Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_remove/seven"));
  for (const char* step : {"foo_remove/three", "foo_helper/behind it", "foo_thread/behind it"}) CHECK(!e.reaches(step));
}

TEST_CASE("kthread workers: cancelling waits and refuses for as long as it does, destroying flushes, and a work queued later runs on freed "
          "memory") {
  Small s;
  s.functions = R"("foo_work": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.probe = R"({"kthread_run_worker": "w"}, {"kthread_init_work": "priv.work", "fn": "foo_work", "worker": "w"})";
  s.op = R"({"kthread_queue_work": "priv.work", "at_most": 1, "else": "out"}, {"label": "out"})";
  s.remove = R"({"kthread_cancel_work_sync": "priv.work", "to": "was"}, {"kthread_destroy_worker": "w"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_work/READ_ONCE#1"));
  s.remove = R"({"kthread_flush_work": "priv.work"}, {"kthread_flush_worker": "w"}, {"kthread_destroy_worker": "w"})";
  CHECK(explore(s).clean());
  s.remove = R"({"kthread_destroy_worker": "w"}, {"kthread_queue_work": "priv.work"})";
  CHECK(explore(s).shows("use-after-free(w)@foo_remove"));
  s.remove = "";
  e = explore(s);
  CHECK_MESSAGE(e.shows("use-after-free(priv)@foo_work"), e.text());
  CHECK(e.shows("leak(w)@foo_probe"));
}

TEST_CASE("delayed works of a kthread worker: cancelled they don't come, and armed when the worker goes they queue on freed memory") {
  Small s;
  s.functions = R"("foo_work": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.probe = R"({"kthread_create_worker": "w"}, {"kthread_init_delayed_work": "priv.work", "fn": "foo_work", "worker": "w"},
    {"kthread_queue_delayed_work": "priv.work", "delay": "10ms"})";
  s.remove = R"({"kthread_mod_delayed_work": "priv.work", "delay": "1ms"}, {"kthread_cancel_delayed_work_sync": "priv.work"},
    {"kthread_destroy_worker": "w"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_work/READ_ONCE#1"));
  s.remove = R"({"kthread_destroy_worker": "w"}, {"kthread_cancel_delayed_work_sync": "priv.work"})";
  e = explore(s);
  CHECK_MESSAGE(e.shows("use-after-free(w)@foo_remove"), e.text());
}

TEST_CASE(
    "notifier chains: unregistering waits for callbacks under way, but not on a raw chain, and what stays registered is called later") {
  struct Kind {
    const char *init, *prefix;
    bool waits, may_sleep;
  };
  for (const Kind& k :
       {Kind{"BLOCKING_INIT_NOTIFIER_HEAD", "blocking", true, true}, Kind{"ATOMIC_INIT_NOTIFIER_HEAD", "atomic", true, false},
        Kind{"srcu_init_notifier_head", "srcu", true, true}, Kind{"RAW_INIT_NOTIFIER_HEAD", "raw", false, true}}) {
    CAPTURE(k.prefix);
    Small s;
    s.functions = R"("foo_notify": [{"READ_ONCE": "late.x", "to": "x"}, {"return": "NOTIFY_OK"}])";
    s.probe = fmt::format(R"({{"kzalloc": "late", "fields": {{"x": 0}}}}, {{"{}": "chain"}},
        {{"{}_notifier_chain_register": "late.nb", "chain": "chain", "fn": "foo_notify", "to": "r"}},
        {{"if": "r != 0", "do": [{{"udelay": "1ns", "id": "refused"}}]}})",
                          k.init, k.prefix);
    s.op = fmt::format(R"({{"{0}_notifier_call_chain": "chain", "to": "r"}}, {{"if": "r == 1", "do": [{{"udelay": "1ns", "id": "ok"}}]}})",
                       k.prefix);
    const std::string unregister = fmt::format(R"({{"{}_notifier_chain_unregister": "late.nb", "chain": "chain", "to": "r"}})", k.prefix);
    // Somebody else calls it: the chain outlives the driver.
    s.tasks = fmt::format(R"("other": {{"do": [{{"{}_notifier_call_chain": "chain"}}]}})", k.prefix);
    s.remove = unregister + R"(, {"kfree": "late"})";
    Explored e = explore(s);
    CHECK_MESSAGE(e.shows("use-after-free(late)@foo_notify") == !k.waits, e.text());
    CHECK(e.reaches("foo_op/ok"));
    CHECK(!e.reaches("foo_probe/refused"));
    s.remove = R"({"kfree": "late"})";
    e = explore(s);
    CHECK_MESSAGE(e.shows("leak(late.nb)@foo_probe"), e.text());
    s.functions = R"("foo_notify": [{"msleep": "1ms"}])";
    s.remove = unregister + ", " + unregister + R"(, {"if": "r == -2", "do": [{"udelay": "1ns", "id": "not there"}]}, {"kfree": "late"})";
    e = explore(s);
    CHECK(e.shows("sleep-in-atomic(msleep)@foo_notify") == !k.may_sleep);
    CHECK(e.reaches("foo_remove/not there"));
  }
}

TEST_CASE(
    "notifier chains: the higher priority comes first, NOTIFY_STOP ends the walk, and functions of another kind of chain are refused") {
  Small s;
  s.functions = R"("foo_first": [{"return": "NOTIFY_STOP"}], "foo_second": [{"udelay": "1ns", "id": "called"}])";
  s.probe = R"({"BLOCKING_INIT_NOTIFIER_HEAD": "chain"},
    {"blocking_notifier_chain_register": "second", "chain": "chain", "fn": "foo_second"},
    {"blocking_notifier_chain_register": "first", "chain": "chain", "fn": "foo_first", "priority": 1})";
  s.op = R"({"blocking_notifier_call_chain": "chain"})";
  s.remove =
      R"({"blocking_notifier_chain_unregister": "first", "chain": "chain"},
    {"blocking_notifier_chain_unregister": "second", "chain": "chain"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(!e.reaches("foo_second/called"));
  s.functions = R"("foo_first": [{"return": "NOTIFY_DONE"}], "foo_second": [{"udelay": "1ns", "id": "called"}])";
  CHECK(explore(s).reaches("foo_second/called"));
  s.op = R"({"atomic_notifier_call_chain": "chain"})";
  CHECK(mistakes(s).find("'chain' is a blocking notifier chain") != std::string::npos);
}
