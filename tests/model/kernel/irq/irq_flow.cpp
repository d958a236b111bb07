// kernel/irq_flow: threads of interrupts.
#include <algorithm>

#include "model/irq_device.hpp"

namespace unplug::model::test {

// Fact: irq-thread.
TEST_CASE("threaded irq: IRQ_WAKE_THREAD has the thread run in process context, other answers don't, no primary always does") {
  IrqLine line;
  IrqDevice d;
  static const Operation nap{.name = "msleep", .pause = true};
  bool primary = true, wake = true;
  std::set<int> runs;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    d.action.oneshot = true;
    d.hard = nullptr;
    if (primary) {
      d.hard = [&](Context& c) {
        must(c.kind() == ContextKind::hardirq);
        return wake ? IrqReturn::wake_thread : IrqReturn::handled;
      };
    }
    d.thread = [](Context& c) { c.sleep(nap, 1); };
    d.init(l, line, "d");
    l.task("driver", [&](Context& c) { must(request_irq(c, line, d.action)); });
    l.hardware(line, 2);
  });
  const auto run = [&](bool with_primary, bool and_wake) {
    primary = with_primary;
    wake = and_wake;
    runs.clear();
    const Found f = every_schedule(lab, [&] { runs.insert(d.threads); });
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    return runs;
  };
  CHECK(run(true, true) == std::set<int>{2});
  CHECK(run(true, false) == std::set<int>{0});
  CHECK(run(false, true) == std::set<int>{2});
}

// Fact: irq-oneshot.
TEST_CASE("threaded irq: IRQF_ONESHOT keeps the line masked until the thread is done, without it handlers run meanwhile") {
  IrqLine line;
  IrqDevice d;
  int during = 0;
  std::set<int> runs;
  bool met = false;
  Lab lab([&](Lab& l) {
    during = 0;
    l.init(line, "irq");
    d.hard = [&](Context&) {
      during += d.thread_inside;
      return IrqReturn::wake_thread;
    };
    d.thread = [](Context& c) { mark(c); };
    d.init(l, line, "d");
    l.task("driver", [&](Context& c) { request_irq(c, line, d.action); });
    l.hardware(line, 2);
  });
  const auto run = [&] {
    met = false;
    runs.clear();
    CHECK(every_schedule(lab,
                         [&] {
                           met |= during > 0;
                           runs.insert(d.threads);
                         })
              .text()
              .empty());
  };
  run();
  CHECK(met);
  CHECK(runs == std::set<int>{1, 2});  // woken twice before it ran: once
  d.action.oneshot = true;
  run();
  CHECK(!met);
  CHECK(runs == std::set<int>{2});
}

// Fact: irq-oneshot.
TEST_CASE("threaded irq: of two oneshot threads on a shared line the last one unmasks it") {
  IrqLine line;
  IrqDevice a, b;
  bool met = false;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    for (IrqDevice* d : {&a, &b}) {
      d->action.oneshot = d->action.shared = true;
      d->hard = [&, d](Context&) {
        if (d == &a) met |= a.thread_inside + b.thread_inside > 0;  // the first of the line: a new interrupt
        return IrqReturn::wake_thread;
      };
      d->thread = [](Context& c) { mark(c); };
    }
    a.init(l, line, "a");
    b.init(l, line, "b");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, a.action);
      request_irq(c, line, b.action);
    });
    l.hardware(line, 2);
  });
  std::set<std::pair<int, int>> runs;
  CHECK(sample(lab, 3000, "random", [&] { runs.insert({a.threads, b.threads}); }).text().empty());
  CHECK(!met);
  CHECK(runs == std::set<std::pair<int, int>>{{2, 0}, {2, 1}, {2, 2}});
}

// Fact: free_irq-thread-once-more.
TEST_CASE("threaded irq: a thread that was woken runs once more while free_irq waits, and never afterwards") {
  IrqLine line;
  IrqDevice d, after;
  bool gone = false;
  std::set<std::tuple<int, int, int>> seen;
  Lab lab([&](Lab& l) {
    gone = false;
    l.init(line, "irq");
    d.hard = after.hard = wakes;
    d.thread = [&](Context& c) {
      mark(c);
      must(!gone);
    };
    after.thread = mark;
    d.init(l, line, "d");
    after.init(l, line, "after");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, d.action);
      free_irq(c, line, d.action);
      gone = true;
      must(d.threads == d.hards);
      must(request_irq(c, line, after.action));
    });
    l.hardware(line);
  });
  const Found f = every_schedule(lab, [&] { seen.insert({d.hards, d.threads, after.threads}); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::tuple<int, int, int>>{{0, 0, 1}, {1, 1, 0}});
}

