// kernel/kthread: a thread of a driver ends when it is told to, and not before.
#include "model/support.hpp"

namespace unplug::model::test {

// Fact: kthread_stop-waits.
TEST_CASE("kthread_stop: tells the thread, waits until it has returned, answers its result, and then its memory may go") {
  Kthread t;
  Allocation priv;
  int result = 0, rounds = 0;
  bool stop = true, started = false;
  Lab lab([&](Lab& l) {
    result = rounds = 0;
    started = false;
    l.init(priv, "priv", {"x"});
    l.init(t, "poll", [&](Context& c) {
      started = true;
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
  CHECK(every(lab, [&] { CHECK(result == (started ? 5 : -4)); }).text().empty());
  stop = false;
  CHECK(every(lab).text() == "use-after-free(priv)@kthread poll");
}

// Fact: kthread_stop-task_struct.
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
      const int result = kthread_stop(c, t);
      must(result == 1 || result == -4 || c.aborting());
    });
  });
  CHECK(every(lab).text() == "use-after-free(once)@driver");
  keep = true;
  CHECK(every(lab).text().empty());
}

// Fact: kthread_stop-task_struct.
TEST_CASE("kthread_stop: who stops a thread gives the last reference to its task_struct back, unless somebody keeps it") {
  Kthread t;
  bool keep = false;
  Lab lab([&](Lab& l) {
    l.init(t, "poll", [&](Context& c) {
      kthread_wait_to_stop(c, t);
      return 0;
    });
    l.task("driver", [&](Context& c) {
      if (keep) kthread_get(c, t);
      kthread_run(c, t);
      kthread_stop(c, t);
      wake_up_process(c, t);
    });
  });
  CHECK(every(lab).text() == "use-after-free(poll)@driver");
  keep = true;
  CHECK(every(lab).text().empty());
}

