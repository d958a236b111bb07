// Fibers: switching, reuse, exception state, and clean ends, on either road.
#include "unplug/sim/fibers.hpp"

#include <array>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace unplug::sim;

namespace {

using Road = Fibers::Road;

// Fibers that run closures; each goes back to main when it is done.
struct Closures {
  Fibers fibers;
  explicit Closures(Road road) : fibers(Fibers::default_stack_bytes, road) {}
  struct Job {
    Closures* self;
    std::function<void()> body;
    Fibers::Handle handle = nullptr;
  };
  std::deque<Job> jobs;
  Fibers::Handle start(std::function<void()> body) {
    Job& job = jobs.emplace_back(Job{this, std::move(body)});
    job.handle = fibers.obtain(
        [](void* argument) {
          Job& j = *static_cast<Job*>(argument);
          j.body();
          j.body = nullptr;
          j.self->fibers.give_back(j.handle);
          j.self->fibers.switch_to(Fibers::main);
        },
        &job);
    return job.handle;
  }
};

template <class Test> void on_both_roads(Test test) {
  SUBCASE("resume") { test(Road::resume); }
  SUBCASE("yield") { test(Road::yield); }
}

}  // namespace

TEST_CASE("a fiber runs when switched to, and not before") {
  on_both_roads([](Road road) {
    Closures c(road);
    std::string log;
    const auto a = c.start([&] { log += 'a'; });
    const auto b = c.start([&] {
      log += 'b';
      c.fibers.switch_to(a);
      FAIL("nobody switches back here");
    });
    (void)b;
    CHECK(log.empty());
    CHECK(c.fibers.running() == Fibers::main);
    c.fibers.switch_to(a);
    CHECK(log == "a");
    CHECK(c.fibers.running() == Fibers::main);
  });
}

TEST_CASE("fibers hand over to each other directly") {
  on_both_roads([](Road road) {
    Closures c(road);
    std::string log;
    Fibers::Handle a = nullptr, b = nullptr;
    a = c.start([&] {
      for (int i = 0; i < 3; ++i) {
        log += 'a';
        CHECK(c.fibers.running() == a);
        c.fibers.switch_to(b);
      }
    });
    b = c.start([&] {
      for (int i = 0; i < 3; ++i) {
        log += 'b';
        c.fibers.switch_to(a);
      }
      c.fibers.switch_to(Fibers::main);
    });
    c.fibers.switch_to(a);
    CHECK(log == "ababab");
    c.fibers.switch_to(b);  // b was left inside its loop: it finishes, and goes to main
    c.fibers.switch_to(b);
  });
}

TEST_CASE("a switch to oneself is none") {
  Closures c(Road::resume);
  int n = 0;
  Fibers::Handle a = nullptr;
  a = c.start([&] {
    c.fibers.switch_to(a);
    ++n;
  });
  c.fibers.switch_to(Fibers::main);
  c.fibers.switch_to(a);
  CHECK(n == 1);
}

