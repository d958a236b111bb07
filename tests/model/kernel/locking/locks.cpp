// kernel/locks: mutexes; rwsems are in rwsem.cpp.
#include "model/support.hpp"

namespace unplug::model::test {

// Fact: mutex-owner.
TEST_CASE("mutex: at most one task is inside, and each gets in") {
  Mutex m;
  int inside = 0, most = 0, entered = 0;
  Lab lab([&](Lab& l) {
    inside = entered = 0;
    l.init(m, "m");
    for (const auto* n : {"a", "b", "c"})
      l.task(n, [&](Context& c) {
        mutex_lock(c, m);
        most = std::max(most, ++inside);
        ++entered;
        mark(c);
        --inside;
        mutex_unlock(c, m);
      });
  });
  const Found f = every_schedule(lab, [&] { CHECK(entered == 3); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(most == 1);
  CHECK(every(lab).executions == 6);  // who goes first, second, third: no queue, so every order
}

// Fact: mutex-sleeps.
TEST_CASE("mutex: trylock gets it or doesn't, and never waits") {
  Mutex m;
  int got = 0;
  std::set<int> seen;
  Lab lab([&](Lab& l) {
    got = 0;
    l.init(m, "m");
    for (const auto* n : {"a", "b"})
      l.task(n, [&](Context& c) {
        if (!mutex_trylock(c, m)) return;
        ++got;
        mutex_unlock(c, m);
      });
  });
  const Found f = every(lab, [&] { seen.insert(got); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<int>{1, 2});
}

// Fact: mutex-owner.
TEST_CASE("mutex: a lock held at exit is a leak, and who waits for it waits for nobody") {
  Mutex m;
  bool second = false;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.task("a", [&](Context& c) { mutex_lock(c, m); });
    if (second)
      l.task("b", [&](Context& c) {
        mutex_lock(c, m);
        mutex_unlock(c, m);
      });
  });
  CHECK(every(lab).text() == "leak(m)@a");
  second = true;
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(m)@b, leak(m)@a");
  CHECK(f.details.at("deadlock(m)@b") == "'b' waits in mutex_lock(m) for 'a' has ended without letting go");
}

// Fact: mutex-owner.
TEST_CASE("mutex: unlock by a task that does not hold it is api-misuse, and opens it all the same") {
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.task("a", [&](Context& c) {
      mutex_unlock(c, m);
      mutex_lock(c, m);
      mutex_unlock(c, m);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(m)@a");
  CHECK(f.details.begin()->second == "mutex_unlock('m') by a task that does not hold it");

  int inside = 0, most = 0;
  Lab theft([&](Lab& l) {
    inside = 0;
    l.init(m, "m");
    l.task("thief", [&](Context& c) { mutex_unlock(c, m); });
    for (const auto* n : {"a", "b"})
      l.task(n, [&](Context& c) {
        mutex_lock(c, m);
        most = std::max(most, ++inside);
        mark(c);
        --inside;
        mutex_unlock(c, m);
      });
  });
  every(theft);
  CHECK(most == 2);
}

// Fact: mutex-owner.
TEST_CASE("mutex: locked twice by one task, it waits for itself") {
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.task("a", [&](Context& c) {
      mutex_lock(c, m);
      mutex_lock(c, m);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(m)@a, lock-cycle(m)@a");
  CHECK(f.details.begin()->second == "'a' waits in mutex_lock(m) for 'a' waits in mutex_lock(m)");
}

// Fact: lockdep-order.
TEST_CASE("mutex: two locks in opposite order deadlock, in the same order they don't") {
  Mutex m, n;
  bool opposite = true;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.init(n, "n");
    const auto both = [](Context& c, Mutex& first, Mutex& second) {
      mutex_lock(c, first);
      mutex_lock(c, second);
      mutex_unlock(c, second);
      mutex_unlock(c, first);
    };
    l.task("a", [&, both](Context& c) { both(c, m, n); });
    l.task("b", [&, both](Context& c) { opposite ? both(c, n, m) : both(c, m, n); });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(m)@b, deadlock(n)@a, lock-cycle(m)@b");
  CHECK(f.count("lock-cycle(m)@b") == 3);  // in every execution, of which one deadlocks
  CHECK(f.details.at("deadlock(n)@a") == "'a' waits in mutex_lock(n) for 'b' waits in mutex_lock(m) for 'a' waits in mutex_lock(n)");
  CHECK(f.executions == 3);
  CHECK(f.blocked == 1);
  opposite = false;
  CHECK(every(lab).text().empty());
}

// Fact: mutex-sleeps.
TEST_CASE("mutex: taking one in an interrupt or in an RCU reader is sleep-in-atomic, even if it is free") {
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    const auto body = [&](Context& c) {
      mark(c);
      mutex_lock(c, m);
      mutex_unlock(c, m);
    };
    l.task("irq", body, ContextKind::hardirq);
    l.task("softirq", body, ContextKind::softirq);
    l.task("reader", [&, body](Context& c) {
      rcu_read_lock(c, l.rcu);
      body(c);
      rcu_read_unlock(c, l.rcu);
      body(c);
    });
    l.task("process", body);
    l.task(
        "polite",
        [&](Context& c) {
          if (mutex_trylock(c, m)) mutex_unlock(c, m);
        },
        ContextKind::hardirq);
  });
  const Found f = sample(lab, 50);
  CHECK(f.text() == "sleep-in-atomic(mutex_lock)@irq, sleep-in-atomic(mutex_lock)@reader, sleep-in-atomic(mutex_lock)@softirq");
  for (const auto& [violation, place] : f.places) CHECK(place == "mutex_lock");
  CHECK(f.details.at("sleep-in-atomic(mutex_lock)@irq") == "mutex_lock may sleep, in hard interrupt context");
  CHECK(f.details.at("sleep-in-atomic(mutex_lock)@reader") == "mutex_lock may sleep, inside an RCU read-side section");
}

// Fact: mutex-memory.
TEST_CASE("locks: memory they are embedded in must live through lock, wait and unlock") {
  Allocation p;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(p, "p");
    l.init(m, "p.lock", p.life);
    l.task("user", [&](Context& c) {
      mutex_lock(c, m);
      mutex_unlock(c, m);
    });
    l.task("owner", [&](Context& c) {
      mutex_lock(c, m);
      mutex_unlock(c, m);
      kfree(c, p);
    });
  });
  CHECK(every(lab).text() == "use-after-free(p)@user");
}

// Fact: mutex_lock-signal.
TEST_CASE("mutex_lock_interruptible: a signal ends the wait without the lock, never the lock of who finds it free") {
  Mutex m;
  bool killable = false, contended = true;
  int inside = 0;
  std::set<bool> seen;
  Lab lab([&](Lab& l) {
    inside = 0;
    l.init(m, "m");
    for (const auto* n : {"a", "b"}) {
      if (!contended && *n == 'b') continue;
      l.task(n, [&](Context& c) {
        const bool got = killable ? mutex_lock_killable(c, m) : mutex_lock_interruptible(c, m);
        seen.insert(got);
        if (!got) return;
        must(++inside == 1);
        mark(c);
        --inside;
        mutex_unlock(c, m);
      });
    }
  });
  for (const bool k : {false, true}) {
    killable = k;
    contended = true;
    seen.clear();
    const Found f = every(lab);
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    CHECK(seen == std::set<bool>{false, true});
    contended = false;
    seen.clear();
    CHECK(every(lab).text().empty());
    CHECK(seen == std::set<bool>{true});
  }
}

// Fact: mutex_lock-signal.
TEST_CASE("mutex_lock_interruptible: two of them in opposite orders wait until user space sends a signal, with removal behind them") {
  Mutex m, n;
  Waiter both;
  bool removing = false, interruptible = true;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.init(n, "n");
    l.init(both, "both");
    const auto cross = [&](Context& c, Mutex& first, Mutex& second) {
      mutex_lock(c, first);
      complete(c, both);
      complete(c, both);
      for (int i = 0; i < 2; ++i) wait_for_completion(c, both);
      if (interruptible) {
        if (mutex_lock_interruptible(c, second)) mutex_unlock(c, second);
      } else {
        mutex_lock(c, second);
        mutex_unlock(c, second);
      }
      mutex_unlock(c, first);
    };
    l.task("a", [&, cross](Context& c) { cross(c, m, n); });
    l.task("b", [&, cross](Context& c) { cross(c, n, m); });
    if (removing)
      l.remover("remove", [&](Context& c) {
        mark(c);
        c.kernel().removal_phase = RemovalPhase::remove;
        mutex_lock(c, m);
        mutex_unlock(c, m);
        c.kernel().removal_phase = RemovalPhase::none;
      });
  });
  CHECK(every(lab).text() == "lock-cycle(m)@b");
  removing = true;
  const Found f = sample(lab, 400);
  CHECK(f.text() == "lock-cycle(m)@b, unbounded-remove(m)@remove");
  interruptible = false;
  CHECK(sample(lab, 400).count("hung-remove(m)@remove") > 0);
}

// Fact: mutex-sleeps.
TEST_CASE("locks: interruptible or not, taking a sleeping lock under a spinlock is sleep-in-atomic") {
  Mutex m;
  Spinlock spin;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.init(spin, "spin");
    l.task("t", [&](Context& c) {
      spin_lock(c, spin);
      if (mutex_lock_interruptible(c, m)) mutex_unlock(c, m);
      spin_unlock(c, spin);
    });
  });
  CHECK(every(lab).text() == "sleep-in-atomic(mutex_lock_interruptible)@t");
}

}  // namespace unplug::model::test
