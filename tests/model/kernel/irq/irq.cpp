// kernel/irq: request, handler, free.
#include "model/irq_device.hpp"

namespace unplug::model::test {

// Fact: request_irq-runs-at-once.
TEST_CASE("irq: the handler may run before request_irq's caller goes on: what it needs must be ready") {
  Device1 d;
  bool first = false;
  Lab lab([&](Lab& l) {
    d.init(l, false);
    l.task("probe", [&](Context& c) {
      if (first) kzalloc(c, d.priv);
      must(request_irq(c, d.line, d.action));
      if (!first) kzalloc(c, d.priv);
    });
    l.hardware(d.line);
  });
  CHECK(every_schedule(lab).text() == "use-before-init(priv)@hardware");
  first = true;
  CHECK(every_schedule(lab).text().empty());
}

// Fact: free_irq-waits.
TEST_CASE("irq: free_irq waits for the handler that runs and lets none begin, without it the handler runs on in freed memory") {
  Device1 d;
  bool free = true;
  std::set<int> runs;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      if (free) free_irq(c, d.line, d.action);
      kfree(c, d.priv);
    });
    l.hardware(d.line, 2);
  });
  const Found f = every(lab, [&] { runs.insert(d.runs); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);  // hardware that has nobody to interrupt is idle
  CHECK(runs == std::set<int>{0, 1, 2});
  free = false;
  CHECK(every(lab).text() == "use-after-free(priv)@hardware");
}

// Fact: free_irq-not-for-queued.
TEST_CASE("irq: free_irq waits for no work that the handler queued: interrupt first, then the work") {
  Device1 d;
  Work work;
  enum class Order { irq_then_work, work_then_irq, irq_only } order = Order::irq_then_work;
  Lab lab([&](Lab& l) {
    d.extra = [&](Context& c) { queue_work(c, work); };
    d.init(l);
    l.init(work, "work", [&](Context& c) { get(c, d.priv); });
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      if (order == Order::work_then_irq) cancel_work_sync(c, work);
      free_irq(c, d.line, d.action);
      if (order == Order::irq_then_work) cancel_work_sync(c, work);
      kfree(c, d.priv);
    });
    l.hardware(d.line);
  });
  CHECK(every(lab).text().empty());
  for (const Order o : {Order::work_then_irq, Order::irq_only}) {
    order = o;
    CHECK(every(lab).text() == "use-after-free(priv)@kworker work");
  }
}

// Fact: free_irq-twice.
TEST_CASE("irq: freed twice, or never requested, is double-release, freed once it is none") {
  Device1 d;
  int requests = 1, frees = 2;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < requests; ++i) request_irq(c, d.line, d.action);
      for (int i = 0; i < frees; ++i) free_irq(c, d.line, d.action);
    });
    l.hardware(d.line);
  });
  const Found f = every(lab);
  CHECK(f.text() == "double-release(irq)@driver");
  CHECK(f.places.begin()->second == "free_irq: unlink action");
  CHECK(f.count(f.text()) == f.executions);
  requests = 0;
  frees = 1;
  CHECK(every(lab).text() == "double-release(irq)@driver");
  requests = 1;
  CHECK(every(lab).text().empty());
}

// Fact: request_irq-flags.
TEST_CASE("irq: who finds the line taken gets -EBUSY and has nothing: nothing to free, nothing to leak") {
  Device1 d;
  IrqAction second;
  Allocation owner;
  bool free_it = false;
  int handled = 0;
  Lab lab([&](Lab& l) {
    handled = 0;
    d.init(l);
    l.init(owner, "owner");
    l.init(
        second, d.line, "second action", [&](Context&) { ++handled; }, owner.life);
    l.task("driver", [&](Context& c) {
      must(request_irq(c, d.line, d.action));
      must(!request_irq(c, d.line, second));
      if (free_it) free_irq(c, d.line, second);
      kfree(c, owner);
      mark(c);
      free_irq(c, d.line, d.action);
    });
    l.hardware(d.line);
  });
  CHECK(every(lab, [&] { CHECK(handled == 0); }).text().empty());
  free_it = true;
  CHECK(every(lab, [&] { CHECK(handled == 0); }).text() == "double-release(irq)@driver");
}

TEST_CASE("irq: an interrupt that an ended owner requested and nobody freed is a leak") {
  IrqLine line;
  IrqAction action;
  Allocation owner;
  Lab lab([&](Lab& l) {
    l.init(owner, "owner");
    l.init(line, "irq");
    l.init(
        action, line, "action", [](Context&) {}, owner.life);
    l.task("driver", [&](Context& c) {
      request_irq(c, line, action);
      kfree(c, owner);
    });
  });
  CHECK(every(lab).text() == "leak(irq)@driver");
}

