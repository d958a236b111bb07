// kernel/module: text, reference count, delete_module.
#include "support.hpp"

namespace unplug::model::test {

TEST_CASE("module 1.4: once it is GOING try_module_get fails, before that a reference refuses the unload: never both") {
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
  CHECK(f.details.begin()->second == "delete_module('foo') answers -EWOULDBLOCK: 1 reference(s) are held by open files");
  CHECK(info(ViolationClass::module_pinned).note);
  CHECK(seen == std::set<std::pair<bool, DeleteResult>>{{true, DeleteResult::would_block}, {false, DeleteResult::gone}});
}

TEST_CASE("module 1.4: refused, it stays as it was: references can be taken and dropped, and the next attempt succeeds") {
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

TEST_CASE("module 1.4.2: unloading twice at once: one gets -EBUSY, even while exit() runs, or -ENOENT if it comes later") {
  Module m;
  std::multiset<DeleteResult> results;
  std::set<std::multiset<DeleteResult>> seen;
  Lab lab([&](Lab& l) {
    results.clear();
    l.init(m, "foo");
    for (const auto* n : {"a", "b"}) l.task(n, [&](Context& c) { results.insert(delete_module(c, m, l.rcu, [&] { mark(c); })); });
  });
  CHECK(every(lab, [&] { seen.insert(results); }).text().empty());
  CHECK(seen == std::set<std::multiset<DeleteResult>>{{DeleteResult::gone, DeleteResult::busy}, {DeleteResult::gone, DeleteResult::not_found}});
}

TEST_CASE("module 1.4: no module at all is always there and pins nothing") {
  Lab lab([](Lab& l) {
    l.task("t", [](Context& c) {
      must(try_module_get(c, nullptr));
      module_put(c, nullptr);
    });
  });
  CHECK(every(lab).text().empty());
}

TEST_CASE("module 1.4: module_put below zero is misuse") {
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

TEST_CASE("module 1.4: free_module waits for one grace period: RCU readers in the text are safe, if the kernel does that") {
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

TEST_CASE("module 1.4: it waits for no sleeper, SRCU reader or worker: they execute freed text, or only return through it") {
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

TEST_CASE("module 1.4: called functions of the kernel are not module text, but the way back into the module is") {
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

TEST_CASE("module 1.4: a task that still sleeps in the text when it is freed will return into it") {
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

}  // namespace unplug::model::test
