// kernel/memory: lifetimes of allocations, and the words of their fields.
#include "model/support.hpp"

namespace unplug::model::test {

// Fact: kfree-ends.
TEST_CASE("memory: a use that is not ordered before kfree is use-after-free in every execution, lucky or not") {
  Allocation p;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {"x"});
    l.task("user", [&](Context& c) { get(c, p); });
    l.task("owner", [&](Context& c) { kfree(c, p); });
  });
  const Found f = every_schedule(lab);
  CHECK(f.text() == "use-after-free(p)@user");
  CHECK(f.executions == 2);  // use first, and free first
  CHECK(f.violations.at("use-after-free(p)@user") == 2);
  CHECK(every(lab).executions == 1);  // one trace
}

// Fact: kfree-ends.
TEST_CASE("memory: a use that something orders before kfree is none") {
  Allocation p;
  Waiter done;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {"x"});
    l.init(done, "done");
    l.task("user", [&](Context& c) {
      set(c, p, 1);
      complete(c, done);
    });
    l.task("owner", [&](Context& c) {
      wait_for_completion(c, done);
      must(get(c, p) == 1);
      kfree(c, p);
    });
  });
  CHECK(every_schedule(lab).text().empty());
}

// Fact: kfree-ends.
TEST_CASE("memory: freed twice is double-free, one finding for the two who free, by one task as well") {
  Allocation p;
  Lab two([&](Lab& l) {
    l.init(p, "p");
    for (const auto* n : {"a", "b"}) l.task(n, [&](Context& c) { kfree(c, p); });
  });
  CHECK(every_schedule(two).text() == "double-free(p)@b");
  Lab one([&](Lab& l) {
    l.init(p, "p");
    l.task("a", [&](Context& c) {
      kfree(c, p);
      kfree(c, p);
    });
  });
  CHECK(every_schedule(one).text() == "double-free(p)@a");
}

// Fact: kzalloc-begins.
TEST_CASE("memory: what kzalloc begins is use-before-init until something orders the use after it") {
  Allocation p;
  Waiter ready;
  bool order = false;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {"x"}, false);
    l.init(ready, "ready");
    l.task("probe", [&](Context& c) {
      kzalloc(c, p);
      complete(c, ready);
    });
    l.task("handler", [&](Context& c) {
      if (order) wait_for_completion(c, ready);
      get(c, p);
    });
  });
  CHECK(every(lab).text() == "use-before-init(p)@handler");
  order = true;
  CHECK(every(lab).text().empty());
}

// Fact: kzalloc-begins.
TEST_CASE("memory: what an owner that has ended made and nobody freed is a leak, an owner that lives leaks nothing") {
  Allocation owner, p;
  bool end_owner = true, release = false;
  Lab lab([&](Lab& l) {
    l.init(owner, "owner");
    l.init(p, "p", {}, false, owner.life);
    l.task("t", [&](Context& c) {
      kzalloc(c, p);
      if (release) kfree(c, p);
      if (end_owner) kfree(c, owner);
    });
  });
  Found f = every(lab);
  CHECK(f.text() == "leak(p)@t");
  CHECK(f.details.begin()->second == "'p' is never released");
  release = true;
  CHECK(every(lab).text().empty());
  release = end_owner = false;
  CHECK(every(lab).text().empty());
}

// Fact: kfree-ends.
TEST_CASE("memory: a task that still sleeps in freed memory at the end uses it") {
  Allocation p;
  Waiter inside;  // embedded in p, and user space may never complete it
  Lab lab([&](Lab& l) {
    l.init(p, "p");
    l.init(inside, "p.done", Owner::user, p.life);
    l.task("sleeper", [&](Context& c) { wait_for_completion(c, inside); });
    l.task("owner", [&](Context& c) { kfree(c, p); });
  });
  const Found f = every(lab);
  CHECK(f.text() == "use-after-free(p)@sleeper");
  CHECK(f.details.begin()->second == "the task still sleeps there");
  CHECK(f.blocked == f.executions);
}

TEST_CASE("memory: a field keeps what was stored last, each its own") {
  Allocation p;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {"x", "y"});
    l.task("t", [&](Context& c) {
      set(c, p, 3, 0, MemoryOrder::plain);
      set(c, p, 5, 1, MemoryOrder::acquire_release);
      must(get(c, p, 0, MemoryOrder::acquire_release) == 3);
      must(get(c, p, 1, MemoryOrder::plain) == 5);
      CHECK(p.field(l.name("y")) == p.fields[1].second);
      CHECK(!p.field(l.name("z")));
    });
  });
  CHECK(every(lab).text().empty());
}

// nfc-fw-timer-sleeps: the timer of the NFC firmware download.
// Fact: gfp_kernel-sleeps.
TEST_CASE("memory: kzalloc with GFP_KERNEL may sleep, and is wrong in atomic context, GFP_ATOMIC is not") {
  Allocation p;
  Timer timer;
  Gfp gfp = Gfp::kernel;
  bool may_fail = false;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {}, false);
    l.init(timer, "timer", [&](Context& c) {
      if (may_fail) {
        if (!try_kzalloc(c, p, gfp)) return;
      } else {
        kzalloc(c, p, gfp);
      }
      kfree(c, p);
    });
    l.task("a", [&](Context& c) { mod_timer(c, timer, 10); });
  });
  for (const bool m : {false, true}) {
    may_fail = m;
    gfp = Gfp::kernel;
    const Found f = every(lab);
    CHECK(f.text() == "sleep-in-atomic(kzalloc(GFP_KERNEL))@softirq timer");
    CHECK(f.places.begin()->second == (m ? "does the call fail" : "kzalloc"));
    gfp = Gfp::atomic;
    CHECK(every(lab).text().empty());
  }
}

