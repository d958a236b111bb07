// kernel/module: text, reference count, delete_module.
#include "model/steps.hpp"

namespace unplug::model::test {

// Fact: try_module_get-going, delete_module-refuses.
TEST_CASE("module: once it is GOING try_module_get fails, before that a reference refuses the unload: never both") {
  Module m;
  bool got = false;
  DeleteResult result{};
  std::set<std::pair<bool, DeleteResult>> seen;
  Lab lab([&](Lab& l) {
    got = false;
    l.init(m, "foo");
    l.task("opener", [&](Context& c) {
      got = try_module_get(c, &m);
      if (!got) return;
      const Context::Function function(c, l.name("foo_open"), m.text, {});
      mark(c);
    });
    l.task("rmmod", [&](Context& c) { result = delete_module(c, m, l.rcu, [] {}); });
  });
  const Found f = every_schedule(lab, [&] { seen.insert({got, result}); });
  CHECK(f.text() == "module-pinned(foo)@rmmod");
  CHECK(f.details.begin()->second == "delete_module('foo') answers -EWOULDBLOCK: it is held by 'opener'");
  CHECK(info(ViolationClass::module_pinned).note);
  CHECK(seen == std::set<std::pair<bool, DeleteResult>>{{true, DeleteResult::would_block}, {false, DeleteResult::gone}});
}

// Fact: delete_module-refuses.
TEST_CASE("module: refused, it stays as it was: references can be taken and dropped, and the next attempt succeeds") {
  Module m;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.task("t", [&](Context& c) {
      must(try_module_get(c, &m));
      must(try_module_get(c, &m));
      must(delete_module(c, m, l.rcu, [] { FAIL("exit() ran"); }) == DeleteResult::would_block);
      module_put(c, &m);
      must(try_module_get(c, &m));
      module_put(c, &m);
      must(delete_module(c, m, l.rcu, [] { FAIL("exit() ran"); }) == DeleteResult::would_block);
      module_put(c, &m);
      bool exited = false;
      must(delete_module(c, m, l.rcu, [&] { exited = true; }) == DeleteResult::gone);
      CHECK(exited);
      must(!try_module_get(c, &m));
      must(delete_module(c, m, l.rcu, [] {}) == DeleteResult::not_found);
    });
  });
  CHECK(every(lab).text() == "module-pinned(foo)@t");
}

// Fact: delete_module-refuses.
TEST_CASE("module: unloading twice at once: one gets -EBUSY, even while exit() runs, or -ENOENT if it comes later") {
  Module m;
  std::multiset<DeleteResult> results;
  std::set<std::multiset<DeleteResult>> seen;
  Lab lab([&](Lab& l) {
    results.clear();
    l.init(m, "foo");
    for (const auto* n : {"a", "b"}) l.task(n, [&](Context& c) { results.insert(delete_module(c, m, l.rcu, [&] { mark(c); })); });
  });
  CHECK(every(lab, [&] { seen.insert(results); }).text().empty());
  CHECK(seen ==
        std::set<std::multiset<DeleteResult>>{{DeleteResult::gone, DeleteResult::busy}, {DeleteResult::gone, DeleteResult::not_found}});
}

