// Verbs of work items: queues of the driver's own, the system's as a whole, disabling, delayed work.
#include "small.hpp"

using namespace unplug::scenarios::test;

namespace {

// Two works that say on priv.n what they saw of each other.
Small two_works() {
  Small s;
  s.functions = R"("foo_a": [{"WRITE_ONCE": "priv.n", "value": 1}, {"WRITE_ONCE": "priv.n", "value": 2}],
    "foo_b": [{"READ_ONCE": "priv.n", "to": "n"}, {"if": "n == 0", "do": [{"udelay": "1ns", "id": "before"}]},
      {"if": "n == 1", "do": [{"udelay": "1ns", "id": "meanwhile"}]}, {"if": "n == 2", "do": [{"udelay": "1ns", "id": "after"}]}])";
  s.remove = R"({"queue_work": "priv.a", "wq": "wq"}, {"queue_work": "priv.b", "wq": "wq"}, {"destroy_workqueue": "wq"})";
  return s;
}
const std::string works = R"({"INIT_WORK": "priv.a", "fn": "foo_a"}, {"INIT_WORK": "priv.b", "fn": "foo_b"})";

}  // namespace

TEST_CASE("alloc_workqueue: max_active items run at once, an ordered queue runs one after another, destroy_workqueue waits for all") {
  Small s = two_works();
  s.probe = works + R"(, {"alloc_workqueue": "wq", "max_active": 2})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  for (const char* step : {"foo_b/before", "foo_b/meanwhile", "foo_b/after"}) CHECK(e.reaches(step));
  for (const char* queue : {R"({"alloc_ordered_workqueue": "wq"})", R"({"alloc_workqueue": "wq", "max_active": 1})"}) {
    s.probe = works + ", " + queue;
    e = explore(s);
    CHECK_MESSAGE(e.clean(), e.text());
    CHECK(!e.reaches("foo_b/before"));
    CHECK(!e.reaches("foo_b/meanwhile"));
    CHECK(e.reaches("foo_b/after"));
  }
}

TEST_CASE("flush_workqueue waits for what was queued before, a queue that is not destroyed is a leak, and one that is takes nothing") {
  Small s = two_works();
  s.probe = works + R"(, {"alloc_workqueue": "wq", "max_active": 0})";
  s.remove = R"({"queue_work": "priv.a", "wq": "wq"}, {"flush_workqueue": "wq"}, {"READ_ONCE": "priv.n", "to": "n"},
    {"if": "n != 2", "do": [{"udelay": "1ns", "id": "not done"}]}, {"destroy_workqueue": "wq"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(!e.reaches("foo_remove/not done"));
  s.remove = R"({"queue_work": "priv.a", "wq": "wq"}, {"flush_workqueue": "wq"})";
  e = explore(s);
  CHECK_MESSAGE(e.shows("leak(wq)@foo_probe"), e.text());
  s.remove = R"({"destroy_workqueue": "wq"}, {"queue_work": "priv.a", "wq": "wq"})";
  CHECK(explore(s).shows("use-after-free(wq)@foo_remove"));
}

TEST_CASE("drain_workqueue: works of the queue may queue more, others are dropped") {
  Small s;
  s.functions = R"("foo_work": [{"READ_ONCE": "priv.n", "to": "n"}, {"queue_work": "priv.w", "wq": "wq", "at_most": 1}])";
  s.probe = R"({"INIT_WORK": "priv.w", "fn": "foo_work"}, {"alloc_ordered_workqueue": "wq"})";
  s.remove = R"({"queue_work": "priv.w", "wq": "wq"}, {"drain_workqueue": "wq"}, {"destroy_workqueue": "wq"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  s.functions = R"("foo_work": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.op = R"({"queue_work": "priv.w", "wq": "wq"})";
  s.remove = "";
  s.tasks = R"("admin": {"do": [{"sysfs_read": "drain"}]})";
  s.probe += R"(, {"device_create_file": "drain", "fn": "foo_drain"})";
  s.functions += R"(, "foo_drain": [{"drain_workqueue": "wq"}])";
  s.remove = R"({"device_remove_file": "drain"}, {"destroy_workqueue": "wq"})";
  e = explore(s);
  CHECK_MESSAGE(e.shows("api-misuse(wq)@foo_op"), e.text());
}

TEST_CASE("flush_scheduled_work waits for all that is on the system's queue, as one thread it runs items in order") {
  Small s = two_works();
  s.probe = works;
  s.remove = R"({"queue_work": "priv.a"}, {"schedule_work": "priv.b"}, "flush_scheduled_work")";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  for (const char* step : {"foo_b/before", "foo_b/meanwhile", "foo_b/after"}) CHECK(e.reaches(step));
  s.kernel = R"("keventd": true)";
  e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(!e.reaches("foo_b/before"));
  CHECK(!e.reaches("foo_b/meanwhile"));
  s.remove = R"({"queue_work": "priv.a"}, {"schedule_work": "priv.b"})";
  e = explore(s);
  CHECK_MESSAGE(e.shows("use-after-free(priv)@process_one_work"), e.text());
}

TEST_CASE("disable_work counts, enable_work undoes one, and current_work tells whose function runs") {
  Small s;
  s.functions = R"("foo_work": [{"current_work": "priv.w", "to": "mine"}, {"if": "mine", "do": [{"udelay": "1ns", "id": "mine"}]},
    {"current_work": "priv.other", "to": "other"}, {"if": "other", "do": [{"udelay": "1ns", "id": "other"}]}])";
  s.probe = R"({"INIT_WORK": "priv.w", "fn": "foo_work"}, {"INIT_WORK": "priv.other", "fn": "foo_work"})";
  s.op = R"({"queue_work": "priv.w"}, {"current_work": "priv.w", "to": "here"}, {"if": "here", "do": [{"udelay": "1ns", "id": "here"}]})";
  s.remove = R"({"disable_work": "priv.w"}, {"disable_work_sync": "priv.w"}, {"enable_work": "priv.w"},
    {"queue_work": "priv.w", "else": "refused"}, {"udelay": "1ns", "id": "queued"}, {"label": "refused"}, {"enable_work": "priv.w"},
    {"queue_work": "priv.w", "to": "again"}, {"if": "!again", "do": [{"udelay": "1ns", "id": "still off"}]}, {"flush_work": "priv.w"})";
  const Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_work/mine"));
  for (const char* step : {"foo_work/other", "foo_op/here", "foo_remove/queued", "foo_remove/still off"}) CHECK(!e.reaches(step));
}