// Fact: gfp_kernel-sleeps.
TEST_CASE("memory: GFP_KERNEL under a spinlock and inside an RCU reader, under a mutex it is fine, and it takes no step") {
  Allocation p;
  Spinlock spin;
  Mutex mutex;
  enum class Under { mutual, spinlock, rcu } under = Under::mutual;
  std::size_t steps = 0;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {}, false);
    l.init(spin, "spin");
    l.init(mutex, "mutex");
    l.task("a", [&](Context& c) {
      if (under == Under::mutual) mutex_lock(c, mutex);
      if (under == Under::spinlock) spin_lock(c, spin);
      if (under == Under::rcu) rcu_read_lock(c, l.rcu);
      kzalloc(c, p);
      if (under == Under::mutual) mutex_unlock(c, mutex);
      if (under == Under::spinlock) spin_unlock(c, spin);
      if (under == Under::rcu) rcu_read_unlock(c, l.rcu);
    });
  });
  for (const Under u : {Under::mutual, Under::spinlock, Under::rcu}) {
    under = u;
    const Found f = every(lab, [&] { steps = lab.engine.trace().events.size(); });
    CHECK(f.text() == (u == Under::mutual ? "" : "sleep-in-atomic(kzalloc(GFP_KERNEL))@a"));
    CHECK(steps == 3);
  }
}

// Fact: gfp_kernel-sleeps, kfree-ends.
TEST_CASE("memory: an allocation that may fail does so in one of two executions, and then there is nothing to free, NULL is fine") {
  Allocation p, owner;
  std::set<bool> seen;
  bool got = false, check = true;
  Lab lab([&](Lab& l) {
    l.init(owner, "owner");
    l.init(p, "p", {"x"}, false, owner.life);
    l.task("a", [&](Context& c) {
      got = try_kzalloc(c, p);
      if (got || !check) set(c, p, 1);
      kfree(c, got ? &p : nullptr);
      kfree(c, owner);
    });
  });
  Found f = every_schedule(lab, [&] { seen.insert(got); });
  CHECK(f.text().empty());
  CHECK(f.executions == 2);
  CHECK(seen == std::set<bool>{false, true});
  check = false;
  f = every_schedule(lab);
  CHECK(f.text() == "use-before-init(p)@a");
  CHECK(f.count("use-before-init(p)@a") == 1);
}

// Fact: kfree-ends.
TEST_CASE("memory: an embedded member lives and dies with what it is in, and is nothing to give to kfree") {
  Allocation parent, member;
  enum class Form { use_member, free_member, both } form = Form::use_member;
  Lab lab([&](Lab& l) {
    l.init(parent, "parent", {"x"});
    init_embedded(member, parent.life, l.name("parent.work"));
    add_field(l.kernel, member, l.name("n"), 3);
    l.task("owner", [&](Context& c) {
      if (form != Form::use_member) kfree(c, member);
      if (form != Form::free_member) kfree(c, parent);
    });
    if (form == Form::use_member) l.task("user", [&](Context& c) { get(c, member); });
  });
  Found f = every(lab);
  CHECK(f.text() == "use-after-free(parent)@user");
  form = Form::free_member;
  f = every(lab);
  CHECK(f.text() == "api-misuse(parent.work)@owner");
  CHECK(f.places.begin()->second == "kfree of a member");
  form = Form::both;  // it has ended nothing
  CHECK(every(lab).text() == "api-misuse(parent.work)@owner");
  Lab late([&](Lab& l) {
    l.init(parent, "parent");
    init_embedded(member, parent.life, l.name("parent.work"));
    l.task("owner", [&](Context& c) {
      kfree(c, parent);
      kfree(c, member);
    });
  });
  CHECK(every(late).text() == "api-misuse(parent.work)@owner, use-after-free(parent)@owner");
}

// cpu5wdt-timer-tail: static state of a module, touched by a timer that outlives it.
// Fact: static-data-is-module.
TEST_CASE("memory: static data of a module dies with its text, whoever touches it afterwards") {
  Module module;
  Allocation state;
  Timer timer;
  bool stop = false;
  Lab lab([&](Lab& l) {
    l.init(module, "foo");
    init_embedded(state, module.text, l.name("state"));
    add_field(l.kernel, state, l.name("ticks"), 0);
    l.init(timer, "timer", [&](Context& c) { set(c, state, 1); });
    l.task("rmmod", [&](Context& c) {
      mod_timer(c, timer, 10);
      delete_module(c, module, l.rcu, [&] {
        if (stop) timer_shutdown_sync(c, timer);
      });
    });
  });
  CHECK(every(lab).text() == "execute-after-free(foo)@softirq timer");
  stop = true;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
