// kernel/dma_fence: callbacks of fences, run by who signals.
#include "unplug/model/kernel/locking/dma_fence.hpp"

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct Fence {
  DmaFence f;
  Spinlock lock;
  FenceCallback cb;
  Allocation node;
  std::function<void(Context&)> body;
  int runs = 0;
  void init(Lab& l) {
    runs = 0;
    l.init(node, "node");
    l.init(lock, "fence.lock");
    init_dma_fence(l.kernel, f, l.name("fence"), l.name("fence"), {}, Owner::driver, lock);
    cb.home = node.life;
    cb.function = Lab::Call<void>::run;
    cb.argument = l.keep<void>([this](Context& c) {
      ++runs;
      if (body) body(c);
    });
  }
};

}  // namespace

// Fact: dma_fence-callbacks.
TEST_CASE("dma_fence: a callback that was added runs once, in the signaller, one that came late doesn't") {
  Fence x;
  bool added = false, first = false, second = false;
  std::set<std::string> runners;
  Lab lab([&](Lab& l) {
    x.init(l);
    x.body = [&](Context& c) { runners.insert(l.kernel.text(c.engine().current_name())); };
    l.task("adder", [&](Context& c) { added = dma_fence_add_callback(c, x.f, x.cb); });
    l.task("gpu", [&](Context& c) {
      first = dma_fence_signal(c, x.f);
      second = dma_fence_signal(c, x.f);
    });
  });
  std::set<bool> seen;
  CHECK(every(lab,
              [&] {
                CHECK(x.runs == (added ? 1 : 0));
                CHECK(first);
                CHECK(!second);
                seen.insert(added);
              })
            .text()
            .empty());
  CHECK(seen == std::set<bool>{false, true});
  CHECK(runners == std::set<std::string>{"gpu"});
}

// Fact: dma_fence-once.
TEST_CASE("dma_fence: of two signallers one is first, and waiters go on for ever after") {
  Fence x;
  int firsts = 0;
  Lab lab([&](Lab& l) {
    firsts = 0;
    x.init(l);
    for (const auto* n : {"a", "b"}) l.task(n, [&](Context& c) { firsts += dma_fence_signal(c, x.f) ? 1 : 0; });
    l.task("waiter", [&](Context& c) {
      must(dma_fence_wait(c, x.f.waiter));
      must(dma_fence_is_signaled(c, x.f));
      must(dma_fence_wait(c, x.f.waiter));
    });
  });
  const Found f = every(lab, [&] { CHECK(firsts == 1); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: dma_fence_remove_callback-waits.
TEST_CASE("dma_fence: one that could not be removed has run to its end, so that its memory can go") {
  Fence x;
  bool removes = true;
  int removed = 0;
  Lab lab([&](Lab& l) {
    removed = 0;
    x.init(l);
    x.body = [&](Context& c) { use(c, x.node.life); };
    l.task("adder", [&](Context& c) {
      dma_fence_add_callback(c, x.f, x.cb);
      if (removes) removed = dma_fence_remove_callback(c, x.f, x.cb) ? 1 : 0;
      kfree(c, x.node);
    });
    l.task("gpu", [&](Context& c) { dma_fence_signal(c, x.f); });
  });
  std::set<std::pair<int, int>> seen;
  CHECK(every(lab, [&] { seen.insert({removed, x.runs}); }).text().empty());
  CHECK(seen == std::set<std::pair<int, int>>{{0, 0}, {0, 1}, {1, 0}});
  removes = false;
  CHECK(every(lab).count("use-after-free(node)@gpu") > 0);
}

// Fact: dma_fence-callbacks.
TEST_CASE("dma_fence: a callback runs under the fence's lock: it may not sleep, nor take it, nor signal or remove by itself") {
  Fence x;
  Mutex m;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.init(m, "m");
    l.task("a", [&](Context& c) {
      dma_fence_add_callback(c, x.f, x.cb);
      dma_fence_signal(c, x.f);
    });
  });
  x.body = [&](Context& c) {
    mutex_lock(c, m);
    mutex_unlock(c, m);
  };
  CHECK(every(lab).text() == "sleep-in-atomic(mutex_lock)@a");
  x.body = [&](Context& c) { dma_fence_remove_callback(c, x.f, x.cb); };
  CHECK(every(lab).count("deadlock(fence.lock)@a") == 1);
  x.body = [&](Context& c) { dma_fence_signal(c, x.f); };
  CHECK(every(lab).count("deadlock(fence.lock)@a") == 1);
  x.body = [&](Context& c) { must(!dma_fence_signal_locked(c, x.f)); };
  CHECK(every(lab).text().empty());
}

// Fact: dma_fence_remove_callback-waits.
TEST_CASE("dma_fence: a lock that callbacks take, held while callbacks are removed, is a cycle") {
  Fence x;
  Spinlock mine;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.init(mine, "job_lock");
    x.body = [&](Context& c) {
      spin_lock(c, mine);
      spin_unlock(c, mine);
    };
    l.task("driver", [&](Context& c) {
      dma_fence_add_callback(c, x.f, x.cb);
      spin_lock(c, mine);
      dma_fence_remove_callback(c, x.f, x.cb);
      spin_unlock(c, mine);
    });
    l.task("gpu", [&](Context& c) { dma_fence_signal(c, x.f); });
  });
  const Found f = every(lab);
  CHECK(f.count("deadlock(job_lock)@gpu") > 0);
  CHECK(f.count("lock-cycle(fence.lock)@driver") >= f.count("deadlock(job_lock)@gpu"));
}

// Fact: dma_fence-callbacks.
TEST_CASE("dma_fence_signal_locked: for who holds the lock, by somebody else it is misuse") {
  Fence x;
  bool held = true;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.task("a", [&](Context& c) {
      if (held) spin_lock(c, x.lock, SpinlockOff::interrupts);
      dma_fence_signal_locked(c, x.f);
      if (held) spin_unlock(c, x.lock, SpinlockOff::interrupts);
    });
  });
  CHECK(every(lab).text().empty());
  held = false;
  CHECK(every(lab).text() == "api-misuse(fence)@a");
}

TEST_CASE("dma_fence: one in freed memory is touched by signal, look, add and remove") {
  Fence x;
  Allocation owner;
  int form = 0;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.init(owner, "ctx");
    x.f.waiter.home = owner.life;
    l.task("a", [&](Context& c) {
      kfree(c, owner);
      switch (form) {
        case 0: dma_fence_signal(c, x.f); break;
        case 1: dma_fence_is_signaled(c, x.f); break;
        case 2: dma_fence_add_callback(c, x.f, x.cb); break;
        default: dma_fence_remove_callback(c, x.f, x.cb);
      }
    });
  });
  for (form = 0; form < 4; ++form) CHECK(every(lab).text() == "use-after-free(ctx)@a");
}

// Fact: dma_fence_remove_callback-waits.
TEST_CASE("dma_fence: nodes of callbacks are touched when they are added, removed and run") {
  Fence x;
  int form = 0;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.task("a", [&](Context& c) {
      if (form == 1) dma_fence_add_callback(c, x.f, x.cb);
      kfree(c, x.node);
      if (form == 0) dma_fence_add_callback(c, x.f, x.cb);
      if (form == 1) dma_fence_signal(c, x.f);
      if (form == 2) dma_fence_remove_callback(c, x.f, x.cb);
    });
  });
  for (form = 0; form < 3; ++form) CHECK(every(lab).text() == "use-after-free(node)@a");
}

}  // namespace unplug::model::test
