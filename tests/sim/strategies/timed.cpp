// `timed`: the earliest task goes first. Virtual time, CPUs and waits as a discrete-event simulation has them.
#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "sim/support.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// "NAME@TIME NAME@TIME ...", in the order the steps were taken.
std::string times(const Engine& e, const NameTable& names) {
  std::string out;
  for (const Event& ev : e.trace().events) {
    if (!out.empty()) out += ' ';
    out += names.text(e.trace().tasks[ev.task.index()].name) + '@' + std::to_string(ev.time);
  }
  return out;
}

// One execution under `timed`, as times().
std::string timed(std::function<void(Engine&)> setup, std::uint64_t seed = 1) {
  Engine e;
  Lambda p(std::move(setup));
  run(e, p, "timed", seed);
  return times(e, e.names());
}

void work(Engine& e, Duration cost) { e.step({.operation = &nothing, .cost = cost}); }
void rest(Engine& e, Duration time) { e.step({.operation = &doze, .sleep = time}); }

}  // namespace

TEST_CASE("timed: a step of some cost delays what its task does next, a sleep does too, and nobody else") {
  CHECK(timed([](Engine& e) {
          e.spawn("a", [&e] {
            work(e, 10);
            rest(e, 100);
            nop(e);
          });
          e.spawn("b", [&e] {
            rest(e, 5);
            rest(e, 1000);
            nop(e);
          });
        }).ends_with("b@5 a@10 a@110 b@1005"));
}

TEST_CASE("timed: the earliest goes first, however late it was created") {
  CHECK(timed([](Engine& e) {
          e.spawn("z", [&e] {
            rest(e, 30);
            e.spawn("child", [&e] {
              nop(e);
              rest(e, 5);
              nop(e);
            });
            rest(e, 10);
            nop(e);
          });
        }) == "z@0 child@30 z@30 child@30 child@35 z@40");
}

TEST_CASE("timed: ties are broken by the seed, and by it alone") {
  const auto three = [](Engine& e) {
    for (const char* name : {"a", "b", "c"}) e.spawn(name, [&e] { nop(e); });
  };
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::string order = timed(three, seed);
    CHECK(order == timed(three, seed));
    ++seen[order];
  }
  CHECK(seen.size() == 6);
  for (const auto& [order, n] : seen) CHECK(n > 20);
}

TEST_CASE("timed: computing holds a CPU, and there are as many as the program says") {
  const auto three_on = [](std::uint32_t cpus) {
    return [cpus](Engine& e) {
      e.set_cpus(cpus);
      for (int i = 0; i < 3; ++i) e.spawn("t" + std::to_string(i), [&e] { work(e, 100); });
    };
  };
  const auto only_times = [](std::string s) {
    std::string out;
    for (std::size_t i = 0; (i = s.find('@', i)) != std::string::npos;) {
      const std::size_t end = std::min(s.find(' ', i), s.size());
      out += s.substr(i + 1, end - i - 1) + ' ';
      i = end;
    }
    return out;
  };
  CHECK(only_times(timed(three_on(1))) == "0 100 200 ");
  CHECK(only_times(timed(three_on(2))) == "0 0 100 ");
  CHECK(only_times(timed(three_on(3))) == "0 0 0 ");
  CHECK(only_times(timed(three_on(0))) == "0 100 200 ");  // at least one
}

TEST_CASE("timed: sleeping releases the CPU") {
  CHECK(timed([](Engine& e) {
          e.set_cpus(1);
          e.spawn("sleeper", [&e] {
            e.step({.operation = &doze, .cost = 10, .sleep = 1000});
            work(e, 10);
          });
          e.spawn("worker", [&e] {
            rest(e, 5);
            work(e, 100);
            work(e, 100);
          });
        }).ends_with("worker@10 worker@110 sleeper@1010"));
}

TEST_CASE("timed: who waits for a CPU is queued, in order of arrival, and holds up nobody who needs none") {
  // One CPU, taken from 0 to 100. `second` asks for it at 10, `third` at 20. A timer that computes nothing fires at 50.
  CHECK(timed([](Engine& e) {
          e.set_cpus(1);
          e.spawn("first", [&e] { work(e, 100); });
          e.spawn("timer", [&e] {
            rest(e, 50);
            nop(e);
          });
          e.spawn("third", [&e] {
            rest(e, 20);
            work(e, 100);
          });
          e.spawn("second", [&e] {
            rest(e, 10);
            work(e, 100);
          });
        }).ends_with("timer@50 second@100 third@200"));
}

