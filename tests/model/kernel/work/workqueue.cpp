// kernel/workqueue: one item, its PENDING bit, and the ways to be rid of it.
#include <algorithm>

#include "model/work_item.hpp"

namespace unplug::model::test {

// Fact: queue_work-pending.
TEST_CASE("work: queued once it runs once, false means it was pending already, and the pending instance does run") {
  Item i;
  std::set<std::pair<bool, int>> seen;
  bool second = false;
  Lab lab([&](Lab& l) {
    i.init(l);
    l.task("a", [&](Context& c) {
      const bool first = queue_work(c, i.work);
      CHECK(first);
      second = queue_work(c, i.work);
    });
  });
  const Found f = every(lab, [&] {
    seen.insert({second, i.runs});
    CHECK(!work_is_pending(lab.engine.trace().objects[i.work.object.index()].word));
  });
  CHECK(f.text().empty());
  CHECK(seen == std::set<std::pair<bool, int>>{{false, 1}, {true, 2}});
}

// Fact: work-pending-cleared-first, work-never-twice.
TEST_CASE("work: PENDING is cleared before the function is called: queued again while it runs, it runs again, never twice at once") {
  Item i;
  int accepted = 0;
  std::uint64_t while_running = 0;
  Lab lab([&](Lab& l) {
    accepted = 0;
    i.init(l);
    l.task("a", [&](Context& c) { accepted += queue_work(c, i.work) ? 1 : 0; });
    l.task("b", [&](Context& c) {
      const bool again = queue_work(c, i.work);
      accepted += again ? 1 : 0;
      if (again && i.inside == 1) ++while_running;
    });
  });
  const Found f = every(lab, [&] { CHECK(i.runs == accepted); });
  CHECK(f.text().empty());
  CHECK(while_running > 0);
}

// Fact: queue_work-pending.
TEST_CASE("work: many producers: every call that answers true is one run") {
  Item i;
  int accepted = 0;
  Lab lab([&](Lab& l) {
    accepted = 0;
    i.init(l);
    for (const auto* n : {"a", "b", "c"})
      l.task(n, [&](Context& c) {
        for (int k = 0; k < 3; ++k) accepted += queue_work(c, i.work) ? 1 : 0;
      });
  });
  const Found f = sample(lab, 500, "random", [&] { CHECK(i.runs == accepted); });
  CHECK(f.text().empty());
}

// Fact: cancel_work_sync-waits.
TEST_CASE("cancel_work_sync: steals what is pending, waits for what runs, then memory may go") {
  Item i;
  enum class Form { sync, no_wait, nothing } form = Form::sync;
  std::set<std::pair<bool, int>> seen;
  bool was = false;
  Lab lab([&](Lab& l) {
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, i.work);
      if (form == Form::sync) was = cancel_work_sync(c, i.work);
      if (form == Form::no_wait) was = cancel_work(c, i.work);
      kfree(c, i.home);
    });
  });
  const Found f = every_schedule(lab, [&] { seen.insert({was, i.runs}); });
  CHECK(f.text().empty());  // nor does the idle worker use what it once ran from
  CHECK(seen == std::set<std::pair<bool, int>>{{true, 0}, {false, 1}});
  form = Form::no_wait;
  seen.clear();
  CHECK(every(lab, [&] { seen.insert({was, i.runs}); }).text() == "use-after-free(home)@kworker work");
  CHECK(seen == std::set<std::pair<bool, int>>{{true, 0}, {false, 1}});
  form = Form::nothing;
  CHECK(every(lab).text() == "use-after-free(home)@kworker work");
}

