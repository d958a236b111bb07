// The order of locks: cycles that lockdep would warn of, in executions that get past them as well.
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// Takes the locks in order, then lets go of them.
template <class... Locks> void nested(Context& c, Locks&... locks) {
  (mutex_lock(c, locks), ...);
  (mutex_unlock(c, locks), ...);
}

// What lockdep says: how many executions, and the text of the first.
std::uint64_t cycles(const Found& f) {
  std::uint64_t n = 0;
  for (const auto& [violation, count] : f.violations)
    if (violation.starts_with("lock-cycle")) n += count;
  return n;
}

}  // namespace

// Fact: lockdep-order.
TEST_CASE("lock-cycle: two locks in opposite orders are told although they never meet") {
  Mutex a, b;
  Waiter done;
  bool opposite = true;
  Lab lab([&](Lab& l) {
    l.init(a, "a");
    l.init(b, "b");
    l.init(done, "done");
    l.task("first", [&](Context& c) {
      nested(c, a, b);
      complete(c, done);
    });
    l.task("second", [&](Context& c) {
      wait_for_completion(c, done);
      opposite ? nested(c, b, a) : nested(c, a, b);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "lock-cycle(a)@second");
  CHECK(f.executions == 1);
  CHECK(f.places.begin()->second == "mutex_lock");
  CHECK(f.details.begin()->second == "'first' takes 'b' under 'a', 'second' takes 'a' under 'b'");
  opposite = false;
  CHECK(every(lab).text().empty());
}

TEST_CASE("lock-cycle: one task alone is enough, and of several that do the same the least name is told") {
  Mutex a, b;
  unsigned tasks = 1;
  Lab lab([&](Lab& l) {
    l.init(a, "a");
    l.init(b, "b");
    for (unsigned i = tasks; i-- > 0;)
      l.task("t" + std::to_string(i), [&](Context& c) {
        nested(c, b, a);
        mark(c);
        nested(c, a, b);
      });
  });
  CHECK(every(lab).text() == "lock-cycle(a)@t0");
  tasks = 2;
  const Found f = every(lab);
  CHECK(f.count("lock-cycle(a)@t0") == f.executions);
  CHECK(cycles(f) == f.executions);
}

TEST_CASE("lock-cycle: of three locks, none of which two take in opposite orders") {
  Mutex a, b, d;
  bool last = true;
  Lab lab([&](Lab& l) {
    l.init(d, "c");
    l.init(b, "b");
    l.init(a, "a");
    l.task("x", [&](Context& c) { nested(c, a, b); });
    l.task("y", [&](Context& c) { nested(c, b, d); });
    l.task("z", [&](Context& c) { last ? nested(c, d, a) : nested(c, a, d); });
  });
  const Found f = sample(lab, 100);
  CHECK(f.count("lock-cycle(a)@z") == 100);
  CHECK(cycles(f) == 100);
  CHECK(f.details.at("lock-cycle(a)@z") == "'x' takes 'b' under 'a', 'y' takes 'c' under 'b', 'z' takes 'a' under 'c'");
  last = false;
  CHECK(every(lab).text().empty());
}

TEST_CASE("lock-cycle: two cycles are two findings, and what leads to one is in none") {
  Mutex a, b, d, e, outer;
  Lab lab([&](Lab& l) {
    for (const auto& [m, n] : {std::pair{&a, "a"}, {&b, "b"}, {&d, "c"}, {&e, "d"}, {&outer, "0"}}) l.init(*m, n);
    l.task("t", [&](Context& c) {
      nested(c, outer, a);
      nested(c, a, b);
      nested(c, b, a);
      nested(c, b, d);
      nested(c, d, e);
      nested(c, e, d);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "lock-cycle(a)@t, lock-cycle(c)@t");
  CHECK(f.details.at("lock-cycle(c)@t") == "'t' takes 'd' under 'c', 't' takes 'c' under 'd'");
}

TEST_CASE("lock-cycle: locks of one name are one class, two of which held at once are recursion") {
  Mutex first, second;
  bool same = true;
  Lab lab([&](Lab& l) {
    init_mutex(l.kernel, first, l.name("a.lock#1"), l.name("lock"), {});
    init_mutex(l.kernel, second, l.name("a.lock#2"), l.name(same ? "lock" : "other"), {});
    l.task("t", [&](Context& c) { nested(c, first, second); });
  });
  const Found f = every(lab);
  CHECK(f.text() == "lock-cycle(lock)@t");
  CHECK(f.details.begin()->second == "'t' takes 'lock' when it holds one already");
  same = false;
  CHECK(every(lab).text().empty());
}

TEST_CASE("lock-cycle: who only tries never waits, but what he got counts for who waits under it") {
  Mutex a, b;
  bool holder_tries = false;
  Lab lab([&](Lab& l) {
    l.init(a, "a");
    l.init(b, "b");
    l.task("x", [&](Context& c) { nested(c, a, b); });
    l.task("y", [&](Context& c) {
      if (holder_tries) {
        if (!mutex_trylock(c, b)) return;
        nested(c, a);
      } else {
        mutex_lock(c, b);
        if (mutex_trylock(c, a)) mutex_unlock(c, a);
      }
      mutex_unlock(c, b);
    });
  });
  CHECK(every(lab).text().empty());
  holder_tries = true;
  CHECK(cycles(every(lab)) > 0);
}

// Fact: lockdep-readers.
TEST_CASE("lock-cycle: readers of an rwsem are in cycles, as a waiting writer keeps them out") {
  Rwsem s;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(s, "s");
    l.init(m, "m");
    l.task("x", [&](Context& c) {
      down_read(c, s);
      nested(c, m);
      up_read(c, s);
    });
    l.task("y", [&](Context& c) {
      mutex_lock(c, m);
      down_read(c, s);
      up_read(c, s);
      mutex_unlock(c, m);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "lock-cycle(m)@x");
  CHECK(f.details.begin()->second == "'y' takes 's' under 'm', 'x' takes 'm' under 's'");
}

TEST_CASE("lock-cycle: readers that don't keep each other out close no cycle among themselves, who waits for them does") {
  Mutex m;
  bool waits = false, inside = false;
  ObjectId domain;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    domain = l.engine.new_object(l.name("domain"), 0);
    const auto read = [&](Context& c, const std::function<void()>& body) {
      c.lock_acquire(domain, c.kernel().intern("domain"), LockUse::shared);
      c.write(mark_op, domain, {}, [&](std::uint64_t&) { c.lock_hold({domain, c.kernel().intern("domain"), LockUse::shared, true}); });
      body();
      c.write(mark_op, domain, {}, [&](std::uint64_t&) { c.lock_release(domain); });
    };
    l.task("x", [&, read](Context& c) { read(c, [&] { nested(c, m); }); });
    l.task("y", [&, read](Context& c) {
      if (inside) {
        read(c, [&] { read(c, [] {}); });
        return;
      }
      mutex_lock(c, m);
      if (waits) {
        c.lock_acquire(domain, c.kernel().intern("domain"), LockUse::wait);
        mark(c);
      } else {
        read(c, [] {});
      }
      mutex_unlock(c, m);
    });
  });
  CHECK(every(lab).text().empty());
  inside = true;
  CHECK(every(lab).text().empty());
  inside = false;
  waits = true;
  const Found f = every(lab);
  CHECK(f.text() == "lock-cycle(domain)@y");
  CHECK(f.details.begin()->second == "'x' takes 'm' in 'domain', 'y' waits for 'domain' under 'm'");
}

// Fact: lockdep-maps-of-waits.
TEST_CASE("lock-cycle: attributes removed under a lock that their operations take, whether or not they meet") {
  SysfsAttribute a;
  Mutex lock;
  bool lock_first = true, itself = false;
  Lab lab([&](Lab& l) {
    l.init(lock, "zram.init_lock");
    l.init(a, "reset", [&](Context& c) {
      if (itself) {
        sysfs_remove_file(c, a);
      } else {
        nested(c, lock);
      }
      return 0;
    });
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a);
      sysfs_access(c, a);
      if (itself) return;
      if (!lock_first) sysfs_remove_file(c, a);
      mutex_lock(c, lock);
      if (lock_first) sysfs_remove_file(c, a);
      mutex_unlock(c, lock);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "lock-cycle(reset)@driver");
  CHECK(f.details.begin()->second == "'driver' takes 'zram.init_lock' in 'reset', 'driver' waits for 'reset' under 'zram.init_lock'");
  CHECK(f.places.begin()->second == "kernfs_drain");
  lock_first = false;
  CHECK(every(lab).text().empty());
  itself = true;
  const Found g = every(lab);
  CHECK(g.text() == "deadlock(reset)@driver, lock-cycle(reset)@driver");
  CHECK(g.details.at("lock-cycle(reset)@driver") == "'driver' waits for 'reset' from within it");
}

TEST_CASE("lock-cycle: an operation that broke its protection is not waited for, once unbroken it is") {
  SysfsAttribute a;
  Mutex lock;
  bool again = false;
  Lab lab([&](Lab& l) {
    l.init(lock, "lock");
    l.init(a, "attr", [&](Context& c) {
      sysfs_break_active_protection(c, a);
      if (!again) nested(c, lock);
      sysfs_unbreak_active_protection(c, a);
      if (again) nested(c, lock);
      return 0;
    });
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a);
      sysfs_access(c, a);
      nested(c, lock);  // the operation has let go of it
      mutex_lock(c, lock);
      sysfs_remove_file(c, a);
      mutex_unlock(c, lock);
    });
  });
  CHECK(every(lab).text().empty());
  again = true;
  CHECK(every(lab).text() == "lock-cycle(attr)@driver");
}

TEST_CASE("lock-cycle: the second remover of an attribute waits for it as the first does") {
  SysfsAttribute a;
  Mutex lock;
  Lab lab([&](Lab& l) {
    l.init(lock, "lock");
    l.init(a, "attr", [&](Context& c) {
      nested(c, lock);
      return 0;
    });
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a);
      sysfs_access(c, a);
      sysfs_remove_file(c, a);
    });
    l.task("second", [&](Context& c) {
      mutex_lock(c, lock);
      sysfs_remove_file(c, a);
      mutex_unlock(c, lock);
    });
  });
  std::uint64_t waited_second = 0;
  bool told = false;
  const Found f = every(lab, [&] {
    told = find_event(lab, "second", "kernfs_drain: second remover") != no_such_event;
    waited_second += told ? 1U : 0U;
  });
  CHECK(waited_second > 0);
  CHECK(f.count("lock-cycle(attr)@second") >= waited_second);
}

