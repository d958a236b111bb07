// kernel/waiter: completions and fences, and shooting them down.
#include "model/support.hpp"

namespace unplug::model::test {

// Fact: complete-one-waiter.
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

// Fact: complete-one-waiter.
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

// Fact: complete-one-waiter.
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

// Fact: dma_fence-once.
TEST_CASE("fence: signalled once for ever, one that user space owns may never be, and that is no deadlock") {
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

TEST_CASE("shoot_down: every waiter, present and future, returns with an error, what was completed before still counts") {
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

// Fact: complete-one-waiter.
TEST_CASE("completion: waiting in an interrupt is sleep-in-atomic, completing is not") {
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

// Fact: wait_for_completion-ends.
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

// Fact: reinit_completion-forgets.
TEST_CASE("completion: reinit forgets what was completed, even for who has yet to go on") {
  Waiter w;
  bool all = false;
  Lab lab([&](Lab& l) {
    l.init(w, "w");
    l.task("a", [&](Context& c) {
      all ? complete_all(c, w) : complete(c, w);
      must(completion_done(c, w));
      reinit_completion(c, w);
      must(!completion_done(c, w));
      must(!try_wait_for_completion(c, w));
    });
  });
  CHECK(every(lab).text().empty());
  all = true;
  CHECK(every(lab).text().empty());
  Lab late([&](Lab& l) {
    l.init(w, "w");
    l.task("waiter", [&](Context& c) { wait_for_completion(c, w); });
    l.task("a", [&](Context& c) {
      complete(c, w);
      reinit_completion(c, w);
    });
  });
  CHECK(every(late).text() == "deadlock(w)@waiter");
  Lab shot([&](Lab& l) {
    l.init(w, "w");
    l.task("a", [&](Context& c) {
      shoot_down(c, w);
      reinit_completion(c, w);
      must(!wait_for_completion(c, w));
    });
  });
  CHECK(every(shot).text().empty());
}

TEST_CASE("completion: try takes one if there is one, done takes none") {
  Waiter w;
  Lab lab([&](Lab& l) {
    l.init(w, "w");
    l.task("a", [&](Context& c) {
      must(!try_wait_for_completion(c, w));
      complete(c, w);
      must(completion_done(c, w));
      must(completion_done(c, w));
      must(try_wait_for_completion(c, w));
      must(!try_wait_for_completion(c, w));
      complete_all(c, w);
      must(try_wait_for_completion(c, w));
      must(try_wait_for_completion(c, w));
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: wait_for_completion-ends.
TEST_CASE("completion: a wait ends with what ends it: completed, out of time, interrupted, shot down") {
  Waiter w;
  Waited result = Waited::completed;
  enum class Form : std::uint8_t { timeout, interruptible, both, killable } form = Form::timeout;
  bool shoots = false;
  std::set<Waited> seen;
  Lab lab([&](Lab& l) {
    l.init(w, "w");
    l.task("a", [&](Context& c) {
      switch (form) {
        case Form::timeout: result = wait_for_completion_timeout(c, w, sim::millisecond); break;
        case Form::interruptible: result = wait_for_completion_interruptible(c, w); break;
        case Form::both: result = wait_for_completion_interruptible_timeout(c, w, sim::millisecond); break;
        case Form::killable: result = wait_for_completion_killable(c, w);
      }
    });
    l.task("c", [&](Context& c) { shoots ? shoot_down(c, w) : complete(c, w); });
  });
  using enum Waited;
  const auto run = [&](Form f, bool shot) {
    form = f;
    shoots = shot;
    seen.clear();
    const Found found = every(lab, [&] {
      seen.insert(result);
      // What is left over is what it did not take.
      if (!shoots) CHECK(lab.engine.trace().objects[w.object.index()].word == (result == completed ? 0 : 1));
    });
    CHECK(found.text().empty());
    CHECK(found.blocked == 0);
    return seen;
  };
  CHECK(run(Form::timeout, false) == std::set<Waited>{completed, expired});
  CHECK(run(Form::interruptible, false) == std::set<Waited>{completed, interrupted});
  CHECK(run(Form::both, false) == std::set<Waited>{completed, expired, interrupted});
  CHECK(run(Form::killable, false) == std::set<Waited>{completed, interrupted});
  CHECK(run(Form::both, true) == std::set<Waited>{shot_down, expired, interrupted});
}

// Fact: wait_for_completion-ends.
TEST_CASE("completion: a wait that a timeout ends is no deadlock, nor is what waits behind it, nor is what it holds a leak") {
  Waiter w, told;
  Mutex m;
  Allocation scope, kept;
  bool limited = true;
  Lab lab([&](Lab& l) {
    l.init(w, "w");
    l.init(told, "told");
    l.init(m, "m");
    l.init(scope, "scope");
    l.init(kept, "kept", {}, false, scope.life);
    l.task("a", [&](Context& c) {
      mutex_lock(c, m);
      kzalloc(c, kept);
      limited ? static_cast<void>(wait_for_completion_timeout(c, w, 1)) : static_cast<void>(wait_for_completion(c, w));
      kfree(c, kept);
      mutex_unlock(c, m);
      complete(c, told);
    });
    l.task("behind", [&](Context& c) {
      mutex_lock(c, m);
      mutex_unlock(c, m);
    });
    l.task("other", [&](Context& c) { wait_for_completion(c, told); });
    l.task("owner", [&](Context& c) { kfree(c, scope); });
    l.remover("remove", [&](Context& c) {
      mark(c);
      c.kernel().removal_phase = RemovalPhase::remove;
      mutex_lock(c, m);
      mutex_unlock(c, m);
      c.kernel().removal_phase = RemovalPhase::none;
    });
  });
  const Found f = sample(lab, 300);
  CHECK(f.text().empty());
  CHECK(f.blocked > 0);
  CHECK(f.blocked < f.executions);
  limited = false;
  const Found g = sample(lab, 300);
  CHECK(g.count("deadlock(w)@a") > 0);
  CHECK(g.count("deadlock(told)@other") > 0);
  CHECK(g.count("hung-remove(m)@remove") > 0);
  CHECK(g.count("leak(kept)@a") > 0);
}

TEST_CASE("completion: a cycle of others is one, whoever sleeps with a timeout beside them") {
  Waiter w;
  Mutex a, b;
  Waiter both;
  Lab lab([&](Lab& l) {
    l.init(w, "w");
    l.init(a, "a");
    l.init(b, "b");
    l.init(both, "both");
    l.task("sleeper", [&](Context& c) { wait_for_completion_timeout(c, w, 1); });
    const auto cross = [&](Context& c, Mutex& first, Mutex& second) {
      mutex_lock(c, first);
      complete(c, both);
      complete(c, both);
      for (int i = 0; i < 2; ++i) wait_for_completion(c, both);
      mutex_lock(c, second);
    };
    l.task("x", [&, cross](Context& c) { cross(c, a, b); });
    l.task("y", [&, cross](Context& c) { cross(c, b, a); });
  });
  const Found f = sample(lab, 100);
  CHECK(f.count("deadlock(a)@y") > 0);
  CHECK(f.count("deadlock(b)@x") == f.count("deadlock(a)@y"));
}

TEST_CASE("completion: under timed, time tells how a wait with a timeout ends") {
  Waiter w;
  sim::Duration after = 0;
  Waited result = Waited::completed;
  sim::Time ended = 0;
  static const Operation sleep_op{.name = "sleep", .pause = true};
  Lab lab([&](Lab& l) {
    l.init(w, "w");
    l.task("a", [&](Context& c) {
      result = wait_for_completion_timeout(c, w, 100 * sim::millisecond);
      ended = c.engine().local_time();
    });
    l.task("c", [&](Context& c) {
      c.sleep(sleep_op, after);
      complete(c, w);
    });
  });
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    after = 40 * sim::millisecond;
    run_timed(lab, seed);
    CHECK(result == Waited::completed);
    CHECK(ended / sim::millisecond == 40);
    after = 400 * sim::millisecond;
    run_timed(lab, seed);
    CHECK(result == Waited::expired);
    CHECK(ended / sim::millisecond == 100);
  }
}

// Fact: wait_for_completion-ends, dma_fence-once.
TEST_CASE("dma_fence_wait_timeout: signalled, out of time, interrupted if asked for, and the fence stays signalled") {
  Waiter fence;
  Signals signals = Signals::none;
  std::set<Waited> seen;
  Waited result = Waited::completed;
  Lab lab([&](Lab& l) {
    l.init(fence, "fence");
    l.task("a", [&](Context& c) {
      result = dma_fence_wait_timeout(c, fence, signals, sim::millisecond);
      if (result == Waited::completed) must(dma_fence_wait(c, fence));
    });
    l.task("gpu", [&](Context& c) { complete_all(c, fence); });
  });
  CHECK(every(lab, [&] { seen.insert(result); }).text().empty());
  CHECK(seen == std::set<Waited>{Waited::completed, Waited::expired});
  signals = Signals::interruptible;
  CHECK(every(lab, [&] { seen.insert(result); }).text().empty());
  CHECK(seen == std::set<Waited>{Waited::completed, Waited::expired, Waited::interrupted});
}

// Fact: wait_for_completion-ends.
TEST_CASE("completion: a waiter whose time is up looks at the completion once more, so that it has to be there") {
  Allocation p;
  Waiter w;
  Lab lab([&](Lab& l) {
    l.init(p, "p");
    l.init(w, "p.done", Owner::hardware, p.life);
    l.task("sleeper", [&](Context& c) { wait_for_completion_timeout(c, w, 1); });
    l.task("owner", [&](Context& c) { kfree(c, p); });
  });
  CHECK(every(lab).count("use-after-free(p)@sleeper") == 2);  // asleep there, or awake
}

}  // namespace unplug::model::test