// Fact: cancel_work_sync-waits, flush_work-last-instance.
TEST_CASE("cancel_work_sync: it handles an item that queues itself, flush_work does not") {
  Item i;
  bool cancel = true;
  Lab lab([&](Lab& l) {
    i.extra = [&](Context& c) {
      if (i.runs < 3) queue_work(c, i.work);
    };
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, i.work);
      if (cancel) {
        cancel_work_sync(c, i.work);
      } else {
        flush_work(c, i.work);
      }
      kfree(c, i.home);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  cancel = false;
  CHECK(every(lab).text() == "use-after-free(home)@kworker work");
}

// Fact: cancel_work_sync-not-afterwards, disable_work_sync-refuses.
TEST_CASE("cancel_work_sync: a third party may queue again right after it returns, after disable_work_sync it may not") {
  Item i;
  bool disable = false;
  bool accepted = false;
  Lab lab([&](Lab& l) {
    i.init(l);
    l.task("producer", [&](Context& c) { accepted = queue_work(c, i.work); });
    l.task("remove", [&](Context& c) {
      if (disable) {
        disable_work_sync(c, i.work);
      } else {
        cancel_work_sync(c, i.work);
      }
      set(c, i.home, 1);
    });
  });
  std::uint64_t after = 0;
  every(lab, [&] {
    const std::size_t stored = find_event(lab, "remove", "WRITE_ONCE"), ran = find_event(lab, "kworker work", "READ_ONCE");
    after += ran != no_such_event && ran > stored ? 1U : 0U;
  });
  CHECK(after > 0);
  disable = true;
  every(lab, [&] {
    const std::size_t stored = find_event(lab, "remove", "WRITE_ONCE"), ran = find_event(lab, "kworker work", "READ_ONCE");
    const bool before = find_event(lab, "producer", "queue_work") < find_event(lab, "remove", "disable_work_sync: steal pending");
    CHECK(accepted == before);
    if (ran != no_such_event) CHECK(ran < stored);
  });
}

// Fact: disable_work_sync-refuses.
TEST_CASE("disable_work_sync: counts, and enable_work undoes it, one too many is misuse") {
  Item i;
  Lab lab([&](Lab& l) {
    i.init(l);
    l.task("a", [&](Context& c) {
      disable_work_sync(c, i.work);
      disable_work_sync(c, i.work);
      enable_work(c, i.work);
      must(!queue_work(c, i.work));
      enable_work(c, i.work);
      must(queue_work(c, i.work));
      flush_work(c, i.work);
      CHECK(i.runs == 1);
      enable_work(c, i.work);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(work)@a");
  CHECK(f.places.begin()->second == "enable_work");
}

// Fact: cancel_work_sync-waits.
TEST_CASE("cancel_work_sync: two at once, and with disable_work_sync: all return, the depth is what disable left") {
  Item i;
  Lab lab([&](Lab& l) {
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, i.work);
      cancel_work_sync(c, i.work);
    });
    l.task("b", [&](Context& c) { cancel_work_sync(c, i.work); });
    l.task("c", [&](Context& c) { disable_work_sync(c, i.work); });
  });
  bool refused = false;
  const Found f = every(lab, [&] { refused = i.runs == 0; });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: flush_work-last-instance.
TEST_CASE("flush_work: waits for what was queued before it, running or pending, and for nothing queued later") {
  Item i;
  int before = 0;
  std::uint64_t unfinished = 0;
  Lab lab([&](Lab& l) {
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, i.work);
      before = i.runs + 1;
      flush_work(c, i.work);
      CHECK(i.runs - i.inside >= 1);
      mark(c);
      if (i.inside == 1) ++unfinished;
    });
    l.task("b", [&](Context& c) { queue_work(c, i.work); });
  });
  Found f = every_schedule(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(unfinished > 0);

  // Queued while it runs: the instance to wait for is the pending one.
  Waiter started;
  Lab pending([&](Lab& l) {
    l.init(started, "started");
    i.extra = [&](Context& c) {
      if (i.runs == 1) complete(c, started);
      mark(c);
    };
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, i.work);
      wait_for_completion(c, started);
      const bool second = queue_work(c, i.work);
      CHECK(second);
      flush_work(c, i.work);
      CHECK(i.runs == 2);
      CHECK(i.inside == 0);
    });
  });
  f = every(pending);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: flush_work-last-instance.
TEST_CASE("flush_work: it never hangs on an instance that somebody else took back") {
  Item i;
  bool sync = false;
  Lab lab([&](Lab& l) {
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, i.work);
      flush_work(c, i.work);
    });
    l.task("b", [&](Context& c) { queue_work(c, i.work); });
    l.task("c", [&](Context& c) {
      if (sync) {
        cancel_work_sync(c, i.work);
      } else {
        cancel_work(c, i.work);
      }
    });
  });
  for (const bool s : {false, true}) {
    sync = s;
    const Found f = every(lab);
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
  }
}

// Fact: work-waits-for-itself.
TEST_CASE("work: cancelling, disabling or flushing an item from inside itself waits for ever") {
  Item i;
  int form = 0;
  Lab lab([&](Lab& l) {
    i.extra = [&](Context& c) {
      switch (form) {
        case 0: cancel_work_sync(c, i.work); break;
        case 1: disable_work_sync(c, i.work); break;
        case 2: flush_work(c, i.work); break;
        default: cancel_work(c, i.work); break;
      }
    };
    i.init(l);
    l.task("a", [&](Context& c) { queue_work(c, i.work); });
  });
  for (form = 0; form < 3; ++form) {
    CAPTURE(form);
    const Found f = every(lab);
    CHECK(f.text() == "deadlock(work)@kworker work, lock-cycle(work)@kworker work");
    const std::string call = form == 0 ? "cancel_work_sync" : form == 1 ? "disable_work_sync" : "flush_work";
    CHECK(f.details.begin()->second == "'kworker work' waits in " + call + "(work) for 'kworker work' waits in " + call + "(work)");
  }
  CHECK(every(lab).text().empty());
}