// Fact: try_module_get-going.
TEST_CASE("module: no module at all is always there and pins nothing") {
  Lab lab([](Lab& l) {
    l.task("t", [](Context& c) {
      must(try_module_get(c, nullptr));
      module_put(c, nullptr);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: try_module_get-going.
TEST_CASE("module: module_put below zero is misuse") {
  Module m;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.task("t", [&](Context& c) { delete_module(c, m, l.rcu, [&] { module_put(c, &m); }); });
  });
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(foo)@t");
  CHECK(f.details.begin()->second == "module_put('foo') below zero");
  CHECK(f.places.begin()->second == "module_put");
}

// Fact: free_module-grace-period.
TEST_CASE("module: free_module waits for one grace period: RCU readers in the text are safe, if the kernel does that") {
  Module m;
  Allocation slot;
  const auto make = [&](Lab& l) {
    l.init(m, "foo");
    l.init(slot, "hook", {"gone"});
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      if (get(c, slot) == 0) {
        const Context::Function function(c, l.name("foo_hook"), m.text, {});
        mark(c);
      }
      rcu_read_unlock(c, l.rcu);
    });
    l.task("rmmod", [&](Context& c) { delete_module(c, m, l.rcu, [&] { set(c, slot, 1); }); });
  };
  Lab with(make);
  CHECK(every(with).text().empty());
  KernelConfig old;
  old.unload_grace_period = false;
  Lab without(make, old);
  CHECK(every(without).text() == "execute-after-free(foo)@reader");
}

// Fact: free_module-looks-for-nobody.
TEST_CASE("module: it waits for no sleeper, SRCU reader or worker: they execute freed text, or only return through it") {
  Module m;
  Srcu srcu;
  Waiter done;
  bool last_step = true;
  Lab lab([&](Lab& l) {
    static const Operation nap{.name = "msleep", .pause = true};
    static const Operation way_back{.name = "return"};  // through the text
    l.init(m, "foo");
    l.init(srcu, "srcu");
    l.init(done, "done");
    l.task("sleeper", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      {
        const Context::Function function(c, l.name("foo_ioctl"), m.text, {});
        c.sleep(nap, 1);
        complete(c, done);
        if (last_step) mark(c);
        c.engine().step(c.make(way_back));
      }
      srcu_read_unlock(c, srcu, i);
    });
    l.task("rmmod", [&](Context& c) { delete_module(c, m, l.rcu, [&] { wait_for_completion(c, done); }); });
  });
  CHECK(every(lab).text() == "execute-after-free(foo)@sleeper");
  // All its work is done when exit() returns; what remains is the way back.
  last_step = false;
  const Found f = every(lab);
  CHECK(f.text() == "execute-after-free(foo)@sleeper");
  CHECK(f.places.begin()->second == "return");
}

// Fact: free_module-looks-for-nobody.
TEST_CASE("module: called functions of the kernel are not module text, but the way back into the module is") {
  Module m;
  Waiter done;
  bool inside = true;
  Lab lab([&](Lab& l) {
    static const StaticName kernel_function{"schedule"};
    l.init(m, "foo");
    l.init(done, "done");
    l.task("t", [&](Context& c) {
      const Context::Function function(c, l.name("foo_ioctl"), m.text, {});
      mark(c);
      {
        const Context::KernelFunction callee(c, kernel_function);
        complete(c, done);
        mark(c);
      }
      if (inside) mark(c);
    });
    l.task("rmmod", [&](Context& c) { delete_module(c, m, l.rcu, [&] { wait_for_completion(c, done); }); });
  });
  CHECK(every(lab).text() == "execute-after-free(foo)@t");
  inside = false;
  CHECK(every(lab).text().empty());
}

// Fact: free_module-looks-for-nobody.
TEST_CASE("module: a task that still sleeps in the text when it is freed will return into it") {
  Module m;
  Waiter fence;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.init(fence, "fence", Owner::user);
    l.task("ioctl", [&](Context& c) {
      const Context::Function function(c, l.name("foo_ioctl"), m.text, {});
      dma_fence_wait(c, fence);
    });
    l.task("rmmod", [&](Context& c) { delete_module(c, m, l.rcu, [] {}); });
  });
  const Found f = every(lab);
  CHECK(f.text() == "execute-after-free(foo)@ioctl");
  CHECK(f.details.begin()->second == "the task still sleeps there");
}

// Fact: module-init.
TEST_CASE("module: what is not loaded yet cannot be run, a second loading is text of its own") {
  Module first, second;
  Waiter loaded;
  bool wait = false;
  Lab lab([&](Lab& l) {
    l.init(first, "foo");
    init_module(l.kernel, second, l.name("foo#2"), l.name("foo"), false);
    l.init(loaded, "loaded");
    l.task("admin", [&](Context& c) {
      delete_module(c, first, l.rcu, [] {});
      load_module(c, second);
      complete(c, loaded);
      must(try_module_get(c, &second));
      module_put(c, &second);
      must(delete_module(c, first, l.rcu, [] {}) == DeleteResult::not_found);
    });
    l.task("user", [&](Context& c) {
      if (wait) wait_for_completion(c, loaded);
      const Context::Function function(c, l.name("foo_ioctl"), second.text, {});
      mark(c);
    });
  });
  CHECK(every(lab).text() == "use-before-init(foo)@user");
  wait = true;
  CHECK(every(lab).text().empty());
}

// Fact: module-data-last.
TEST_CASE("module: data dies after the text: what only touches a static variable is in time until then, and touches dead data after it") {
  Module m;
  Allocation variable;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    init_module_data(l.kernel, m, l.name("foo.data"), true);
    init_module_variable(m, variable, l.name("count"));
    add_field(l.kernel, variable, l.name("n"), 0);
    // From core text: a list in the module's data that something walks.
    l.task("walker", [&](Context& c) { get(c, variable); });
    l.task("rmmod", [&](Context& c) { delete_module(c, m, l.rcu, [] {}); });
  });
  const Found f = every(lab, [&] {
    const std::size_t text = find_event(lab, "rmmod", "free_module: text freed"),
                      data = find_event(lab, "rmmod", "free_module: data freed");
    CHECK(text < data);
  });
  CHECK(f.text() == "execute-after-free(foo)@walker");
  CHECK(f.details.begin()->second == "it touches the module's data");
}

