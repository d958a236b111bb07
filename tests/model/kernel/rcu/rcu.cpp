// kernel/rcu: readers, grace periods, callbacks.
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// Readers follow `pointer` to `data`; the updater clears it, waits in some way, frees.
struct Publish {
  Allocation slot, data;
  void init(Lab& l) {
    l.init(slot, "slot", {"pointer"});
    slot.fields[0].second = l.engine.new_object(l.name("pointer"), 1);
    l.init(data, "data", {"x"});
  }
  void read(Context& c) const {
    if (get(c, slot) != 0) get(c, data);
  }
};

}  // namespace

// Fact: synchronize_rcu-waits-for-readers, rcu-expedited-apart.
TEST_CASE("rcu: synchronize_rcu and synchronize_rcu_expedited wait for every section that began before") {
  Publish p;
  enum class Form { right, expedited, no_wait, no_section, wrong_order } form = Form::right;
  Lab lab([&](Lab& l) {
    p.init(l);
    for (const auto* n : {"r1", "r2"})
      l.task(n, [&](Context& c) {
        if (form != Form::no_section) rcu_read_lock(c, l.rcu);
        p.read(c);
        if (form != Form::no_section) rcu_read_unlock(c, l.rcu);
      });
    l.task("updater", [&](Context& c) {
      if (form == Form::wrong_order) synchronize_rcu(c, l.rcu);
      set(c, p.slot, 0);
      if (form == Form::right || form == Form::no_section) synchronize_rcu(c, l.rcu);
      if (form == Form::expedited) synchronize_rcu_expedited(c, l.rcu);
      kfree(c, p.data);
    });
  });
  CHECK(every(lab).text().empty());
  form = Form::expedited;
  CHECK(every(lab).text().empty());
  for (const Form f : {Form::no_wait, Form::no_section, Form::wrong_order}) {
    form = f;
    CHECK(every(lab).text() == "use-after-free(data)@r1, use-after-free(data)@r2");
  }
}

// Fact: synchronize_rcu-waits-for-readers.
TEST_CASE("rcu: it does not wait for a section that begins after it, nor for SRCU readers") {
  Waiter gone;
  Srcu srcu;
  std::uint64_t late = 0;
  Lab lab([&](Lab& l) {
    l.init(gone, "gone");
    l.init(srcu, "srcu");
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      wait_for_completion(c, gone);  // sleeps in a reader: reported, and the section stays open (PREEMPT_RCU)
      rcu_read_unlock(c, l.rcu);
    });
    l.task("srcu reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      wait_for_completion(c, gone);
      srcu_read_unlock(c, srcu, i);
    });
    l.task("updater", [&](Context& c) {
      synchronize_rcu(c, l.rcu);
      complete_all(c, gone);
    });
  });
  const Found f = every(lab, [&] {
    const bool reader_first =
        find_event(lab, "reader", "rcu_read_lock") < find_event(lab, "updater", "synchronize_rcu: grace period begins");
    const bool blocked = find_event(lab, "updater", "complete_all") == no_such_event;
    CHECK(blocked == reader_first);
    late += reader_first ? 0 : 1;
  });
  CHECK(late > 0);
  CHECK(f.blocked + late == f.executions);
}

// Fact: rcu_read_lock-nests.
TEST_CASE("rcu: sections nest: the inner unlock ends nothing") {
  Publish p;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      const bool there = get(c, p.slot) != 0;
      rcu_read_lock(c, l.rcu);
      rcu_read_unlock(c, l.rcu);
      if (there) get(c, p.data);
      rcu_read_unlock(c, l.rcu);
    });
    l.task("updater", [&](Context& c) {
      set(c, p.slot, 0);
      synchronize_rcu(c, l.rcu);
      kfree(c, p.data);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: rcu-reader-sleeps.
TEST_CASE("rcu: sleeping in a reader is reported, with PREEMPT_RCU the section goes on, without it is over and the use is one after free") {
  Publish p;
  const auto make = [&](Lab& l) {
    static const Operation nap{.name = "msleep", .pause = true};
    p.init(l);
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      const bool there = get(c, p.slot) != 0;
      c.sleep(nap, sim::millisecond);
      if (there) get(c, p.data);
      rcu_read_unlock(c, l.rcu);
    });
    l.task("updater", [&](Context& c) {
      set(c, p.slot, 0);
      synchronize_rcu(c, l.rcu);
      kfree(c, p.data);
    });
  };
  Lab preempt(make);
  CHECK(every(preempt).text() == "sleep-in-atomic(msleep)@reader");
  KernelConfig config;
  config.preempt_rcu = false;
  Lab server(make, config);
  CHECK(every(server).text() == "sleep-in-atomic(msleep)@reader, use-after-free(data)@reader");
}