TEST_CASE("lock-cycle: timer_delete_sync under a lock that the timer's function takes") {
  Timer t;
  Spinlock lock;
  enum class Form : std::uint8_t { under, after, without_waiting } form = Form::under;
  Lab lab([&](Lab& l) {
    l.init(lock, "txlock");
    l.init(t, "beacon", [&](Context& c) {
      spin_lock(c, lock);
      spin_unlock(c, lock);
    });
    l.task("remove", [&](Context& c) {
      mod_timer(c, t, 1);
      spin_lock(c, lock, SpinlockOff::interrupts);
      if (form == Form::under) timer_delete_sync(c, t);
      if (form == Form::without_waiting) timer_delete(c, t);
      spin_unlock(c, lock, SpinlockOff::interrupts);
      if (form != Form::under) timer_delete_sync(c, t);
    });
  });
  const Found f = every(lab);
  CHECK(f.count("deadlock(beacon)@remove") > 0);
  CHECK(f.count("deadlock(txlock)@softirq beacon") == f.count("deadlock(beacon)@remove"));
  CHECK(f.count("lock-cycle(beacon)@remove") > f.count("deadlock(beacon)@remove"));
  CHECK(f.count("lock-cycle(beacon)@remove") < f.executions);  // it may be deleted before it has run
  CHECK(f.details.at("lock-cycle(beacon)@remove") ==
        "'softirq beacon' takes 'txlock' in 'beacon', 'remove' waits for 'beacon' under 'txlock'");
  form = Form::after;
  CHECK(every(lab).text().empty());
  form = Form::without_waiting;
  CHECK(every(lab).text().empty());
}

