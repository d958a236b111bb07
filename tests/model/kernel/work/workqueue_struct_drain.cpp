// kernel/workqueue: flushing, draining and destroying a queue of a driver's own.
#include "model/queue_item.hpp"

namespace unplug::model::test {

// Fact: flush_workqueue-queued-before.
TEST_CASE("flush_workqueue: waits for all that was queued before, running or waiting, and for nothing queued later") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    QueueItem a, b, late;
    std::uint64_t unfinished = 0;
    Lab lab([&](Lab& l) {
      init(l, q, "wq", kind);
      a.init(l, "a");
      b.init(l, "b");
      late.init(l, "late");
      l.task("flusher", [&](Context& c) {
        queue_work(c, q, a.work);
        queue_work(c, q, b.work);
        flush_workqueue(c, q);
        must(c.aborting() || (a.runs == 1 && b.runs == 1 && a.inside == 0 && b.inside == 0));
        mark(c);
        if (!c.aborting() && late.runs == 0) ++unfinished;
      });
      l.task("other", [&](Context& c) { queue_work(c, q, late.work); });
    });
    const Found f = sample(lab, 2'000);
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    CHECK(unfinished > 0);
  }
}

// Fact: drain_workqueue-chained-only, flush_workqueue-queued-before.
TEST_CASE("drain_workqueue: waits for chained works as well, a flush does not") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    QueueItem i;
    bool drain = true;
    Lab lab([&](Lab& l) {
      init(l, q, "wq", kind);
      i.extra = [&](Context& c) {
        if (i.runs < 3) must(queue_work(c, q, i.work) || c.aborting());
      };
      i.init(l);
      l.task("a", [&](Context& c) {
        queue_work(c, q, i.work);
        drain ? drain_workqueue(c, q) : flush_workqueue(c, q);
        kfree(c, i.home);
      });
    });
    CHECK(sample(lab, 1'000, "random", [&] { CHECK(i.runs == 3); }).text().empty());
    drain = false;
    const Found f = sample(lab, 1'000);
    CHECK(f.violations.size() == 1);
    CHECK(f.text().starts_with("use-after-free(work home)@kworker"));
  }
}

// Fact: drain_workqueue-drops.
TEST_CASE(
    "drain_workqueue: what others queue meanwhile is dropped: it says true, later ones false, nobody runs it and it can't be cancelled") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    Work running, dropped;
    Waiter go;
    int runs = 0, form = 0;
    bool once = false, twice = false, flushed = false;
    Lab lab([&](Lab& l) {
      runs = 0;
      once = twice = flushed = false;
      init(l, q, "wq", kind);
      l.init(go, "go");
      l.init(running, "running", [&](Context& c) { wait_for_completion(c, go); });
      l.init(dropped, "dropped", [&](Context&) { ++runs; });
      l.task("drainer", [&](Context& c) {
        queue_work(c, q, running);
        drain_workqueue(c, q);
      });
      l.task("outside", [&](Context& c) {
        once = queue_work(c, q, dropped);
        twice = queue_work(c, q, dropped);
        complete(c, go);
        flushed = flush_work(c, dropped);
        if (form == 1) cancel_work(c, dropped);
      });
    });
    std::uint64_t drops = 0;
    const auto visit = [&] {
      CHECK(once);
      const std::size_t fell = find_event(lab, "outside", "__queue_work: dropped");
      if (fell == no_such_event) return;
      ++drops;
      CHECK(work_is_pending(lab.engine.trace().objects[dropped.object.index()].word));
      if (fell > find_event(lab, "outside", "queue_work: set PENDING", 2)) return;  // the second time
      CHECK(!twice);
      CHECK(!flushed);
      CHECK(runs == 0);
    };
    Found f = sample(lab, 1'500, "random", visit);
    CHECK(f.text() == "api-misuse(wq)@outside, lost-work(dropped)@outside");
    CHECK(f.details.begin()->second == "cannot queue 'dropped' on wq 'wq', which is being drained");
    CHECK(f.count("api-misuse(wq)@outside") == drops);
    CHECK(f.blocked == 0);
    form = 1;
    drops = 0;
    f = sample(lab, 1'500, "random", visit);
    CHECK(f.text() == "api-misuse(wq)@outside, deadlock(dropped)@outside, lost-work(dropped)@outside");
    CHECK(f.details.at("deadlock(dropped)@outside") == "'outside' waits in try_to_grab_pending(dropped), which nobody will end");
    CHECK(f.count("deadlock(dropped)@outside") == f.count("api-misuse(wq)@outside"));
  }
}

// Fact: drain_workqueue-chained-only.
TEST_CASE("drain_workqueue: chained means queued by a work on this queue, not by one on another") {
  Workqueue q, other;
  Work chain, next;
  int runs = 0;
  bool same = true;
  Lab lab([&](Lab& l) {
    runs = 0;
    init(l, q, "wq", 1);
    init(l, other, "other", 1);
    l.init(next, "next", [&](Context&) { ++runs; });
    l.init(chain, "chain", [&](Context& c) { queue_work(c, q, next); });
    l.task("a", [&](Context& c) {
      queue_work(c, same ? q : other, chain);
      drain_workqueue(c, q);
    });
  });
  CHECK(every(lab, [&] { CHECK(runs == 1); }).text().empty());
  same = false;
  CHECK(every(lab).text() == "api-misuse(wq)@kworker other, lost-work(next)@kworker other");
}

// Fact: drain_workqueue-chained-only.
TEST_CASE("drain_workqueue: it takes works again afterwards, and two may drain at once") {
  Workqueue q;
  QueueItem i;
  Lab lab([&](Lab& l) {
    init(l, q, "wq", 1);
    i.init(l);
    l.task("a", [&](Context& c) {
      drain_workqueue(c, q);
      drain_workqueue(c, q);
    });
    l.task("b", [&](Context& c) {
      drain_workqueue(c, q);
      mark(c);
    });
  });
  Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  Lab after([&](Lab& l) {
    init(l, q, "wq", 1);
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, q, i.work);
      drain_workqueue(c, q);
      queue_work(c, q, i.work);
    });
  });
  f = every(after, [&] { CHECK(i.runs == 2); });
  CHECK(f.text().empty());
}

