// kernel/wait_queue: sleeping until somebody says that it is worth looking.
#include "unplug/model/kernel/locking/wait_queue.hpp"

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct Queue {
  WaitQueue q;
  Allocation cond, home;
  bool embedded = false;
  void init(Lab& l, Owner owner = Owner::driver) {
    l.init(cond, "cond", {"set"});
    l.init(home, "priv");
    init_wait_queue(l.kernel, q, l.name("q"), l.name("q"), embedded ? home.life : LifetimeId{}, owner);
  }
  [[nodiscard]] Condition holds() {
    return [this](Context& c) { return get(c, cond) != 0; };
  }
};

}  // namespace

// Fact: wake_up-says-nothing.
TEST_CASE("wait_event: who sets the condition and wakes lets every waiter go, in every order") {
  Queue w;
  int through = 0;
  Lab lab([&](Lab& l) {
    through = 0;
    w.init(l);
    for (const auto* n : {"a", "b"})
      l.task(n, [&](Context& c) {
        wait_event(c, w.q, w.holds());
        ++through;
      });
    l.task("waker", [&](Context& c) {
      set(c, w.cond, 1);
      wake_up(c, w.q);
    });
  });
  CHECK(every(lab, [&] { CHECK(through == 2); }).text().empty());
}

TEST_CASE("wait_event: a condition that is set without a wake-up, or after it, leaves the waiter asleep") {
  Queue w;
  enum class Form : std::uint8_t { no_wake, wake_first, wake_last } form = Form::no_wake;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) { wait_event(c, w.q, w.holds()); });
    l.task("waker", [&](Context& c) {
      if (form == Form::wake_first) wake_up(c, w.q);
      set(c, w.cond, 1);
      if (form == Form::wake_last) wake_up(c, w.q);
    });
  });
  for (const Form lost : {Form::no_wake, Form::wake_first}) {
    form = lost;
    const Found f = every(lab);
    CHECK(f.text() == "deadlock(q)@a");
    CHECK(f.count("deadlock(q)@a") < f.executions);  // if it looks late enough it never sleeps
    CHECK(f.places.begin()->second == "schedule");
  }
  form = Form::wake_last;
  CHECK(every(lab).text().empty());
}

TEST_CASE("wait_event: a wake-up without the condition is one to sleep on after") {
  Queue w;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) {
      wait_event(c, w.q, w.holds());
      must(get(c, w.cond) == 1);
    });
    l.task("waker", [&](Context& c) {
      wake_up(c, w.q);
      set(c, w.cond, 1);
      wake_up(c, w.q);
    });
  });
  std::uint64_t twice = 0;
  CHECK(every(lab, [&] { twice += find_event(lab, "a", "schedule", 2) != no_such_event ? 1U : 0U; }).text().empty());
  CHECK(twice > 0);
}

// Fact: wait_event-memory.
TEST_CASE("wait_event: one whose condition holds does nothing to the queue") {
  Queue w;
  w.embedded = true;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) {
      set(c, w.cond, 1);
      kfree(c, w.home);
      wait_event(c, w.q, w.holds());
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: prepare_to_wait-then-look.
TEST_CASE("prepare_to_wait: by hand it loses no wake-up if the condition is looked at after it, and does if before") {
  Queue w;
  bool right = true;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) {
      WaitEntry e;
      if (right) {
        prepare_to_wait(c, w.q, e, false);
        if (get(c, w.cond) == 0) must(schedule(c, e) == WaitEnd::done);
        finish_wait(c, e);
      } else if (get(c, w.cond) == 0) {
        prepare_to_wait(c, w.q, e, false);
        schedule(c, e);
        finish_wait(c, e);
      }
    });
    l.task("waker", [&](Context& c) {
      set(c, w.cond, 1);
      wake_up(c, w.q);
    });
  });
  CHECK(every(lab).text().empty());
  right = false;
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(q)@a");
  CHECK(f.count("deadlock(q)@a") == 1);  // between looking and preparing
}

