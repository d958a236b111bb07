// kernel/workqueue: queues of a driver's own, and what waits for them.
#include <algorithm>

#include "model/queue_item.hpp"

namespace unplug::model::test {
namespace {

bool holds(const Lab& lab, ObjectId held, ObjectId taken, LockUse use) {
  return std::ranges::any_of(lab.kernel.lock_orders(),
                             [&](const LockOrder& o) { return o.held.object == held && o.taken.object == taken && o.taken.use == use; });
}

}  // namespace

// Fact: ordered-workqueue.
TEST_CASE("workqueue: an ordered queue runs one item at a time in the order of queueing, others as many as they may") {
  Workqueue q;
  Work work[3];
  unsigned max_active = 1;
  int inside = 0, most = 0, together = 0;
  std::string order, inserted;
  Lab lab([&](Lab& l) {
    inside = most = 0;
    order.clear();
    init(l, q, "wq", max_active);
    for (int i = 0; i < 3; ++i)
      l.init(work[i], std::string(1, static_cast<char>('a' + i)), [&, i](Context& c) {
        order += static_cast<char>('a' + i);
        most = std::max(most, ++inside);
        mark(c);
        --inside;
      });
    l.task("producer", [&](Context& c) {
      must(queue_work(c, q, work[0]) || c.aborting());
      must(queue_work(c, q, work[1]) || c.aborting());
    });
    l.task("other", [&](Context& c) { must(queue_work(c, q, work[2]) || c.aborting()); });
  });
  const auto run = [&](unsigned n) {
    max_active = n;
    together = 0;
    const Found f = sample(lab, 3'000, "random", [&] {
      CHECK(order.size() == 3);
      together = std::max(together, most);
      const std::size_t other = find_event(lab, "other", "insert_work");
      inserted = other < find_event(lab, "producer", "insert_work")      ? "cab"
                 : other < find_event(lab, "producer", "insert_work", 2) ? "acb"
                                                                         : "abc";
      if (n == 1) CHECK(order == inserted);
    });
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    return together;
  };
  CHECK(run(1) == 1);
  CHECK(run(2) == 2);
  CHECK(run(0) == 3);
}

// Fact: queue_work-pending.
TEST_CASE("workqueue: queued once it runs once, false means it was pending already, and the pending instance does run") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    QueueItem i;
    int accepted = 0;
    std::set<int> seen;
    Lab lab([&](Lab& l) {
      accepted = 0;
      init(l, q, "wq", kind);
      i.init(l);
      l.task("a", [&](Context& c) {
        accepted += queue_work(c, q, i.work) ? 1 : 0;
        accepted += queue_work(c, q, i.work) ? 1 : 0;
      });
    });
    const Found f = every(lab, [&] {
      CHECK(i.runs == accepted);
      CHECK(!work_is_pending(lab.engine.trace().objects[i.work.object.index()].word));
      seen.insert(accepted);
    });
    CHECK(f.text().empty());
    CHECK(seen == std::set<int>{1, 2});
  }
}

// Fact: flush_workqueue-queued-before.
TEST_CASE("workqueue: what was written before it was queued its function sees, and what it wrote who flushed") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    for (const int form : {0, 1, 2, 3, 4}) {
      CAPTURE(form);
      Workqueue q;
      Work w;
      Allocation data;
      Lab lab([&](Lab& l) {
        init(l, q, "wq", kind);
        l.init(data, "data", {"in", "out"});
        l.init(w, "work", [&](Context& c) {
          get(c, data, 0, MemoryOrder::plain);
          set(c, data, 1, 1, MemoryOrder::plain);
        });
        l.task("a", [&](Context& c) {
          set(c, data, 1, 0, MemoryOrder::plain);
          queue_work(c, q, w);
          if (form == 0) flush_work(c, w);
          if (form == 1) flush_workqueue(c, q);
          if (form == 2) drain_workqueue(c, q);
          if (form == 3) destroy_workqueue(c, q);
          if (form != 4) get(c, data, 1, MemoryOrder::plain);
        });
      });
      CHECK(every(lab).text().empty());
    }
  }
}

