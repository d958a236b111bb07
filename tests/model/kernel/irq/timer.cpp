// kernel/time/timer and hrtimer: what runs, what is waited for, and what is not.
#include "model/support.hpp"
#include "unplug/model/kernel/irq/cpu_irq.hpp"

namespace unplug::model::test {
namespace {

// One timer, and what its function has seen.
struct Clock {
  Timer timer;
  Allocation home;
  int runs = 0, inside = 0;
  bool gone = false;  // nobody may run it any more
  Lab::Body extra;    // in the middle of the function
  void init(
      Lab& l, bool hr = false, const std::function<bool()>& again = [] { return false; }) {
    runs = inside = 0;
    gone = false;
    l.init(home, "home", {"x"});
    const auto body = [this](Context& c) {
      must(++inside == 1);
      ++runs;
      get(c, home);
      if (extra) extra(c);
      --inside;
    };
    if (hr) {
      l.init_hr(
          timer, "timer", [body, again](Context& c) { return body(c), again(); }, home.life);
    } else {
      l.init(timer, "timer", body, home.life);
    }
  }
};

}  // namespace

// Fact: timer-off-wheel-first.
TEST_CASE("timer: armed it runs once, arming what is pending moves it and answers that it was") {
  Clock t;
  std::set<std::pair<bool, int>> seen;
  bool second = false;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("a", [&](Context& c) {
      must(!mod_timer(c, t.timer, 10));
      second = mod_timer(c, t.timer, 20);
    });
  });
  const Found f = every(lab, [&] { seen.insert({second, t.runs}); });
  CHECK(f.text().empty());
  CHECK(seen == std::set<std::pair<bool, int>>{{true, 1}, {false, 2}});
}

// Fact: timer-off-wheel-first.
TEST_CASE("timer: it is off the wheel before its function is called: armed while it runs it runs again, never twice at once") {
  Clock t;
  int armed = 0;
  Lab lab([&](Lab& l) {
    armed = 0;
    t.extra = [&](Context& c) {
      if (t.runs == 1) armed += mod_timer(c, t.timer, 1) ? 0 : 1;  // itself
    };
    t.init(l);
    l.task("a", [&](Context& c) { armed += mod_timer(c, t.timer, 1) ? 0 : 1; });
    l.task("b", [&](Context& c) { armed += mod_timer(c, t.timer, 1) ? 0 : 1; });
  });
  const Found f = every(lab, [&] { CHECK(t.runs == armed); });
  CHECK(f.text().empty());
}

// Fact: timer_delete_sync-waits, timer-holds-nothing.
TEST_CASE("timer_delete_sync: waits for the function, timer_delete does not, without either the softirq walks freed memory") {
  Clock t;
  enum class Form { sync, no_wait, nothing } form = Form::sync;
  std::set<std::pair<bool, int>> seen;
  bool was = false;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("a", [&](Context& c) {
      mod_timer(c, t.timer, 10);
      if (form == Form::sync) was = timer_delete_sync(c, t.timer);
      if (form == Form::no_wait) was = timer_delete(c, t.timer);
      kfree(c, t.home);
    });
  });
  const Found f = every_schedule(lab, [&] { seen.insert({was, t.runs}); });
  CHECK(f.text().empty());  // nor does the softirq touch it when the function has returned
  CHECK(seen == std::set<std::pair<bool, int>>{{true, 0}, {false, 1}});
  form = Form::no_wait;
  seen.clear();
  CHECK(every(lab, [&] { seen.insert({was, t.runs}); }).text() == "use-after-free(home)@softirq timer");
  CHECK(seen == std::set<std::pair<bool, int>>{{true, 0}, {false, 1}});
  form = Form::nothing;
  CHECK(every(lab).text() == "use-after-free(home)@softirq timer");
}