// Fact: work-under-lock.
TEST_CASE("work: cancelling under a lock that the function takes deadlocks, outside of it, or an item that takes none, does not") {
  Item i;
  Mutex m;
  bool inside = true, takes = true;
  Lab lab([&](Lab& l) {
    l.init(m, "lock");
    i.extra = [&](Context& c) {
      if (!takes) return;
      mutex_lock(c, m);
      mutex_unlock(c, m);
    };
    i.init(l);
    l.task("producer", [&](Context& c) { queue_work(c, i.work); });
    l.task("remove", [&](Context& c) {
      mutex_lock(c, m);
      if (!inside) mutex_unlock(c, m);
      cancel_work_sync(c, i.work);
      if (inside) mutex_unlock(c, m);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(lock)@kworker work, deadlock(work)@remove, lock-cycle(lock)@kworker work");
  CHECK(
      f.details.at("deadlock(work)@remove") ==
      "'remove' waits in cancel_work_sync(work) for 'kworker work' waits in mutex_lock(lock) for 'remove' waits in cancel_work_sync(work)");
  CHECK(f.blocked < f.executions);
  inside = false;
  CHECK(every(lab).text().empty());
  inside = true;
  takes = false;
  CHECK(every(lab).text().empty());
}

// Fact: work-frees-itself.
TEST_CASE("work: an item may free the memory it is embedded in, a pending one must not lose it") {
  Allocation p;
  Work work;
  bool by_itself = true;
  Lab lab([&](Lab& l) {
    l.init(p, "p");
    l.init(
        work, "work", [&](Context& c) { by_itself ? kfree(c, p) : mark(c); }, p.life);
    l.task("a", [&](Context& c) {
      queue_work(c, work);
      if (!by_itself) kfree(c, p);
    });
  });
  CHECK(every(lab).text().empty());
  by_itself = false;
  CHECK(every(lab).text() == "use-after-free(p)@kworker work");
}

// Fact: work-holds-nothing.
TEST_CASE("work: an item holds no module reference: left alone it runs in freed text, cancelled first it doesn't") {
  Item i;
  Module m;
  bool cancel = false;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    i.extra = [&](Context& c) {
      const Context::Function function(c, l.name("foo_work"), m.text, {});
      mark(c);
    };
    i.init(l);
    l.task("rmmod", [&](Context& c) {
      queue_work(c, i.work);
      const DeleteResult r = delete_module(c, m, l.rcu, [&] {
        if (cancel) cancel_work_sync(c, i.work);
      });
      CHECK(r == DeleteResult::gone);
    });
  });
  CHECK(every(lab).text() == "execute-after-free(foo)@kworker work");
  cancel = true;
  CHECK(every(lab).text().empty());
}

// Fact: queue_work-pending.
TEST_CASE("work: queueing is allowed anywhere, the sync calls sleep, a function that keeps a lock leaks it") {
  Item i;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    i.extra = [&](Context& c) { mutex_trylock(c, m); };
    i.init(l);
    l.task(
        "irq",
        [&](Context& c) {
          queue_work(c, i.work);
          cancel_work(c, i.work);
          cancel_work_sync(c, i.work);
        },
        ContextKind::hardirq);
  });
  CHECK(every(lab).text() == "leak(m)@kworker work, sleep-in-atomic(cancel_work_sync)@irq");
}

// Fact: flush_work-last-instance.
TEST_CASE("work: flush_work says whether it waited, and a function knows whose it is") {
  Item i;
  Work* inside = nullptr;
  Work* outside = nullptr;
  bool idle = true;
  Lab lab([&](Lab& l) {
    i.extra = [&](Context& c) { inside = current_work(c); };
    i.init(l);
    l.task("a", [&](Context& c) {
      outside = current_work(c);
      idle = !flush_work(c, i.work);
      queue_work(c, i.work);
      const bool waited = flush_work(c, i.work);
      const bool again = flush_work(c, i.work);
      must(!again);
      must(c.aborting() || waited == (find_event(lab, "a", "flush_work: wait") != no_such_event));
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(idle);
                CHECK(inside == &i.work);
                CHECK(outside == nullptr);
              })
            .text()
            .empty());
}

// Fact: work-under-lock.
TEST_CASE("work: lockdep's map: a function runs under its item's, and who waits for the item waits for that, pending or not") {
  Item i;
  Mutex inside, outside;
  bool clean = true;
  int form = 0;
  Lab lab([&](Lab& l) {
    l.init(inside, "inside");
    l.init(outside, "outside");
    i.extra = [&](Context& c) {
      clean = clean && c.held.size() == 1;
      mutex_lock(c, inside);
      mutex_unlock(c, inside);
    };
    i.init(l);
    l.task("a", [&](Context& c) {
      queue_work(c, i.work);
      mutex_lock(c, outside);
      if (form == 0) flush_work(c, i.work);
      if (form == 1) cancel_work_sync(c, i.work);
      if (form == 2) disable_work_sync(c, i.work);
      if (form == 3) flush_scheduled_work(c);
      if (form == 4) cancel_work(c, i.work);
      mutex_unlock(c, outside);
    });
  });
  const auto order = [&](ObjectId held, ObjectId taken, LockUse use) {
    return std::any_of(lab.kernel.lock_orders().begin(), lab.kernel.lock_orders().end(),
                       [&](const LockOrder& o) { return o.held.object == held && o.taken.object == taken && o.taken.use == use; });
  };
  for (form = 0; form < 5; ++form) {
    CAPTURE(form);
    every(lab, [&] {
      CHECK(order(outside.object, i.work.object, LockUse::wait) == (form != 4));
      if (i.runs != 0) CHECK(order(i.work.object, inside.object, LockUse::exclusive));
    });
  }
  CHECK(clean);
}

}  // namespace unplug::model::test
