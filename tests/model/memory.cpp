// kernel/memory: lifetimes of allocations, and the words of their fields.
#include "support.hpp"

namespace unplug::model::test {

TEST_CASE("memory 15: a use that is not ordered before kfree is use-after-free in every execution, lucky or not") {
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

TEST_CASE("memory 15: a use that something orders before kfree is none") {
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

TEST_CASE("memory 15: freed twice is double-free, by whoever frees, by one task as well") {
  Allocation p;
  Lab two([&](Lab& l) {
    l.init(p, "p");
    for (const auto* n : {"a", "b"}) l.task(n, [&](Context& c) { kfree(c, p); });
  });
  CHECK(every_schedule(two).text() == "double-free(p)@a, double-free(p)@b");
  Lab one([&](Lab& l) {
    l.init(p, "p");
    l.task("a", [&](Context& c) {
      kfree(c, p);
      kfree(c, p);
    });
  });
  CHECK(every_schedule(one).text() == "double-free(p)@a");
}

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

TEST_CASE("memory 15: what an owner that has ended made and nobody freed is a leak, an owner that lives leaks nothing") {
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

TEST_CASE("memory 15: a task that still sleeps in freed memory at the end uses it") {
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

}  // namespace unplug::model::test