TEST_CASE("timed: a waiter goes on when the write is done, not when the writer has slept") {
  const auto program = [](Step s) {
    return [s](Engine& e) {
      const ObjectId x = e.new_object(e.own_name("x"));
      e.spawn("writer", [=, &e] {
        Step w = s;
        w.operation = &store;
        w.access = {x, AccessKind::write};
        e.step(w, [](std::uint64_t& word) { word = 1; });
        nop(e);
      });
      e.spawn("waiter", [=, &e] { wait(e, x, Guard::equal(1)); });
    };
  };
  CHECK(timed(program({.cost = 7})).find("waiter@7") != std::string::npos);
  CHECK(timed(program({.sleep = 1000})) == "writer@0 waiter@0 writer@1000");
  CHECK(timed(program({.cost = 7, .sleep = 1000})) == "writer@0 waiter@7 writer@1007");
}

TEST_CASE("timed: waited is the time from announcing a step until its guard held") {
  Engine e;
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("writer", [=, &eng] {
      rest(eng, 50);
      write(eng, x, 1);
    });
    eng.spawn("waiter", [=, &eng] {
      rest(eng, 20);
      wait(eng, x, Guard::equal(1));
      nop(eng);
    });
  });
  run(e, p, "timed");
  const Event& waited = e.trace().events[3];
  CHECK(waited.operation == &await);
  CHECK(waited.time == 50);
  CHECK(waited.waited == 30);
  CHECK(waited.unblocked_by == TaskId{0});
  for (const Event& ev : e.trace().events)
    if (ev.operation != &await) CHECK((ev.waited == 0 && !ev.unblocked_by));
}

TEST_CASE("timed: a wait may take longer than its guard, as its timing says") {
  struct Grace final : Timing {
    std::vector<Time> asked;
    Time ready(Time now) override {
      asked.push_back(now);
      return (now / 100 + 1) * 100;  // the end of the current period
    }
  } grace;
  CHECK(timed([&](Engine& e) {
          const ObjectId x = e.new_object(e.own_name("x"));
          e.spawn("writer", [=, &e] {
            rest(e, 150);
            write(e, x, 1);
            rest(e, 10);
            nop(e);
          });
          e.spawn("waiter", [=, &e, &grace] {
            e.step({.operation = &await, .access = {x, AccessKind::read}, .guard = Guard::equal(1), .timing = &grace});
            e.step({.operation = &doze, .timing = &grace});
          });
        }) == "writer@0 writer@150 writer@150 writer@160 waiter@200 waiter@300");
  CHECK(grace.asked == std::vector<Time>{150, 200});
}

TEST_CASE("the clock never goes back, under any strategy, and time decides nothing but under timed") {
  Lambda p([](Engine& e) {
    e.set_cpus(2);
    const ObjectId x = e.new_object(e.own_name("x"));
    for (int i = 0; i < 5; ++i) {
      e.spawn("t" + std::to_string(i), [=, &e] {
        for (int k = 0; k < 6; ++k) {
          e.step({.operation = &update,
                  .access = {x, AccessKind::write},
                  .cost = e.draw(Stream::duration, 50),
                  .sleep = e.draw(Stream::duration, 200)},
                 [](std::uint64_t& w) { ++w; });
        }
      });
    }
  });
  Engine e;
  for (const auto& info : strategies()) {
    if (searches(info.name)) continue;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      run(e, p, info.name, seed);
      REQUIRE(e.trace().events.size() == 30);
      CHECK(std::ranges::is_sorted(e.trace().events, {}, &Event::time));
      CHECK(e.trace().end_time == e.trace().events.back().time);
    }
  }
}

