// What is far beyond any scenario: very many tasks, very many steps, too little stack.
#include <csignal>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "support.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// Of this process, in KiB, at most so far.
long peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// What `body` printed on stderr in a process of its own, and how that ended.
struct Ended {
  int status = -1;
  std::string said;
};
Ended in_a_process(const std::function<void()>& body) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(pipe[1], STDERR_FILENO);
    std::signal(SIGSEGV, SIG_DFL);  // the test framework's
    body();
    ::_exit(0);
  }
  ::close(pipe[1]);
  Ended e;
  std::array<char, 512> buffer{};
  for (ssize_t n = 0; (n = ::read(pipe[0], buffer.data(), buffer.size())) > 0;) e.said.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(pipe[0]);
  ::waitpid(child, &e.status, 0);
  return e;
}

// Fills the stack, in a way that no compiler makes a loop of.
unsigned recurse(volatile unsigned* depth) {
  std::array<volatile unsigned, 64> frame{};
  frame[*depth % 64] = *depth;
  *depth = *depth + 1;
  return (*depth != 0 ? recurse(depth) : 0) + frame[*depth % 64];
}

constexpr bool with_address_sanitizer =
#if defined(__SANITIZE_ADDRESS__)
    true;
#else
    false;
#endif

}  // namespace

TEST_CASE("ten thousand tasks in one execution, all alive at once") {
  Engine e;
  std::uint64_t sum = 0;
  Lambda p([&](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x")), gate = eng.new_object(eng.own_name("gate"));
    for (int i = 0; i < 10'000; ++i) {
      eng.spawn("t" + std::to_string(i), [&eng, x, gate] {
        wait(eng, gate, Guard::equal(1));
        add(eng, x, 1);
      });
    }
    eng.spawn("opener", [&, x, gate] {
      write(eng, gate, 1);
      wait(eng, x, Guard::equal(10'000));
      sum = read(eng, x);
    });
  });
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    sum = 0;
    CHECK(run(e, p, "random", seed).kind == Outcome::Kind::completed);
    CHECK(sum == 10'000);
    CHECK(e.trace().events.size() == 20'003);
  }
}

TEST_CASE("ten million steps in constant memory when nothing keeps the events, with the fingerprint that they have") {
  const auto program = [](std::uint64_t steps) {
    return Lambda([steps](Engine& e) {
      const ObjectId x = e.new_object(e.own_name("x"));
      for (const auto* name : {"a", "b"})
        e.spawn(name, [&e, x, steps] {
          for (std::uint64_t i = 0; i < steps && !e.aborting(); ++i) add(e, x, 1);
        });
    });
  };
  const std::uint64_t many = with_address_sanitizer ? 500'000 : 5'000'000;
  Engine e(EngineLimits{.steps_per_task = 6'000'000});
  e.keep_events(false);
  Lambda small = program(1'000), large = program(many);
  CHECK(run(e, small, "random").kind == Outcome::Kind::completed);
  const std::uint64_t fingerprint = e.trace().fingerprint;
  const long before = peak_memory();
  CHECK(run(e, large, "random").kind == Outcome::Kind::completed);
  CHECK(e.trace().objects[0].word == 2 * many);
  CHECK(e.trace().events.size() == 1);
  CHECK(peak_memory() - before < 4 * 1024);
  e.keep_events(true);
  CHECK(run(e, small, "random").kind == Outcome::Kind::completed);
  CHECK(e.trace().events.size() == 2'000);
  CHECK(e.trace().fingerprint == fingerprint);
}

TEST_CASE("a task that overflows its stack ends the process with a message that names it, any other fault as ever") {
  if (with_address_sanitizer) return;  // it reports faults itself
  const Ended overflow = in_a_process([] {
    Engine e;
    Lambda p([](Engine& eng) {
      eng.spawn("innocent", [&eng] { nop(eng); });
      eng.spawn("deep one", [&eng] {
        nop(eng);
        unsigned depth = 0;
        recurse(&depth);
      });
    });
    run(e, p, "random");
  });
  CHECK(WIFEXITED(overflow.status));
  CHECK(WEXITSTATUS(overflow.status) == 3);
  CHECK(overflow.said ==
        "unplug: internal error: task 'deep one' has overflowed its stack of 128 KiB: does its code recurse, or keep large "
        "arrays?\n");
  const Ended other = in_a_process([] {
    Engine e;
    Lambda p([](Engine& eng) {
      eng.spawn("wild one", [&eng] {
        nop(eng);
        void* nowhere = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *static_cast<volatile int*>(nowhere) = 1;
      });
    });
    run(e, p, "random");
  });
  CHECK(WIFSIGNALED(other.status));
  CHECK(WTERMSIG(other.status) == SIGSEGV);
  CHECK(other.said.empty());
}
