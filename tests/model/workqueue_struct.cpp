// kernel/workqueue: queues of a driver's own, and what waits for them.
#include "unplug/model/kernel/workqueue_struct.hpp"

#include <algorithm>

#include "support.hpp"

namespace unplug::model::test {
namespace {

void init(Lab& l, Workqueue& q, const std::string& n, unsigned max_active, LifetimeId owner = {}, bool from_start = true) {
  init_workqueue(l.kernel, q, l.name(n), l.name(n), owner, l.name("kworker " + n), max_active, from_start);
}

// One item on a queue of its own kind, and what its function has seen.
struct Item {
  Work work;
  Allocation home;
  int runs = 0, inside = 0;
  Lab::Body extra;  // in the middle of the function
  void init(Lab& l, const std::string& n = "work") {
    runs = inside = 0;
    l.init(home, n + " home", {"x"});
    l.init(
        work, n,
        [this](Context& c) {
          must(++inside == 1);
          ++runs;
          get(c, home);
          if (extra) extra(c);
          --inside;
        },
        home.life);
  }
};

constexpr unsigned kinds[] = {0, 1, 2};  // without a limit, ordered, bounded

bool holds(const Lab& lab, ObjectId held, ObjectId taken, LockUse use) {
  return std::ranges::any_of(lab.kernel.lock_orders(),
                             [&](const LockOrder& o) { return o.held.object == held && o.taken.object == taken && o.taken.use == use; });
}

}  // namespace

TEST_CASE("workqueue 9: an ordered queue runs one item at a time in the order of queueing, others as many as they may") {
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

TEST_CASE("workqueue 9: queued once it runs once, false means it was pending already, and the pending instance does run") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    Workqueue q;
    Item i;
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

TEST_CASE("workqueue 9: what was written before it was queued its function sees, and what it wrote who flushed") {
  for (const unsigned kind : kinds) {
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

TEST_CASE("flush_work 9 (d): a work stuck behind you on an ordered queue deadlocks, with a second worker it does not") {
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
  CHECK(f.text() == "deadlock(second)@kworker wq");
  CHECK(f.details.begin()->second == "'kworker wq' waits in flush_work(second) for 'kworker wq' waits in flush_work(second)");
  CHECK(f.blocked < f.executions);  // not yet queued, or queued after it was looked for
  for (const unsigned n : {2U, 0U}) {
    max_active = n;
    CHECK(every(lab).text().empty());
  }
}

TEST_CASE("workqueue 9 (c): flushing, draining or destroying the queue from a work on it waits for itself") {
  for (const unsigned kind : kinds) {
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
      const std::string who = kind == 0 ? "kworker work" : kind == 1 ? "kworker wq" : "kworker wq/worker#1";
      const std::string call = form == 0 ? "flush_workqueue" : form == 1 ? "drain_workqueue" : "destroy_workqueue";
      CHECK(f.text() == "deadlock(wq)@" + who);
      CHECK(f.details.begin()->second == "'" + who + "' waits in " + call + "(wq) for '" + who + "' waits in " + call + "(wq)");
    }
  }
}

TEST_CASE("flush_workqueue 9: waits for all that was queued before, running or waiting, and for nothing queued later") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    Workqueue q;
    Item a, b, late;
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

TEST_CASE("drain_workqueue 9: waits for chained works as well, a flush does not") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    Workqueue q;
    Item i;
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

TEST_CASE(
    "drain_workqueue 9: what others queue meanwhile is dropped: it says true, later ones false, nobody runs it and it can't be cancelled") {
  for (const unsigned kind : kinds) {
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
    CHECK(f.text() == "api-misuse(wq)@outside");
    CHECK(f.details.begin()->second == "cannot queue 'dropped' on wq 'wq', which is being drained");
    CHECK(f.count("api-misuse(wq)@outside") == drops);
    CHECK(f.blocked == 0);
    form = 1;
    drops = 0;
    f = sample(lab, 1'500, "random", visit);
    CHECK(f.text() == "api-misuse(wq)@outside, deadlock(dropped)@outside");
    CHECK(f.details.at("deadlock(dropped)@outside") == "'outside' waits in try_to_grab_pending(dropped), which nobody will end");
    CHECK(f.count("deadlock(dropped)@outside") == f.count("api-misuse(wq)@outside"));
  }
}

TEST_CASE("drain_workqueue 9: chained means queued by a work on this queue, not by one on another") {
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
  CHECK(every(lab).text() == "api-misuse(wq)@kworker other");
}

TEST_CASE("drain_workqueue 9: it takes works again afterwards, and two may drain at once") {
  Workqueue q;
  Item i;
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

TEST_CASE("drain_workqueue 9: an item that goes on queueing itself is reported after ten rounds") {
  Workqueue q;
  Item i;
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

TEST_CASE("destroy_workqueue 9: runs what is queued, then its memory is gone, and who queues later touches it") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    Workqueue q;
    Item i;
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
    CHECK(f.text() == "api-misuse(wq)@a, use-after-free(wq)@a");
    CHECK(f.places.at("use-after-free(wq)@a") == "insert_work");
  }
}

TEST_CASE("destroy_workqueue 9: who queues while it is destroyed is too late or too early, and a queue that is left is a leak") {
  Workqueue q;
  Item i;
  Lab lab([&](Lab& l) {
    init(l, q, "wq", 1);
    i.init(l);
    l.task("a", [&](Context& c) { destroy_workqueue(c, q); });
    l.task("b", [&](Context& c) { queue_work(c, q, i.work); });
  });
  CHECK(every(lab).text() == "api-misuse(wq)@b, use-after-free(wq)@b");

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

TEST_CASE("delayed work 9: destroy_workqueue leaves the timer armed, which then queues onto freed memory") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    Workqueue q;
    DelayedWork w;
    bool cancel = false;
    int runs = 0;
    Lab lab([&](Lab& l) {
      runs = 0;
      init(l, q, "wq", kind);
      l.init(w, "dwork", [&](Context&) { ++runs; });
      l.task("a", [&](Context& c) {
        must(queue_delayed_work(c, q, w, 10) || c.aborting());
        if (cancel) cancel_delayed_work_sync(c, w);
        destroy_workqueue(c, q);
      });
    });
    const Found f = every(lab);
    CHECK(f.text() == "api-misuse(wq)@softirq dwork, use-after-free(wq)@softirq dwork");
    cancel = true;
    CHECK(every(lab).text().empty());
  }
}

TEST_CASE("delayed work 9: on a queue of one's own it is cancelled, moved and flushed wherever it is") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    for (const sim::Duration delay : {sim::Duration{0}, sim::Duration{10}}) {
      CAPTURE(delay);
      for (const int form : {0, 1, 2, 3, 4}) {
        CAPTURE(form);
        Workqueue q;
        DelayedWork w;
        Allocation home;
        int runs = 0;
        bool was = false;
        std::set<std::pair<bool, int>> seen;
        Lab lab([&](Lab& l) {
          runs = 0;
          init(l, q, "wq", kind);
          l.init(home, "home", {"x"});
          l.init(
              w, "dwork",
              [&](Context& c) {
                ++runs;
                get(c, home);
              },
              home.life);
          l.task("a", [&](Context& c) {
            must(queue_delayed_work(c, q, w, delay) || c.aborting());
            if (form == 0) was = cancel_delayed_work_sync(c, w);
            if (form == 1) was = disable_delayed_work_sync(c, w);
            if (form == 2) was = flush_delayed_work(c, w);
            if (form == 3) was = mod_delayed_work(c, q, w, 20);
            if (form == 4) was = mod_delayed_work(c, q, w, 0);
            if (form == 1) must(!queue_delayed_work(c, q, w, delay) || c.aborting());
            if (form < 3) kfree(c, home);
          });
        });
        CHECK(every(lab, [&] { seen.insert({was, runs}); }).text().empty());
        using Seen = std::set<std::pair<bool, int>>;
        CHECK(seen == (form < 2 ? Seen{{true, 0}, {false, 1}} : form == 2 ? Seen{{true, 1}, {false, 1}} : Seen{{true, 1}, {false, 2}}));
      }
    }
  }
}

TEST_CASE("cancel_work 9: steals what is on the list, does not wait, and each acceptance is a run or a theft, whoever comes between") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    for (const int form : {0, 1, 2}) {
      CAPTURE(form);
      Workqueue q;
      Item i;
      int accepted = 0, stolen = 0;
      std::set<std::pair<int, int>> seen;
      Lab lab([&](Lab& l) {
        accepted = stolen = 0;
        init(l, q, "wq", kind);
        i.init(l);
        l.task("producer", [&](Context& c) { accepted += queue_work(c, q, i.work) ? 1 : 0; });
        for (const auto* n : {"x", "y"})
          l.task(n, [&](Context& c) {
            const bool was = form == 0 ? cancel_work(c, i.work) : form == 1 ? cancel_work_sync(c, i.work) : disable_work(c, i.work);
            stolen += was ? 1 : 0;
          });
      });
      const Found f = sample(lab, 3'000, "random", [&] {
        CHECK(i.runs + stolen == accepted);
        seen.insert({accepted, stolen});
      });
      CHECK(f.text().empty());
      CHECK(f.blocked == 0);
      CHECK(seen.contains({1, 1}));
      CHECK(seen.contains({1, 0}));
      CHECK(seen.contains({0, 0}) == (form != 0));
    }
  }
}

