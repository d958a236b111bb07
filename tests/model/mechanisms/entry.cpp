// Entry guards: none, srcu, rwsem. What the fence refuses, what it waits for, and how each is misused.
#include "model/support.hpp"
#include "unplug/model/mechanisms/registry.hpp"

namespace unplug::model::test {
namespace {

// One guard, and memory that goes after its fence.
struct Gate {
  std::unique_ptr<EntryGuard> guard;
  Allocation priv;
  explicit Gate(std::string_view mechanism) : guard(make_entry_guard(mechanism)) { REQUIRE(guard != nullptr); }
  void init(Lab& l) {
    l.init(priv, "priv", {"x"});
    guard->init(l.kernel, l.name("guard"));
  }
  // Whether it was let in.
  bool operation(Context& c, const Lab::Body& body = {}) {
    Token token = 0;
    if (!guard->enter(c, token)) return false;
    get(c, priv);
    if (body) body(c);
    guard->exit(c, token);
    return true;
  }
};

}  // namespace

TEST_CASE("entry: srcu and rwsem: after the fence nothing is inside and nothing gets in, none fences nothing") {
  for (const std::string mechanism : {"srcu", "rwsem", "none"}) {
    CAPTURE(mechanism);
    Gate g(mechanism);
    std::set<int> admitted;
    int in = 0;
    bool refused_before_fence = false, fencing = false;
    Lab lab([&](Lab& l) {
      in = 0;
      fencing = false;
      g.init(l);
      for (const auto* n : {"a", "b"})
        l.task(n, [&](Context& c) {
          const bool ok = g.operation(c);
          in += ok ? 1 : 0;
          if (!ok && !fencing) refused_before_fence = true;
        });
      l.remover("remove", [&](Context& c) {
        mark(c);
        fencing = true;
        g.guard->fence(c);
        kfree(c, g.priv);
      });
    });
    const Found f = every(lab, [&] { admitted.insert(in); });
    CHECK(f.text() == (mechanism == "none" ? "use-after-free(priv)@a, use-after-free(priv)@b" : ""));
    CHECK(f.blocked == 0);
    CHECK(!refused_before_fence);
    CHECK(admitted == (mechanism == "none" ? std::set<int>{2} : std::set<int>{0, 1, 2}));
  }
}

TEST_CASE("entry: an operation that comes after the fence is refused, whatever its task did before") {
  for (const std::string mechanism : {"srcu", "rwsem"}) {
    Gate g(mechanism);
    Waiter fenced;
    bool first = false, second = false;
    Lab lab([&](Lab& l) {
      g.init(l);
      l.init(fenced, "fenced");
      l.task("user", [&](Context& c) {
        first = g.operation(c);
        wait_for_completion(c, fenced);
        second = g.operation(c);
      });
      l.remover("remove", [&](Context& c) {
        g.guard->fence(c);
        complete(c, fenced);
        kfree(c, g.priv);
      });
    });
    bool let_in = false, refused = false;
    CHECK(every(lab,
                [&] {
                  CHECK(!second);
                  (first ? let_in : refused) = true;
                })
              .text()
              .empty());
    CHECK(let_in);
    CHECK(refused);
  }
}

TEST_CASE("entry: inside srcu an operation may enter again, inside rwsem it deadlocks with a waiting writer") {
  for (const std::string mechanism : {"srcu", "rwsem"}) {
    CAPTURE(mechanism);
    Gate g(mechanism);
    bool writer = true;
    Lab lab([&](Lab& l) {
      g.init(l);
      l.task("user", [&](Context& c) { g.operation(c, [&](Context& inner) { g.operation(inner); }); });
      if (writer)
        l.remover("remove", [&](Context& c) {
          c.kernel().removal_phase = RemovalPhase::remove;
          g.guard->fence(c);
          kfree(c, g.priv);
        });
    });
    const Found f = every(lab);
    if (mechanism == "srcu") {
      CHECK(f.text().empty());
    } else {
      CHECK(f.text() == "deadlock(ops_sem)@user, hung-remove(ops_sem)@remove, lock-cycle(ops_sem)@user");
      writer = false;
      CHECK(every(lab).text() == "lock-cycle(ops_sem)@user");  // some writer may come
    }
  }
}

TEST_CASE("entry: a waiting writer keeps new operations out of rwsem, srcu lets them in, until the pointer is cleared, and refuses then") {
  // An operation hangs inside for as long as user space likes; a second one comes while removal waits for it.
  for (const std::string mechanism : {"srcu", "rwsem"}) {
    CAPTURE(mechanism);
    Gate g(mechanism);
    Waiter event, inside;
    std::set<std::string> fates;
    std::string fate;
    Lab lab([&](Lab& l) {
      fate = "blocked";
      g.init(l);
      l.init(event, "event", Owner::user);
      l.init(inside, "inside");
      l.task("sleeper", [&](Context& c) {
        g.operation(c, [&](Context& o) {
          complete(o, inside);
          wait_for_completion(o, event);
        });
      });
      l.task("second", [&](Context& c) { fate = g.operation(c) ? "ran" : "refused"; });
      l.remover("remove", [&](Context& c) {
        wait_for_completion(c, inside);
        c.kernel().removal_phase = RemovalPhase::remove;
        g.guard->fence(c);
      });
    });
    const Found f = every(lab, [&] { fates.insert(fate); });
    CHECK(f.count(mechanism == "srcu" ? "unbounded-remove(disassociate_srcu)@remove" : "unbounded-remove(ops_sem)@remove") == f.executions);
    CHECK(f.violations.size() == 1);
    CHECK(fates == (mechanism == "srcu" ? std::set<std::string>{"ran", "refused"} : std::set<std::string>{"ran", "blocked"}));
  }
}

TEST_CASE("entry: fencing from inside an operation waits for itself") {
  for (const std::string mechanism : {"srcu", "rwsem"}) {
    Gate g(mechanism);
    Lab lab([&](Lab& l) {
      g.init(l);
      l.task("user", [&](Context& c) { g.operation(c, [&](Context& inner) { g.guard->fence(inner); }); });
    });
    CHECK(every(lab).text() == (mechanism == "srcu" ? "api-misuse(disassociate_srcu)@user, deadlock(disassociate_srcu)@user, "
                                                      "lock-cycle(disassociate_srcu)@user"
                                                    : "deadlock(ops_sem)@user, lock-cycle(ops_sem)@user"));
  }
}

TEST_CASE("entry: srcu is entered in any context and slept in, rwsem sleeps already at the door") {
  for (const std::string mechanism : {"srcu", "rwsem"}) {
    Gate g(mechanism);
    Lab lab([&](Lab& l) {
      static const Operation nap{.name = "msleep", .pause = true};
      g.init(l);
      l.task("process", [&](Context& c) { g.operation(c, [](Context& inner) { inner.sleep(nap, 1); }); });
      l.task(
          "irq", [&](Context& c) { g.operation(c); }, ContextKind::hardirq);
    });
    CHECK(every(lab).text() == (mechanism == "srcu" ? "" : "sleep-in-atomic(down_read)@irq"));
  }
}

TEST_CASE("entry: two fences at once, and one after the other, both end") {
  for (const std::string mechanism : {"srcu", "rwsem", "none"}) {
    Gate g(mechanism);
    Lab lab([&](Lab& l) {
      g.init(l);
      l.task("user", [&](Context& c) { g.operation(c); });
      for (const auto* n : {"r1", "r2"})
        l.task(n, [&](Context& c) {
          g.guard->fence(c);
          g.guard->fence(c);
        });
    });
    const Found f = sample(lab, 300);
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
  }
}

TEST_CASE("entry: what operations write plainly and removal reads after the fence is no data race") {
  for (const std::string mechanism : {"srcu", "rwsem", "none"}) {
    CAPTURE(mechanism);
    Gate g(mechanism);
    Lab lab([&](Lab& l) {
      g.init(l);
      l.task("user", [&](Context& c) { g.operation(c, [&](Context& o) { set(o, g.priv, 1, 0, MemoryOrder::plain); }); });
      for (const auto* n : {"r1", "r2"})
        l.task(n, [&](Context& c) {
          g.guard->fence(c);
          get(c, g.priv, 0, MemoryOrder::plain);
        });
    });
    const Found f = every(lab);
    const bool race = f.text().find("data-race(priv.x)") != std::string::npos;
    CHECK(race == (mechanism == "none"));
    CHECK(f.text().empty() == (mechanism != "none"));
  }
}

}  // namespace unplug::model::test
