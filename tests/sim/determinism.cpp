// An execution is a pure function of program and schedule: the same in another engine, on another thread, on either road, after anything.
#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <thread>

#include "models.hpp"
#include "random_programs.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// All that a trace says, as text by names: nothing that may differ between engines.
std::string dump(const Engine& e, Engine& names_of) {
  const Trace& t = e.trace();
  const NameTable& names = names_of.names();
  const auto name_of = [&](TaskId id) { return id ? names.text(t.tasks[id.index()].name) : std::string("-"); };
  std::string out = std::to_string(t.fingerprint) + '@' + std::to_string(t.end_time) + '\n';
  for (const Event& ev : t.events) {
    out += name_of(ev.task) + '#' + std::to_string(ev.ordinal) + ' ' + std::string(ev.operation->name) + ' ' + std::to_string(ev.choice) +
           '/' + std::to_string(ev.alternatives) + ' ' + std::to_string(ev.before) + " @" + std::to_string(ev.time) + '+' +
           std::to_string(ev.waited) + ' ' + name_of(ev.unblocked_by);
    if (ev.access.kind != AccessKind::none)
      out += (ev.access.kind == AccessKind::write ? " W " : " R ") + names.text(t.objects[ev.access.object.index()].name);
    for (const LifetimeId l : t.uses_of(ev)) out += " use " + names.text(t.lifetimes[l.index()].name);
    out += '\n';
  }
  for (const TaskRecord& r : t.tasks)
    out += names.text(r.name) + ' ' + name_of(r.creator) + ' ' + std::to_string(r.creator_steps) + ' ' + std::to_string(r.steps) + ' ' +
           std::to_string(static_cast<int>(r.end)) + '\n';
  for (const ObjectRecord& o : t.objects) out += names.text(o.name) + '=' + std::to_string(o.word) + '\n';
  return out;
}

std::string execute(Engine& e, Program& p, std::string_view strategy, std::uint64_t seed) {
  run(e, p, strategy, seed);
  return dump(e, e);
}

// Guards with steps in destructors, exceptions in flight over switches, handlers left and come back to, children, timing.
struct Everything final : Program {
  void setup(Engine& e) override {
    const ObjectId m = e.new_object(e.own_name("m")), x = e.new_object(e.own_name("x"));
    const LifetimeId l = e.new_lifetime(e.own_name("L"), 0, true);
    for (int i = 0; i < 3; ++i) {
      e.spawn("t" + std::to_string(i), [=, &e] {
        try {
          const Holding hold(e, m);
          e.step({.operation = &doze, .uses = {l}, .cost = 5, .sleep = e.draw(Stream::duration, 100)});
          if (e.choose(pick_one, 3) == 2) throw std::runtime_error(std::to_string(i));
          add(e, x, 1);
        } catch (const std::runtime_error& error) {
          nop(e);
          try {
            nop(e);
            throw;
          } catch (const std::runtime_error& again) {
            CHECK(std::string(again.what()) == error.what());
            CHECK(error.what() == std::to_string(i));
          }
          e.spawn("child" + std::to_string(i), [=, &e] { add(e, x, 1); });
        }
        e.step({.operation = &await, .access = {x, AccessKind::read}, .guard = Guard::at_least(2), .uses = {l}});
      });
    }
  }
};

}  // namespace

TEST_CASE("the same seed twice, in one engine and in a new one: the same events") {
  Engine old;
  Everything p;
  std::map<std::string, int> different;
  for (const StrategyInfo& strategy : strategies()) {
    if (searches(strategy.name)) continue;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const std::string once = execute(old, p, strategy.name, seed);
      CHECK(execute(old, p, strategy.name, seed) == once);
      Engine fresh;
      fresh.names().intern("something that shifts every id");
      CHECK(execute(fresh, p, strategy.name, seed) == once);
      ++different[once];
    }
  }
  CHECK(different.size() > 100);
}

TEST_CASE("what ran before in an engine leaves no trace") {
  Engine e, clean;
  Everything p;
  StepModel model = abba(3);
  Lambda failing([](Engine& eng) {
    eng.set_cpus(1);
    eng.spawn("t0", [&eng] {
      nop(eng);
      throw std::runtime_error("no");
    });
  });
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    run(e, model, "random", seed);
    run(e, failing, "timed", seed);
    RandomProgram r(seed);
    run(e, r, "random", seed);
    CHECK(execute(e, p, "timed", seed) == execute(clean, p, "timed", seed));
  }
}

TEST_CASE("both roads to a fiber give the same traces") {
  Engine resume({}, Fibers::Road::resume), yield({}, Fibers::Road::yield);
  Everything p;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const char* strategy : {"random", "timed"}) CHECK(execute(resume, p, strategy, seed) == execute(yield, p, strategy, seed));
    RandomProgram r(seed);
    CHECK(execute(resume, r, "random", seed) == execute(yield, r, "random", seed));
  }
}

TEST_CASE("two engines on one thread take turns") {
  Engine a, b;
  Everything p;
  std::vector<std::string> alone;
  for (std::uint64_t seed = 0; seed < 30; ++seed) alone.push_back(execute(a, p, "random", seed));
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    CHECK(execute(b, p, "random", seed) == alone[seed]);
    CHECK(execute(a, p, "random", 29 - seed) == alone[29 - seed]);
    if (seed == 15) {
      const Engine short_lived;
      (void)short_lived;
    }
  }
}

TEST_CASE("engines on several threads do not know of each other") {
  constexpr std::uint64_t seeds = 60;
  std::vector<std::string> expected;
  Engine e;
  Everything here;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) expected.push_back(execute(e, here, "random", seed));
  std::array<std::vector<std::string>, 4> results;
  std::vector<std::thread> threads;
  for (auto& out : results) {
    threads.emplace_back([&out] {
      Engine mine;
      Everything p;
      const auto strategy = make_strategy("random");
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const ExecutionInfo info{seed, seed, &mine.names()};
        strategy->begin(info);
        mine.run(p, *strategy, info);
        out.push_back(dump(mine, mine));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const auto& out : results) CHECK(out == expected);
}

TEST_CASE("exceptions in two tasks' handlers at once stay with their tasks") {
  // Both are inside their handlers when the other throws, catches and throws again.
  Engine e;
  std::string log;
  Lambda p([&](Engine& eng) {
    for (const char* name : {"a", "b"}) {
      eng.spawn(name, [&eng, &log, name] {
        try {
          try {
            throw std::runtime_error(name);
          } catch (const std::exception&) {
            nop(eng);
            throw;
          }
        } catch (const std::exception& caught) {
          nop(eng);
          log += caught.what();
          try {
            throw;
          } catch (const std::exception& again) {
            nop(eng);
            log += again.what();
          }
        }
      });
    }
  });
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    log.clear();
    CHECK(run(e, p, "random", seed).kind == Outcome::Kind::completed);
    std::ranges::sort(log);
    CHECK(log == "aabb");
  }
}

TEST_CASE("fingerprints are pinned: equal on every machine, with every compiler, for ever") {
  Engine e;
  Everything everything;
  run(e, everything, "random", 1);
  CHECK(e.trace().fingerprint == 9312169398627606658U);
  run(e, everything, "timed", 1);
  CHECK(e.trace().fingerprint == 4265393614628694521U);
  StepModel model = work_cancel(3);
  run(e, model, "random", 1);
  CHECK(e.trace().fingerprint == 13671851034904551409U);
}