TEST_CASE("cancel_work_sync 9: takes it from the list, or waits for it, and then memory may go") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    Workqueue q;
    Item i;
    enum class Form { cancel, disable, no_wait, disable_no_wait, flush } form = Form::cancel;
    std::set<std::pair<bool, int>> seen;
    bool was = false;
    Lab lab([&](Lab& l) {
      init(l, q, "wq", kind);
      i.init(l);
      l.task("a", [&](Context& c) {
        queue_work(c, q, i.work);
        switch (form) {
          case Form::cancel: was = cancel_work_sync(c, i.work); break;
          case Form::disable: was = disable_work_sync(c, i.work); break;
          case Form::no_wait: was = cancel_work(c, i.work); break;
          case Form::disable_no_wait: was = disable_work(c, i.work); break;
          case Form::flush: was = flush_work(c, i.work); break;
        }
        kfree(c, i.home);
      });
    });
    using Seen = std::set<std::pair<bool, int>>;
    const auto run = [&](Form f) {
      form = f;
      seen.clear();
      return every(lab, [&] { seen.insert({was, i.runs}); }).text();
    };
    CHECK(run(Form::cancel).empty());
    CHECK(seen == Seen{{true, 0}, {false, 1}});
    CHECK(run(Form::disable).empty());
    CHECK(seen == Seen{{true, 0}, {false, 1}});
    CHECK(run(Form::flush).empty());
    CHECK(seen == Seen{{true, 1}, {false, 1}});
    const std::string worker = kind == 0 ? "kworker work" : kind == 1 ? "kworker wq" : "kworker wq/worker#1";
    CHECK(run(Form::no_wait) == "use-after-free(work home)@" + worker);
    CHECK(seen == Seen{{true, 0}, {false, 1}});
    CHECK(run(Form::disable_no_wait) == "use-after-free(work home)@" + worker);
  }
}

