// kernel/srcu_callback: call_srcu, srcu_barrier, and what cleanup_srcu_struct does not wait for.
#include "unplug/model/kernel/rcu/srcu_callback.hpp"
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct Domain {
  Srcu srcu;
  SrcuUsage usage;
  void init(Lab& l, std::string_view name) {
    l.init(srcu, name);
    init_srcu_usage(l.kernel, usage, srcu, l.name(name));
  }
};

void init(Lab& l, SrcuCallback& callback, std::string_view name, std::function<void(Context&)> body) {
  callback = {};
  callback.task_name = l.name(name);
  callback.body = Lab::Call<void>::run;
  callback.argument = l.keep<void>(std::move(body));
}

}  // namespace

// Fact: call_srcu-after.
TEST_CASE("call_srcu: the callback runs after every section of the domain that began before the call, of no other, must not sleep") {
  Domain d, other;
  Allocation slot, data;
  SrcuCallback callback;
  bool same = true, sleeps = false;
  Lab lab([&](Lab& l) {
    static const Operation nap{.name = "msleep", .pause = true};
    d.init(l, "srcu");
    other.init(l, "other");
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
    init(l, callback, "callback", [&](Context& c) {
      must(c.kind() == ContextKind::softirq);
      if (sleeps) c.sleep(nap, 1);
      kfree(c, data);
    });
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, d.srcu);
      if (get(c, slot) == 0) get(c, data);
      srcu_read_unlock(c, d.srcu, i);
    });
    l.task("updater", [&](Context& c) {
      const auto i = srcu_read_lock(c, other.srcu);  // call_srcu() waits for nothing
      set(c, slot, 1);
      call_srcu(c, same ? d.srcu : other.srcu, callback);
      srcu_read_unlock(c, other.srcu, i);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  same = false;
  CHECK(every(lab).text() == "use-after-free(data)@reader");
  same = sleeps = true;
  CHECK(every(lab).text() == "sleep-in-atomic(msleep)@callback");
}

// Fact: srcu-expedited.
TEST_CASE("call_srcu: it is never expedited, not even in an idle domain") {
  Domain d;
  SrcuCallback callback;
  sim::Time ran = 0;
  KernelConfig config;
  for (const bool expedite : {false, true}) {
    config.rcu_expedited = expedite;
    Lab lab(
        [&](Lab& l) {
          d.init(l, "srcu");
          init(l, callback, "callback", [&](Context& c) { ran = c.engine().local_time(); });
          l.task("a", [&](Context& c) { call_srcu(c, d.srcu, callback); });
        },
        config);
    run_timed(lab);
    CHECK(ran > 8 * sim::millisecond);
  }
}

// Fact: srcu_barrier-waits.
TEST_CASE("srcu_barrier: waits for callbacks queued before it until they have finished, synchronize_srcu does not, for unloading") {
  Domain d;
  Module m;
  std::deque<SrcuCallback> callbacks(2);
  enum class Exit { nothing, sync, barrier, two_barriers } exit = Exit::nothing;
  bool again = false;
  Lab lab([&](Lab& l) {
    d.init(l, "srcu");
    l.init(m, "foo");
    init(l, callbacks[1], "second", [&](Context& c) {
      const Context::Function function(c, l.name("foo_second"), m.text, {});
      mark(c);
    });
    init(l, callbacks[0], "first", [&](Context& c) {
      const Context::Function function(c, l.name("foo_first"), m.text, {});
      if (again) call_srcu(c, d.srcu, callbacks[1]);
      mark(c);
    });
    l.task("rmmod", [&](Context& c) {
      call_srcu(c, d.srcu, callbacks[0]);
      delete_module(c, m, l.rcu, [&] {
        if (exit == Exit::sync) synchronize_srcu(c, d.srcu);
        if (exit >= Exit::barrier) srcu_barrier(c, d.srcu);
        if (exit >= Exit::two_barriers) srcu_barrier(c, d.srcu);
      });
    });
  });
  for (const Exit e : {Exit::nothing, Exit::sync}) {
    exit = e;
    CHECK(every(lab).text() == "execute-after-free(foo)@first");
  }
  exit = Exit::barrier;
  CHECK(every(lab).text().empty());
  again = true;
  CHECK(every(lab).text() == "execute-after-free(foo)@second");
  exit = Exit::two_barriers;
  CHECK(every(lab).text().empty());
}

// Fact: srcu_barrier-waits.
TEST_CASE("srcu_barrier: waits neither for readers nor for what is queued later, and from a callback for itself") {
  Domain d;
  SrcuCallback late;
  Waiter done;
  bool self = false;
  std::uint64_t unfinished = 0;
  Lab lab([&](Lab& l) {
    d.init(l, "srcu");
    l.init(done, "done");
    init(l, late, "late", [&](Context& c) { self ? srcu_barrier(c, d.srcu) : mark(c); });
    if (!self)
      l.task("reader", [&](Context& c) {
        const auto i = srcu_read_lock(c, d.srcu);
        wait_for_completion(c, done);
        srcu_read_unlock(c, d.srcu, i);
      });
    l.task("a", [&](Context& c) {
      if (!self) srcu_barrier(c, d.srcu);
      complete(c, done);
      call_srcu(c, d.srcu, late);
    });
    if (!self) l.task("b", [&](Context& c) { srcu_barrier(c, d.srcu); });
  });
  const Found f =
      every(lab, [&] { unfinished += find_event(lab, "b", "srcu_barrier: callbacks finished") < find_event(lab, "late", "mark"); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(unfinished > 0);
  self = true;
  CHECK(every(lab).text() == "deadlock(srcu)@late, sleep-in-atomic(srcu_barrier)@late");
}

// Fact: rcu_head-once.
TEST_CASE("call_srcu: a head that is still pending must not be queued again, once its function has begun it may") {
  Domain d;
  SrcuCallback callback;
  bool twice = true;
  int runs = 0;
  Lab lab([&](Lab& l) {
    runs = 0;
    d.init(l, "srcu");
    init(l, callback, "callback", [&](Context& c) {
      mark(c);
      if (++runs == 1 && !twice) call_srcu(c, d.srcu, callback);
    });
    l.task("a", [&](Context& c) {
      call_srcu(c, d.srcu, callback);
      if (twice) call_srcu(c, d.srcu, callback);
    });
  });
  CHECK(every(lab).text() == "api-misuse(srcu)@a");
  twice = false;
  CHECK(every(lab, [&] { CHECK(runs == 2); }).text().empty());
}

// Fact: cleanup_srcu_struct-waits-not.
TEST_CASE("cleanup_srcu_struct: it waits for a function that has begun, so that is not among what is still queued") {
  Domain d;
  SrcuCallback callback;
  Waiter begun;
  Lab lab([&](Lab& l) {
    d.init(l, "srcu");
    l.init(begun, "begun");
    init(l, callback, "callback", [&](Context& c) {
      complete(c, begun);
      mark(c);
    });
    l.task("driver", [&](Context& c) {
      call_srcu(c, d.srcu, callback);
      wait_for_completion(c, begun);
      must(cleanup_srcu_struct(c, d.srcu) || c.aborting());
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: call_srcu-after.
TEST_CASE("call_srcu: its functions run with softirqs off, so grace periods of RCU wait for them") {
  Domain d;
  Allocation slot, data;
  SrcuCallback callback;
  KernelConfig config;
  for (const bool readers : {true, false}) {
    config.irq_is_rcu_reader = readers;
    Lab lab(
        [&](Lab& l) {
          rcu_watch_interrupts(l.kernel, l.rcu);
          d.init(l, "srcu");
          l.init(slot, "slot", {"cleared"});
          l.init(data, "data", {"x"});
          init(l, callback, "callback", [&](Context& c) {
            if (get(c, slot) == 0) get(c, data);
          });
          l.task("a", [&](Context& c) {
            call_srcu(c, d.srcu, callback);
            set(c, slot, 1);
            synchronize_rcu(c, l.rcu);
            kfree(c, data);
          });
        },
        config);
    CHECK(every(lab).text() == (readers ? "" : "use-after-free(data)@callback"));
  }
}

// Fact: cleanup_srcu_struct-waits-not.
TEST_CASE("cleanup_srcu_struct: waits for no reader: finding one it warns and leaks, and who comes afterwards uses freed counters") {
  Domain d;
  bool wait = false;
  std::set<bool> freed;
  Lab lab([&](Lab& l) {
    d.init(l, "srcu");
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, d.srcu);
      srcu_read_unlock(c, d.srcu, i);
    });
    l.task("remove", [&](Context& c) {
      if (wait) synchronize_srcu(c, d.srcu);
      freed.insert(cleanup_srcu_struct(c, d.srcu));
    });
  });
  for (const bool w : {false, true}) {
    wait = w;
    freed.clear();
    // Who is there at the first look is found before anything is flushed, who comes later by a second look at the end.
    std::uint64_t at_once = 0, at_last = 0;
    const Found f = every(lab, [&] {
      const bool leaked = !lab.kernel.reports().empty();
      const bool flushed = find_event(lab, "remove", "cleanup_srcu_struct: flush") != no_such_event;
      at_once += leaked && !flushed ? 1 : 0;
      at_last += leaked && flushed ? 1 : 0;
    });
    CHECK(at_once > 0);
    CHECK(at_last > 0);
    CHECK(f.text() == "api-misuse(srcu)@remove, leak(srcu)@remove, use-after-free(srcu)@reader");
    CHECK(f.details.at("api-misuse(srcu)@remove") == "cleanup_srcu_struct('srcu') with active readers");
    CHECK(f.blocked == 0);
    CHECK(freed == std::set<bool>{false, true});
  }
}

// Fact: cleanup_srcu_struct-waits-not.
TEST_CASE("cleanup_srcu_struct: is clean once no reader can come, looks at both counters, and may sleep") {
  Domain d;
  std::uint64_t first = 0;
  auto kind = ContextKind::process;
  Lab lab([&](Lab& l) {
    d.init(l, "srcu");
    l.task(
        "a",
        [&](Context& c) {
          for (std::uint64_t i = 0; i < first; ++i) synchronize_srcu(c, d.srcu);
          const auto index = srcu_read_lock(c, d.srcu);
          must(index == first % 2);
          if (first != 0) {
            must(!cleanup_srcu_struct(c, d.srcu));
          }
          srcu_read_unlock(c, d.srcu, index);
          must(cleanup_srcu_struct(c, d.srcu));
        },
        kind);
  });
  CHECK(every(lab).text().empty());
  for (const std::uint64_t i : {1U, 2U}) {
    first = i;
    CHECK(every(lab).text() == "api-misuse(srcu)@a, leak(srcu)@a");
  }
  first = 0;
  kind = ContextKind::softirq;
  CHECK(every(lab).text() == "sleep-in-atomic(cleanup_srcu_struct)@a");
}

// Fact: cleanup_srcu_struct-waits-not.
TEST_CASE("cleanup_srcu_struct: callbacks still queued, or a grace period that runs: it warns and leaks, those that run it waits for") {
  Domain d;
  SrcuCallback callback;
  bool barrier = false, synchronizer = false;
  std::set<std::string> reasons;
  std::uint64_t waited = 0;
  Lab lab([&](Lab& l) {
    d.init(l, "srcu");
    init(l, callback, "callback", [&](Context& c) { mark(c); });
    if (synchronizer) l.task("synchronizer", [&](Context& c) { synchronize_srcu(c, d.srcu); });
    l.task("remove", [&](Context& c) {
      if (!synchronizer) call_srcu(c, d.srcu, callback);
      if (barrier) srcu_barrier(c, d.srcu);
      cleanup_srcu_struct(c, d.srcu);
    });
  });
  const auto look = [&] {
    for (const Report& r : lab.kernel.reports())
      if (r.violation_class == ViolationClass::api_misuse) reasons.insert(r.detail);
    // A callback that runs as it flushes has returned when it goes on.
    const std::size_t flushed = find_event(lab, "remove", "cleanup_srcu_struct: flush");
    if (find_event(lab, "callback", "srcu callback runs") > flushed) return;
    CHECK((synchronizer || find_event(lab, "callback", "srcu callback returned") < flushed));
    ++waited;
  };
  Found f = every(lab, look);
  CHECK(f.text() == "api-misuse(srcu)@remove, leak(srcu)@remove");
  CHECK(reasons == std::set<std::string>{"cleanup_srcu_struct('srcu') with callbacks queued"});
  CHECK(waited > 0);
  barrier = true;
  CHECK(every(lab).text().empty());
  synchronizer = true;
  reasons.clear();
  f = every(lab, look);
  CHECK(f.text() == "api-misuse(srcu)@remove, leak(srcu)@remove, use-after-free(srcu)@synchronizer");
  CHECK(reasons == std::set<std::string>{"cleanup_srcu_struct('srcu') with a grace period running"});
}

// Fact: rcu_head-once.
TEST_CASE("call_srcu: the head is touched when it is queued and when it is called: memory freed meanwhile is used") {
  Domain d;
  SrcuCallback callback;
  Allocation p;
  Lab lab([&](Lab& l) {
    d.init(l, "srcu");
    l.init(p, "p");
    init(l, callback, "callback", [](Context& c) { mark(c); });
    callback.home = p.life;
    l.task("a", [&](Context& c) {
      call_srcu(c, d.srcu, callback);
      kfree(c, p);
    });
  });
  CHECK(every(lab).text() == "use-after-free(p)@callback");
}

}  // namespace unplug::model::test