// Fact: irq-line-once.
TEST_CASE("irq: a line runs one handler at a time, two that come together are two runs, and no data race") {
  Device1 d;
  std::set<int> runs;
  Lab lab([&](Lab& l) {
    d.extra = [&](Context& c) { set(c, d.priv, 1, 0, MemoryOrder::plain); };
    d.init(l);
    l.task("driver", [&](Context& c) { request_irq(c, d.line, d.action); });
    l.hardware(d.line, 1, "hardware 1");
    l.hardware(d.line, 1, "hardware 2");
  });
  const Found f = every(lab, [&] { runs.insert(d.runs); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(runs == std::set<int>{2});
}

// Fact: free_irq-waits.
TEST_CASE("irq: requested again after it was freed, by somebody else: only their handler runs") {
  Device1 d;
  IrqAction other;
  Waiter freed;
  int handled = 0;
  Lab lab([&](Lab& l) {
    handled = 0;
    d.init(l);
    l.init(freed, "freed");
    l.init(other, d.line, "other action", [&](Context& c) {
      mark(c);
      ++handled;
    });
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      free_irq(c, d.line, d.action);
      kfree(c, d.priv);
      complete(c, freed);
    });
    l.task("other", [&](Context& c) {
      wait_for_completion(c, freed);
      must(request_irq(c, d.line, other));
    });
    l.hardware(d.line, 2);
  });
  CHECK(every(lab, [&] { CHECK(handled + d.runs == 2); }).text().empty());
}

// Fact: request_irq-sleeps, free_irq-waits.
TEST_CASE("irq: a handler that sleeps, and one that frees its own interrupt") {
  Device1 d;
  bool free_itself = false;
  Lab lab([&](Lab& l) {
    static const Operation nap{.name = "msleep", .pause = true};
    d.extra = [&](Context& c) {
      if (free_itself) {
        free_irq(c, d.line, d.action);
      } else {
        c.sleep(nap, 1);
      }
    };
    d.init(l);
    l.task("driver", [&](Context& c) { request_irq(c, d.line, d.action); });
    l.hardware(d.line);
  });
  CHECK(every(lab).text() == "sleep-in-atomic(msleep)@hardware");
  free_itself = true;
  CHECK(every(lab).text() == "deadlock(irq)@hardware, sleep-in-atomic(free_irq)@hardware");
}

// Fact: free_irq-waits.
TEST_CASE("irq: freeing under a lock that the handler takes deadlocks") {
  Device1 d;
  Mutex m;  // stands for a spinlock: the handler is on another CPU
  Lab lab([&](Lab& l) {
    l.init(m, "lock");
    d.extra = [&](Context& c) {
      while (!mutex_trylock(c, m)) mutex_lock(c, m), mutex_unlock(c, m);
      mutex_unlock(c, m);
    };
    d.init(l);
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      mutex_lock(c, m);
      free_irq(c, d.line, d.action);
      mutex_unlock(c, m);
    });
    l.hardware(d.line);
  });
  const Found f = every(lab);
  CHECK(f.violations.contains("deadlock(irq)@driver"));
  CHECK(f.violations.contains("deadlock(lock)@hardware"));
  CHECK(f.blocked < f.executions);
}

// Fact: free_irq-twice.
TEST_CASE("irq: who frees an interrupt that is freed already waits for nobody: the handler may still run") {
  Device1 d;
  Allocation late;
  Waiter requested;
  bool second_frees = true;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(late, "late", {"x"});
    l.init(requested, "requested");
    d.extra = [&](Context& c) { get(c, late); };
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      complete(c, requested);
      free_irq(c, d.line, d.action);
    });
    if (second_frees) {
      l.task("second", [&](Context& c) {
        wait_for_completion(c, requested);
        free_irq(c, d.line, d.action);
        kfree(c, late);
      });
    }
    l.hardware(d.line);
  });
  const Found f = every(lab);
  CHECK(f.count("use-after-free(late)@hardware") > 0);
  CHECK(f.count("double-release(irq)@second") > 0);
  second_frees = false;
  CHECK(every(lab).text().empty());
}

// Fact: request_irq-flags.
TEST_CASE("irq: flags that request_threaded_irq refuses are api-misuse: no primary and no oneshot, no-autoen of a shared line") {
  IrqLine line;
  IrqDevice d;
  bool got = false;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    d.init(l, line, "d");
    l.task("driver", [&](Context& c) {
      mark(c);
      got = request_irq(c, line, d.action);
    });
  });
  const auto refused = [&] { return every(lab).text() == "api-misuse(irq)@driver" && !got; };
  d.thread = mark;
  CHECK(refused());
  d.action.oneshot = true;
  CHECK(every(lab).text().empty());
  CHECK(got);
  d.action.shared = d.action.no_autoen = true;
  CHECK(refused());
  d.action.no_autoen = false;
  d.thread = nullptr;
  CHECK(refused());  // nothing to call at all
}

// Fact: irq-quiet-device-first.
TEST_CASE("irq: masked at the device no interrupt of it arrives any more, those that have arrived run on, and other devices' arrive") {
  Device1 d;
  enum class Form { mask_only, mask_and_synchronize, unmasked_again, other_device } form = Form::mask_only;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      mask_at_device(c, d.line, 2, true);
      if (form == Form::unmasked_again) mask_at_device(c, d.line, 2, false);
      if (form != Form::mask_only) synchronize_irq(c, d.line);
      kfree(c, d.priv);
    });
    l.hardware(d.line, 1, "hardware", form == Form::other_device ? 3 : 2);
  });
  std::set<int> runs;
  CHECK(every(lab, [&] { runs.insert(d.runs); }).text() == "use-after-free(priv)@hardware");
  CHECK(runs == std::set<int>{0, 1});
  form = Form::mask_and_synchronize;
  CHECK(every(lab).text().empty());
  form = Form::unmasked_again;
  CHECK(every(lab).text() == "use-after-free(priv)@hardware");
  form = Form::other_device;
  CHECK(every(lab).text() == "use-after-free(priv)@hardware");
}

}  // namespace unplug::model::test
