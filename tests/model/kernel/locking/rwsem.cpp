// kernel/locks: rwsems.
#include "model/support.hpp"

namespace unplug::model::test {

TEST_CASE("rwsem: readers share, a writer is alone") {
  Rwsem s;
  int readers = 0, writers = 0, most_readers = 0;
  Lab lab([&](Lab& l) {
    readers = writers = 0;
    l.init(s, "s");
    for (const auto* n : {"r1", "r2"})
      l.task(n, [&](Context& c) {
        down_read(c, s);
        CHECK(writers == 0);
        most_readers = std::max(most_readers, ++readers);
        mark(c);
        --readers;
        up_read(c, s);
      });
    for (const auto* n : {"w1", "w2"})
      l.task(n, [&](Context& c) {
        down_write(c, s);
        CHECK(++writers == 1);
        CHECK(readers == 0);
        mark(c);
        --writers;
        up_write(c, s);
      });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(most_readers == 2);
}

// Fact: rwsem-waiting-writer.
TEST_CASE("rwsem: a waiting writer keeps new readers out, so a nested down_read deadlocks, without a writer it doesn't") {
  Rwsem s;
  bool writer = true;
  Lab lab([&](Lab& l) {
    l.init(s, "s");
    l.task("r", [&](Context& c) {
      down_read(c, s);
      down_read(c, s);
      up_read(c, s);
      up_read(c, s);
    });
    if (writer)
      l.task("w", [&](Context& c) {
        down_write(c, s);
        up_write(c, s);
      });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(s)@r, lock-cycle(s)@r");
  CHECK(f.blocked == 1);
  writer = false;
  CHECK(every(lab).text() == "lock-cycle(s)@r");  // some writer may come
}

TEST_CASE("rwsem: released by who does not hold it, or as what it is not held, is api-misuse") {
  Rwsem s;
  int form = 0;
  Lab lab([&](Lab& l) {
    l.init(s, "s");
    l.task("t", [&](Context& c) {
      switch (form) {
        case 0: up_read(c, s); break;
        case 1: up_write(c, s); break;
        case 2:
          down_read(c, s);
          up_write(c, s);
          break;
        case 3:
          down_write(c, s);
          up_read(c, s);
          break;
        default:
          down_read(c, s);
          up_read(c, s);
          down_write(c, s);
          up_write(c, s);
      }
    });
  });
  for (form = 0; form < 4; ++form) {
    CAPTURE(form);
    CHECK(every(lab).text() == "api-misuse(s)@t");
  }
  CHECK(every(lab).text().empty());
}

// Fact: rwsem-trylock.
TEST_CASE("rwsem: trylock never waits, a waiting writer keeps readers from it, and readers keep writers") {
  Rwsem s;
  Waiter step;
  enum class Held : std::uint8_t { free, reading, writing, awaited } held = Held::free;
  bool reads = false, writes = false;
  Lab lab([&](Lab& l) {
    l.init(s, "s");
    l.init(step, "step");
    l.task("t", [&](Context& c) {
      if (held == Held::reading || held == Held::awaited) down_read(c, s);
      if (held == Held::writing) down_write(c, s);
      complete(c, step);
    });
    if (held == Held::awaited) l.task("writer", [&](Context& c) { down_write(c, s); });
    l.task("x", [&](Context& c) {
      wait_for_completion(c, step);
      reads = down_read_trylock(c, s);
      if (reads) up_read(c, s);
      writes = down_write_trylock(c, s);
      if (writes) up_write(c, s);
    });
  });
  std::set<std::pair<bool, bool>> seen;
  const auto run = [&](Held h) {
    held = h;
    seen.clear();
    every(lab, [&] { seen.insert({reads, writes}); });
    return seen;
  };
  using Set = std::set<std::pair<bool, bool>>;
  CHECK(run(Held::free) == Set{{true, true}});
  CHECK(run(Held::reading) == Set{{true, false}});
  CHECK(run(Held::writing) == Set{{false, false}});
  CHECK(run(Held::awaited) == Set{{true, false}, {false, false}});  // the writer has not come yet, or it has
}

// Fact: rwsem-trylock.
TEST_CASE("rwsem: who got it by trylock holds it, for reading beside others and for writing alone") {
  Rwsem s;
  int readers = 0, writers = 0, together = 0;
  Lab lab([&](Lab& l) {
    readers = writers = 0;
    l.init(s, "s");
    for (const auto* n : {"r1", "r2"})
      l.task(n, [&](Context& c) {
        if (!down_read_trylock(c, s)) return;
        must(writers == 0);
        together = std::max(together, ++readers);
        mark(c);
        --readers;
        up_read(c, s);
      });
    l.task("w", [&](Context& c) {
      if (!down_write_trylock(c, s)) return;
      must(readers == 0);
      ++writers;
      mark(c);
      --writers;
      up_write(c, s);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(together == 2);
}

// Fact: downgrade_write-nobody-between.
TEST_CASE("downgrade_write: readers come in, writers don't, and nobody has written in between") {
  Rwsem s;
  Allocation a;
  int readers = 0, most = 0;
  Lab lab([&](Lab& l) {
    readers = 0;
    l.init(s, "s");
    l.init(a, "a", {"n"});
    l.task("w", [&](Context& c) {
      down_write(c, s);
      set(c, a, 1, 0, MemoryOrder::plain);
      downgrade_write(c, s);
      most = std::max(most, ++readers);
      must(get(c, a, 0, MemoryOrder::plain) == 1);
      --readers;
      up_read(c, s);
    });
    l.task("r", [&](Context& c) {
      down_read(c, s);
      most = std::max(most, ++readers);
      mark(c);
      get(c, a, 0, MemoryOrder::plain);
      --readers;
      up_read(c, s);
    });
    l.task("w2", [&](Context& c) {
      down_write(c, s);
      must(readers == 0);
      set(c, a, 2, 0, MemoryOrder::plain);
      up_write(c, s);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(most == 2);
}

// Fact: downgrade_write-nobody-between.
TEST_CASE("downgrade_write: what was taken for writing is held for reading, anything else is api-misuse") {
  Rwsem s;
  int form = 0;
  Lab lab([&](Lab& l) {
    l.init(s, "s");
    l.task("t", [&](Context& c) {
      if (form == 1) down_read(c, s);
      if (form >= 2) down_write(c, s);
      downgrade_write(c, s);
      form == 2 ? up_write(c, s) : up_read(c, s);
    });
  });
  for (form = 0; form < 3; ++form) CHECK(every(lab).count("api-misuse(s)@t") == 1);
  CHECK(every(lab).text().empty());
}

// Fact: mutex_lock-signal, rwsem-waiting-writer.
TEST_CASE("rwsem: a signal ends a wait for it, and readers that stood behind an interrupted writer go on") {
  Rwsem s;
  Waiter held, gone;
  bool reader_stays = true;
  std::set<int> seen;
  int answers = 0;
  Lab lab([&](Lab& l) {
    answers = 0;
    l.init(s, "s");
    l.init(held, "held");
    l.init(gone, "gone", Owner::user);
    l.task("holder", [&](Context& c) {
      down_read(c, s);
      complete_all(c, held);
      if (reader_stays) wait_for_completion(c, gone);
      up_read(c, s);
    });
    l.task("writer", [&](Context& c) {
      wait_for_completion(c, held);
      const bool got = down_write_killable(c, s);
      answers += got ? 1 : 2;
      if (got) up_write(c, s);
    });
    l.task("reader", [&](Context& c) {
      wait_for_completion(c, held);
      const bool got = down_read_interruptible(c, s);
      answers += got ? 10 : 20;
      if (got) up_read(c, s);
    });
  });
  CHECK(every(lab, [&] { seen.insert(answers); }).text().empty());
  // The writer never gets it; the reader does if the writer isn't there, or not any more.
  CHECK(seen.contains(12));
  CHECK(seen.contains(22));
  CHECK(!seen.contains(1));
  CHECK(!seen.contains(11));
  reader_stays = false;
  seen.clear();
  CHECK(every(lab, [&] { seen.insert(answers); }).blocked == 0);
  CHECK(seen.contains(11));
}

// Fact: mutex_lock-signal.
TEST_CASE("down_read_killable: as down_read until a signal comes") {
  Rwsem s;
  std::set<bool> seen;
  Lab lab([&](Lab& l) {
    l.init(s, "s");
    l.task("w", [&](Context& c) {
      down_write(c, s);
      mark(c);
      up_write(c, s);
    });
    l.task("r", [&](Context& c) {
      const bool got = down_read_killable(c, s);
      seen.insert(got);
      if (got) up_read(c, s);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<bool>{false, true});
}

}  // namespace unplug::model::test
