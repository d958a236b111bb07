// kernel/kthread: a thread of a driver ends when it is told to, and not before.
#include "support.hpp"

namespace unplug::model::test {

TEST_CASE("kthread_stop: tells the thread, waits until it has returned, answers its result, and then its memory may go") {
  Kthread t;
  Allocation priv;
  int result = 0, rounds = 0;
  bool stop = true;
  Lab lab([&](Lab& l) {
    result = rounds = 0;
    l.init(priv, "priv", {"x"});
    l.init(t, "poll", [&](Context& c) {
      while (rounds < 3 && !kthread_should_stop(c, t)) {
        get(c, priv);
        ++rounds;
      }
      kthread_wait_to_stop(c, t);
      return 5;
    });
    l.task("driver", [&](Context& c) {
      kthread_run(c, t);
      if (stop) result = kthread_stop(c, t);
      kfree(c, priv);
    });
  });
  CHECK(every(lab, [&] { CHECK(result == 5); }).text().empty());
  stop = false;
  CHECK(every(lab).text() == "use-after-free(priv)@kthread poll");
}

TEST_CASE("kthread_stop: a thread that may have returned by itself is gone, unless somebody keeps its task_struct") {
  Kthread t;
  bool keep = false;
  Lab lab([&](Lab& l) {
    l.init(t, "once", [&](Context& c) {
      mark(c);
      return 1;
    });
    l.task("driver", [&](Context& c) {
      if (keep) kthread_get(c, t);
      kthread_run(c, t);
      must(kthread_stop(c, t) == 1 || c.aborting());
    });
  });
  CHECK(every(lab).text() == "use-after-free(once)@driver");
  keep = true;
  CHECK(every(lab).text().empty());
}

TEST_CASE("kthread_stop: a thread that never looks is never stopped, and by itself it waits for ever") {
  Kthread t;
  Waiter event;
  bool own = false;
  Lab lab([&](Lab& l) {
    l.init(event, "event");
    l.init(t, "loop", [&](Context& c) {
      if (own) {
        kthread_stop(c, t);
      } else {
        wait_for_completion(c, event);
      }
      return 0;
    });
    l.task("driver", [&](Context& c) {
      kthread_run(c, t);
      if (!own) kthread_stop(c, t);
    });
  });
  CHECK(every(lab).text() == "deadlock(event)@kthread loop");
  own = true;
  CHECK(every(lab).text() == "deadlock(loop)@kthread loop");
}

TEST_CASE("kthread: it holds no module: left running, its text goes from under it") {
  Kthread t;
  Module m;
  bool stop = false;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.init(t, "poll", [&](Context& c) {
      const Context::Function function(c, c.kernel().intern("poll_fn"), m.text, {});
      kthread_wait_to_stop(c, t);
      mark(c);
      return 0;
    });
    l.remover("rmmod", [&](Context& c) {
      kthread_run(c, t);
      delete_module(c, m, l.rcu, [&] {
        if (stop) kthread_stop(c, t);
      });
    });
  });
  CHECK(every(lab).count("execute-after-free(foo)@kthread poll") > 0);
  stop = true;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
