// kernel/irq: request, handler, free.
#include "irq_device.hpp"

namespace unplug::model::test {
namespace {

struct Device1 {
  IrqLine line;
  IrqAction action;
  Allocation priv;
  int runs = 0, inside = 0;
  Lab::Body extra;
  void init(Lab& l, bool priv_from_start = true) {
    runs = inside = 0;
    l.init(priv, "priv", {"hits"}, priv_from_start);
    l.init(line, "irq");
    l.init(action, line, "irq action", [this](Context& c) {
      CHECK(++inside == 1);
      CHECK(c.kind() == ContextKind::hardirq);
      ++runs;
      get(c, priv);
      if (extra) extra(c);
      --inside;
    });
  }
};

}  // namespace

TEST_CASE("irq 11: the handler may run before request_irq's caller goes on: what it needs must be ready") {
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

TEST_CASE("irq 11: free_irq waits for the handler that runs and lets none begin, without it the handler runs on in freed memory") {
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

TEST_CASE("irq 11: free_irq waits for no work that the handler queued: interrupt first, then the work") {
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

TEST_CASE("irq 11: freed twice, or never requested, is double-release, freed once it is none") {
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

TEST_CASE("irq 11: who finds the line taken gets -EBUSY and has nothing: nothing to free, nothing to leak") {
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

TEST_CASE("irq 15: an interrupt that an ended owner requested and nobody freed is a leak") {
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

TEST_CASE("irq 11: a line runs one handler at a time, two that come together are two runs, and no data race") {
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

TEST_CASE("irq 11: requested again after it was freed, by somebody else: only their handler runs") {
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

TEST_CASE("irq 11, 15: a handler that sleeps, and one that frees its own interrupt") {
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

TEST_CASE("irq S9: freeing under a lock that the handler takes deadlocks") {
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

TEST_CASE("irq 11: who frees an interrupt that is freed already waits for nobody: the handler may still run") {
  Device1 d;
  Allocation late;
  bool second_frees = true;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(late, "late", {"x"});
    d.extra = [&](Context& c) { get(c, late); };
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      free_irq(c, d.line, d.action);
    });
    if (second_frees) {
      l.task("second", [&](Context& c) {
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

TEST_CASE("disable_irq 11: waits for the handler that runs and lets none begin, _nosync lets the running one go on, enable_irq replays") {
  Device1 d;
  enum class Form { sync, no_sync, synchronize } form = Form::sync;
  bool enable = true;
  std::set<int> runs;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      if (form == Form::sync) disable_irq(c, d.line);
      if (form == Form::no_sync) disable_irq_nosync(c, d.line);
      if (form == Form::synchronize) synchronize_irq(c, d.line);
      const int before = d.runs;
      set(c, d.priv, 1, 0, MemoryOrder::plain);
      must(form != Form::sync || (d.runs == before && d.inside == 0));
      mark(c);
      must(form != Form::sync || d.runs == before);
      if (form != Form::synchronize && enable) enable_irq(c, d.line);
    });
    l.hardware(d.line, 2);
    d.extra = [&](Context& c) { get(c, d.priv, 0, MemoryOrder::plain); };
  });
  const auto run = [&](Form form_now, bool and_enable) {
    form = form_now;
    enable = and_enable;
    runs.clear();
    const Found f = every(lab, [&] { runs.insert(d.runs); });
    CHECK(f.blocked == 0);
    return f.text();
  };
  CHECK(run(Form::sync, true).empty());
  CHECK(runs == std::set<int>{2});
  CHECK(run(Form::sync, false).empty());
  CHECK(runs == std::set<int>{0, 1, 2});
  CHECK(run(Form::no_sync, true) == "data-race(priv.hits)@driver, data-race(priv.hits)@hardware");
  CHECK(runs == std::set<int>{2});
  CHECK(run(Form::synchronize, true) == "data-race(priv.hits)@driver, data-race(priv.hits)@hardware");
}

TEST_CASE("disable_irq 11: nests, and holds for all sharers") {
  IrqLine line;
  IrqDevice a, b;
  bool off = false;
  std::set<std::pair<int, int>> runs;
  Lab lab([&](Lab& l) {
    off = false;
    l.init(line, "irq");
    a.action.shared = b.action.shared = true;
    a.hard = b.hard = [&](Context& c) {
      must(!off);
      return handled(c);
    };
    a.init(l, line, "a");
    b.init(l, line, "b");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, a.action);
      request_irq(c, line, b.action);
      disable_irq(c, line);
      off = true;
      disable_irq_nosync(c, line);
      enable_irq(c, line);
      mark(c);
      off = false;
      enable_irq(c, line);
    });
    l.hardware(line, 2, "device");
  });
  CHECK(every(lab, [&] { runs.insert({a.hards, b.hards}); }).text().empty());
  CHECK(runs == std::set<std::pair<int, int>>{{2, 0}, {2, 1}, {2, 2}});
}

TEST_CASE("enable_irq 11: without a disable it is api-misuse, and changes nothing") {
  Device1 d;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      disable_irq(c, d.line);
      enable_irq(c, d.line);
      enable_irq(c, d.line);
    });
    l.hardware(d.line);
  });
  std::set<int> runs;
  CHECK(every(lab, [&] { runs.insert(d.runs); }).text() == "api-misuse(irq)@driver");
  CHECK(runs == std::set<int>{1});
}

TEST_CASE("irq 11: IRQF_NO_AUTOEN leaves the line off until enable_irq, the last free shuts it down, the next request starts anew") {
  IrqLine line;
  IrqDevice first, second;
  bool enable = true;
  std::set<std::pair<int, int>> runs;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    first.action.no_autoen = true;
    first.hard = second.hard = handled;
    first.init(l, line, "first");
    second.init(l, line, "second");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, first.action);
      must(first.hards == 0);
      if (enable) enable_irq(c, line);
      free_irq(c, line, first.action);
      enable_irq(c, line);  // it counts as disabled
      mark(c);
      must(second.hards == 0);
      request_irq(c, line, second.action);
    });
    l.hardware(line);
  });
  CHECK(every_schedule(lab, [&] { runs.insert({first.hards, second.hards}); }).text().empty());
  CHECK(runs == std::set<std::pair<int, int>>{{0, 1}, {1, 0}});
  enable = false;
  runs.clear();
  CHECK(every_schedule(lab, [&] { runs.insert({first.hards, second.hards}); }).text().empty());
  CHECK(runs == std::set<std::pair<int, int>>{{0, 1}});
}