// Fact: ordered-workqueue.
TEST_CASE("flush_work: a work stuck behind you on an ordered queue deadlocks, with a second worker it does not") {
  Workqueue q;
  Work first, second;
  unsigned max_active = 1;
  Lab lab([&](Lab& l) {
    init(l, q, "wq", max_active);
    l.init(second, "second", [](Context& c) { mark(c); });
    l.init(first, "first", [&](Context& c) { flush_work(c, second); });
    l.task("a", [&](Context& c) {
      queue_work(c, q, first);
      queue_work(c, q, second);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(second)@kworker wq, lock-cycle(wq)@kworker wq");
  CHECK(f.details.begin()->second == "'kworker wq' waits in flush_work(second) for 'kworker wq' waits in flush_work(second)");
  CHECK(f.blocked < f.executions);  // not yet queued, or queued after it was looked for
  for (const unsigned n : {2U, 0U}) {
    max_active = n;
    CHECK(every(lab).text().empty());
  }
}

// Fact: workqueue-waits-for-itself.
TEST_CASE("workqueue: flushing, draining or destroying the queue from a work on it waits for itself") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    for (const int form : {0, 1, 2}) {
      CAPTURE(form);
      Workqueue q;
      Work w;
      Lab lab([&](Lab& l) {
        init(l, q, "wq", kind);
        l.init(w, "work", [&](Context& c) {
          if (form == 0) flush_workqueue(c, q);
          if (form == 1) drain_workqueue(c, q);
          if (form == 2) destroy_workqueue(c, q);
        });
        l.task("a", [&](Context& c) { queue_work(c, q, w); });
      });
      const Found f = every(lab);
      const std::string who = worker_of(kind);
      const std::string call = form == 0 ? "flush_workqueue" : form == 1 ? "drain_workqueue" : "destroy_workqueue";
      CHECK(f.text() == "deadlock(wq)@" + who + ", lock-cycle(wq)@" + who);
      CHECK(f.details.begin()->second == "'" + who + "' waits in " + call + "(wq) for '" + who + "' waits in " + call + "(wq)");
    }
  }
}

// Fact: work-never-twice.
TEST_CASE("workqueue: an item that still runs is not run by a second worker, but it takes a place") {
  Workqueue q;
  QueueItem x;
  Work y;
  Waiter done, started;
  unsigned max_active = 2;
  Lab lab([&](Lab& l) {
    init(l, q, "wq", max_active);
    l.init(done, "done");
    l.init(started, "started");
    x.extra = [&](Context& c) {
      if (x.runs != 1) return;
      complete(c, started);
      wait_for_completion(c, done);
    };
    x.init(l, "x");
    l.init(y, "y", [&](Context& c) { complete(c, done); });
    l.task("a", [&](Context& c) {
      queue_work(c, q, x.work);
      wait_for_completion(c, started);
      must(queue_work(c, q, x.work) || c.aborting());
      queue_work(c, q, y);
    });
  });
  CHECK(every(lab).text() == "deadlock(done)@kworker wq/worker#1");
  max_active = 3;
  CHECK(every(lab, [&] { CHECK(x.runs == 2); }).text().empty());
}

// Fact: work-never-twice.
TEST_CASE("workqueue: an item that still runs from another queue is waited for") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    QueueItem i;
    int accepted = 0;
    Lab lab([&](Lab& l) {
      accepted = 0;
      init(l, q, "wq", kind);
      i.extra = [](Context& c) { mark(c); };
      i.init(l);
      l.task("a", [&](Context& c) {
        accepted += queue_work(c, i.work) ? 1 : 0;
        accepted += queue_work(c, q, i.work) ? 1 : 0;
        flush_work(c, i.work);
        must(c.aborting() || i.runs == accepted);
        accepted += queue_work(c, i.work) ? 1 : 0;
        flush_workqueue(c, q);
      });
    });
    const Found f = every(lab, [&] { CHECK(i.runs == accepted); });
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
  }
}

// Fact: work-frees-itself.
TEST_CASE("workqueue: an item may free the memory it is embedded in") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    Work w;
    Allocation p;
    Lab lab([&](Lab& l) {
      init(l, q, "wq", kind);
      l.init(p, "p");
      l.init(
          w, "work", [&](Context& c) { kfree(c, p); }, p.life);
      l.task("a", [&](Context& c) {
        queue_work(c, q, w);
        flush_workqueue(c, q);
      });
    });
    CHECK(every(lab).text().empty());
  }
}

TEST_CASE("workqueue: queueing is allowed anywhere, flushing and destroying sleep, a function that keeps a lock leaks it") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    Work w;
    Mutex m;
    Lab lab([&](Lab& l) {
      init(l, q, "wq", kind);
      l.init(m, "m");
      l.init(w, "work", [&](Context& c) { mutex_trylock(c, m); });
      l.task(
          "irq",
          [&](Context& c) {
            queue_work(c, q, w);
            cancel_work(c, w);
            flush_workqueue(c, q);
          },
          ContextKind::hardirq);
    });
    const std::string worker = worker_of(kind);
    CHECK(every(lab).text() == "leak(m)@" + worker + ", sleep-in-atomic(flush_workqueue)@irq");
  }
}