TEST_CASE("lock-cycle: shutting a timer down waits for it too, the kernel has no map for hrtimers") {
  Timer t, h;
  Spinlock lock;
  bool hr = false;
  Lab lab([&](Lab& l) {
    l.init(lock, "lock");
    const auto body = [&](Context& c) {
      spin_lock(c, lock);
      spin_unlock(c, lock);
    };
    l.init(t, "timer", body);
    l.init_hr(h, "hrtimer", [body](Context& c) {
      body(c);
      return false;
    });
    l.task("remove", [&](Context& c) {
      hr ? hrtimer_start(c, h, 1) : static_cast<void>(mod_timer(c, t, 1));
      spin_lock(c, lock, SpinlockOff::interrupts);
      hr ? hrtimer_cancel(c, h) : timer_shutdown_sync(c, t);
      spin_unlock(c, lock, SpinlockOff::interrupts);
    });
  });
  CHECK(cycles(every(lab)) > 0);
  hr = true;
  const Found f = every(lab);
  CHECK(f.count("deadlock(hrtimer)@remove") > 0);
  CHECK(cycles(f) == 0);
}

TEST_CASE("lock-cycle: once the function has returned, nothing is under the timer any more") {
  Timer t;
  Spinlock lock;
  Lab lab([&](Lab& l) {
    l.init(lock, "lock");
    l.init(t, "timer", [&](Context& c) { mark(c); });
    l.task("a", [&](Context& c) {
      mod_timer(c, t, 1);
      spin_lock(c, lock, SpinlockOff::interrupts);
      timer_delete_sync(c, t);
      spin_unlock(c, lock, SpinlockOff::interrupts);
    });
  });
  std::size_t orders = 0;
  CHECK(every(lab,
              [&] {
                for (const LockOrder& o : lab.kernel.lock_orders()) {
                  CHECK(lab.kernel.text(o.held.name) == "lock");
                  ++orders;
                }
              })
            .text()
            .empty());
  CHECK(orders > 0);
}