// Fact: timer_delete_sync-waits, timer_shutdown-ignores-arming.
TEST_CASE("timer_delete_sync: stops a timer that arms itself, but keeps nobody from arming it afterwards, timer_shutdown_sync does") {
  Clock t;
  bool shut = false, third_party = false;
  int after = 0;
  Lab lab([&](Lab& l) {
    after = 0;
    t.extra = [&](Context& c) {
      if (t.gone) ++after;
      if (t.runs < 3) mod_timer(c, t.timer, 1);
    };
    t.init(l);
    l.task("a", [&](Context& c) {
      mod_timer(c, t.timer, 1);
      shut ? timer_shutdown_sync(c, t.timer) : timer_delete_sync(c, t.timer);
      t.gone = true;
    });
    if (third_party) l.task("b", [&](Context& c) { mod_timer(c, t.timer, 1); });
  });
  int late = 0;
  const auto run = [&] {
    late = 0;
    CHECK(every_schedule(lab, [&] { late += after > 0 ? 1 : 0; }).text().empty());
  };
  run();
  CHECK(late == 0);
  third_party = true;
  run();
  CHECK(late > 0);
  shut = true;
  run();
  CHECK(late == 0);
}

// Fact: timer_shutdown-ignores-arming.
TEST_CASE("timer_shutdown: silently ignores who arms it later, and does not wait") {
  Clock t;
  bool sync = false;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("a", [&](Context& c) {
      mod_timer(c, t.timer, 1);
      sync ? timer_shutdown_sync(c, t.timer) : timer_shutdown(c, t.timer);
      must(!mod_timer(c, t.timer, 1));
      must(!mod_timer(c, t.timer, 1));  // nor is it pending now
      kfree(c, t.home);
    });
  });
  CHECK(every(lab).text() == "use-after-free(home)@softirq timer");
  sync = true;
  CHECK(every(lab).text().empty());
}

// Fact: timer-work-cycle.
TEST_CASE("timer: a timer and a work item that start each other: no order of delete and cancel stops both, shutdown first does") {
  Clock t;
  Work work;
  enum class Order { timer_first, work_first, shutdown_first } order = Order::timer_first;
  int left = 0, rounds = 0;
  Lab lab([&](Lab& l) {
    left = rounds = 0;
    t.extra = [&](Context& c) {
      if (t.gone) ++left;
      queue_work(c, work);
    };
    t.init(l);
    l.init(work, "work", [&](Context& c) {
      if (t.gone) ++left;
      if (++rounds < 3) mod_timer(c, t.timer, 1);
    });
    l.task("a", [&](Context& c) {
      mod_timer(c, t.timer, 1);
      if (order == Order::shutdown_first) timer_shutdown_sync(c, t.timer);
      if (order == Order::timer_first) timer_delete_sync(c, t.timer);
      cancel_work_sync(c, work);
      if (order == Order::work_first) timer_delete_sync(c, t.timer);
      t.gone = true;
    });
  });
  int late = 0;
  const auto run = [&](Order o) {
    order = o;
    late = 0;
    CHECK(every(lab, [&] { late += left > 0 ? 1 : 0; }).text().empty());
    return late > 0;
  };
  CHECK(run(Order::timer_first));
  CHECK(run(Order::work_first));
  CHECK(!run(Order::shutdown_first));
}

// Fact: timer_delete_sync-waits.
TEST_CASE("timer_delete_sync: from its own function, or holding what that waits for, it never returns") {
  Clock t;
  Waiter held;
  bool own = true;
  Lab lab([&](Lab& l) {
    t.extra = [&](Context& c) {
      if (own) {
        timer_delete_sync(c, t.timer);
      } else {
        wait_for_completion(c, held);
      }
    };
    t.init(l);
    l.init(held, "held");
    l.task("a", [&](Context& c) {
      mod_timer(c, t.timer, 1);
      if (own) return;
      timer_delete_sync(c, t.timer);
      complete(c, held);
    });
  });
  CHECK(every(lab).text() == "deadlock(timer)@softirq timer, lock-cycle(timer)@softirq timer");
  own = false;
  const Found f = every(lab);
  CHECK(f.count("sleep-in-atomic(wait_for_completion)@softirq timer") > 0);
  CHECK(f.blocked > 0);
}