// Fact: rcu-reader-sleeps.
TEST_CASE("rcu: without PREEMPT_RCU a reader that slept is one again once it runs: what it finds then is protected") {
  Publish p;
  KernelConfig config;
  config.preempt_rcu = false;
  Lab lab(
      [&](Lab& l) {
        static const Operation nap{.name = "msleep", .pause = true};
        p.init(l);
        l.task("reader", [&](Context& c) {
          rcu_read_lock(c, l.rcu);
          c.sleep(nap, sim::millisecond);
          p.read(c);
          rcu_read_unlock(c, l.rcu);
        });
        l.task("updater", [&](Context& c) {
          set(c, p.slot, 0);
          synchronize_rcu(c, l.rcu);
          kfree(c, p.data);
        });
      },
      config);
  CHECK(every(lab).text() == "sleep-in-atomic(msleep)@reader");
}

// Fact: synchronize_rcu-in-reader.
TEST_CASE("rcu: synchronize_rcu inside a reader is misuse and waits for itself, without PREEMPT_RCU its own sleep ends the wait") {
  const auto make = [](Lab& l) {
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      synchronize_rcu(c, l.rcu);
      rcu_read_unlock(c, l.rcu);
    });
  };
  KernelConfig config;
  config.preempt_rcu = false;
  Lab server(make, config);
  CHECK(every(server).text() == "api-misuse(rcu)@reader, sleep-in-atomic(synchronize_rcu)@reader");
  Lab lab(make);
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(rcu)@reader, deadlock(rcu)@reader, sleep-in-atomic(synchronize_rcu)@reader");
  CHECK(f.details.at("deadlock(rcu)@reader") == "'reader' waits in synchronize_rcu(rcu) for 'reader' waits in synchronize_rcu(rcu)");
  CHECK(f.places.at("api-misuse(rcu)@reader") == "synchronize_rcu: grace period begins");
  CHECK(f.places.at("sleep-in-atomic(synchronize_rcu)@reader") == "synchronize_rcu: grace period ends");
}

TEST_CASE("rcu: unlock without lock is misuse, and so is a section that is never closed") {
  Lab unlock([&](Lab& l) {
    l.task("other", [&](Context& c) { mark(c); });
    l.task("reader", [&](Context& c) { rcu_read_unlock(c, l.rcu); });
  });
  const Found f = every(unlock);
  CHECK(f.text() == "api-misuse(rcu)@reader");
  CHECK(f.places.at("api-misuse(rcu)@reader") == "rcu_read_unlock");
  Lab open([&](Lab& l) { l.task("reader", [&](Context& c) { rcu_read_lock(c, l.rcu); }); });
  CHECK(every(open).text() == "leak(rcu)@reader");
}

// Fact: rcu_read_lock-nests.
TEST_CASE("rcu: a reader may wait for nothing, but any number of readers and updaters together end") {
  Lab lab([&](Lab& l) {
    for (const auto* n : {"r1", "r2"})
      l.task(n, [&](Context& c) {
        for (int i = 0; i < 2; ++i) {
          rcu_read_lock(c, l.rcu);
          rcu_read_unlock(c, l.rcu);
        }
      });
    for (const auto* n : {"u1", "u2"}) l.task(n, [&](Context& c) { synchronize_rcu(c, l.rcu); });
  });
  // One execution a trace: who didn't end would be a deadlock.
  const Findings f = explore(lab);
  CHECK(f.exhaustive);
  CHECK(f.executions == 63);
  CHECK(f.list.empty());
}