// Fact: work-under-lock, lockdep-maps-of-waits.
TEST_CASE("workqueue: lockdep's maps: a function runs under its item's and its queue's, and who waits for either waits for that") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    Work w;
    Mutex inside, outside;
    bool clean = true;
    Lab lab([&](Lab& l) {
      init(l, q, "wq", kind);
      l.init(inside, "inside");
      l.init(outside, "outside");
      l.init(w, "work", [&](Context& c) {
        clean = clean && c.held.size() == 2 && current_work(c) == &w;
        mutex_lock(c, inside);
        mutex_unlock(c, inside);
      });
      l.task("a", [&](Context& c) {
        queue_work(c, q, w);
        flush_work(c, w);
        queue_work(c, q, w);
        mutex_lock(c, outside);
        cancel_work_sync(c, w);
        mutex_unlock(c, outside);
        clean = clean && c.held.empty() && current_work(c) == nullptr;
      });
      l.task("b", [&](Context& c) {
        mutex_lock(c, outside);
        flush_workqueue(c, q);
        mutex_unlock(c, outside);
      });
    });
    sample(lab, 50, "random", [&] {
      CHECK(holds(lab, q.object, inside.object, LockUse::exclusive));
      CHECK(holds(lab, w.object, inside.object, LockUse::exclusive));
      CHECK(holds(lab, outside.object, w.object, LockUse::wait));
      CHECK(holds(lab, outside.object, q.object, LockUse::wait));
    });
    CHECK(clean);
    for (const int form : {0, 1, 2}) {
      Lab one([&](Lab& l) {
        init(l, q, "wq", kind);
        l.init(outside, "outside");
        l.init(w, "work", [](Context& c) { mark(c); });
        l.task("a", [&](Context& c) {
          queue_work(c, q, w);
          mutex_lock(c, outside);
          if (form == 0) flush_work(c, w);
          if (form == 1) drain_workqueue(c, q);
          if (form == 2) destroy_workqueue(c, q);
          mutex_unlock(c, outside);
        });
      });
      std::uint64_t queue_waited = 0, work_waited = 0, runs = 0;
      every(one, [&] {
        ++runs;
        queue_waited += holds(one, outside.object, q.object, LockUse::wait) ? 1U : 0U;
        work_waited += holds(one, outside.object, w.object, LockUse::wait) ? 1U : 0U;
      });
      CHECK(work_waited == (form == 0 ? runs : 0));
      // An ordered queue's work waits for what is before it.
      if (form != 0) CHECK(queue_waited == runs);
      if (form == 0) CHECK((queue_waited > 0) == (kind == 1));
    }
  }
}

// Fact: flush_scheduled_work-everybody.
TEST_CASE("phylib: flushing a shared queue under rtnl waits for somebody else's work that takes it, cancelling one's own does not") {
  Workqueue q;
  Work phy_work, other;
  Mutex rtnl;
  Allocation phy;
  bool shared = false, flush = true, takes = false;
  Lab lab([&](Lab& l) {
    if (!shared) init(l, q, "events", 1);
    l.init(rtnl, "rtnl");
    l.init(phy, "phy", {"x"});
    l.init(phy_work, "phy work", [&](Context& c) {
      if (takes) mutex_lock(c, rtnl);
      get(c, phy);
      if (takes) mutex_unlock(c, rtnl);
    });
    l.init(other, "linkwatch", [&](Context& c) {
      mutex_lock(c, rtnl);
      mutex_unlock(c, rtnl);
    });
    l.task("start", [&](Context& c) {
      shared ? queue_work(c, other) : queue_work(c, q, other);
      shared ? queue_work(c, phy_work) : queue_work(c, q, phy_work);
    });
    l.task("ifdown", [&](Context& c) {
      mutex_lock(c, rtnl);
      if (!flush) {
        disable_work_sync(c, phy_work);
      } else if (shared) {
        flush_scheduled_work(c);
      } else {
        flush_workqueue(c, q);
      }
      mutex_unlock(c, rtnl);
      if (!flush) kfree(c, phy);
    });
  });
  CHECK(every(lab).text() == "deadlock(events)@ifdown, deadlock(rtnl)@kworker events, lock-cycle(events)@ifdown");
  shared = true;
  CHECK(every(lab).text() == "deadlock(linkwatch)@ifdown, deadlock(rtnl)@kworker linkwatch, lock-cycle(linkwatch)@ifdown");
  flush = false;
  CHECK(every(lab).text().empty());
  shared = false;
  CHECK(every(lab).text().empty());
  takes = true;
  CHECK(every(lab).text() == "deadlock(phy work)@ifdown, deadlock(rtnl)@kworker events, lock-cycle(phy work)@ifdown");
}

}  // namespace unplug::model::test
