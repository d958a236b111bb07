// kernel/kthread: workers, their works, and what waits for them.
#include "model/kthread_worker_fixture.hpp"

namespace unplug::model::test {

// Fact: kthread_work-off-list-first.
TEST_CASE("kthread_queue_work: queued once it runs once, false means it was queued already, one at a time and in order") {
  WorkerFixture x;
  Allocation home;
  int accepted = 0;
  std::set<std::string> seen;
  Lab lab([&](Lab& l) {
    accepted = 0;
    l.init(home, "driver");
    x.extra = [](Context& c) { mark(c); };
    x.init(l, home.life);
    l.task("a", [&](Context& c) {
      must(kthread_queue_work(c, x.worker, x.work) || c.aborting());  // before the thread is started
      mark(c);
      must(x.runs == 0);
      kthread_run_worker(c, x.worker);
      must(kthread_queue_work(c, x.worker, x.other) || c.aborting());
      accepted = kthread_queue_work(c, x.worker, x.work) ? 1 : 0;
    });
  });
  const Found f = every(lab, [&] {
    CHECK(x.runs == 1 + accepted);
    seen.insert(x.order);
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::string>{"wo", "wow"});
}

// Fact: kthread_work-off-list-first.
TEST_CASE("kthread_queue_work: off the list before its function is called: queued while it runs it runs again, never twice at once") {
  WorkerFixture x;
  int accepted = 0;
  std::uint64_t while_running = 0;
  Lab lab([&](Lab& l) {
    accepted = 0;
    x.extra = [&](Context& c) {
      if (x.runs == 1) accepted += kthread_queue_work(c, x.worker, x.work) ? 1 : 0;  // itself
    };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      accepted += kthread_queue_work(c, x.worker, x.work) ? 1 : 0;
      const bool again = kthread_queue_work(c, x.worker, x.work);
      accepted += again ? 1 : 0;
      if (again && x.inside == 1) ++while_running;
    });
  });
  CHECK(every(lab, [&] { CHECK(x.runs == accepted); }).text().empty());
  CHECK(while_running > 0);
}

TEST_CASE("kthread_queue_work: with a second worker, or on one that does not exist yet, it is misuse") {
  WorkerFixture x;
  KthreadWorker second;
  bool run = true;
  Lab lab([&](Lab& l) {
    x.init(l);
    init_kthread_worker(l.kernel, second, l.name("second"), l.name("second"), {}, {}, l.name("kthread second"));
    l.task("a", [&](Context& c) {
      if (run) kthread_run_worker(c, x.worker);
      if (run) kthread_run_worker(c, second);
      kthread_queue_work(c, run ? second : x.worker, x.work);
    });
  });
  CHECK(every(lab, [&] { CHECK(x.runs == 0); }).text() == "api-misuse(work)@a");
  run = false;
  CHECK(every(lab).text() == "use-before-init(worker)@a");
}

// Fact: kthread_flush_work-one-instance.
TEST_CASE("kthread_flush_work: waits for the instance that is queued or runs, not for what is behind it, not for a later one") {
  WorkerFixture x;
  std::uint64_t unfinished = 0, idle = 0;
  bool queue = true;
  Lab lab([&](Lab& l) {
    x.extra = [](Context& c) { mark(c); };
    x.other_extra = [](Context& c) { mark(c); };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      if (queue) kthread_queue_work(c, x.worker, x.work);
      kthread_queue_work(c, x.worker, x.other);
      kthread_flush_work(c, x.work);
      must(c.aborting() || !queue || (x.runs >= 1 && x.inside == 0));
      mark(c);
      if (!c.aborting() && x.others == 0) ++unfinished;
      if (queue) kfree(c, x.home);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(unfinished > 0);
  queue = false;
  CHECK(every(lab, [&] { idle += find_event(lab, "a", "kthread_flush_work: wait") == no_such_event ? 1U : 0U; }).text().empty());
  CHECK(idle > 0);

  // Queued again while it runs: the instance to wait for is the one on the list.
  Waiter started;
  Lab again([&](Lab& l) {
    l.init(started, "started");
    x.extra = [&](Context& c) {
      if (x.runs == 1) complete(c, started);
      mark(c);
    };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      wait_for_completion(c, started);
      kthread_queue_work(c, x.worker, x.work);
      kthread_flush_work(c, x.work);
      must(c.aborting() || (x.runs == 2 && x.inside == 0));
    });
  });
  CHECK(every(again).text().empty());
}

// Fact: kthread_flush_work-one-instance.
TEST_CASE("kthread_flush_worker: waits for all that was queued before, and for nothing that is queued later") {
  WorkerFixture x;
  std::uint64_t later = 0;
  Lab lab([&](Lab& l) {
    x.extra = [&](Context& c) {
      if (x.runs == 1) kthread_queue_work(c, x.worker, x.work);
    };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      kthread_queue_work(c, x.worker, x.other);
      kthread_flush_worker(c, x.worker);
      must(c.aborting() || (x.runs >= 1 && x.others == 1));
      mark(c);
      if (!c.aborting() && x.runs == 1) ++later;
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(later > 0);
}

// Fact: kthread_cancel_work_sync-waits.
TEST_CASE("kthread_cancel_work_sync: takes it off the list, waits for it if it runs, and then its memory may go") {
  WorkerFixture x;
  bool cancel = true, was = false;
  std::set<std::pair<bool, int>> seen;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      if (cancel) was = kthread_cancel_work_sync(c, x.work);
      kfree(c, x.home);
    });
  });
  const Found f = every_schedule(lab, [&] { seen.insert({was, x.runs}); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::pair<bool, int>>{{true, 0}, {false, 1}});
  cancel = false;
  CHECK(every(lab).text() == "use-after-free(home)@kthread worker");
}