// Fact: call_rcu-after.
TEST_CASE("call_rcu: the callback runs after every section that was open at the call, in softirq, and call_rcu waits for nothing") {
  Publish p;
  RcuCallback callback;
  bool sleeps = false, hurry = false;
  Lab lab([&](Lab& l) {
    static const Operation nap{.name = "msleep", .pause = true};
    p.init(l);
    l.init(callback, "callback", [&](Context& c) {
      CHECK(c.kind() == ContextKind::softirq);
      if (sleeps) c.sleep(nap, 1);
      kfree(c, p.data);
    });
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      p.read(c);
      rcu_read_unlock(c, l.rcu);
    });
    l.task("updater", [&](Context& c) {
      set(c, p.slot, 0);
      // Inside a reader of its own: allowed.
      rcu_read_lock(c, l.rcu);
      hurry ? call_rcu_hurry(c, l.rcu, callback) : call_rcu(c, l.rcu, callback);
      rcu_read_unlock(c, l.rcu);
    });
  });
  Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  hurry = true;
  CHECK(every(lab).text().empty());
  sleeps = true;
  CHECK(every(lab).text() == "sleep-in-atomic(msleep)@callback");
}

// Fact: call_rcu-after.
TEST_CASE("call_rcu: from any context: a handler, a softirq, under a spinlock") {
  std::array<RcuCallback, 3> callbacks;
  Spinlock lock;
  int runs = 0;
  Lab lab([&](Lab& l) {
    runs = 0;
    l.init(lock, "lock");
    for (std::size_t i = 0; i < callbacks.size(); ++i) l.init(callbacks[i], "callback " + std::to_string(i), [&](Context&) { ++runs; });
    l.task(
        "handler", [&](Context& c) { call_rcu(c, l.rcu, callbacks[0]); }, ContextKind::hardirq);
    l.task(
        "softirq", [&](Context& c) { call_rcu_hurry(c, l.rcu, callbacks[1]); }, ContextKind::softirq);
    l.task("t", [&](Context& c) {
      spin_lock(c, lock, SpinlockOff::interrupts);
      call_rcu(c, l.rcu, callbacks[2]);
      spin_unlock(c, lock, SpinlockOff::interrupts);
    });
  });
  const Found f = every(lab, [&] { CHECK(runs == 3); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: rcu_barrier-waits-for-callbacks.
TEST_CASE("call_rcu: only rcu_barrier in module exit keeps a callback out of freed text, a grace period does not") {
  enum class Exit { nothing, sync, barrier } exit = Exit::nothing;
  Module m;
  Allocation object;
  RcuCallback callback;
  KernelConfig config;
  Lab lab(
      [&](Lab& l) {
        l.init(m, "foo");
        l.init(object, "object");
        l.init(callback, "callback", [&](Context& c) {
          const Context::Function function(c, l.name("foo_free"), m.text, {});
          kfree(c, object);
        });
        l.task("user", [&](Context& c) {
          if (!try_module_get(c, &m)) return;
          call_rcu(c, l.rcu, callback);
          module_put(c, &m);
        });
        l.remover("rmmod", [&](Context& c) {
          delete_module(c, m, l.rcu, [&] {
            if (exit == Exit::sync) synchronize_rcu(c, l.rcu);
            if (exit == Exit::barrier) rcu_barrier(c, l.rcu);
          });
        });
      },
      config);
  CHECK(every(lab).text() == "execute-after-free(foo)@callback, module-pinned(foo)@rmmod");
  exit = Exit::sync;
  CHECK(every(lab).text() == "execute-after-free(foo)@callback, module-pinned(foo)@rmmod");
  exit = Exit::barrier;
  CHECK(every(lab).text() == "module-pinned(foo)@rmmod");
}

// Fact: rcu_barrier-waits-for-callbacks.
TEST_CASE("rcu_barrier: waits for what was queued before it, running or not, and for nothing queued later") {
  std::deque<RcuCallback> callbacks(2);
  Waiter go;
  std::uint64_t free_running = 0;
  bool finished = false;
  Lab lab([&](Lab& l) {
    l.init(go, "go");
    finished = false;
    l.init(callbacks[0], "early", [&](Context& c) {
      mark(c);
      finished = true;
    });
    l.init(callbacks[1], "late", [&](Context& c) {
      mark(c);
      mark(c);
    });
    l.task("a", [&](Context& c) {
      call_rcu(c, l.rcu, callbacks[0]);
      rcu_barrier(c, l.rcu);
      CHECK(finished);
      mark(c);
    });
    l.task("b", [&](Context& c) { call_rcu(c, l.rcu, callbacks[1]); });
  });
  const Found f = every_schedule(lab, [&] {
    const bool later = find_event(lab, "b", "call_rcu") > find_event(lab, "a", "rcu_barrier");
    const bool unfinished = find_event(lab, "late", "rcu callback finished") > find_event(lab, "a", "mark");
    if (unfinished) CHECK(later);
    free_running += unfinished ? 1 : 0;
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(free_running > 0);
}

// Fact: rcu_barrier-waits-for-callbacks.
TEST_CASE("rcu_barrier: a callback that queues another is not covered by one barrier") {
  std::deque<RcuCallback> callbacks(2);
  Module m;
  int barriers = 1;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.init(callbacks[1], "second", [&](Context& c) {
      const Context::Function function(c, l.name("second"), m.text, {});
      mark(c);
    });
    l.init(callbacks[0], "first", [&](Context& c) {
      const Context::Function function(c, l.name("first"), m.text, {});
      call_rcu(c, l.rcu, callbacks[1]);
    });
    l.task("rmmod", [&](Context& c) {
      call_rcu(c, l.rcu, callbacks[0]);
      delete_module(c, m, l.rcu, [&] {
        for (int i = 0; i < barriers; ++i) rcu_barrier(c, l.rcu);
      });
    });
  });
  CHECK(every(lab).text() == "execute-after-free(foo)@second");
  barriers = 2;
  CHECK(every(lab).text().empty());
}

// Fact: rcu_barrier-waits-for-callbacks.
TEST_CASE("rcu_barrier: from inside a callback it waits for itself, with nothing queued it waits for nothing") {
  RcuCallback callback;
  bool self = true;
  Lab lab([&](Lab& l) {
    l.init(callback, "callback", [&](Context& c) { rcu_barrier(c, l.rcu); });
    l.task("a", [&](Context& c) {
      rcu_barrier(c, l.rcu);
      if (self) call_rcu(c, l.rcu, callback);
    });
  });
  CHECK(every(lab).text() == "deadlock(rcu)@callback, sleep-in-atomic(rcu_barrier)@callback");
  self = false;
  CHECK(every(lab).text().empty());
}

// Fact: rcu_head-once.
TEST_CASE("call_rcu: a head that is still pending must not be queued again, once its function has begun it may") {
  RcuCallback callback;
  bool twice = true;
  int runs = 0;
  Lab lab([&](Lab& l) {
    runs = 0;
    l.init(callback, "callback", [&](Context& c) {
      mark(c);
      if (++runs == 1 && !twice) call_rcu(c, l.rcu, callback);
    });
    l.task("a", [&](Context& c) {
      call_rcu(c, l.rcu, callback);
      if (twice) call_rcu_hurry(c, l.rcu, callback);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(rcu)@a");
  CHECK(f.details.begin()->second == "call_rcu_hurry() of a head that is still pending");
  twice = false;
  CHECK(every(lab, [&] { CHECK(runs == 2); }).text().empty());
}

// Fact: rcu_head-once.
TEST_CASE("call_rcu: the head is touched when it is queued and when it is called: memory freed meanwhile is used") {
  RcuCallback callback;
  Allocation p;
  bool before = false;
  Lab lab([&](Lab& l) {
    l.init(p, "p");
    l.init(callback, "callback", [](Context& c) { mark(c); });
    callback.home = p.life;
    l.task("a", [&](Context& c) {
      if (before) kfree(c, p);
      call_rcu(c, l.rcu, callback);
      if (!before) kfree(c, p);
    });
  });
  CHECK(every(lab).text() == "use-after-free(p)@callback");
  before = true;
  CHECK(every(lab).text() == "use-after-free(p)@a, use-after-free(p)@callback");
}

}  // namespace unplug::model::test