TEST_CASE("a fiber that was given back serves again: no more stacks than were needed at once") {
  on_both_roads([](Road road) {
    Closures c(road);
    int ran = 0;
    for (int i = 0; i < 1'000; ++i) c.fibers.switch_to(c.start([&] { ++ran; }));
    CHECK(ran == 1'000);
    CHECK(c.fibers.created() == 1);
    std::vector<Fibers::Handle> at_once;
    for (int i = 0; i < 10; ++i) at_once.push_back(c.start([&] { ++ran; }));
    for (const auto h : at_once) c.fibers.switch_to(h);
    CHECK(ran == 1'010);
    CHECK(c.fibers.created() == 10);
  });
}

TEST_CASE("each fiber has its own exception state: handlers may be left and come back to") {
  // Without saving it, `throw;` in one fiber would throw again what another is handling.
  on_both_roads([](Road road) {
    Closures c(road);
    std::string log;
    std::array<Fibers::Handle, 3> h{};
    const auto body = [&](std::size_t i) {
      return [&, i] {
        const auto next = [&] { c.fibers.switch_to(h[(i + 1) % 3]); };
        try {
          try {
            throw std::runtime_error(std::to_string(i));
          } catch (const std::exception&) {
            next();
            throw;
          }
        } catch (const std::exception& e) {
          log += e.what();
          next();
          try {
            throw std::logic_error("inner" + std::to_string(i));
          } catch (const std::exception& inner) {
            next();
            log += inner.what();
          }
          log += e.what();
          CHECK(std::current_exception() != nullptr);
        }
        CHECK(std::current_exception() == nullptr);
        CHECK(std::uncaught_exceptions() == 0);
      };
    };
    for (std::size_t i = 0; i < 3; ++i) h[i] = c.start(body(i));
    c.fibers.switch_to(h[0]);
    c.fibers.switch_to(h[1]);
    c.fibers.switch_to(h[2]);
    CHECK(log == "012inner00inner11inner22");
    CHECK(std::current_exception() == nullptr);
  });
}

TEST_CASE("a switch in a destructor during unwinding keeps the number of uncaught exceptions of each fiber") {
  on_both_roads([](Road road) {
    Closures c(road);
    std::vector<int> seen;
    Fibers::Handle a = nullptr, b = nullptr;
    struct Switcher {
      std::function<void()> f;
      ~Switcher() { f(); }
    };
    a = c.start([&] {
      try {
        const Switcher s{[&] {
          seen.push_back(std::uncaught_exceptions());
          c.fibers.switch_to(b);
          seen.push_back(std::uncaught_exceptions());
        }};
        throw 1;
      } catch (int) {
        seen.push_back(std::uncaught_exceptions());
      }
    });
    b = c.start([&] {
      seen.push_back(std::uncaught_exceptions());
      try {
        throw 2;
      } catch (int i) {
        seen.push_back(i);
      }
      c.fibers.switch_to(a);
    });
    c.fibers.switch_to(a);
    c.fibers.switch_to(b);
    CHECK(seen == std::vector{1, 0, 2, 1, 0});
  });
}

TEST_CASE("an exception crosses many frames of a fiber, and a deep stack fits") {
  Closures c(Road::resume);
  bool caught = false;
  const std::function<int(int)> dive = [&](int depth) -> int {
    std::array<volatile char, 512> frame{};
    frame[0] = 1;
    if (depth == 0) throw std::runtime_error("bottom");
    return dive(depth - 1) + frame[0];
  };
  c.fibers.switch_to(c.start([&] {
    try {
      dive(80);
    } catch (const std::runtime_error&) {
      caught = true;
    }
  }));
  CHECK(caught);
}

TEST_CASE("no memory for a stack is an exception, and what was there before goes on") {
  Fibers small(Fibers::default_stack_bytes);
  {
    Fibers huge(std::size_t{1} << 60U);
    CHECK_THROWS_AS(huge.obtain([](void*) {}, nullptr), std::bad_alloc);
    CHECK(huge.created() == 0);
    CHECK_THROWS_AS(huge.obtain([](void*) {}, nullptr), std::bad_alloc);
  }
  struct Hello {
    Fibers& fibers;
    Fibers::Handle handle = nullptr;
    int n = 0;
  } hello{small};
  hello.handle = small.obtain(
      [](void* p) {
        auto& h = *static_cast<Hello*>(p);
        ++h.n;
        h.fibers.give_back(h.handle);
        h.fibers.switch_to(Fibers::main);
      },
      &hello);
  small.switch_to(hello.handle);
  CHECK(hello.n == 1);
}

TEST_CASE("several runtimes on one thread, made and destroyed in any order, and one on each of several threads") {
  const auto exercise = [](Road road) {
    auto a = std::make_unique<Closures>(road), b = std::make_unique<Closures>(Road::resume);
    int n = 0;
    for (int i = 0; i < 20; ++i) {
      a->fibers.switch_to(a->start([&] { ++n; }));
      b->fibers.switch_to(b->start([&] { ++n; }));
    }
    a.reset();
    for (int i = 0; i < 20; ++i) b->fibers.switch_to(b->start([&] { ++n; }));
    a = std::make_unique<Closures>(road);
    b.reset();
    a->fibers.switch_to(a->start([&] { ++n; }));
    return n;
  };
  CHECK(exercise(Road::resume) == 61);
  CHECK(exercise(Road::yield) == 61);
  std::array<int, 4> counts{};
  std::vector<std::thread> threads;
  for (int& n : counts) threads.emplace_back([&] { n = exercise(Road::resume); });
  for (std::thread& t : threads) t.join();
  CHECK(counts == std::array{61, 61, 61, 61});
}