// Fact: kthread_stop-waits.
TEST_CASE("kthread_should_stop: true once kthread_stop has told the thread, and not before") {
  Kthread t;
  bool stopping = false, early = false, late = false;
  Lab lab([&](Lab& l) {
    stopping = early = false;
    late = true;
    l.init(t, "poll", [&](Context& c) {
      early = kthread_should_stop(c, t) && !stopping;
      kthread_wait_to_stop(c, t);
      late = kthread_should_stop(c, t);
      return 0;
    });
    l.task("driver", [&](Context& c) {
      kthread_run(c, t);
      stopping = true;
      kthread_stop(c, t);
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(!early);
                CHECK(late);
              })
            .text()
            .empty());
}

// Fact: kthread_stop-waits.
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

// Fact: kthread-holds-no-module.
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

// Fact: kthread-never-began.
TEST_CASE("kthread_stop: a thread that was created and not woken, or not in time, never calls its function and answers -EINTR") {
  Kthread t;
  int result = 0, calls = 0;
  bool wake = false;
  std::set<std::pair<int, int>> seen;
  Lab lab([&](Lab& l) {
    calls = 0;
    l.init(t, "poll", [&](Context& c) {
      ++calls;
      kthread_wait_to_stop(c, t);
      return 7;
    });
    l.task("driver", [&](Context& c) {
      if (wake) wake_up_process(c, t);
      result = kthread_stop(c, t);
    });
  });
  const Found f = every(lab, [&] { seen.insert({calls, result}); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::pair<int, int>>{{0, -4}});
  wake = true;
  seen.clear();
  CHECK(every(lab, [&] { seen.insert({calls, result}); }).text().empty());
  CHECK(seen == std::set<std::pair<int, int>>{{0, -4}, {1, 7}});
}

// Fact: schedule-lost-wakeup.
TEST_CASE("schedule: a wake-up between looking at the condition and setting the state is lost, the other way round it is not") {
  Kthread t;
  Allocation condition;
  Waiter done;
  bool right = true;
  Lab lab([&](Lab& l) {
    l.init(condition, "condition", {"x"});
    l.init(done, "done");
    l.init(t, "poll", [&](Context& c) {
      while (!c.aborting()) {
        if (right) set_current_state(c, t, TaskState::interruptible);
        if (get(c, condition) != 0) break;
        if (!right) set_current_state(c, t, TaskState::interruptible);
        schedule(c, t);
      }
      set_current_state(c, t, TaskState::running);
      schedule(c, t);  // only a yield now
      complete(c, done);
      return 0;
    });
    l.task("driver", [&](Context& c) {
      kthread_get(c, t);
      kthread_run(c, t);
      set(c, condition, 1);
      wake_up_process(c, t);
      wait_for_completion(c, done);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  right = false;
  CHECK(every(lab).text() == "deadlock(done)@driver");
}

// Fact: schedule-lost-wakeup.
TEST_CASE("schedule: the same with kthread_stop, which then waits for a thread that sleeps") {
  Kthread t;
  bool right = true;
  Lab lab([&](Lab& l) {
    l.init(t, "poll", [&](Context& c) {
      while (!c.aborting()) {
        if (right) set_current_state(c, t, TaskState::interruptible);
        if (kthread_should_stop(c, t)) break;
        if (!right) set_current_state(c, t, TaskState::interruptible);
        schedule(c, t);
      }
      return 0;
    });
    l.task("driver", [&](Context& c) {
      kthread_run(c, t);
      kthread_stop(c, t);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  right = false;
  CHECK(every(lab).text() == "deadlock(poll)@kthread poll");
}

// Fact: kthread-holds-no-module.
TEST_CASE("schedule: a thread that is never stopped sleeps for want of work, in the text of its module") {
  Kthread t;
  Module m;
  bool unload = false;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.init(t, "poll", [&](Context& c) {
      const Context::Function function(c, c.kernel().intern("poll_fn"), m.text, {});
      set_current_state(c, t, TaskState::interruptible);
      schedule(c, t);
      return 0;
    });
    l.task("driver", [&](Context& c) {
      kthread_run(c, t);
      if (unload) delete_module(c, m, l.rcu, [] {});
    });
  });
  CHECK(every(lab).text().empty());
  unload = true;
  CHECK(every(lab).text() == "execute-after-free(foo)@kthread poll");
}

// Fact: kthread_stop-task_struct.
TEST_CASE("wake_up_process: on a thread that may have returned it is a use after free, and what was written before it the thread sees") {
  Kthread t;
  Allocation data;
  bool keep = false;
  std::uint64_t woken = 0;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {"x"});
    l.init(t, "poll", [&](Context& c) {
      get(c, data, 0, MemoryOrder::plain);
      set_current_state(c, t, TaskState::interruptible);
      schedule(c, t);
      get(c, data, 0, MemoryOrder::plain);
      if (!c.aborting()) ++woken;
      return 0;
    });
    l.task("driver", [&](Context& c) {
      if (keep) kthread_get(c, t);
      set(c, data, 1, 0, MemoryOrder::plain);
      wake_up_process(c, t);
      wake_up_process(c, t);
      wake_up_process(c, t);
    });
  });
  CHECK(every(lab).text() == "use-after-free(poll)@driver");
  keep = true;
  CHECK(every(lab).text().empty());
  CHECK(woken > 0);
  Allocation late;
  Lab second([&](Lab& l) {
    l.init(late, "late", {"x"});
    l.init(t, "poll", [&](Context& c) {
      set_current_state(c, t, TaskState::interruptible);
      schedule(c, t);
      get(c, late, 0, MemoryOrder::plain);
      return 0;
    });
    l.task("driver", [&](Context& c) {
      kthread_get(c, t);
      kthread_run(c, t);
      set(c, late, 1, 0, MemoryOrder::plain);
      wake_up_process(c, t);
    });
  });
  CHECK(every(second).text().empty());
}

// Fact: kthread_stop-task_struct.
TEST_CASE("put_task_struct: the last reference to a thread that has returned frees it, whoever drops it, and without one it is misuse") {
  Kthread t;
  Waiter left;
  unsigned gets = 1, puts = 1;
  bool stop = false;
  int answer = 0;
  Lab lab([&](Lab& l) {
    l.init(left, "left");
    l.init(t, "poll", [&](Context& c) {
      complete(c, left);
      return 7;
    });
    l.task("driver", [&](Context& c) {
      for (unsigned i = 0; i < gets; ++i) kthread_get(c, t);
      kthread_run(c, t);
      wait_for_completion(c, left);
      if (stop) answer = kthread_stop(c, t);
      for (unsigned i = 0; i < puts; ++i) kthread_put(c, t);
      if (puts == gets) wake_up_process(c, t);
    });
  });
  // After the last one nothing keeps it: it is gone by then, or goes when the thread has returned.
  CHECK(every(lab).text() == "use-after-free(poll)@driver");
  gets = 2;
  CHECK(every(lab).text().empty());
  stop = true;
  CHECK(every(lab, [&] { CHECK(answer == 7); }).text().empty());
  puts = 2;
  CHECK(every(lab).text() == "use-after-free(poll)@driver");
  stop = false;
  gets = 1;
  CHECK(every(lab).count("api-misuse(poll)@driver") > 0);
}

// Fact: kthread-holds-no-module.
TEST_CASE("module_put_and_kthread_exit: the thread ends in text that stays, where module_put and return do not") {
  Kthread t;
  Module m;
  bool by_helper = true;
  int result = 0;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.init(t, "once", [&](Context& c) {
      const Context::Function function(c, c.kernel().intern("once_fn"), m.text, {});
      mark(c);
      if (by_helper) {
        module_put_and_kthread_exit(c, t, &m, 3);
      } else {
        module_put(c, &m);
        mark(c);
      }
      return 3;
    });
    l.task("driver", [&](Context& c) {
      if (!try_module_get(c, &m)) return;
      kthread_get(c, t);
      kthread_run(c, t);
      delete_module(c, m, l.rcu, [] {});
    });
    l.task("other", [&](Context& c) { delete_module(c, m, l.rcu, [] {}); });
  });
  Found f = every(lab, [&] { result = t.runs.back().result; });
  CHECK(result == 3);
  CHECK(f.count("execute-after-free(foo)@kthread once") == 0);
  by_helper = false;
  CHECK(every(lab).count("execute-after-free(foo)@kthread once") > 0);
}

// Fact: kthread_exit-from-within.
TEST_CASE("kthread_exit: ends the thread from within, with what kthread_stop then answers, and a lock it still has is a leak") {
  Kthread t;
  Mutex m;
  bool lock = false;
  int result = 0;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.init(t, "once", [&](Context& c) {
      if (lock) mutex_lock(c, m);
      kthread_exit(c, t, 4);
      return 5;
    });
    l.task("driver", [&](Context& c) {
      kthread_get(c, t);
      kthread_run(c, t);
      result = kthread_stop(c, t);
    });
  });
  CHECK(every(lab, [&] { CHECK((result == 4 || result == -4)); }).text().empty());
  lock = true;
  CHECK(every(lab).text() == "leak(m)@kthread once");
}

// Fact: kthread_stop-one-lock.
TEST_CASE(
    "pvrusb2: threads that stop each other under one lock of kthread_stop deadlock, in two stages, or without the lock, they do not") {
  enum class Form { global_lock, two_stages, today } form = Form::global_lock;
  Kthread b, inner;
  Mutex stop_lock;
  Waiter done;
  Allocation wind_down;
  Lab lab([&](Lab& l) {
    l.init(stop_lock, "kthread_stop_lock");
    l.init(done, "done");
    l.init(wind_down, "flag", {"x"});
    // kthread_stop() as it was before 2.6.31.
    const auto stop = [&](Context& c, Kthread& t) {
      if (form != Form::today) mutex_lock(c, stop_lock);
      kthread_stop(c, t);
      if (form != Form::today) mutex_unlock(c, stop_lock);
    };
    l.init(inner, "inner", [&](Context& c) {
      kthread_wait_to_stop(c, inner);
      return 0;
    });
    l.init(b, "b", [&, stop](Context& c) {
      if (form != Form::two_stages) kthread_wait_to_stop(c, b);
      stop(c, inner);
      complete(c, done);
      kthread_wait_to_stop(c, b);
      return 0;
    });
    l.remover("rmmod", [&, stop](Context& c) {
      kthread_run(c, inner);
      kthread_run(c, b);
      l.kernel.removal_phase = RemovalPhase::module_exit;
      if (form == Form::two_stages) wait_for_completion(c, done);
      stop(c, b);
      if (form == Form::global_lock) kthread_stop(c, inner);  // should b never have begun
    });
  });
  Found f = every(lab);
  // The cycle goes through the lock; lockdep says nothing of it, to which waiting for a thread is no lock.
  CHECK(f.text() == "deadlock(b)@rmmod, deadlock(kthread_stop_lock)@kthread b, hung-remove(b)@rmmod");
  CHECK(f.details.at("deadlock(b)@rmmod") ==
        "'rmmod' waits in kthread_stop(b) for 'kthread b' waits in mutex_lock(kthread_stop_lock) for 'rmmod' waits in kthread_stop(b)");
  form = Form::two_stages;
  f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  form = Form::today;
  f = every(lab);
  CHECK(f.text().empty());
}

}  // namespace unplug::model::test