// Fact: free_irq-not-for-sharers, synchronize_irq-waits.
TEST_CASE("threaded irq: free_irq does not wait for a sharer's thread, which may call it, synchronize_irq there never returns") {
  IrqLine line;
  IrqDevice port, below;
  bool synchronize = false, own = false;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    port.action.shared = below.action.shared = true;
    port.hard = wakes;
    port.thread = [&](Context& c) {
      if (synchronize) {
        synchronize_irq(c, line);
      } else {
        free_irq(c, line, own ? port.action : below.action);
      }
    };
    below.hard = not_mine;
    below.thread = [](Context& c) { mark(c); };
    port.init(l, line, "port");
    below.init(l, line, "below");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, below.action);
      request_irq(c, line, port.action);
    });
    l.hardware(line);
  });
  Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  own = true;
  f = every(lab);
  CHECK(f.text() == "deadlock(irq)@irq thread port");
  CHECK(f.places.begin()->second == "free_irq: wait for the thread");
  own = false;
  synchronize = true;
  f = every(lab);
  CHECK(f.text() == "deadlock(irq)@irq thread port");
  CHECK(f.places.begin()->second == "synchronize_irq: wait for the threads");
  CHECK(f.details.begin()->second.find("'irq thread port' waits in synchronize_irq(irq) for 'irq thread port'") != std::string::npos);
}

// Fact: irq-thread.
TEST_CASE("threaded irq: IRQ_WAKE_THREAD without a thread is api-misuse") {
  IrqLine line;
  IrqDevice d;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    d.hard = wakes;
    d.init(l, line, "d");
    l.task("driver", [&](Context& c) { request_irq(c, line, d.action); });
    l.hardware(line);
  });
  CHECK(every(lab).text() == "api-misuse(irq)@hardware");
}

// Fact: free_irq-waits.
TEST_CASE("threaded irq: no data race from the handler to the thread, on to the next interrupt, and to who has freed or disabled it") {
  IrqLine line;
  IrqDevice d;
  Allocation data;
  bool disable = false;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    l.init(data, "data", {"handed on", "by the thread"});
    d.hard = [&](Context& c) {
      if (d.action.oneshot) set(c, data, 1, 1, MemoryOrder::plain);
      if (d.hards == 1) set(c, data, 1, 0, MemoryOrder::plain);
      return IrqReturn::wake_thread;
    };
    d.thread = [&](Context& c) {
      get(c, data, 0, MemoryOrder::plain);
      set(c, data, 2, 1, MemoryOrder::plain);
    };
    d.init(l, line, "d");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, d.action);
      if (disable) {
        disable_irq(c, line);
      } else {
        free_irq(c, line, d.action);
      }
      set(c, data, 3, 1, MemoryOrder::plain);
    });
    l.hardware(line, 2);
  });
  for (const bool oneshot : {false, true})
    for (const bool and_disable : {false, true}) {
      d.action.oneshot = oneshot;
      disable = and_disable;
      CHECK(every(lab).text().empty());
    }
}

// Fact: free_irq-waits, synchronize_irq-waits.
TEST_CASE("free_irq and synchronize_irq: what they wait for first is the handlers: not what the threads of the line wait for") {
  IrqLine line;
  IrqDevice stuck, threaded;
  Waiter user, ready;
  Mutex lock;
  bool free = true;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    l.init(lock, "lock");
    l.init(user, "user", Owner::user);
    l.init(ready, "ready");
    stuck.action.shared = threaded.action.shared = true;
    threaded.hard = wakes;
    threaded.thread = [&](Context& c) {
      mutex_lock(c, lock);
      mutex_unlock(c, lock);
    };
    stuck.hard = [&](Context& c) {
      wait_for_completion(c, user);  // stands for polling hardware for ever
      return IrqReturn::handled;
    };
    threaded.init(l, line, "threaded");
    stuck.init(l, line, "stuck");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, threaded.action);
      request_irq(c, line, stuck.action);
      mutex_lock(c, lock);
      complete(c, ready);
      if (free) {
        free_irq(c, line, stuck.action);
      } else {
        synchronize_irq(c, line);
      }
      mutex_unlock(c, lock);
    });
    l.engine.spawn(
        "hardware",
        [&] {
          Context c(l.kernel, ContextKind::process);
          wait_for_completion(c, ready);
          raise_irq(l.kernel, line);
        },
        true);
  });
  for (const bool f : {true, false}) {
    free = f;
    bool waits = false;
    every(lab, [&] {
      const auto& tasks = lab.engine.trace().tasks;
      const auto driver = std::ranges::find(tasks, lab.name("driver"), &sim::TaskRecord::name);
      REQUIRE(driver != tasks.end());
      if (driver->end != sim::TaskRecord::End::blocked || threaded.threads == 0 || stuck.hard_inside == 0) return;
      if (driver->pending_operation->name == "synchronize_irq: wait for the threads") return;  // a true deadlock
      waits = true;
      Checker checker;
      std::vector<Violation> violations;
      checker.judge(lab.kernel, lab.engine.trace(), violations);
      for (const Violation& v : violations) CHECK(v.violation_class == ViolationClass::sleep_in_atomic);
    });
    CHECK(waits);
  }
}

}  // namespace unplug::model::test
