// Creating tasks: from setup, from tasks, nested before anybody's first step; many of them; names, draws and choices of their own.
#include <sys/resource.h>

#include <fstream>
#include <map>
#include <memory>
#include <new>

#include "explore.hpp"
#include "pairs.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

TEST_CASE("a task runs its local code up to its first step when it is created") {
  Engine e;
  std::string log;
  Lambda p([&](Engine& eng) {
    eng.spawn("a", [&] {
      log += "a1 ";
      nop(eng);
      log += "a2 ";
    });
    log += "setup ";
    eng.spawn("b", [&] { log += "b "; });  // takes no step at all
  });
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
  CHECK(log == "a1 setup b a2 ");
  REQUIRE(e.trace().tasks.size() == 2);
  CHECK(e.trace().tasks[1].steps == 0);
  CHECK(e.trace().tasks[1].end == TaskRecord::End::finished);
}

TEST_CASE("tasks created by local code before a first step nest, and come back in order") {
  Engine e;
  std::string log;
  Lambda p([&](Engine& eng) {
    eng.spawn("a", [&] {
      log += "a( ";
      eng.spawn("b", [&] {
        log += "b( ";
        eng.spawn("c", [&] {
          log += "c ";
          nop(eng);
        });
        CHECK(eng.names().text(eng.current_name()) == "b");
        log += ")b ";
        nop(eng);
      });
      CHECK(eng.names().text(eng.current_name()) == "a");
      eng.spawn("d", [&] { log += "d "; });
      log += ")a ";
      nop(eng);
    });
    CHECK_FALSE(eng.current());
  });
  std::set<std::uint64_t> fingerprints;
  every_schedule(e, p, 100, [&](const Outcome& o) {
    CHECK(o.kind == Outcome::Kind::completed);
    CHECK(log == "a( b( c )b d )a ");
    log.clear();
    fingerprints.insert(e.trace().fingerprint);
    const auto& t = e.trace().tasks;
    REQUIRE(t.size() == 4);
    CHECK_FALSE(t[0].creator);
    CHECK(t[1].creator == TaskId{0});
    CHECK(t[2].creator == TaskId{1});
    CHECK(t[3].creator == TaskId{0});
    for (const TaskRecord& r : t) CHECK(r.creator_steps == 0);
  });
  CHECK(fingerprints.size() == 1);
}

TEST_CASE("the step before a creation precedes all of the created task, in every interleaving") {
  Lambda p([](Engine& e) {
    const ObjectId x = e.new_object(e.own_name("x"));
    e.spawn("maker", [=, &e] {
      nop(e);
      write(e, x, 1);
      e.spawn("child", [=, &e] {
        e.spawn("grandchild", [=, &e] { CHECK(read(e, x) == 1); });
        CHECK(read(e, x) == 1);
      });
      nop(e);
    });
  });
  Engine e;
  const auto n = every_schedule(e, p, 1'000, [&](const Outcome&) {
    REQUIRE(e.trace().tasks.size() == 3);
    CHECK(e.trace().tasks[1].creator_steps == 2);
    CHECK(e.trace().tasks[2].creator_steps == 0);
  });
  CHECK(n == 6);
}

TEST_CASE("2000 tasks in one execution, all alive at once, and again on the same stacks") {
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId gate = eng.new_object(eng.own_name("gate")), count = eng.new_object(eng.own_name("count"));
    for (int i = 0; i < 1'999; ++i)
      eng.spawn("t" + std::to_string(i), [=, &eng] {
        nop(eng);
        wait(eng, gate, Guard::equal(1));
        add(eng, count, 1);
      });
    eng.spawn("opener", [=, &eng] { write(eng, gate, 1); });
  });
  for (int i = 0; i < 2; ++i) {
    CHECK(run(e, p, "random", 7).kind == Outcome::Kind::completed);
    CHECK(e.trace().events.size() == 3 * 1'999 + 1);
    CHECK(e.trace().objects[1].word == 1'999);
  }
  CHECK(judge(e.trace()).empty());
}

TEST_CASE("tasks that follow each other share stacks, however many there are") {
  Engine e;
  Lambda p([](Engine& eng) {
    eng.spawn("forker", [&eng] {
      for (int i = 0; i < 500; ++i) {
        const ObjectId done = eng.new_object(eng.own_name("done"));
        eng.spawn("t" + std::to_string(i), [&eng, done] { write(eng, done, 1); });
        wait(eng, done, Guard::equal(1));
      }
    });
  });
  for (int i = 0; i < 5; ++i) {
    run(e, p, "random");
    CHECK(e.trace().tasks.size() == 501);
    CHECK(e.stacks() == 2);
  }
}

TEST_CASE("stacks are reused over executions: none is made after the first") {
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId never = eng.new_object(eng.own_name("never"));
    for (int i = 0; i < 10; ++i)
      eng.spawn("t" + std::to_string(i), [=, &eng] {
        nop(eng);
        if (i % 2 == 0) wait(eng, never, Guard::equal(1));
      });
  });
  run(e, p, "random");
  CHECK(e.stacks() == 10);
  for (std::uint64_t seed = 0; seed < 100; ++seed) run(e, p, "random", seed);
  CHECK(e.stacks() == 10);
}