TEST_CASE("cancel_work_sync 9: what it takes from an ordered queue it takes from between the others, who go on") {
  Workqueue q;
  Work work[3];
  std::string order;
  bool was = false;
  std::set<std::string> seen;
  Lab lab([&](Lab& l) {
    order.clear();
    init(l, q, "wq", 1);
    for (int i = 0; i < 3; ++i)
      l.init(work[i], std::string(1, static_cast<char>('a' + i)), [&, i](Context&) { order += static_cast<char>('a' + i); });
    l.task("t", [&](Context& c) {
      for (Work& w : work) queue_work(c, q, w);
      was = cancel_work_sync(c, work[1]);
    });
  });
  const Found f = every(lab, [&] {
    CHECK(order == (was ? "ac" : "abc"));
    seen.insert(order);
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen.size() == 2);
}

TEST_CASE("cancel_work_sync 9: handles an item that queues itself, not somebody who queues it right after, disable_work_sync does") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    Workqueue q;
    Item i;
    bool third_party = false, disable = false, gone = false;
    int late = 0;
    Lab lab([&](Lab& l) {
      gone = false;
      init(l, q, "wq", kind);
      i.extra = [&](Context& c) {
        if (gone) ++late;
        if (i.runs < 3) queue_work(c, q, i.work);
      };
      i.init(l);
      l.task("a", [&](Context& c) {
        queue_work(c, q, i.work);
        disable ? disable_work_sync(c, i.work) : cancel_work_sync(c, i.work);
        gone = true;
      });
      if (third_party) l.task("b", [&](Context& c) { queue_work(c, q, i.work); });
    });
    const auto run = [&] {
      late = 0;
      CHECK(sample(lab, 2'000).text().empty());
      return late > 0;
    };
    CHECK(!run());
    third_party = true;
    CHECK(run());
    disable = true;
    CHECK(!run());
  }
}

TEST_CASE("work 9 (b): on a queue of one's own, too, cancelling or flushing oneself waits for ever, taking oneself back does not") {
  for (const unsigned kind : kinds) {
    CAPTURE(kind);
    Workqueue q;
    Item i;
    int form = 0;
    Lab lab([&](Lab& l) {
      init(l, q, "wq", kind);
      i.extra = [&](Context& c) {
        if (form == 0) cancel_work_sync(c, i.work);
        if (form == 1) flush_work(c, i.work);
        if (form != 2 || i.runs != 1) return;
        must(queue_work(c, q, i.work) || c.aborting());
        must(cancel_work(c, i.work) || c.aborting());
      };
      i.init(l);
      l.task("a", [&](Context& c) { queue_work(c, q, i.work); });
    });
    const std::string worker = kind == 0 ? "kworker work" : kind == 1 ? "kworker wq" : "kworker wq/worker#1";
    for (form = 0; form < 2; ++form) CHECK(every(lab).text() == "deadlock(work)@" + worker);
    CHECK(every(lab, [&] { CHECK(i.runs == 1); }).text().empty());
  }
}

TEST_CASE("workqueue 9: an item that still runs is not run by a second worker, but it takes a place") {
  Workqueue q;
  Item x;
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

TEST_CASE("workqueue 9: an item may free the memory it is embedded in") {
  for (const unsigned kind : kinds) {
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

TEST_CASE("workqueue 9: queueing is allowed anywhere, flushing and destroying sleep, a function that keeps a lock leaks it") {
  for (const unsigned kind : kinds) {
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
    const std::string worker = kind == 0 ? "kworker work" : kind == 1 ? "kworker wq" : "kworker wq/worker#1";
    CHECK(every(lab).text() == "leak(m)@" + worker + ", sleep-in-atomic(flush_workqueue)@irq");
  }
}

TEST_CASE("workqueue 9: lockdep's maps: a function runs under its item's and its queue's, and who waits for either waits for that") {
  for (const unsigned kind : kinds) {
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

TEST_CASE("S10: flushing a shared queue under rtnl waits for somebody else's work that takes it, cancelling one's own does not") {
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
  CHECK(every(lab).text() == "deadlock(events)@ifdown, deadlock(rtnl)@kworker events");
  shared = true;
  CHECK(every(lab).text() == "deadlock(linkwatch)@ifdown, deadlock(rtnl)@kworker linkwatch");
  flush = false;
  CHECK(every(lab).text().empty());
  shared = false;
  CHECK(every(lab).text().empty());
  takes = true;
  CHECK(every(lab).text() == "deadlock(phy work)@ifdown, deadlock(rtnl)@kworker events");
}

TEST_CASE("S14: cancelled before its source is closed it comes again, closed twice is a double release, closed once and then cancelled it "
          "is sound") {
  IrqLine line;
  IrqAction action;
  Work reset;
  Mutex lock;
  Allocation priv;
  enum class Form { posted, merged, sound } form = Form::posted;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    l.init(lock, "reset lock");
    l.init(priv, "priv", {"x"});
    l.init(action, line, "emac", [&](Context& c) { queue_work(c, reset); });
    l.init(
        reset, "reset work",
        [&](Context& c) {
          get(c, priv);
          mutex_lock(c, lock);
          mutex_unlock(c, lock);
        },
        priv.life);
    l.hardware(line);
    const auto close = [&](Context& c) {
      mutex_lock(c, lock);
      free_irq(c, line, action);
      mutex_unlock(c, lock);
    };
    l.task("remove", [&, close](Context& c) {
      request_irq(c, line, action);
      if (form == Form::posted) cancel_work_sync(c, reset);
      close(c);  // unregister_netdev()
      if (form == Form::merged) free_irq(c, line, action);
      if (form != Form::posted) cancel_work_sync(c, reset);
      kfree(c, priv);
    });
  });
  CHECK(every(lab).text() == "use-after-free(priv)@kworker reset work");
  form = Form::merged;
  CHECK(every(lab).text() == "double-release(irq)@remove");
  form = Form::sound;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