// Fact: timer_delete_sync-interrupts.
TEST_CASE("timer_delete_sync: nor holding a lock that an interrupt takes which comes while the function runs") {
  Clock t;
  IrqLine line;
  IrqAction action;
  IrqHere here{&line};
  CpuInterrupts interrupts;
  Spinlock lock;
  bool under = true;
  Lab lab([&](Lab& l) {
    interrupts.sources = {irq_on_this_cpu(here, 1)};
    t.extra = [&](Context& c) {
      c.interrupts = &interrupts;
      mark(c);
      c.interrupts = nullptr;
    };
    t.init(l);
    l.init(line, "irq");
    l.init(lock, "lock");
    l.init(action, line, "action", [&](Context& c) {
      spin_lock(c, lock);
      spin_unlock(c, lock);
    });
    l.task("a", [&](Context& c) {
      must(request_irq(c, line, action));
      mod_timer(c, t.timer, 1);
      spin_lock(c, lock, SpinlockOff::interrupts);
      if (under) timer_delete_sync(c, t.timer);
      spin_unlock(c, lock, SpinlockOff::interrupts);
      if (!under) timer_delete_sync(c, t.timer);
    });
  });
  const Found f = every(lab);
  CHECK(f.count("deadlock(timer)@a") > 0);
  CHECK(f.count("deadlock(lock)@softirq timer") == f.count("deadlock(timer)@a"));
  CHECK(f.blocked < f.executions);
  under = false;
  CHECK(every(lab).text().empty());
}

// Fact: timer_delete_sync-interrupts.
TEST_CASE("timer_delete_sync: not from hard interrupt context") {
  Clock t;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task(
        "hardirq", [&](Context& c) { timer_delete_sync(c, t.timer); }, ContextKind::hardirq);
    l.task(
        "softirq", [&](Context& c) { timer_delete_sync(c, t.timer); }, ContextKind::softirq);
  });
  CHECK(every(lab).text() == "api-misuse(timer)@hardirq");
}

// Fact: hrtimer_cancel-waits.
TEST_CASE("hrtimer: restarted as often as its function asks, cancel stops it, try_to_cancel does nothing while it runs") {
  Clock t;
  int left = 0, answer = 0, left_over = 0;
  bool attempt = false;
  std::set<int> answers;
  Lab lab([&](Lab& l) {
    left = 3;
    t.extra = [&](Context&) {
      if (t.gone) ++left_over;
    };
    t.init(l, true, [&] { return --left > 0; });
    l.task("a", [&](Context& c) {
      hrtimer_start(c, t.timer, 5);
      if (attempt) {
        answer = hrtimer_try_to_cancel(c, t.timer);
      } else {
        hrtimer_cancel(c, t.timer);
        t.gone = true;
      }
    });
  });
  std::set<int> runs;
  CHECK(every(lab, [&] { runs.insert(t.runs); }).text().empty());
  CHECK(runs == std::set<int>{0, 1, 2, 3});
  CHECK(left_over == 0);
  attempt = true;
  CHECK(every(lab,
              [&] {
                answers.insert(answer);
                if (answer == 1) CHECK(t.runs < 3);
                if (answer == -1) CHECK(t.runs > 0);
              })
            .text()
            .empty());
  CHECK(answers == std::set<int>{-1, 0, 1});
}

TEST_CASE("timer: under timed it expires when it was armed for, and a move moves it") {
  Clock t;
  sim::Time at = 0;
  sim::Duration second = 0;
  Lab lab([&](Lab& l) {
    t.extra = [&](Context& c) { at = c.engine().now(); };
    t.init(l);
    l.task("a", [&](Context& c) {
      mod_timer(c, t.timer, 100'000);
      if (second != 0) mod_timer(c, t.timer, second);
    });
  });
  const auto expired = [&](sim::Duration d) {
    second = d;
    run_timed(lab);
    CHECK(t.runs == 1);
    return at;
  };
  const sim::Time first = expired(0);
  CHECK(first >= 100'000);
  CHECK(first < 110'000);
  CHECK(expired(1'000'000) > 1'000'000);
  CHECK(expired(1'000) < 50'000);
}

}  // namespace unplug::model::test