TEST_CASE("irq 11: flags that request_threaded_irq refuses are api-misuse: no primary and no oneshot, no-autoen of a shared line") {
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

TEST_CASE("disable_irq 11: from the own handler or thread, or holding a lock that they take, it never returns, disable_irq_nosync does") {
  IrqLine line;
  IrqDevice d;
  Spinlock lock;
  enum class From { handler, thread, lock_of_handler } from = From::handler;
  bool sync = true;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    l.init(lock, "lock");
    const auto disable = [&](Context& c) { sync ? disable_irq(c, line) : disable_irq_nosync(c, line); };
    d.hard = [&, disable](Context& c) {
      if (from == From::handler) disable(c);
      if (from == From::lock_of_handler) {
        spin_lock(c, lock);
        spin_unlock(c, lock);
      }
      return IrqReturn::wake_thread;
    };
    d.thread = [&, disable](Context& c) {
      if (from == From::thread) disable(c);
      mark(c);
    };
    d.init(l, line, "d");
    l.task("driver", [&, disable](Context& c) {
      request_irq(c, line, d.action);
      if (from != From::lock_of_handler) return;
      spin_lock(c, lock, SpinlockOff::interrupts);
      disable(c);
      spin_unlock(c, lock, SpinlockOff::interrupts);
    });
    l.hardware(line);
  });
  const auto run = [&](From f, bool s) {
    from = f;
    sync = s;
    return every(lab).text();
  };
  CHECK(run(From::handler, true) == "deadlock(irq)@hardware, sleep-in-atomic(disable_irq)@hardware");
  CHECK(run(From::thread, true) == "deadlock(irq)@irq thread d");
  CHECK(run(From::lock_of_handler, true) == "deadlock(irq)@driver, deadlock(lock)@hardware, sleep-in-atomic(disable_irq)@driver");
  for (const From f : {From::handler, From::thread, From::lock_of_handler}) CHECK(run(f, false).empty());
}

TEST_CASE("synchronize_irq 11: waits for the handler and then for every thread of the line, not for those that begin later") {
  IrqLine line;
  IrqDevice a, b;
  bool again = false;
  Lab lab([&](Lab& l) {
    again = false;
    l.init(line, "irq");
    a.action.shared = b.action.shared = true;
    a.hard = handled;
    b.hard = wakes;
    b.thread = mark;
    a.init(l, line, "a");
    b.init(l, line, "b");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, a.action);
      request_irq(c, line, b.action);
      disable_irq_nosync(c, line);
      synchronize_irq(c, line);
      must(a.hard_inside == 0);
      must((b.threads > 0) == (b.hards > 0));
      must(b.thread_inside == 0);
      enable_irq(c, line);
      synchronize_irq(c, line);
      again = a.hard_inside > 0;
    });
    l.hardware(line, 2);
  });
  bool met = false;
  const Found f = every(lab, [&] { met |= again; });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(met);
}

}  // namespace unplug::model::test
