// kernel/kthread: workers, their works, and what waits for them.
#include "unplug/model/kernel/kthread_worker.hpp"

#include "support.hpp"

namespace unplug::model::test {
namespace {

// A worker and one work, delayed or not, and what its function has seen.
struct Fixture {
  KthreadWorker worker;
  KthreadDelayedWork delayed;
  KthreadWork& work = delayed.work;
  KthreadWork other;
  Allocation home;
  int runs = 0, inside = 0, others = 0;
  std::string order;
  Lab::Body extra, other_extra;  // in the middle of the functions
  void init(Lab& l, LifetimeId embedded = {}, LifetimeId owner = {}) {
    runs = inside = others = 0;
    order.clear();
    l.init(home, "home", {"x"});
    init_kthread_worker(l.kernel, worker, l.name("worker"), l.name("worker"), embedded, owner, l.name("kthread worker"));
    set_function(l, work, [this](Context& c) {
      must(++inside == 1);
      ++runs;
      order += 'w';
      get(c, home);
      if (extra) extra(c);
      --inside;
    });
    set_function(l, other, [this](Context& c) {
      ++others;
      order += 'o';
      if (other_extra) other_extra(c);
    });
    init_kthread_delayed_work(l.kernel, delayed, worker, l.name("work"), home.life, l.name("work timer"), l.name("softirq work"));
    init_kthread_work(other, worker, l.name("other"), {});
  }
  static void set_function(Lab& l, KthreadWork& w, Lab::Body body) {
    w.function = Lab::Call<void>::run;
    w.argument = l.keep<void>(std::move(body));
  }
};

}  // namespace

TEST_CASE("kthread_queue_work 13: queued once it runs once, false means it was queued already, one at a time and in order") {
  Fixture x;
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

TEST_CASE("kthread_queue_work 13: off the list before its function is called: queued while it runs it runs again, never twice at once") {
  Fixture x;
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

TEST_CASE("kthread_queue_work 13: with a second worker, or on one that does not exist yet, it is misuse") {
  Fixture x;
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

TEST_CASE("kthread_flush_work 13: waits for the instance that is queued or runs, not for what is behind it, not for a later one") {
  Fixture x;
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

TEST_CASE("kthread_flush_worker 13: waits for all that was queued before, and for nothing that is queued later") {
  Fixture x;
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

TEST_CASE("kthread_cancel_work_sync 13: takes it off the list, waits for it if it runs, and then its memory may go") {
  Fixture x;
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

TEST_CASE("kthread_cancel_work_sync 13: a work that queues itself is refused meanwhile, somebody who queues it afterwards is not") {
  Fixture x;
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

TEST_CASE("kthread_cancel_work_sync 13: two at once, both return, and it can be queued again") {
  Fixture x;
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

TEST_CASE("kthread_worker 13: cancelling or flushing a work from inside itself, or the worker from a work on it, waits for ever") {
  Fixture x;
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

TEST_CASE("kthread_cancel_work_sync 13: holding a lock that the function takes deadlocks") {
  Fixture x;
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

TEST_CASE("kthread_destroy_worker 13: runs what is queued, ends the thread, frees the worker, and who queues later touches it") {
  Fixture x;
  bool late = false;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      kthread_destroy_worker(c, x.worker);
      if (late) kthread_queue_work(c, x.worker, x.work);
      if (!late) kfree(c, x.home);
    });
  });
  const Found f = every(lab, [&] { CHECK(x.runs == 1); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  late = true;
  CHECK(every(lab, [&] { CHECK(x.runs == 1); }).text() == "use-after-free(worker)@a");
}

TEST_CASE("kthread_destroy_worker 13: what comes between its flush and its end stays queued, with a warning") {
  Fixture x;
  Waiter made;
  Lab lab([&](Lab& l) {
    l.init(made, "made");
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      complete(c, made);
      kthread_destroy_worker(c, x.worker);
    });
    l.task("b", [&](Context& c) {
      wait_for_completion(c, made);
      kthread_queue_work(c, x.worker, x.other);
    });
  });
  const Found f = every(lab);
  CHECK(f.count("api-misuse(worker)@a") > 0);
  CHECK(f.details.at("api-misuse(worker)@a") == "kthread_destroy_worker() with works still queued");
  CHECK(f.count("use-after-free(worker)@b") > 0);
  CHECK(f.violations.size() == 2);

  // A delayed one counts, and its timer then touches what is gone.
  Lab armed([&](Lab& l) {
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_delayed_work(c, x.worker, x.delayed, 10);
      kthread_destroy_worker(c, x.worker);
    });
  });
  CHECK(every(armed).text() == "api-misuse(worker)@a, use-after-free(worker)@softirq work");
}

TEST_CASE("kthread_stop 13: a worker that is stopped and not flushed leaves what is queued, one that is not stopped is a leak") {
  Fixture x;
  Allocation home;
  bool flush = false;
  std::set<int> runs;
  Lab lab([&](Lab& l) {
    l.init(home, "driver");
    x.init(l, home.life);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_work(c, x.worker, x.work);
      if (flush) kthread_flush_worker(c, x.worker);
      kthread_stop(c, x.worker);
      kfree(c, home);
    });
  });
  CHECK(every(lab, [&] { runs.insert(x.runs); }).text().empty());
  CHECK(runs == std::set<int>{0, 1});
  flush = true;
  runs.clear();
  CHECK(every(lab, [&] { runs.insert(x.runs); }).text().empty());
  CHECK(runs == std::set<int>{1});

  Device d;
  Module m;
  Binding b;
  bool destroy = false;
  Lab left([&](Lab& l) {
    l.init(d, "dev");
    l.init(m, "foo");
    l.init(b, d, m, "foo");
    x.init(l, {}, b.life);
    l.task("driver", [&](Context& c) {
      probe_device(c, b, [&](Context& p) {
        kthread_run_worker(p, x.worker);
        return true;
      });
      release_driver(c, b, [&](Context& r) {
        if (destroy) kthread_destroy_worker(r, x.worker);
      });
    });
  });
  CHECK(every(left).text() == "leak(worker)@driver");
  destroy = true;
  CHECK(every(left).text().empty());
}

TEST_CASE("kthread_stop 13: a worker that was never started ends without doing anything") {
  Fixture x;
  Allocation home;
  Lab lab([&](Lab& l) {
    l.init(home, "driver");
    x.init(l, home.life);
    l.task("a", [&](Context& c) {
      kthread_queue_work(c, x.worker, x.work);
      kthread_stop(c, x.worker);
    });
  });
  const Found f = every(lab, [&] { CHECK(x.runs == 0); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

TEST_CASE("kthread_worker 13: what was written before it was queued its function sees, and what it wrote who waited") {
  for (const int form : {0, 1, 2, 3, 4}) {
    CAPTURE(form);
    Fixture x;
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

TEST_CASE("kthread_worker 13: delayed, it is cancelled wherever it is, and with its timer, then memory may go") {
  for (const sim::Duration delay : {sim::Duration{0}, sim::Duration{10}}) {
    CAPTURE(delay);
    for (const int form : {0, 1, 2, 3}) {
      CAPTURE(form);
      Fixture x;
      bool was = false;
      std::set<std::pair<bool, int>> seen;
      Lab lab([&](Lab& l) {
        x.init(l);
        l.task("a", [&](Context& c) {
          kthread_run_worker(c, x.worker);
          must(kthread_queue_delayed_work(c, x.worker, x.delayed, delay) || c.aborting());
          if (form == 0) was = kthread_cancel_delayed_work_sync(c, x.delayed);
          if (form == 1) was = kthread_cancel_work_sync(c, x.work);
          if (form == 2) was = kthread_mod_delayed_work(c, x.worker, x.delayed, 20);
          if (form == 3) was = kthread_mod_delayed_work(c, x.worker, x.delayed, 0);
          if (form < 2) kfree(c, x.home);
        });
      });
      const Found f = every(lab, [&] { seen.insert({was, x.runs}); });
      CHECK(f.blocked == 0);
      using Seen = std::set<std::pair<bool, int>>;
      if (form == 1 && delay != 0) {
        CHECK(f.text() == "use-after-free(home)@softirq work");  // the timer survives
      } else {
        CHECK(f.text().empty());
      }
      // The timer that finds it being cancelled takes it off its list, and cancelling then finds nothing.
      if (form < 2) CHECK(seen == (form == 0 && delay != 0 ? Seen{{true, 0}, {false, 0}, {false, 1}} : Seen{{true, 0}, {false, 1}}));
      if (form >= 2) CHECK(seen == (delay != 0 ? Seen{{true, 1}, {false, 1}, {false, 2}} : Seen{{true, 1}, {false, 2}}));
    }
  }
}

TEST_CASE("kthread_worker 13: delayed, queued twice it runs once, and who queues it while it is cancelled is refused") {
  Fixture x;
  int accepted = 0, taken = 0;
  Lab lab([&](Lab& l) {
    accepted = taken = 0;
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      accepted += kthread_queue_delayed_work(c, x.worker, x.delayed, 10) ? 1 : 0;
      accepted += kthread_queue_delayed_work(c, x.worker, x.delayed, 10) ? 1 : 0;
    });
  });
  std::set<int> runs;
  CHECK(every(lab,
              [&] {
                CHECK(x.runs == accepted);
                runs.insert(x.runs);
              })
            .text()
            .empty());
  CHECK(runs == std::set<int>{1, 2});

  bool gone = false;
  int late = 0;
  Lab self([&](Lab& l) {
    gone = false;
    x.extra = [&](Context& c) {
      if (gone) ++late;
      if (x.runs < 2) kthread_queue_delayed_work(c, x.worker, x.delayed, 5);
    };
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_delayed_work(c, x.worker, x.delayed, 5);
      kthread_cancel_delayed_work_sync(c, x.delayed);
      gone = true;
      must(c.aborting() || x.work.canceling == 0);
    });
  });
  CHECK(every(self).text().empty());
  CHECK(late == 0);
}

TEST_CASE("kthread_flush_work 13: of one whose timer is armed it never returns") {
  Fixture x;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.task("a", [&](Context& c) {
      kthread_run_worker(c, x.worker);
      kthread_queue_delayed_work(c, x.worker, x.delayed, 10);
      kthread_flush_work(c, x.work);
    });
  });
  const Found f = every(lab);
  CHECK(f.blocked > 0);
  CHECK(f.blocked < f.executions);
}

TEST_CASE("kthread_worker 13: queueing is allowed anywhere, waiting sleeps, a function that keeps a lock leaks it") {
  Fixture x;
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

TEST_CASE("kthread_worker 13: a work may free the memory it is embedded in") {
  Fixture x;
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