TEST_CASE("how long things take changes nothing under a strategy that doesn't obey time") {
  const auto program = [](Duration cost, Duration sleep, std::uint32_t cpus) {
    return Lambda([=](Engine& e) {
      e.set_cpus(cpus);
      e.set_default_cost(cost);
      const ObjectId x = e.new_object(e.own_name("x"));
      for (int i = 0; i < 4; ++i)
        e.spawn("t" + std::to_string(i), [=, &e] {
          for (int k = 0; k < 5; ++k)
            e.step({.operation = &update, .access = {x, AccessKind::write}, .sleep = sleep * static_cast<Duration>(i)},
                   [](std::uint64_t& w) { ++w; });
        });
    });
  };
  Engine e;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Lambda quick = program(0, 0, 4), slow = program(1000, 77, 1);
    run(e, quick, "random", seed);
    const std::string order = text(e.trace(), e.names());
    const std::uint64_t fingerprint = e.trace().fingerprint;
    run(e, slow, "random", seed);
    CHECK(text(e.trace(), e.names()) == order);
    CHECK(e.trace().fingerprint == fingerprint);
  }
}

TEST_CASE("CPUs and default cost are of one execution: the next program starts from the defaults") {
  Engine e;
  Lambda greedy([](Engine& eng) {
    eng.set_cpus(1);
    eng.set_default_cost(100);
    for (int i = 0; i < 3; ++i) eng.spawn("t" + std::to_string(i), [&eng] { nop(eng); });
  });
  Lambda plain([](Engine& eng) {
    for (int i = 0; i < 4; ++i)
      eng.spawn("t" + std::to_string(i), [&eng] {
        work(eng, 10);
        nop(eng);
      });
  });
  run(e, plain, "timed");
  const std::string alone = times(e, e.names());
  run(e, greedy, "timed");
  CHECK(e.trace().end_time == 200);
  run(e, plain, "timed");
  CHECK(times(e, e.names()) == alone);
  CHECK(e.trace().end_time == 10);
}

TEST_CASE("timed: a choice with a timeout falls when what is awaited comes or the time is up, whichever is first, and others draw it") {
  struct Result {
    std::uint32_t choice;
    Time at;
    bool operator==(const Result&) const = default;
  };
  Result result{};
  Duration after = 0;
  bool taken_back = false;
  Engine e;
  Lambda p([&](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("waiter", [&, x] {
      work(eng, 3);
      const Await change{x, Guard::equal(1)};
      const Awaited ends{{&change, 1}, eng.local_time() + 50};
      Step s{.operation = &pick_one, .alternatives = 2};
      s.awaited = &ends;
      const std::uint32_t choice = eng.choose(s);
      result = {choice, eng.local_time()};
    });
    eng.spawn("writer", [&, x] {
      rest(eng, after);
      write(eng, x, 2);
      write(eng, x, 1);
      if (taken_back) write(eng, x, 0);
    });
  });
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    after = 20;
    CHECK(run(e, p, "timed", seed).kind == Outcome::Kind::completed);
    CHECK(result == Result{0, 20});
    after = 1;  // it is there before it is awaited
    run(e, p, "timed", seed);
    CHECK(result == Result{0, 3});
    after = 200;
    run(e, p, "timed", seed);
    CHECK(result == Result{1, 53});
  }
  // What comes and goes at one instant may be missed.
  taken_back = true;
  after = 20;
  std::set<Time> ends;
  for (std::uint64_t seed = 1; seed < 60; ++seed) {
    run(e, p, "timed", seed);
    CHECK(result.choice == (result.at == 20 ? 0 : 1));
    ends.insert(result.at);
  }
  CHECK(ends == std::set<Time>{20, 53});
  taken_back = false;
  std::set<std::uint32_t> drawn;
  for (std::uint64_t seed = 1; seed < 60; ++seed) {
    run(e, p, "random", seed);
    drawn.insert(result.choice);
  }
  CHECK(drawn == std::set<std::uint32_t>{0, 1});
}

TEST_CASE("timed: a timeout is of one choice, not of what its task awaits later") {
  std::vector<Time> times_seen;
  Engine e;
  Lambda p([&](Engine& eng) {
    times_seen.clear();
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("waiter", [&, x] {
      for (int i = 0; i < 2; ++i) {
        const Await change{x, Guard::equal(1)};
        const Awaited ends{{&change, 1}, eng.local_time() + 50};
        Step s{.operation = &pick_one, .alternatives = 2};
        s.awaited = &ends;
        eng.choose(s);
        times_seen.push_back(eng.local_time());
        rest(eng, 7);
      }
    });
    eng.spawn("writer", [&, x] {
      for (int i = 0; i < 12; ++i) {
        rest(eng, 10);
        write(eng, x, 2);
      }
    });
  });
  run(e, p, "timed");
  CHECK(times_seen == std::vector<Time>{50, 107});
}
