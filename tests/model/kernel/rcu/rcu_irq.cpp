// kernel/rcu: softirq and interrupt handlers as readers from entry to exit.
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// Somebody who looks at `slot`, and if nothing has been cleared, at `data`; and what another does before he frees it.
struct Used {
  Allocation slot, data;
  void init(Lab& l) {
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
  }
  void look(Context& c) {
    if (get(c, slot) == 0) get(c, data);
  }
  void free_after_grace_period(Context& c, Rcu& rcu, bool expedited = false) {
    set(c, slot, 1);
    expedited ? synchronize_rcu_expedited(c, rcu) : synchronize_rcu(c, rcu);
    kfree(c, data);
  }
};

KernelConfig config_of(bool readers) {
  KernelConfig config;
  config.irq_is_rcu_reader = readers;
  return config;
}

}  // namespace

// Fact: rcu-handlers-are-readers.
TEST_CASE("rcu: a grace period waits for timer functions, interrupt handlers and callbacks that have begun, unless configured not to") {
  Used u;
  Timer timer, hrtimer;
  IrqLine line;
  IrqAction action;
  RcuCallback callback;
  enum class Who { softirq, hardirq, interrupt, after_call_rcu } who = Who::softirq;
  bool expedited = false;
  const auto make = [&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    u.init(l);
    const auto body = [&](Context& c) { u.look(c); };
    if (who == Who::softirq) l.init(timer, "timer", body);
    if (who == Who::hardirq)
      l.init_hr(hrtimer, "hrtimer", [&](Context& c) {
        u.look(c);
        return false;
      });
    if (who == Who::after_call_rcu) l.init(callback, "callback", body);
    if (who == Who::interrupt) {
      l.init(line, "irq");
      l.init(action, line, "action", body);
      l.hardware(line);
    }
    l.task("updater", [&](Context& c) {
      if (who == Who::softirq) mod_timer(c, timer, 1);
      if (who == Who::hardirq) hrtimer_start(c, hrtimer, 1);
      if (who == Who::interrupt) request_irq(c, line, action);
      if (who == Who::after_call_rcu) call_rcu(c, l.rcu, callback);
      u.free_after_grace_period(c, l.rcu, expedited);
    });
  };
  struct Case {
    Who who;
    std::string task;
  };
  for (const Case& k : {Case{Who::softirq, "softirq timer"}, Case{Who::hardirq, "hardirq hrtimer"}, Case{Who::interrupt, "hardware"},
                        Case{Who::after_call_rcu, "callback"}}) {
    CAPTURE(k.task);
    who = k.who;
    for (const bool e : {false, true}) {
      expedited = e;
      Lab lab(make, config_of(true));
      CHECK(every(lab).text().empty());
    }
    Lab old(make, config_of(false));
    CHECK(every(old).text() == "use-after-free(data)@" + k.task);
  }
}

