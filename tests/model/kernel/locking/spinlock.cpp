// kernel/locking/spinlock: exclusion, atomic context, and interrupts that take what is held.
#include "model/support.hpp"

namespace unplug::model::test {

// Fact: spinlock-atomic.
TEST_CASE("spinlock: one at a time, and what it guards is ordered") {
  Spinlock s;
  Allocation a;
  Lab lab([&](Lab& l) {
    l.init(s, "lock");
    l.init(a, "a", {"n"});
    for (const auto* name : {"x", "y", "z"})
      l.task(name, [&](Context& c) {
        spin_lock(c, s);
        set(c, a, get(c, a, 0, MemoryOrder::plain) + 1, 0, MemoryOrder::plain);
        spin_unlock(c, s);
      });
  });
  std::set<std::uint64_t> sums;
  CHECK(every(lab, [&] { sums.insert(lab.engine.trace().objects[a.fields[0].second.index()].word); }).text().empty());
  CHECK(sums == std::set<std::uint64_t>{3});
}

// Fact: spinlock-atomic.
TEST_CASE("spinlock: who holds one may not sleep, and may not keep it") {
  Spinlock s;
  Mutex m;
  Rwsem after;
  bool keep = false;
  Lab lab([&](Lab& l) {
    l.init(s, "lock");
    l.init(m, "mutex");
    l.init(after, "rwsem");
    l.task("a", [&](Context& c) {
      spin_lock(c, s);
      mutex_lock(c, m);
      mutex_unlock(c, m);
      if (!keep) spin_unlock(c, s);
      down_write(c, after);
      up_write(c, after);
    });
  });
  CHECK(every(lab).text() == "sleep-in-atomic(mutex_lock)@a");
  keep = true;
  CHECK(every(lab).count("leak(lock)@a") == 1);
}

// Fact: spinlock-atomic.
TEST_CASE("spinlock: unlocked by who doesn't hold it is misuse, two in opposite orders deadlock") {
  Spinlock s, t;
  bool misuse = true;
  Lab lab([&](Lab& l) {
    l.init(s, "s");
    l.init(t, "t");
    if (misuse) {
      l.task("a", [&](Context& c) { spin_unlock(c, s); });
      return;
    }
    l.task("a", [&](Context& c) {
      spin_lock(c, s);
      spin_lock(c, t);
      spin_unlock(c, t);
      spin_unlock(c, s);
    });
    l.task("b", [&](Context& c) {
      spin_lock(c, t);
      spin_lock(c, s);
      spin_unlock(c, s);
      spin_unlock(c, t);
    });
  });
  CHECK(every(lab).text() == "api-misuse(s)@a");
  misuse = false;
  CHECK(every(lab).text() == "deadlock(s)@b, deadlock(t)@a, lock-cycle(s)@b");
}

// Fact: spinlock-irqs-off.
TEST_CASE("spinlock: the unlock has to be the one that goes with the lock") {
  Spinlock s;
  SpinlockOff on = SpinlockOff::nothing, off = SpinlockOff::nothing;
  Lab lab([&](Lab& l) {
    l.init(s, "lock");
    l.task("a", [&](Context& c) {
      spin_lock(c, s, on);
      spin_unlock(c, s, off);
    });
  });
  using enum SpinlockOff;
  for (const SpinlockOff x : {nothing, softirqs, interrupts})
    for (const SpinlockOff y : {nothing, softirqs, interrupts}) {
      on = x;
      off = y;
      CHECK(every(lab).text() == (x == y ? "" : "api-misuse(lock)@a"));
    }
}

// Fact: spinlock-irqs-off.
TEST_CASE("spinlock: a lock that an interrupt takes needs interrupts off, one that a softirq takes softirqs off") {
  Spinlock s;
  SpinlockOff off = SpinlockOff::nothing;
  ContextKind by = ContextKind::hardirq, held_in = ContextKind::process;
  Lab lab([&](Lab& l) {
    l.init(s, "lock");
    const auto body = [&](SpinlockOff how) {
      return [&, how](Context& c) {
        spin_lock(c, s, how);
        spin_unlock(c, s, how);
      };
    };
    l.task("holder", body(off), held_in);
    l.task("interrupt", body(SpinlockOff::nothing), by);
  });
  const std::string deadlock = "deadlock(lock)@holder";
  using enum SpinlockOff;
  using enum ContextKind;
  struct Row {
    ContextKind by, held_in;
    SpinlockOff off;
    bool bad;
  };
  for (const Row& r :
       {Row{hardirq, process, nothing, true}, Row{hardirq, process, softirqs, true}, Row{hardirq, process, interrupts, false},
        Row{hardirq, softirq, nothing, true}, Row{hardirq, softirq, interrupts, false}, Row{softirq, process, nothing, true},
        Row{softirq, process, softirqs, false}, Row{softirq, process, interrupts, false}, Row{softirq, softirq, nothing, false},
        Row{hardirq, hardirq, nothing, false}, Row{process, process, nothing, false}}) {
    by = r.by;
    held_in = r.held_in;
    off = r.off;
    CAPTURE(static_cast<int>(r.by));
    CAPTURE(static_cast<int>(r.held_in));
    CAPTURE(static_cast<int>(r.off));
    CHECK(every(lab).text() == (r.bad ? deadlock : ""));
  }
}

// Fact: spinlock-atomic.
TEST_CASE("spin_trylock: gets it or doesn't, never waits, and who got it may not sleep") {
  Spinlock s;
  Mutex m;
  int got = 0;
  std::set<int> seen;
  bool sleeps = false;
  Lab lab([&](Lab& l) {
    got = 0;
    l.init(s, "lock");
    l.init(m, "m");
    for (const auto* n : {"a", "b"})
      l.task(n, [&](Context& c) {
        const bool mine = spin_trylock(c, s, SpinlockOff::softirqs);
        if (!mine) return;
        ++got;
        if (sleeps) {
          mutex_lock(c, m);
          mutex_unlock(c, m);
        }
        mark(c);
        spin_unlock(c, s, SpinlockOff::softirqs);
      });
  });
  const Found f = every(lab, [&] { seen.insert(got); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<int>{1, 2});
  sleeps = true;
  CHECK(every(lab).text() == "sleep-in-atomic(mutex_lock)@a, sleep-in-atomic(mutex_lock)@b");
}

// Fact: spinlock-irqs-off.
TEST_CASE("spin_trylock: holds as spin_lock does, so that an interrupt may spin on it, but spins in none itself") {
  Spinlock s;
  bool holder_tries = true, interrupt_tries = false, fails = false;
  SpinlockOff off = SpinlockOff::nothing;
  Lab lab([&](Lab& l) {
    l.init(s, "lock");
    l.task("holder", [&](Context& c) {
      if (fails) spin_lock(c, s, SpinlockOff::interrupts);
      const bool got = holder_tries ? spin_trylock(c, s, off) : (spin_lock(c, s, off), true);
      if (got) spin_unlock(c, s, off);
      if (fails) spin_unlock(c, s, SpinlockOff::interrupts);
    });
    l.task(
        "interrupt",
        [&](Context& c) {
          const bool got = interrupt_tries ? spin_trylock(c, s) : (spin_lock(c, s), true);
          if (got) spin_unlock(c, s);
        },
        ContextKind::hardirq);
  });
  CHECK(every(lab).count("deadlock(lock)@holder") > 0);
  off = SpinlockOff::softirqs;
  CHECK(every(lab).count("deadlock(lock)@holder") > 0);
  off = SpinlockOff::interrupts;
  CHECK(every(lab).text().empty());
  off = SpinlockOff::nothing;
  interrupt_tries = true;
  CHECK(every(lab).text().empty());
  holder_tries = false;
  CHECK(every(lab).text().empty());
  // What is not got is not held.
  holder_tries = fails = true;
  interrupt_tries = false;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
