// kernel/waiter: completions and fences, and shooting them down.
#include "support.hpp"

namespace unplug::model::test {

TEST_CASE("completion: complete() lets exactly one waiter go, before or after it came") {
  Waiter w;
  int through = 0;
  Lab lab([&](Lab& l) {
    through = 0;
    l.init(w, "w");
    for (const auto* n : {"a", "b"})
      l.task(n, [&](Context& c) {
        must(wait_for_completion(c, w));
        ++through;
      });
    l.task("c", [&](Context& c) { complete(c, w); });
  });
  const Found f = every_schedule(lab, [&] { CHECK(through == 1); });
  CHECK(f.text() == "deadlock(w)@a, deadlock(w)@b");  // one of them, in each
  CHECK(f.violations.at("deadlock(w)@a") + f.violations.at("deadlock(w)@b") == f.executions);
  CHECK(f.details.at("deadlock(w)@a") == "'a' waits in wait_for_completion(w), which nobody will end");
}

TEST_CASE("completion: complete_all() lets all go, now and later, and complete() after it takes nothing back") {
  Waiter w;
  int through = 0;
  Lab lab([&](Lab& l) {
    through = 0;
    l.init(w, "w");
    for (const auto* n : {"a", "b", "c"})
      l.task(n, [&](Context& c) {
        must(wait_for_completion(c, w));
        ++through;
      });
    l.task("all", [&](Context& c) {
      complete_all(c, w);
      complete(c, w);
    });
  });
  CHECK(every(lab, [&] { CHECK(through == 3); }).text().empty());
}

TEST_CASE("completion: two complete() count up, so two waits go on") {
  Waiter w;
  Lab lab([&](Lab& l) {
    l.init(w, "w");
    l.task("a", [&](Context& c) {
      wait_for_completion(c, w);
      wait_for_completion(c, w);
    });
    l.task("c", [&](Context& c) {
      complete(c, w);
      complete(c, w);
    });
  });
  const Found f = every_schedule(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

TEST_CASE("fence 16.10: signalled once for ever, one that user space owns may never be, and that is no deadlock") {
  Waiter fence;
  Owner owner = Owner::user;
  bool signal = false;
  Lab lab([&](Lab& l) {
    l.init(fence, "fence", owner);
    for (const auto* n : {"a", "b"})
      l.task(n, [&](Context& c) {
        must(dma_fence_wait(c, fence));
        must(dma_fence_wait(c, fence));
      });
    if (signal) l.task("gpu", [&](Context& c) { complete_all(c, fence); });
  });
  for (const Owner o : {Owner::user, Owner::hardware}) {
    owner = o;
    const Found f = every(lab);
    CHECK(f.text().empty());
    CHECK(f.blocked == f.executions);
  }
  for (const Owner o : {Owner::driver, Owner::core, Owner::other_driver}) {
    owner = o;
    CHECK(every(lab).text() == "deadlock(fence)@a, deadlock(fence)@b");
  }
  signal = true;
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

TEST_CASE("shoot_down 16.10: every waiter, present and future, returns with an error, what was completed before still counts") {
  Waiter w, fence;
  Waiter gone;
  std::set<std::vector<bool>> results;
  std::vector<bool> result(3);
  Lab lab([&](Lab& l) {
    l.init(w, "w", Owner::user);
    l.init(fence, "fence", Owner::user);
    l.init(gone, "gone");
    l.task("a", [&](Context& c) { result[0] = wait_for_completion(c, w); });
    l.task("b", [&](Context& c) { result[1] = dma_fence_wait(c, fence); });
    l.task("late", [&](Context& c) {
      wait_for_completion(c, gone);
      result[2] = wait_for_completion(c, w);
    });
    l.task("remove", [&](Context& c) {
      complete(c, w);
      shoot_down(c, w);
      shoot_down(c, fence);
      complete(c, gone);
    });
  });
  const Found f = every(lab, [&] { results.insert(result); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  // The one completion goes to `a` or, if it is slow, to `late`; the fence was never signalled.
  CHECK(results == std::set<std::vector<bool>>{{true, false, false}, {false, false, true}});
}

TEST_CASE("completion 15: waiting in an interrupt is sleep-in-atomic, completing is not") {
  Waiter w;
  Lab lab([&](Lab& l) {
    l.init(w, "w");
    l.task(
        "irq", [&](Context& c) { complete(c, w); }, ContextKind::hardirq);
    l.task(
        "bad",
        [&](Context& c) {
          mark(c);
          wait_for_completion(c, w);
        },
        ContextKind::hardirq);
  });
  CHECK(every(lab).text() == "sleep-in-atomic(wait_for_completion)@bad");
}

TEST_CASE("completion: what a task waits in, embedded in memory, must live until it has gone on") {
  Allocation p;
  Waiter w;
  Lab lab([&](Lab& l) {
    l.init(p, "p");
    l.init(w, "p.done", Owner::driver, p.life);
    l.task("sleeper", [&](Context& c) { wait_for_completion(c, w); });
    l.task("owner", [&](Context& c) {
      complete(c, w);
      kfree(c, p);  // the sleeper still looks at it
    });
  });
  CHECK(every(lab).text() == "use-after-free(p)@sleeper");
}

}  // namespace unplug::model::test
