// kernel/workqueue: work that a timer puts on the queue, wherever cancelling meets it.
#include <algorithm>

#include "model/steps.hpp"

namespace unplug::model::test {
namespace {

// One delayed item, and what its function has seen.
struct Delayed {
  DelayedWork work;
  Allocation home;
  int runs = 0, late = 0;
  bool gone = false;  // nobody may run it any more
  Lab::Body extra;    // in the function
  void init(Lab& l) {
    runs = late = 0;
    gone = false;
    l.init(home, "home", {"x"});
    l.init(
        work, "dwork",
        [this](Context& c) {
          ++runs;
          if (gone) ++late;
          get(c, home);
          if (extra) extra(c);
        },
        home.life);
  }
};

}  // namespace

// Fact: delayed_work-pending-from-arming.
TEST_CASE("delayed work: PENDING from the arming on: queued twice it runs once") {
  Delayed d;
  std::set<std::pair<bool, int>> seen;
  bool second = false;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("a", [&](Context& c) {
      must(queue_delayed_work(c, d.work, 10));
      second = queue_delayed_work(c, d.work, 10);
    });
  });
  const Found f = every(lab, [&] { seen.insert({second, d.runs}); });
  CHECK(f.text().empty());
  CHECK(seen == std::set<std::pair<bool, int>>{{false, 1}, {true, 2}});
}

// Fact: delayed_work-pending-from-arming, flush_delayed_work-now.
TEST_CASE("delayed work: without a delay it is queued at once, a flush runs it without waiting for the timer") {
  Delayed d;
  sim::Duration delay = 0;
  bool flush = false;
  sim::Time done = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("a", [&](Context& c) {
      queue_delayed_work(c, d.work, delay);
      flush ? flush_delayed_work(c, d.work) : cancel_delayed_work_sync(c, d.work);
      done = c.engine().local_time();
    });
  });
  std::set<int> runs;
  CHECK(every(lab, [&] { runs.insert(d.runs); }).text().empty());
  CHECK(runs == std::set<int>{0, 1});
  flush = true;
  for (const sim::Duration d2 : {sim::Duration{0}, sim::millisecond}) {
    delay = d2;
    CHECK(every(lab, [&] { CHECK(d.runs == 1); }).text().empty());
    run_timed(lab);
    CHECK(done < 100'000);
  }
}

// Fact: flush_delayed_work-now.
TEST_CASE("flush_delayed_work: queues what the timer has now, and has waited for it when it returns") {
  Delayed d;
  sim::Duration delay = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("a", [&](Context& c) {
      queue_delayed_work(c, d.work, delay);
      flush_delayed_work(c, d.work);
      must(d.runs == 1 || c.aborting());
    });
  });
  for (const sim::Duration d2 : {sim::Duration{0}, sim::millisecond}) {
    delay = d2;
    CHECK(every(lab).text().empty());
  }
}

// Fact: cancel_delayed_work-either-place.
TEST_CASE("cancel_delayed_work: an item that was taken back can be queued again, from an interrupt handler as well") {
  Delayed d;
  ContextKind kind = ContextKind::process;
  std::set<std::pair<bool, int>> seen;
  bool was = false, again = false;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task(
        "a",
        [&](Context& c) {
          queue_delayed_work(c, d.work, 10);
          was = cancel_delayed_work(c, d.work);
          again = queue_delayed_work(c, d.work, 10);
        },
        kind);
  });
  for (const ContextKind k : {ContextKind::process, ContextKind::hardirq}) {
    kind = k;
    seen.clear();
    CHECK(every(lab,
                [&] {
                  CHECK(again);
                  seen.insert({was, d.runs});
                })
              .text()
              .empty());
    CHECK(seen == std::set<std::pair<bool, int>>{{true, 1}, {false, 2}});
  }
}

// Fact: cancel_delayed_work-either-place.
TEST_CASE("cancel_delayed_work: while the timer is armed it is taken from there, without a look at the item") {
  Delayed d;
  std::set<Steps> armed;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("a", [&](Context& c) {
      queue_delayed_work(c, d.work, 10);
      cancel_delayed_work(c, d.work);
    });
  });
  every(lab, [&] {
    if (steps_of(lab, "softirq dwork").empty()) armed.insert(steps_of(lab, "a"));
  });
  CHECK(armed == std::set<Steps>{{"queue_delayed_work", "mod_timer", "timer_delete", "cancel_delayed_work: clear PENDING"}});
}