TEST_CASE("delayed work on a queue of the driver's: destroying that leaves the timer armed, disabled it is refused until enabled") {
  Small s;
  s.functions = R"("foo_poll": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.probe = R"({"INIT_DELAYED_WORK": "priv.poll", "fn": "foo_poll"}, {"alloc_workqueue": "wq", "max_active": 0},
    {"queue_delayed_work": "priv.poll", "wq": "wq", "delay": "10ms"})";
  s.remove = R"({"cancel_delayed_work_sync": "priv.poll"}, {"destroy_workqueue": "wq"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_poll/READ_ONCE#1"));
  s.remove = R"({"destroy_workqueue": "wq"}, {"cancel_delayed_work_sync": "priv.poll"})";
  e = explore(s);
  CHECK_MESSAGE(e.shows("use-after-free(wq)@__run_timers"), e.text());
  s.remove = R"({"disable_delayed_work": "priv.poll"}, {"destroy_workqueue": "wq"})";
  e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());  // destroying the queue waits for the function that runs
  s.functions = R"("foo_poll": [{"READ_ONCE": "early.x", "to": "x"}])";
  for (const bool waits : {false, true}) {
    s.remove = fmt::format(R"({{"{}": "priv.poll"}}, {{"kfree": "early"}}, {{"destroy_workqueue": "wq"}})",
                           waits ? "disable_delayed_work_sync" : "disable_delayed_work");
    s.probe = R"({"kzalloc": "early", "fields": {"x": 0}}, {"INIT_DELAYED_WORK": "priv.poll", "fn": "foo_poll"},
      {"alloc_workqueue": "wq", "max_active": 0}, {"queue_delayed_work": "priv.poll", "wq": "wq", "delay": "10ms"})";
    CHECK(explore(s).shows("use-after-free(early)@foo_poll") == !waits);
  }
  s.functions = R"("foo_poll": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.remove =
      R"({"kfree": "early"}, {"disable_delayed_work_sync": "priv.poll"},
    {"queue_delayed_work": "priv.poll", "wq": "wq", "delay": "1ms", "else": "refused"},
    {"udelay": "1ns", "id": "queued"}, {"label": "refused"}, {"enable_delayed_work": "priv.poll"},
    {"mod_delayed_work": "priv.poll", "wq": "wq", "delay": "1ms"}, {"flush_delayed_work": "priv.poll", "to": "waited"},
    {"if": "!waited", "do": [{"udelay": "1ns", "id": "nothing"}]}, {"destroy_workqueue": "wq"})";
  e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(!e.reaches("foo_remove/queued"));
}
