// kernel/irq: lines that are disabled, enabled and synchronized with.
#include "model/irq_device.hpp"

namespace unplug::model::test {

// Fact: disable_irq-waits, enable_irq-replays.
TEST_CASE("disable_irq: waits for the handler that runs and lets none begin, _nosync lets the running one go on, enable_irq replays") {
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

// Fact: disable_irq-waits.
TEST_CASE("disable_irq: nests, and holds for all sharers") {
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

// Fact: enable_irq-replays.
TEST_CASE("enable_irq: without a disable it is api-misuse, and changes nothing") {
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

// Fact: enable_irq-replays.
TEST_CASE("irq: IRQF_NO_AUTOEN leaves the line off until enable_irq, the last free shuts it down, the next request starts anew") {
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

// Fact: disable_irq-waits.
TEST_CASE("disable_irq: from the own handler or thread, or holding a lock that they take, it never returns, disable_irq_nosync does") {
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

// Fact: synchronize_irq-waits.
TEST_CASE("synchronize_irq: waits for the handler and then for every thread of the line, not for those that begin later") {
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