// Fact: wake_up_interruptible-passes-over.
TEST_CASE("wake_up_interruptible: passes over who sleeps uninterruptibly, wake_up passes over nobody") {
  Queue w;
  bool interruptible = false, all = false;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) {
      interruptible ? static_cast<void>(wait_event_interruptible(c, w.q, w.holds())) : wait_event(c, w.q, w.holds());
    });
    l.task("waker", [&](Context& c) {
      set(c, w.cond, 1);
      all ? wake_up(c, w.q) : wake_up_interruptible(c, w.q);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(q)@a");
  all = true;
  CHECK(every(lab).blocked == 0);
  interruptible = true;
  CHECK(every(lab).blocked == 0);
  all = false;
  CHECK(every(lab).blocked == 0);
}

// Fact: wait_event-signal-timeout.
TEST_CASE("wait_event_interruptible: a signal ends it, but who finds the condition true says so, and it is never a deadlock") {
  Queue w;
  bool killable = false, waker = true;
  std::set<bool> seen;
  bool result = false;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) {
      result = killable ? wait_event_killable(c, w.q, w.holds()) : wait_event_interruptible(c, w.q, w.holds());
      if (waker && result) must(get(c, w.cond) == 1);
    });
    if (waker)
      l.task("waker", [&](Context& c) {
        set(c, w.cond, 1);
        wake_up(c, w.q);
      });
  });
  for (const bool k : {false, true}) {
    killable = k;
    waker = true;
    seen.clear();
    const Found f = every(lab, [&] { seen.insert(result); });
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    CHECK(seen == std::set<bool>{false, true});
    // Asleep for ever, unless somebody sends a signal.
    waker = false;
    const Found g = every(lab);
    CHECK(g.text().empty());
    CHECK(g.blocked == 1);
    CHECK(g.executions == 2);
  }
}

TEST_CASE("wait_event_timeout: ends in time whatever anybody does, having looked once more") {
  Queue w;
  bool waker = true, result = false;
  std::set<bool> seen;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) {
      result = wait_event_timeout(c, w.q, w.holds(), sim::millisecond);
      if (!result) return;
      must(get(c, w.cond) == 1);
    });
    if (waker)
      l.task("waker", [&](Context& c) {
        set(c, w.cond, 1);
        wake_up(c, w.q);
      });
  });
  CHECK(every(lab, [&] { seen.insert(result); }).text().empty());
  CHECK(seen == std::set<bool>{false, true});
  waker = false;
  const Found f = every(lab);
  CHECK(f.text().empty());
  run_timed(lab);
  CHECK(!result);
  CHECK(lab.engine.trace().end_time >= sim::millisecond);
}

TEST_CASE("wait_event_timeout: the time being up and the condition set without a wake-up, it holds") {
  Queue w;
  bool result = false;
  std::uint64_t late = 0;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) { result = wait_event_timeout(c, w.q, w.holds(), 1); });
    l.task("setter", [&](Context& c) { set(c, w.cond, 1); });
  });
  every(lab, [&] {
    const std::size_t set_at = find_event(lab, "setter", "WRITE_ONCE"), slept = find_event(lab, "a", "schedule");
    if (slept != no_such_event) return;
    late += result && find_event(lab, "a", "does the time run out?") < set_at ? 1U : 0U;
  });
  run_timed(lab);
  CHECK(result);
}

TEST_CASE("wait_event_interruptible_timeout: ends in each of three ways") {
  Queue w;
  std::set<WaitEnd> seen;
  WaitEnd result = WaitEnd::done;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("a", [&](Context& c) { result = wait_event_interruptible_timeout(c, w.q, w.holds(), sim::millisecond); });
    l.task("waker", [&](Context& c) {
      set(c, w.cond, 1);
      wake_up_interruptible(c, w.q);
    });
  });
  const Found f = every(lab, [&] { seen.insert(result); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<WaitEnd>{WaitEnd::done, WaitEnd::expired, WaitEnd::interrupted});
}

TEST_CASE("wait queues: waking one in freed memory is a use after free, and so is being woken by wait_event and looking again") {
  Queue w;
  w.embedded = true;
  bool waker_late = true;
  Lab lab([&](Lab& l) {
    w.init(l);
    if (waker_late) {
      l.task("waker", [&](Context& c) { wake_up(c, w.q); });
      l.task("owner", [&](Context& c) { kfree(c, w.home); });
      return;
    }
    l.task("a", [&](Context& c) { wait_event(c, w.q, w.holds()); });
    l.task("waker", [&](Context& c) {
      set(c, w.cond, 1);
      wake_up(c, w.q);
      kfree(c, w.home);
    });
  });
  CHECK(every(lab).text() == "use-after-free(priv)@waker");
  waker_late = false;
  CHECK(every(lab).count("use-after-free(priv)@a") > 0);
}

