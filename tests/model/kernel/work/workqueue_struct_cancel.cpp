// kernel/workqueue: being rid of an item that is on a queue of a driver's own.
#include "model/queue_item.hpp"

namespace unplug::model::test {

// Fact: destroy_workqueue-timers-stay.
TEST_CASE("delayed work: destroy_workqueue leaves the timer armed, which then queues onto freed memory") {
  for (const unsigned kind : queue_kinds) {
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
    CHECK(f.text() == "api-misuse(wq)@softirq dwork, lost-work(dwork)@softirq dwork, use-after-free(wq)@softirq dwork");
    cancel = true;
    CHECK(every(lab).text().empty());
  }
}

// Fact: cancel_delayed_work-either-place.
TEST_CASE("delayed work: on a queue of one's own it is cancelled, moved and flushed wherever it is") {
  for (const unsigned kind : queue_kinds) {
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

// Fact: cancel_work-waits-not.
TEST_CASE("cancel_work: steals what is on the list, does not wait, and each acceptance is a run or a theft, whoever comes between") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    for (const int form : {0, 1, 2}) {
      CAPTURE(form);
      Workqueue q;
      QueueItem i;
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

// Fact: cancel_work_sync-waits.
TEST_CASE("cancel_work_sync: takes it from the list, or waits for it, and then memory may go") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    QueueItem i;
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
    const std::string worker = worker_of(kind);
    CHECK(run(Form::no_wait) == "use-after-free(work home)@" + worker);
    CHECK(seen == Seen{{true, 0}, {false, 1}});
    CHECK(run(Form::disable_no_wait) == "use-after-free(work home)@" + worker);
  }
}

// Fact: cancel_work-holds-up-nobody.
TEST_CASE("cancel_work_sync: what it takes from an ordered queue it takes from between the others, who go on") {
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

// Fact: cancel_work-holds-up-nobody.
TEST_CASE("cancel_work: what is taken from an ordered queue is not pending any more for who runs behind it") {
  Workqueue q;
  Work x, y, last;
  int runs = 0, stolen = 0;
  bool accepted = true;
  Lab lab([&](Lab& l) {
    runs = stolen = 0;
    accepted = true;
    init(l, q, "wq", 1);
    l.init(x, "x", [&](Context&) { ++runs; });
    l.init(y, "y", [&](Context&) { ++runs; });
    l.init(last, "last", [&](Context& c) {
      for (Work* w : {&x, &y}) accepted = (queue_work(c, q, *w) || c.aborting()) && accepted;
    });
    l.task("producer", [&](Context& c) {
      for (Work* w : {&x, &y, &last}) must(queue_work(c, q, *w) || c.aborting());
      stolen += cancel_work(c, x) ? 1 : 0;
    });
    l.task("canceller", [&](Context& c) { stolen += cancel_work(c, y) ? 1 : 0; });
  });
  std::set<int> seen;
  const Found f = sample(lab, 3'000, "random", [&] {
    CHECK(accepted);
    CHECK(runs + stolen == 4);
    seen.insert(stolen);
  });
  CHECK(f.text().empty());
  CHECK(seen == std::set<int>{0, 1, 2});
}

// Fact: cancel_work_sync-not-afterwards, disable_work_sync-refuses.
TEST_CASE("cancel_work_sync: handles an item that queues itself, not somebody who queues it right after, disable_work_sync does") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    QueueItem i;
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

// Fact: work-waits-for-itself.
TEST_CASE("work: on a queue of one's own, too, cancelling or flushing oneself waits for ever, taking oneself back does not") {
  for (const unsigned kind : queue_kinds) {
    CAPTURE(kind);
    Workqueue q;
    QueueItem i;
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
    const std::string worker = worker_of(kind);
    for (form = 0; form < 2; ++form)  // flushing an item of an ordered queue, lockdep sees a wait for the queue as well
      CHECK(every(lab).text() == "deadlock(work)@" + worker + ", lock-cycle(work)@" + worker +
                                     (form == 1 && kind == 1 ? ", lock-cycle(wq)@" + worker : std::string{}));
    CHECK(every(lab, [&] { CHECK(i.runs == 1); }).text().empty());
  }
}

// Fact: cancel_work_sync-not-afterwards.
TEST_CASE("emac: cancelled before its source is closed it comes again, closed twice is a double release, closed once and then cancelled it "
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

// Fact: cancel_work-holds-up-nobody.
TEST_CASE("cancel_work: while one item is taken back nothing else of the queue is, nor does it run what comes next") {
  Workqueue q;
  Work first, next, last;
  Waiter queued;
  bool again = true;
  Lab lab([&](Lab& l) {
    again = true;
    init(l, q, "wq", 1);
    l.init(first, "first", [](Context&) {});
    l.init(next, "next", [&](Context& c) { again = queue_work(c, q, first) || c.aborting(); });
    l.init(last, "last", [](Context&) {});
    l.init(queued, "queued");
    l.task("a", [&](Context& c) {
      for (Work* w : {&first, &next, &last}) queue_work(c, q, *w);
      complete(c, queued);
      cancel_work(c, first);
    });
    l.task("b", [&](Context& c) {
      wait_for_completion(c, queued);
      cancel_work(c, last);
    });
  });
  CHECK(every(lab, [&] { CHECK(again); }).text().empty());
}

}  // namespace unplug::model::test
