// A step allocates nothing once an engine has run a program like it. Counted by replacing operator new for the whole test executable.
#include <array>
#include <cstdlib>
#include <new>

#include "models.hpp"
#include "unplug/sim/trial.hpp"

namespace {

thread_local std::uint64_t allocations = 0;

void* allocate(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc{};
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t /*size*/) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t /*size*/) noexcept { std::free(p); }

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// A compiled program: tasks made from plain functions, with guards, witnesses, draws, data choices, names and children.
struct Compiled final : Program {
  Engine* engine = nullptr;
  ObjectId lock, counter;
  LifetimeId life;
  std::uint32_t steps = 0;
  struct Argument {
    Compiled* program;
    std::uint32_t number;
  };
  std::array<Argument, 16> arguments{};

  explicit Compiled(std::uint32_t n) : steps(n) {}
  void setup(Engine& e) override {
    engine = &e;
    lock = e.new_object(e.own_name("lock"));
    counter = e.new_object(e.own_name("counter"));
    life = e.new_lifetime(e.own_name("life"), 0, true);
    for (std::uint32_t i = 0; i < 8; ++i) spawn(i, e.names().child(e.names().intern("user"), "n", i));
  }
  void spawn(std::uint32_t i, NameId name) {
    arguments[i] = {this, i};
    TaskSpec spec;
    spec.name = spec.role = name;
    spec.entry = [](void* p) { static_cast<Argument*>(p)->program->body(static_cast<Argument*>(p)->number); };
    spec.argument = &arguments[i];
    engine->spawn(spec);
  }
  void body(std::uint32_t number) {
    Engine& e = *engine;
    if (number < 8) spawn(number + 8, e.own_name("child"));
    for (std::uint32_t i = 0; i < steps && !e.aborting(); ++i) {
      acquire(e, lock);
      e.step({.operation = &update, .access = {counter, AccessKind::write}, .uses = {life}, .cost = e.draw(Stream::duration, 9)},
             [](std::uint64_t& w) { ++w; });
      release(e, lock);
      e.choose(pick_one, 2);
      read(e, counter);
    }
  }
};

}  // namespace

TEST_CASE("executions allocate nothing after the first, however many steps they have") {
  for (const char* name : {"random", "timed", "pct", "pos", "surw", "mix"}) {
    Engine e;
    Compiled p(100);
    const auto strategy = make_strategy(name);
    const std::uint64_t none = allocations;
    run_trials(e, p, *strategy, 0);
    const auto once = [&](std::uint64_t seed) {
      const ExecutionInfo info{seed, seed, &e.names()};
      strategy->begin(info);
      const std::uint64_t before = allocations;
      const Outcome::Kind kind = e.run(p, *strategy, info).kind;
      const std::uint64_t made = allocations - before;
      CHECK(kind == Outcome::Kind::completed);
      CHECK(e.trace().events.size() == 16 * 100 * 5);
      return made;
    };
    // Of `mix`, each part has had its first after ten.
    for (std::uint64_t seed = 0; seed < 10; ++seed) once(seed);
    CHECK(allocations > none);  // the counter works
    for (std::uint64_t seed = 10; seed < 30; ++seed) CHECK(once(seed) == 0);
  }
}