TEST_CASE("finish_wait: touches the queue if nobody has woken the entry, else it may be gone") {
  Queue w;
  w.embedded = true;
  Waiter queued, left;
  bool wakes = true, waits = false;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.init(queued, "queued");
    l.init(left, "left");
    l.task("a", [&](Context& c) {
      WaitEntry e;
      prepare_to_wait(c, w.q, e, false);
      complete(c, queued);
      if (wakes) schedule(c, e);
      finish_wait(c, e);
      complete(c, left);
    });
    l.task("owner", [&](Context& c) {
      wait_for_completion(c, queued);
      if (wakes) wake_up(c, w.q);
      if (waits) wait_for_completion(c, left);
      kfree(c, w.home);
    });
  });
  CHECK(every(lab).text().empty());
  wakes = false;
  const Found f = every(lab);
  CHECK(f.text() == "use-after-free(priv)@a");
  CHECK(f.places.begin()->second == "finish_wait: off the queue");
  waits = true;
  CHECK(every(lab).text().empty());
}

TEST_CASE("poll: stays on the queue while it sleeps and until it returns, so that freeing that is a use after free") {
  Queue w;
  w.embedded = true;
  bool frees = false, wakes = false, ready = false;
  std::set<bool> seen;
  Lab lab([&](Lab& l) {
    w.init(l, Owner::driver);
    l.task("user", [&](Context& c) { ready = poll(c, w.q, w.holds()); });
    l.task("driver", [&](Context& c) {
      if (wakes) {
        set(c, w.cond, 1);
        wake_up(c, w.q);
      }
      if (frees) kfree(c, w.home);
    });
  });
  CHECK(every(lab).text().empty());  // asleep until a signal comes: no deadlock
  wakes = true;
  const Found f = every(lab, [&] { seen.insert(ready); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<bool>{false, true});
  frees = true;
  CHECK(every(lab).count("use-after-free(priv)@user") > 0);
  wakes = false;
  const Found g = every(lab);
  CHECK(g.text() == "use-after-free(priv)@user");
  bool asleep = false;
  for (const auto& [violation, detail] : g.details) asleep = asleep || detail == "the task still sleeps there" || detail.empty();
  CHECK(asleep);
}

TEST_CASE("poll: a wake-up without anything to report is one to sleep on after") {
  Queue w;
  bool ready = false;
  std::uint64_t twice = 0;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("user", [&](Context& c) { ready = poll(c, w.q, w.holds()); });
    l.task("driver", [&](Context& c) {
      wake_up(c, w.q);
      set(c, w.cond, 1);
      wake_up(c, w.q);
    });
  });
  const Found f = every(lab, [&] { twice += find_event(lab, "user", "poll: sleep", 2) != no_such_event ? 1U : 0U; });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(twice > 0);
}

TEST_CASE("wait queues: sleeping on one is for tasks, waking is for all") {
  Queue w;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task(
        "irq", [&](Context& c) { wake_up(c, w.q); }, ContextKind::hardirq);
    l.task(
        "bad",
        [&](Context& c) {
          mark(c);
          set(c, w.cond, 1);
          wait_event(c, w.q, w.holds());
        },
        ContextKind::softirq);
  });
  CHECK(every(lab).text() == "sleep-in-atomic(wait_event)@bad");
}

TEST_CASE("wait queues: under a lock that the waker takes first, nobody wakes") {
  Queue w;
  Mutex m;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.init(m, "m");
    l.task("a", [&](Context& c) {
      mutex_lock(c, m);
      wait_event(c, w.q, w.holds());
      mutex_unlock(c, m);
    });
    l.task("waker", [&](Context& c) {
      mutex_lock(c, m);
      set(c, w.cond, 1);
      wake_up(c, w.q);
      mutex_unlock(c, m);
    });
  });
  CHECK(every(lab).text() == "deadlock(q)@a");
}

}  // namespace unplug::model::test