// Fact: rcu-handlers-are-readers.
TEST_CASE("rcu: a handler takes nothing outside its section: what timer_delete() no longer finds, a grace period waits for") {
  Used u;
  Timer timer;
  std::set<std::string> seen;
  Lab lab([&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    u.init(l);
    l.init(timer, "timer", [&](Context& c) { get(c, u.data); });
    l.task("updater", [&](Context& c) {
      mod_timer(c, timer, 1);
      seen.insert(timer_delete(c, timer) ? "deleted" : "missed");
      synchronize_rcu(c, l.rcu);
      kfree(c, u.data);
    });
  });
  std::uint64_t in_vain = 0;
  const Found f = every(lab, [&] {
    // The softirq came, and found the timer gone: its section is closed again.
    const bool entered = find_event(lab, "softirq timer", "irq_enter") != no_such_event;
    const bool ran = find_event(lab, "softirq timer", "timer function finished") != no_such_event;
    CHECK(entered == (find_event(lab, "softirq timer", "irq_exit") != no_such_event));
    in_vain += entered && !ran ? 1 : 0;
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::string>{"deleted", "missed"});
  CHECK(in_vain > 0);
}

TEST_CASE("rcu: a handler that comes in vain does not touch the timer, one that doesn't does") {
  Timer timer;
  Allocation home;
  bool deleted = true, rearmed = false;
  Lab lab([&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    l.init(home, "home", {"x"});
    l.init(
        timer, "timer", [](Context&) {}, home.life);
    l.task("a", [&](Context& c) {
      mod_timer(c, timer, 1);
      if (deleted) timer_delete_sync(c, timer);
      if (rearmed) mod_timer(c, timer, 1);
      kfree(c, home);
    });
  });
  CHECK(every(lab).text().empty());
  rearmed = true;
  // Also when it has come for the first arming and takes the second.
  const Found f = every(lab);
  CHECK(f.text() == "use-after-free(home)@softirq timer");
  CHECK(f.count(f.text()) == f.executions);
  deleted = rearmed = false;
  CHECK(every(lab).text() == "use-after-free(home)@softirq timer");
}

// Fact: rcu-handlers-are-readers.
TEST_CASE("rcu: a grace period does not wait for a handler that has not begun, nor for one whose run is over") {
  Used u;
  Timer timer;
  Waiter gone;
  std::uint64_t late = 0;
  Lab lab([&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    l.init(gone, "gone");
    u.init(l);
    l.init(timer, "timer", [&](Context& c) { mark(c); });
    l.task("updater", [&](Context& c) {
      mod_timer(c, timer, 1);
      synchronize_rcu(c, l.rcu);
      complete(c, gone);
    });
  });
  every(lab, [&] {
    const std::size_t entered = find_event(lab, "softirq timer", "irq_enter"), left = find_event(lab, "softirq timer", "irq_exit");
    const std::size_t begun = find_event(lab, "updater", "synchronize_rcu: grace period begins"),
                      ended = find_event(lab, "updater", "synchronize_rcu: grace period ends");
    const std::vector<bool> before = sim::past_of(lab.engine.trace(), ended);
    if (entered < begun) CHECK(before[left]);
    late += before[left] ? 0 : 1;
  });
  CHECK(late > 0);
}

// Fact: rcu_read_lock-nests.
TEST_CASE("rcu: rcu_read_lock in a handler nests in its section, and makes one where handlers are none") {
  Used u;
  Timer timer;
  IrqLine line;
  IrqAction action;
  bool watched = false;
  Lab lab([&](Lab& l) {
    if (watched) rcu_watch_interrupts(l.kernel, l.rcu);
    u.init(l);
    const auto body = [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      u.look(c);
      rcu_read_unlock(c, l.rcu);
      if (watched) u.look(c);  // still a reader
    };
    l.init(timer, "timer", body);
    l.init(line, "irq");
    l.init(action, line, "action", body);
    l.hardware(line);
    l.task("updater", [&](Context& c) {
      mod_timer(c, timer, 1);
      request_irq(c, line, action);
      u.free_after_grace_period(c, l.rcu);
    });
  });
  CHECK(sample(lab, 400, "random", [&] { CHECK(find_event(lab, "softirq timer", "irq_enter") == no_such_event); }).text().empty());
  watched = true;
  CHECK(sample(lab, 400, "random", [&] { CHECK(find_event(lab, "softirq timer", "rcu_read_lock") == no_such_event); }).text().empty());
}

TEST_CASE("rcu: an unlock in a handler that took no lock is misuse, its own section is not what it ends") {
  Timer timer;
  Lab lab([&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    l.init(timer, "timer", [&](Context& c) { rcu_read_unlock(c, l.rcu); });
    l.task("a", [&](Context& c) { mod_timer(c, timer, 1); });
  });
  CHECK(every(lab).text() == "api-misuse(rcu)@softirq timer");
}

// Fact: rcu_barrier-waits-for-callbacks.
TEST_CASE("rcu: that callbacks are readers does not make a grace period do for rcu_barrier") {
  Module m;
  RcuCallback callback;
  bool barrier = false;
  Lab lab([&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    l.init(m, "foo");
    l.init(callback, "callback", [&](Context& c) {
      const Context::Function function(c, l.name("foo_free"), m.text, {});
      mark(c);
    });
    l.task("rmmod", [&](Context& c) {
      call_rcu(c, l.rcu, callback);
      delete_module(c, m, l.rcu, [&] { barrier ? rcu_barrier(c, l.rcu) : synchronize_rcu(c, l.rcu); });
    });
  });
  CHECK(every(lab).text() == "execute-after-free(foo)@callback");
  barrier = true;
  CHECK(every(lab).text().empty());
}

// Fact: free_module-grace-period, rcu-handlers-are-readers.
TEST_CASE("rcu: the tail of cpu5wdt's timer: masked by the grace period of free_module(), execute-after-free where there is none") {
  Module m;
  Timer timer;
  Waiter stop;
  Spinlock lock;
  Allocation data, port;
  bool fixed = false;
  const auto make = [&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    l.init(m, "cpu5wdt");
    l.init(data, "data", {"queue", "ticks"});
    l.init(port, "port");
    l.init(lock, "lock", m.text);
    l.init(stop, "stop", Owner::driver, m.text);
    l.init(
        timer, "timer",
        [&](Context& c) {
          const Context::Function function(c, l.name("cpu5wdt_trigger"), m.text, {});
          spin_lock(c, lock);
          use(c, port.life);
          if (get(c, data, 0) != 0 && get(c, data, 1) == 0) {
            set(c, data, 1, 1);
            mod_timer(c, timer, 1);
          } else {
            complete(c, stop);
          }
          spin_unlock(c, lock);
          mark(c);  // returns
        },
        m.text);
    l.task("user and rmmod", [&](Context& c) {
      set(c, data, 1, 0);
      mod_timer(c, timer, 1);
      delete_module(c, m, l.rcu, [&] {
        const Context::Function function(c, l.name("cpu5wdt_exit"), m.text, {});
        set(c, data, 0, 0);
        fixed ? timer_shutdown_sync(c, timer) : wait_for_completion(c, stop);
        if (!fixed) timer_delete(c, timer);
        kfree(c, port);
      });
    });
  };
  for (const int kernel : {0, 1, 2, 3}) {
    const bool gp = (kernel & 1) != 0, readers = (kernel & 2) != 0;
    CAPTURE(gp);
    CAPTURE(readers);
    KernelConfig config = config_of(readers);
    config.unload_grace_period = gp;
    Lab lab(make, config);
    fixed = false;
    Found f = every(lab);
    // In no kernel is the port touched after its release: every access precedes the complete() that lets exit go on.
    const std::uint64_t hits = f.count("execute-after-free(cpu5wdt)@softirq timer");
    CHECK((hits > 0) == !(gp && readers));
    f.violations.erase("execute-after-free(cpu5wdt)@softirq timer");
    CHECK(f.text().empty());
    fixed = true;
    CHECK(every(lab).text().empty());
  }
}

}  // namespace unplug::model::test