TEST_CASE("a daemon may be left waiting, others may not") {
  Engine e;
  for (const bool daemon : {false, true}) {
    Lambda p([daemon](Engine& eng) {
      const ObjectId queue = eng.new_object(eng.own_name("queue"));
      eng.spawn(
          "worker", [=, &eng] { wait(eng, queue, Guard::equal(1)); }, daemon);
      eng.spawn("user", [&eng] { nop(eng); });
    });
    CHECK(run(e, p, "random").kind == (daemon ? Outcome::Kind::completed : Outcome::Kind::blocked));
    const TaskRecord& worker = e.trace().tasks[0];
    CHECK(worker.end == TaskRecord::End::blocked);
    CHECK(worker.daemon == daemon);
    CHECK(worker.pending_operation == &await);
    CHECK(worker.pending == Access{ObjectId{0}, AccessKind::read});
    CHECK(worker.pending_guard.value == 1);
    CHECK(e.trace().tasks[1].end == TaskRecord::End::finished);
    CHECK(e.trace().tasks[1].pending_operation == nullptr);
  }
}

TEST_CASE("names of a task's own are counted per task and part, and start again in every execution") {
  Engine e;
  std::string log;
  Lambda p([&](Engine& eng) {
    const auto say = [&](std::string_view part) { log += eng.names().text(eng.own_name(part)) + ' '; };
    say("x");
    for (const char* name : {"a", "b"})
      eng.spawn(name, [&, say] {
        say("x");
        say("y");
        nop(eng);
        say("x");
      });
    say("x");
  });
  for (int i = 0; i < 2; ++i) {
    log.clear();
    std::set<std::string> ends;
    every_schedule(e, p, 10, [&](const Outcome&) {
      CHECK(log.starts_with("setup/x#1 a/x#1 a/y#1 b/x#1 b/y#1 setup/x#2 "));
      ends.insert(log.substr(log.size() - 12));
      log.clear();
    });
    CHECK(ends == std::set<std::string>{"a/x#2 b/x#2 ", "b/x#2 a/x#2 "});
  }
}

TEST_CASE("draws of a task depend on seed, stream, its name and how many it drew: on nobody else") {
  using Values = std::map<std::string, std::vector<std::uint64_t>>;
  const auto draws = [](Engine& e, std::uint64_t seed, int other_draws, const char* other, std::string_view strategy) {
    Values values;
    Lambda p([&](Engine& eng) {
      for (const std::string& name : {std::string("a"), std::string("b"), std::string(other)})
        eng.spawn(name, [&, name] {
          for (int i = 0; i < (name == other ? other_draws : 5); ++i) {
            values[name].push_back(eng.draw(Stream::duration, 1'000'000));
            nop(eng);
            values[name].push_back(eng.draw(Stream::data, 1'000'000));
            if (name == other) eng.draw(Stream::phase, 10);
          }
        });
    });
    run(e, p, strategy, seed);
    values.erase(other);
    return values;
  };
  Engine e, f;
  const Values one = draws(e, 1, 0, "c", "random");
  CHECK(one.at("a").size() == 10);
  CHECK(one.at("a") != one.at("b"));
  CHECK(draws(e, 1, 7, "c", "random") == one);
  CHECK(draws(e, 1, 7, "another name", "random") == one);
  CHECK(draws(e, 1, 3, "c", "timed") == one);
  CHECK(draws(f, 1, 0, "c", "random") == one);
  CHECK(draws(e, 2, 0, "c", "random") != one);
  std::set<std::uint64_t> different(one.at("a").begin(), one.at("a").end());
  CHECK(different.size() == 10);
}

TEST_CASE("where a task is goes into its events, and into the record of what it still waits for") {
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("a", [=, &eng] {
      nop(eng);
      eng.set_site(SiteId{3}, FrameId{4});
      nop(eng);
      nop(eng);
      eng.set_site(SiteId{5}, FrameId{6});
      wait(eng, x, Guard::equal(1));
    });
  });
  run(e, p, "random");
  const auto& events = e.trace().events;
  CHECK_FALSE(events[0].site);
  CHECK(events[1].site == SiteId{3});
  CHECK(events[2].frame == FrameId{4});
  CHECK(e.trace().tasks[0].pending_site == SiteId{5});
  CHECK(e.trace().tasks[0].pending_frame == FrameId{6});
}

#if !defined(__SANITIZE_ADDRESS__)  // the sanitizer needs the address space for itself
TEST_CASE("no memory for another stack ends the execution, from setup and from a task, and the engine goes on") {
  const auto address_space = [] {
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * 4096;
  };
  Engine e;
  int destroyed = 0;
  bool inside = false;
  Lambda p([&](Engine& eng) {
    const auto many = [&] {
      for (int i = 0; i < 400; ++i)
        eng.spawn("t" + std::to_string(i), [&] {
          const Counted c(destroyed);
          nop(eng);
        });
    };
    if (inside) {
      eng.spawn("forker", many);
    } else {
      many();
    }
  });
  Lambda warm_up([](Engine& eng) { eng.spawn("w", [&eng] { nop(eng); }); });
  run(e, warm_up, "random");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = address_space() + (rlim_t{16} << 20U);
  REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  bool thrown = false;
  try {
    run(e, p, "random");
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  const int from_setup = destroyed;
  inside = true;
  destroyed = 0;
  const Outcome o = run(e, p, "random");
  ::setrlimit(RLIMIT_AS, &before);
  CHECK(thrown);
  CHECK((from_setup > 10 && from_setup < 400));
  CHECK(o.kind == Outcome::Kind::failed);
  CHECK(o.message == "the code of task 'forker' threw an exception: std::bad_alloc");
  CHECK((destroyed > 10 && destroyed < 400));
  destroyed = 0;
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
  CHECK(destroyed == 400);
}
#endif
