// kernel/semaphore: how many get in, who lets them in, and what ends a wait.
#include "unplug/model/kernel/locking/semaphore.hpp"
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

void init(Lab& l, Semaphore& s, std::uint64_t count, LifetimeId home = {}) {
  init_semaphore(l.kernel, s, l.name("s"), l.name("s"), home, count);
}

}  // namespace

// Fact: semaphore-counts.
TEST_CASE("semaphore: as many are inside as its count says, no more, and each gets in") {
  Semaphore s;
  int inside = 0, most = 0, entered = 0;
  std::uint64_t count = 1;
  Lab lab([&](Lab& l) {
    inside = entered = 0;
    init(l, s, count);
    for (const auto* n : {"a", "b", "c"})
      l.task(n, [&](Context& c) {
        down(c, s);
        most = std::max(most, ++inside);
        ++entered;
        mark(c);
        --inside;
        up(c, s);
      });
  });
  for (count = 1; count <= 3; ++count) {
    most = 0;
    const Found f = every_schedule(lab, [&] {
      CHECK(entered == 3);
      CHECK(word(lab, s.object) == count);
    });
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    CHECK(most == static_cast<int>(count));
  }
}

// Fact: semaphore-counts.
TEST_CASE("semaphore: what is done before up() is seen after the down() that it lets in") {
  Semaphore s;
  Allocation a;
  Lab lab([&](Lab& l) {
    init(l, s, 0);
    l.init(a, "a", {"x"});
    l.task("producer", [&](Context& c) {
      set(c, a, 1, 0, MemoryOrder::plain);
      up(c, s);
    });
    l.task("consumer", [&](Context& c) {
      down(c, s);
      must(get(c, a, 0, MemoryOrder::plain) == 1);
    });
  });
  CHECK(every_schedule(lab).text().empty());
}

// Fact: semaphore-unowned.
TEST_CASE("semaphore: nobody owns it: up() by another task, up() that nobody is owed, and ending without up() are no complaint") {
  Semaphore s;
  Lab lab([&](Lab& l) {
    init(l, s, 1);
    l.task("takes", [&](Context& c) { down(c, s); });
    l.task("gives", [&](Context& c) {
      up(c, s);
      up(c, s);
    });
  });
  const Found f = every(lab, [&] { CHECK(word(lab, s.object) == 2); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: semaphore-counts.
TEST_CASE("semaphore: who waits for an up() that nobody makes waits for ever, a second down() of a count of one, too") {
  Semaphore s;
  Lab lab([&](Lab& l) {
    init(l, s, 1);
    l.task("a", [&](Context& c) {
      down(c, s);
      down(c, s);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(s)@a");
  CHECK(f.details.begin()->second == "'a' waits in down(s), which nobody will end");
}

// Fact: semaphore-counts.
TEST_CASE("semaphore: down() may sleep, so not with preemption off, where down_trylock() and up() are fine") {
  Semaphore s;
  bool sleeps = true;
  Lab lab([&](Lab& l) {
    init(l, s, 1);
    l.task("a", [&](Context& c) {
      ++c.preempt_off;
      if (sleeps) down(c, s);
      if (!sleeps) must(down_trylock(c, s));
      up(c, s);
      --c.preempt_off;
    });
  });
  CHECK(every(lab).text().starts_with("sleep-in-atomic("));
  sleeps = false;
  CHECK(every(lab).text().empty());
}

// Fact: semaphore-counts.
TEST_CASE("semaphore: down_trylock() takes one if there is one, and never waits") {
  Semaphore s;
  int got = 0;
  std::set<int> seen;
  Lab lab([&](Lab& l) {
    got = 0;
    init(l, s, 1);
    for (const auto* n : {"a", "b"})
      l.task(n, [&](Context& c) {
        if (!down_trylock(c, s)) return;
        ++got;
        up(c, s);
      });
  });
  const Found f = every(lab, [&] { seen.insert(got); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<int>{1, 2});
}

// Fact: semaphore-wait-ends.
TEST_CASE("semaphore: a signal or a timeout ends the wait with nothing taken, but who then finds one takes it") {
  const auto ways = {+[](Context& c, Semaphore& s) { return down_interruptible(c, s); },
                     +[](Context& c, Semaphore& s) { return down_killable(c, s); },
                     +[](Context& c, Semaphore& s) { return down_timeout(c, s, sim::millisecond); }};
  for (const auto way : ways) {
    Semaphore s;
    std::set<std::pair<bool, std::uint64_t>> seen;
    bool taken = false, gives = false;
    Lab lab([&](Lab& l) {
      init(l, s, 0);
      l.task("waits", [&](Context& c) { taken = way(c, s); });
      if (gives) l.task("gives", [&](Context& c) { up(c, s); });
    });
    // Without an up(): it ends empty-handed, or waits on.
    const Found never = every(lab, [&] { CHECK((taken ? 0U : word(lab, s.object)) == 0); });
    CHECK(never.text().empty());
    gives = true;
    const Found f = every(lab, [&] { seen.insert({taken, word(lab, s.object)}); });
    CHECK(f.text().empty());
    CHECK(seen == std::set<std::pair<bool, std::uint64_t>>{{true, 0}, {false, 1}});
  }
}

// Fact: semaphore-wait-ends.
TEST_CASE("semaphore: freed while somebody waits in down(), or is yet to call up(), it is used after free") {
  Semaphore s;
  Allocation a;
  bool waits = true;
  Lab lab([&](Lab& l) {
    l.init(a, "a", {"x"});
    init(l, s, waits ? 0 : 1, a.life);
    l.task("user", [&](Context& c) {
      down(c, s);
      if (!waits) up(c, s);
    });
    l.task("remove", [&](Context& c) {
      if (!waits) down(c, s);
      up(c, s);
      kfree(c, a);
    });
  });
  CHECK(every(lab).text() == "use-after-free(a)@user");
  waits = false;
  CHECK(every(lab).text() == "use-after-free(a)@user");
}

TEST_CASE("semaphore: set up again it has its first count") {
  Semaphore s;
  Lab lab([&](Lab& l) {
    init(l, s, 2);
    l.task("a", [&](Context& c) {
      down(c, s);
      up(c, s);
      up(c, s);
      set_up_again(c, s);
    });
  });
  every(lab, [&] { CHECK(word(lab, s.object) == 2); });
}

}  // namespace unplug::model::test
