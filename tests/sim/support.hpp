// What the tests of sim/ share: programs from lambdas, one-line steps, one-line executions.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "unplug/sim/engine.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::sim::test {

inline constexpr Operation load{.name = "load"}, store{.name = "store"}, update{.name = "update"}, await{.name = "await"},
    lock{.name = "lock"}, unlock{.name = "unlock"}, nothing{.name = "nothing"}, doze{.name = "sleep", .pause = true},
    pick_one{.name = "choose"}, begin_life{.name = "begin"}, end_life{.name = "end"};

// A program whose setup is a lambda.
struct Lambda final : Program {
  std::function<void(Engine&)> make;
  explicit Lambda(std::function<void(Engine&)> m) : make(std::move(m)) {}
  void setup(Engine& e) override { make(e); }
};

inline Outcome run(Engine& e, Program& p, Strategy& s, std::uint64_t seed = 1) {
  const ExecutionInfo info{seed, seed, &e.names()};
  REQUIRE(s.begin(info));
  return e.run(p, s, info);
}

inline Outcome run(Engine& e, Program& p, std::string_view strategy, std::uint64_t seed = 1) {
  const auto s = make_strategy(strategy);
  REQUIRE(s != nullptr);
  return run(e, p, *s, seed);
}

// --- Steps.
inline std::uint64_t read(Engine& e, ObjectId o) {
  return e.step({.operation = &load, .access = {o, AccessKind::read}}, [](std::uint64_t w) { return w; });
}
inline void write(Engine& e, ObjectId o, std::uint64_t value) {
  e.step({.operation = &store, .access = {o, AccessKind::write}}, [&](std::uint64_t& w) { w = value; });
}
// Adds to the word; answers the old value.
inline std::uint64_t add(Engine& e, ObjectId o, std::uint64_t delta) {
  return e.step({.operation = &update, .access = {o, AccessKind::write}}, [&](std::uint64_t& w) { return std::exchange(w, w + delta); });
}
// The same for who doesn't care: an addition.
inline void count(Engine& e, ObjectId o, std::uint64_t delta, Witnesses uses = {}, LifetimeId ends = {}) {
  e.step({.operation = &update, .access = {o, AccessKind::add}, .uses = uses, .ends = ends}, [&](std::uint64_t& w) { w += delta; });
}
inline std::uint64_t wait(Engine& e, ObjectId o, Guard guard) {
  return e.step({.operation = &await, .access = {o, AccessKind::read}, .guard = guard}, [](std::uint64_t w) { return w; });
}
inline void acquire(Engine& e, ObjectId o) {
  e.step({.operation = &lock, .access = {o, AccessKind::write}, .guard = Guard::equal(0)}, [](std::uint64_t& w) { w = 1; });
}
inline void release(Engine& e, ObjectId o) {
  e.step({.operation = &unlock, .access = {o, AccessKind::write}}, [](std::uint64_t& w) { w = 0; });
}
inline void nop(Engine& e) { e.step({.operation = &nothing}); }
inline void use(Engine& e, LifetimeId l) { e.step({.operation = &nothing, .uses = {l}}); }
inline void begin(Engine& e, LifetimeId l) { e.step({.operation = &begin_life, .begins = l}); }
inline void end(Engine& e, LifetimeId l) { e.step({.operation = &end_life, .ends = l}); }

// Holds a lock for a scope, as a driver's C++ code would. The destructor takes a step, so an aborted execution throws through it.
class Holding {
 public:
  Holding(Engine& e, ObjectId o) : engine_(e), object_(o) { acquire(e, o); }
  ~Holding() noexcept(false) { release(engine_, object_); }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

 private:
  Engine& engine_;
  ObjectId object_;
};

// Counts destructions.
struct Counted {
  int& destroyed;
  explicit Counted(int& n) : destroyed(n) {}
  ~Counted() { ++destroyed; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
};

// "TASK.operation TASK.operation ...": a trace as text.
inline std::string text(const Trace& trace, const NameTable& names) {
  std::string out;
  for (const Event& e : trace.events) {
    if (!out.empty()) out += ' ';
    out += names.text(trace.tasks[e.task.index()].name) + '.' + std::string(e.operation->name);
    if (e.alternatives > 1) out += std::to_string(e.choice);
  }
  return out;
}

}  // namespace unplug::sim::test