TEST_CASE("lock-cycle: taking delayed work back without waiting for it is no wait for its function, though it may wait for its timer") {
  DelayedWork w;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.init(w, "poll", [&](Context& c) { nested(c, m); });
    l.task("driver", [&](Context& c) {
      queue_delayed_work(c, w, 1);
      mutex_lock(c, m);
      cancel_delayed_work(c, w);
      mutex_unlock(c, m);
    });
  });
  bool waited = false;
  CHECK(every(lab,
              [&] {
                for (const LockOrder& o : lab.kernel.lock_orders()) waited = waited || o.taken.object == w.timer.object;
              })
            .text()
            .empty());
  CHECK(waited);
}

// Fact: lockdep-device_lock.
TEST_CASE("lock-cycle: device_lock, which parents and children nest, is in no cycle") {
  Device parent, child;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(parent, "parent");
    l.init(child, "child");
    l.init(m, "m");
    l.task("t", [&](Context& c) {
      nested(c, parent.lock, child.lock);
      nested(c, parent.lock, m);
      nested(c, m, parent.lock);
    });
  });
  CHECK(every(lab).text().empty());
}

TEST_CASE("locks: what a driver's code takes and returns with is told where it returns, once") {
  enum class Where : std::uint8_t { work, timer, attribute, operation, nothing } where = Where::work;
  Mutex m, before;
  Spinlock s;
  Work w;
  Timer t;
  SysfsAttribute a;
  FileBody ioctl;
  FileOperations fops;
  fops.ioctl = FileBody::run;
  fops.ioctl_argument = &ioctl;
  File file;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.init(before, "before");
    l.init(s, "s");
    l.init(w, "work", [&](Context& c) {
      mutex_lock(c, m);
      mark(c);
    });
    l.init(t, "timer", [&](Context& c) {
      spin_lock(c, s);
      mark(c);
    });
    l.init(a, "attr", [&](Context& c) {
      if (where == Where::attribute) mutex_lock(c, m);
      mark(c);
      return 0;
    });
    ioctl.body = [&](Context& c, File&) {
      if (where == Where::operation) mutex_lock(c, m);
      mark(c);
      return 0;
    };
    init_file(l.kernel, file);
    file.ops = &fops;
    file.open = true;
    l.task("t", [&](Context& c) {
      if (where == Where::work) queue_work(c, w);
      if (where == Where::timer) mod_timer(c, t, 1);
      if (where == Where::work || where == Where::timer) return;
      mutex_lock(c, before);
      sysfs_create_file(c, a);
      sysfs_access(c, a);
      vfs_ioctl(c, file);
      mark(c);
      mutex_unlock(c, before);
    });
  });
  const auto once = [&](const std::string& violation, const std::string& detail) {
    std::size_t reports = 0;
    const Found f = every(lab, [&] { reports = lab.kernel.reports().size(); });
    CHECK(f.text() == violation);
    CHECK(reports == 1);
    CHECK(f.places.at(violation) == "mark");
    CHECK(f.details.at(violation) == detail);
  };
  once("leak(m)@kworker work", "a work function returns with lock 'm' held");
  where = Where::timer;
  once("leak(s)@softirq timer", "a timer function returns with lock 's' held");
  where = Where::attribute;
  once("leak(m)@t", "an attribute's operation returns with lock 'm' held");
  where = Where::operation;
  once("leak(m)@t", "a file operation returns with lock 'm' held");
  where = Where::nothing;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