// Fact: cancel_delayed_work-either-place.
TEST_CASE("cancel_delayed_work_sync: takes it from the timer, from between, and from the queue, and waits for what runs") {
  Delayed d;
  enum class Form { sync, no_wait, inner, nothing } form = Form::sync;
  std::set<std::pair<bool, int>> seen;
  bool was = false;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("a", [&](Context& c) {
      queue_delayed_work(c, d.work, 10);
      if (form == Form::sync) was = cancel_delayed_work_sync(c, d.work);
      if (form == Form::no_wait) was = cancel_delayed_work(c, d.work);
      if (form == Form::inner) cancel_work_sync(c, d.work.work);
      kfree(c, d.home);
    });
  });
  const Found f = every(lab, [&] { seen.insert({was, d.runs}); });
  CHECK(f.text().empty());
  CHECK(seen == std::set<std::pair<bool, int>>{{true, 0}, {false, 1}});
  form = Form::no_wait;  // the function may still run
  CHECK(every(lab).text() == "use-after-free(home)@kworker dwork");
  form = Form::inner;  // the timer survives
  const Found inner = every(lab);
  CHECK(inner.count("api-misuse(dwork)@a") > 0);
  CHECK(inner.count("use-after-free(home)@softirq dwork") > 0);
  form = Form::nothing;
  CHECK(every(lab).count("use-after-free(home)@softirq dwork") > 0);
}

// Fact: cancel_work_sync-not-afterwards.
TEST_CASE("cancel_delayed_work_sync: handles an item that queues itself, not somebody who queues it afterwards, disabling does") {
  Delayed d;
  bool third_party = false, disable = false;
  Lab lab([&](Lab& l) {
    d.extra = [&](Context& c) {
      if (d.runs < 2) queue_delayed_work(c, d.work, 5);
    };
    d.init(l);
    l.task("a", [&](Context& c) {
      queue_delayed_work(c, d.work, 5);
      disable ? disable_delayed_work_sync(c, d.work) : cancel_delayed_work_sync(c, d.work);
      d.gone = true;
    });
    if (third_party) l.task("b", [&](Context& c) { queue_delayed_work(c, d.work, 5); });
  });
  int late = 0;
  const auto run = [&] {
    late = 0;
    CHECK(sample(lab, 3'000, "random", [&] { late += d.late; }).text().empty());
  };
  run();
  CHECK(late == 0);
  third_party = true;
  run();
  CHECK(late > 0);
  disable = true;
  run();
  CHECK(late == 0);
}

// Fact: disable_work_sync-refuses.
TEST_CASE("disable_delayed_work: takes it back and refuses others until enabled, and does not wait for the one that runs") {
  Delayed d;
  enum class Form { disabled, waited, enabled } form = Form::disabled;
  bool was = false, queued = false;
  std::set<bool> had;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("driver", [&](Context& c) {
      queue_delayed_work(c, d.work, 5);
      was = form == Form::waited ? disable_delayed_work_sync(c, d.work) : disable_delayed_work(c, d.work);
      if (form == Form::enabled) enable_delayed_work(c, d.work);
      queued = queue_delayed_work(c, d.work, 5);
      kfree(c, d.home);
    });
  });
  CHECK(every(lab, [&] {
          had.insert(was);
          CHECK(!queued);
        }).text() == "use-after-free(home)@kworker dwork");
  CHECK(had == std::set<bool>{false, true});
  form = Form::waited;
  CHECK(every(lab, [&] { CHECK(!queued); }).text().empty());
  form = Form::enabled;
  CHECK(every(lab, [&] { CHECK(queued); }).count("use-after-free(home)@softirq dwork") > 0);
}

// Fact: cancel_delayed_work-either-place.
TEST_CASE("cancel_delayed_work: armed between its two looks, it is taken from the timer all the same, which need not expire first") {
  Delayed d;
  bool was = false;
  std::uint64_t taken = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("q", [&](Context& c) { queue_delayed_work(c, d.work, 10); });
    l.task("a", [&](Context& c) { was = cancel_delayed_work(c, d.work); });
  });
  CHECK(every(lab,
              [&] {
                const bool looked = find_event(lab, "a", "try_to_grab_pending: steal from the queue") != no_such_event;
                const bool expired = find_event(lab, "softirq dwork", "timer expires") != no_such_event;
                if (was && looked && !expired) ++taken;
                CHECK(d.runs == (was ? 0 : 1));
              })
            .text()
            .empty());
  CHECK(taken > 0);
}