// Fact: drain_workqueue-chained-only.
TEST_CASE("drain_workqueue: an item that goes on queueing itself is reported after ten rounds") {
  Workqueue q;
  QueueItem i;
  int times = 60;
  Lab lab([&](Lab& l) {
    init(l, q, "wq", 1);
    i.extra = [&](Context& c) {
      if (i.runs < times) queue_work(c, q, i.work);
    };
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, q, i.work);
      drain_workqueue(c, q);
    });
  });
  const Found f = sample(lab, 30);
  CHECK(f.text() == "api-misuse(wq)@a");
  CHECK(f.details.begin()->second == "drain_workqueue() isn't complete after 10 tries");
  times = 9;
  CHECK(sample(lab, 30).text().empty());
}

// Fact: destroy_workqueue-drains.
TEST_CASE("destroy_workqueue: runs what is queued, then its memory is gone, and who queues later touches it") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    QueueItem i;
    bool late = false;
    Lab lab([&](Lab& l) {
      init(l, q, "wq", kind, {}, false);
      i.init(l);
      l.task("a", [&](Context& c) {
        alloc_workqueue(c, q);
        queue_work(c, q, i.work);
        destroy_workqueue(c, q);
        if (late) must(queue_work(c, q, i.work) || c.aborting());
        if (late) must(!queue_work(c, q, i.work) || c.aborting());  // PENDING for ever, and the queue isn't touched
      });
    });
    CHECK(every(lab, [&] { CHECK(i.runs == 1); }).text().empty());
    late = true;
    const Found f = every(lab, [&] { CHECK(i.runs == 1); });
    CHECK(f.text() == "api-misuse(wq)@a, lost-work(work)@a, use-after-free(wq)@a");
    CHECK(f.places.at("use-after-free(wq)@a") == "insert_work");
  }
}

// Fact: destroy_workqueue-drains.
TEST_CASE("destroy_workqueue: who queues while it is destroyed is too late or too early, and a queue that is left is a leak") {
  Workqueue q;
  QueueItem i;
  Lab lab([&](Lab& l) {
    init(l, q, "wq", 1);
    i.init(l);
    l.task("a", [&](Context& c) { destroy_workqueue(c, q); });
    l.task("b", [&](Context& c) { queue_work(c, q, i.work); });
  });
  CHECK(every(lab).text() == "api-misuse(wq)@b, lost-work(work)@b, use-after-free(wq)@b");

  for (const int calls : {0, 1, 2, 3, 4}) {
    CAPTURE(calls);
    Device d;
    Module m;
    Binding b;
    Lab left([&](Lab& l) {
      l.init(d, "dev");
      l.init(m, "foo");
      l.init(b, d, m, "foo");
      init(l, q, "wq", 1, b.life, false);
      i.init(l);
      l.task("driver", [&](Context& c) {
        probe_device(c, b, [&](Context& p) {
          alloc_workqueue(p, q);
          return true;
        });
        release_driver(c, b, [&](Context& r) {
          if (calls != 0) destroy_workqueue(r, q);
          if (calls == 2) flush_workqueue(r, q);
          if (calls == 3) drain_workqueue(r, q);
          if (calls == 4) destroy_workqueue(r, q);
        });
      });
    });
    const Found f = every(left);
    CHECK(f.text() == (calls == 0   ? "leak(wq)@driver"
                       : calls == 1 ? ""
                       : calls == 4 ? "use-after-free(wq)@driver"
                                    : "use-after-free(wq)@driver"));
    if (calls > 1)
      CHECK(f.places.begin()->second == (calls == 2   ? "flush_workqueue: look"
                                         : calls == 3 ? "drain_workqueue: begin"
                                                      : "destroy_workqueue: begin"));
  }
}

}  // namespace unplug::model::test