// Fact: kthread_cancel_work_sync-waits.
TEST_CASE("kthread_cancel_work_sync: a work that queues itself is refused meanwhile, somebody who queues it afterwards is not") {
  WorkerFixture x;
  bool third_party = false, gone = false;
  int late = 0;
  std::uint64_t refused = 0;
  Lab lab([&](Lab& l) {
    gone = false;
    x.extra = [&](Context& c) {
      if (gone) ++late;
      if (x.runs < 3 && !kthread_queue_work(c, x.worker, x.work) && !c.aborting()) ++refused;
    };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      kthread_cancel_work_sync(c, x.work);
      gone = true;
      if (third_party) must(kthread_queue_work(c, x.worker, x.work) || c.aborting());
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(late == 0);
  CHECK(refused > 0);
  third_party = true;
  CHECK(every(lab).text().empty());
  CHECK(late > 0);
}

// Fact: kthread_cancel_work_sync-waits.
TEST_CASE("kthread_cancel_work_sync: two at once, both return, and it can be queued again") {
  WorkerFixture x;
  Lab lab([&](Lab& l) {
    x.extra = [](Context& c) { mark(c); };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      kthread_cancel_work_sync(c, x.work);
      mark(c);
    });
    l.task("b", [&](Context& c) { kthread_cancel_work_sync(c, x.work); });
  });
  const Found f = every(lab, [&] { CHECK(x.work.canceling == 0); });
  CHECK(f.violations.size() <= 1);  // b may come before there is a worker
  CHECK(f.text() == "use-before-init(worker)@b");
  CHECK(f.blocked == 0);
}

// Fact: kthread_flush_work-one-instance, kthread_cancel_work_sync-waits.
TEST_CASE("kthread_worker: cancelling or flushing a work from inside itself, or the worker from a work on it, waits for ever") {
  WorkerFixture x;
  int form = 0;
  Lab lab([&](Lab& l) {
    x.extra = [&](Context& c) {
      if (form == 0) kthread_cancel_work_sync(c, x.work);
      if (form == 1) kthread_flush_work(c, x.work);
      if (form == 2) kthread_flush_worker(c, x.worker);
      if (form == 3) kthread_destroy_worker(c, x.worker);
      if (form == 4) kthread_stop(c, x.worker);
    };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
    });
  });
  for (form = 0; form < 5; ++form) {
    CAPTURE(form);
    const Found f = every(lab);
    CHECK(f.text() == "deadlock(worker)@kthread worker");
    const char* const calls[] = {"kthread_flush_work", "kthread_flush_work", "kthread_flush_worker", "kthread_flush_worker",
                                 "kthread_stop"};
    const std::string waits = std::string("'kthread worker' waits in ") + calls[form] + "(worker)";
    CHECK(f.details.begin()->second == waits + " for " + waits);
  }
}

// Fact: kthread_cancel_work_sync-waits.
TEST_CASE("kthread_cancel_work_sync: holding a lock that the function takes deadlocks") {
  WorkerFixture x;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(m, "lock");
    x.extra = [&](Context& c) {
      mutex_lock(c, m);
      mutex_unlock(c, m);
    };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      mutex_lock(c, m);
      kthread_cancel_work_sync(c, x.work);
      mutex_unlock(c, m);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(lock)@kthread worker, deadlock(worker)@a");
  CHECK(f.blocked < f.executions);
}

TEST_CASE("kthread_worker: what was written before it was queued its function sees, and what it wrote who waited") {
  for (const int form : {0, 1, 2, 3, 4}) {
    CAPTURE(form);
    WorkerFixture x;
    Allocation data;
    Lab lab([&](Lab& l) {
      l.init(data, "data", {"in", "out"});
      x.extra = [&](Context& c) {
        get(c, data, 0, MemoryOrder::plain);
        set(c, data, 1, 1, MemoryOrder::plain);
      };
      x.init(l);
      l.task("a", [&](Context& c) {
        kthread_run_worker(c, x.worker);
        set(c, data, 0, 1, MemoryOrder::plain);
        if (form == 3) kthread_queue_delayed_work(c, x.worker, x.delayed, 10);
        if (form == 4) kthread_mod_delayed_work(c, x.worker, x.delayed, 0);
        if (form < 3) kthread_queue_work(c, x.worker, x.work);
        if (form == 0) kthread_flush_work(c, x.work);
        if (form == 1) kthread_flush_worker(c, x.worker);
        if (form == 2) kthread_destroy_worker(c, x.worker);
        if (form < 3) get(c, data, 1, MemoryOrder::plain);
      });
    });
    CHECK(every(lab).text().empty());
  }
}

TEST_CASE("kthread_worker: queueing is allowed anywhere, waiting sleeps, a function that keeps a lock leaks it") {
  WorkerFixture x;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    x.extra = [&](Context& c) { mutex_trylock(c, m); };
    x.init(l);
    l.task(
        "irq",
        [&](Context& c) {
          kthread_run_worker(c, x.worker);
          kthread_queue_work(c, x.worker, x.work);
          kthread_flush_worker(c, x.worker);
        },
        ContextKind::hardirq);
  });
  CHECK(every(lab).text() == "leak(m)@kthread worker, sleep-in-atomic(kthread_flush_worker)@irq");
}

// Fact: kthread_work-off-list-first.
TEST_CASE("kthread_worker: a work may free the memory it is embedded in") {
  WorkerFixture x;
  Lab lab([&](Lab& l) {
    x.extra = [&](Context& c) { kfree(c, x.home); };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      kthread_destroy_worker(c, x.worker);
    });
  });
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