// Fact: mod_delayed_work-moves.
TEST_CASE("mod_delayed_work: moves it wherever it was, and it runs once for each time it was taken from rest") {
  Delayed d;
  std::set<std::pair<bool, int>> seen;
  bool was = false;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("a", [&](Context& c) {
      queue_delayed_work(c, d.work, 10);
      was = mod_delayed_work(c, d.work, 20);
    });
  });
  CHECK(every(lab, [&] { seen.insert({was, d.runs}); }).text().empty());
  CHECK(seen == std::set<std::pair<bool, int>>{{true, 1}, {false, 2}});
}

TEST_CASE("delayed work: what was written before it was queued, moved or flushed, its function sees") {
  Delayed d;
  enum class Way { queue, mod, mod_now, flush } way = Way::queue;
  Lab lab([&](Lab& l) {
    d.extra = [&](Context& c) { get(c, d.home, 0, MemoryOrder::plain); };
    d.init(l);
    l.task("a", [&](Context& c) {
      if (way == Way::flush) queue_delayed_work(c, d.work, 10);
      if (way != Way::flush) set(c, d.home, 1, 0, MemoryOrder::plain);
      if (way == Way::queue) queue_delayed_work(c, d.work, 10);
      if (way == Way::mod) mod_delayed_work(c, d.work, 10);
      if (way == Way::mod_now) mod_delayed_work(c, d.work, 0);
      if (way == Way::flush) flush_delayed_work(c, d.work);
    });
  });
  for (const Way w : {Way::queue, Way::mod, Way::mod_now, Way::flush}) {
    way = w;
    CAPTURE(static_cast<int>(w));
    CHECK(every(lab).text().empty());
  }
}

// Fact: mod_delayed_work-moves.
TEST_CASE("mod_delayed_work: who queues it while it is being moved is refused, and it runs once for each that answered true") {
  Delayed d;
  int promised = 0;
  Lab lab([&](Lab& l) {
    promised = 0;
    d.init(l);
    l.task("a", [&](Context& c) { promised += mod_delayed_work(c, d.work, 10) ? 0 : 1; });
    l.task("b", [&](Context& c) { promised += queue_delayed_work(c, d.work, 10) ? 1 : 0; });
  });
  CHECK(every(lab, [&] { CHECK(d.runs == promised); }).text().empty());
}

// Fact: disable_work_sync-refuses.
TEST_CASE("disable_work: refuses what comes later and takes back what is pending, without waiting for what runs") {
  Work w;
  Allocation home;
  bool refused = false, sync = false;
  Lab lab([&](Lab& l) {
    l.init(home, "home", {"x"});
    l.init(w, "work", [&](Context& c) { get(c, home); }, {});
    l.task("a", [&](Context& c) {
      queue_work(c, w);
      sync ? disable_work_sync(c, w) : disable_work(c, w);
      refused = !queue_work(c, w);
      kfree(c, home);
    });
  });
  CHECK(every(lab, [&] { CHECK(refused); }).text() == "use-after-free(home)@kworker work");
  sync = true;
  CHECK(every(lab, [&] { CHECK(refused); }).text().empty());
}

// Fact: work-under-lock.
TEST_CASE("delayed work: who cancels it under a lock waits for the map its function runs under, who only takes it back does not") {
  Delayed d;
  Mutex outside;
  int form = 0;
  Lab lab([&](Lab& l) {
    l.init(outside, "outside");
    d.init(l);
    l.task("a", [&](Context& c) {
      mutex_lock(c, outside);
      if (form == 0) cancel_delayed_work_sync(c, d.work);
      if (form == 1) disable_delayed_work_sync(c, d.work);
      if (form == 2) flush_delayed_work(c, d.work);
      if (form == 3) cancel_delayed_work(c, d.work);
      mutex_unlock(c, outside);
    });
  });
  for (form = 0; form < 4; ++form) {
    CAPTURE(form);
    every(lab, [&] {
      const auto& orders = lab.kernel.lock_orders();
      CHECK(std::any_of(orders.begin(), orders.end(), [&](const LockOrder& o) {
              return o.held.object == outside.object && o.taken.object == d.work.work.object && o.taken.use == LockUse::wait;
            }) == (form != 3));
    });
  }
}

}  // namespace unplug::model::test