// Fact: module-data-last.
TEST_CASE("module: without data of its own a variable is as long as the text, a module that is loaded has its data before its text") {
  Module m;
  Allocation variable;
  bool own = true;
  Lab lab([&](Lab& l) {
    l.init(m, "foo", false);
    if (own) init_module_data(l.kernel, m, l.name("foo.data"), false);
    init_module_variable(m, variable, l.name("count"));
    add_field(l.kernel, variable, l.name("n"), 0);
    l.task("insmod", [&](Context& c) {
      must(do_init_module(c, m, l.rcu, [&] {
             const Context::Function function(c, l.name("foo_init"), m.text, {});
             set(c, variable, 1);
             return 0;
           }) == 0);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(find_event(lab, "insmod", "load_module: data laid out") < find_event(lab, "insmod", "do_init_module: COMING"));
  own = false;
  CHECK(every(lab).text().empty());
}

// Fact: module-init.
TEST_CASE("module: while init() runs rmmod is refused and others may take references, then it is LIVE with the base alone") {
  Module m;
  std::set<std::pair<bool, DeleteResult>> seen;
  bool running = false;
  Lab lab([&](Lab& l) {
    running = false;
    l.init(m, "foo", false);
    l.task("insmod", [&](Context& c) {
      must(do_init_module(c, m, l.rcu, [&] {
             running = true;
             mark(c);
             must(try_module_get(c, &m));
             module_put(c, &m);
             running = false;
             return 0;
           }) == 0);
    });
    l.task("rmmod", [&](Context& c) {
      const DeleteResult r = delete_module(c, m, l.rcu, [] {});
      seen.insert({running, r});
    });
  });
  CHECK(every(lab).text() == "module-pinned(foo)@rmmod");  // LIVE, but the reference of do_init_module() not yet dropped
  CHECK(seen.contains({true, DeleteResult::busy}));
  CHECK(seen.contains({false, DeleteResult::gone}));
  CHECK(seen.contains({false, DeleteResult::not_found}));
  CHECK(!seen.contains({true, DeleteResult::gone}));
}

// Fact: module-init.
TEST_CASE("module: init() that fails: GOING, a grace period, gone without exit(), and what init() left running executes freed text") {
  Module m;
  Waiter started;
  bool left = false, got = true;
  Lab lab([&](Lab& l) {
    l.init(m, "foo", false);
    l.init(started, "started");
    l.task("insmod", [&](Context& c) {
      must(do_init_module(c, m, l.rcu, [&] {
             complete(c, started);
             return -12;
           }) == -12);
      got = try_module_get(c, &m);
      must(delete_module(c, m, l.rcu, [] { FAIL("exit() ran"); }) == DeleteResult::not_found);
    });
    l.task("thread", [&](Context& c) {
      wait_for_completion(c, started);
      if (!left) return;
      const Context::Function function(c, l.name("foo_thread"), m.text, {});
      mark(c);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(!got);
  CHECK(steps_of(lab, "insmod") == Steps{"do_init_module: COMING", "complete", "do_init_module: GOING",
                                         "synchronize_rcu: grace period begins", "synchronize_rcu: grace period ends", "module_put",
                                         "synchronize_rcu: grace period begins", "synchronize_rcu: grace period ends",
                                         "free_module: text freed", "try_module_get", "delete_module: try to stop"});
  left = true;
  CHECK(every(lab).text() == "execute-after-free(foo)@thread");
}

// Fact: module-forced.
TEST_CASE("module: without exit() it can only be unloaded by force, by force references don't hold it either") {
  Module m;
  bool has_exit = false;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    m.has_exit = has_exit;
    l.task("t", [&](Context& c) {
      must(try_module_get(c, &m));
      must(delete_module(c, m, l.rcu, [] {}) == (has_exit ? DeleteResult::would_block : DeleteResult::busy));
      l.task("holder", [&](Context& x) {
        {
          const Context::Function function(x, l.name("foo_ioctl"), m.text, {});
          mark(x);
        }
        module_put(x, &m);
      });
      bool exited = false;
      must(delete_module(
               c, m, l.rcu, [&] { exited = true; }, Unload::forced) == DeleteResult::gone);
      CHECK(exited == has_exit);
    });
  });
  // module_put() is core text; but once freed, there is no count.
  CHECK(every(lab).count("execute-after-free(foo)@holder") > 0);
  has_exit = true;
  CHECK(every(lab).count("execute-after-free(foo)@holder") > 0);
}

// Fact: module_get-unasked.
TEST_CASE("module: __module_get of a module that is going keeps nothing and is misuse, of one that is pinned it is another reference") {
  Module m;
  bool late = true;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.task("t", [&](Context& c) {
      if (late) {
        must(delete_module(c, m, l.rcu, [&] {
               module_get(c, &m);
               module_put(c, &m);
             }) == DeleteResult::gone);
      } else {
        must(try_module_get(c, &m));
        module_get(c, &m);
        module_put(c, &m);
        must(delete_module(c, m, l.rcu, [] {}) == DeleteResult::would_block);
        module_get(c, nullptr);
      }
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(foo)@t");
  CHECK(f.details.begin()->second == "__module_get('foo') of a module that is going");
  late = false;
  CHECK(every(lab).text() == "module-pinned(foo)@t");
}

// Fact: module_put-last-own.
TEST_CASE("module: a thread that drops the last reference on its own module returns through freed text, module_put_and_kthread_exit "
          "doesn't") {
  Module m;
  bool exits = false;
  Lab lab([&](Lab& l) {
    static const Operation way_back{.name = "return"};
    l.init(m, "foo");
    l.task("t", [&](Context& c) {
      must(try_module_get(c, &m));
      l.task("thread", [&](Context& x) {
        const Context::Function function(x, l.name("foo_thread"), m.text, {});
        mark(x);
        if (exits) {
          module_put_and_kthread_exit(x, &m);
        } else {
          module_put(x, &m);
          x.engine().step(x.make(way_back));
        }
      });
      delete_module(c, m, l.rcu, [] {});
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "execute-after-free(foo)@thread, module-pinned(foo)@t");
  CHECK(f.places.at("execute-after-free(foo)@thread") == "return");
  exits = true;
  const Found g = every(lab);
  CHECK(g.text() == "module-pinned(foo)@t");
  CHECK(g.count(g.text()) < g.executions);  // the reference has gone in time
}

// Fact: module-freed-text.
TEST_CASE("module: what a late call meets is said as configured: nothing there, filler, or the module loaded in its place") {
  Module old, next;
  bool load = true;
  const auto make = [&](Lab& l) {
    l.init(old, "foo");
    init_module(l.kernel, next, l.name("bar"), l.name("bar"), false);
    l.task("admin", [&](Context& c) {
      delete_module(c, old, l.rcu, [] {});
      if (load) load_module(c, next);
    });
    l.task("user", [&](Context& c) {
      const Context::Function function(c, l.name("foo_ioctl"), old.text, {});
      mark(c);
    });
  };
  const auto said = [&](FreedText what) {
    KernelConfig config;
    config.freed_text = what;
    Lab lab(make, config);
    const Found f = every(lab);
    CHECK(f.text() == "execute-after-free(foo)@user");
    return f.details.begin()->second;
  };
  CHECK(said(FreedText::unmapped).empty());
  CHECK(said(FreedText::poisoned) == "it traps on the filler of the freed text");
  CHECK(said(FreedText::reused) == "it runs what was loaded in its place: module 'bar'");
  load = false;
  CHECK(said(FreedText::reused).empty());
}

// Fact: rcu_barrier-waits-for-callbacks.
TEST_CASE("module: a grace period in exit() is not enough for queued callbacks, rcu_barrier is") {
  Module m;
  RcuCallback callback;
  enum class Exit { nothing, synchronize, barrier } how{};
  Lab lab([&](Lab& l) {
    l.init(m, "smc");
    l.init(callback, "callback", [&](Context& c) {
      const Context::Function function(c, l.name("smc_free"), m.text, {});
      mark(c);
    });
    l.task("t", [&](Context& c) {
      call_rcu(c, l.rcu, callback);
      delete_module(c, m, l.rcu, [&] {
        if (how == Exit::synchronize) synchronize_rcu(c, l.rcu);
        if (how == Exit::barrier) rcu_barrier(c, l.rcu);
      });
    });
  });
  CHECK(every(lab).text() == "execute-after-free(smc)@callback");
  how = Exit::synchronize;
  CHECK(every(lab).text() == "execute-after-free(smc)@callback");
  how = Exit::barrier;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
