// kernel/kthread: workers, their delayed works, and how they end.
#include "model/kthread_worker_fixture.hpp"

namespace unplug::model::test {

// Fact: kthread_destroy_worker-flushes.
TEST_CASE("kthread_destroy_worker: runs what is queued, ends the thread, frees the worker, and who queues later touches it") {
  WorkerFixture x;
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

// Fact: kthread_destroy_worker-flushes.
TEST_CASE("kthread_destroy_worker: what comes between its flush and its end stays queued, with a warning") {
  WorkerFixture x;
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

// Fact: kthread_destroy_worker-flushes.
TEST_CASE("kthread_stop: a worker that is stopped and not flushed leaves what is queued, one that is not stopped is a leak") {
  WorkerFixture x;
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

// Fact: kthread-never-began.
TEST_CASE("kthread_stop: a worker that was never started ends without doing anything") {
  WorkerFixture x;
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

// Fact: kthread_delayed_work-flush.
TEST_CASE("kthread_worker: delayed, it is cancelled wherever it is, and with its timer, then memory may go") {
  for (const sim::Duration delay : {sim::Duration{0}, sim::Duration{10}}) {
    CAPTURE(delay);
    for (const int form : {0, 1, 2, 3}) {
      CAPTURE(form);
      WorkerFixture x;
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

TEST_CASE("kthread_worker: delayed, queued twice it runs once, and who queues it while it is cancelled is refused") {
  WorkerFixture x;
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

// Fact: kthread_delayed_work-flush.
TEST_CASE("kthread_flush_work: of one whose timer is armed it never returns") {
  WorkerFixture x;
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

}  // namespace unplug::model::test
