// Fibers, and nothing about scheduling: a pool of parked stacks and a switch.
//
// Boost.Fiber creates, owns and ends them; the engine decides who runs and switches there directly (context::resume(), at the price of a
// raw context switch), so Boost's scheduler sees only creation and the end. A fiber that has finished its entry parks in the pool and
// serves the next task: in steady state nothing is created or freed. One runtime per OS thread; fibers never migrate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace unplug::sim {

class Fibers {
 public:
  using Entry = void (*)(void* argument);
  struct Fiber;
  using Handle = Fiber*;
  static constexpr Handle main = nullptr;  // the fiber of the thread that made the runtime

  // How switch_to() goes there. `yield` takes the documented road through Boost's scheduler and exists so that a test can show that both
  // give the same trace; it is slower.
  enum class Road : std::uint8_t { resume, yield };

  // `stack_bytes` usable per fiber, a guard page below each: an overflow is reported (stack_guard.hpp) and corrupts no neighbour.
  explicit Fibers(std::size_t stack_bytes = default_stack_bytes, Road road = Road::resume);
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  // A parked fiber that will call entry(argument) when first switched to. `entry` may return (the fiber must have been given back and
  // somebody else switched to before its next use) or switch away for good.
  Handle obtain(Entry entry, void* argument);
  // The fiber goes back to the pool. It may still be running: it is reused only after it has switched away.
  void give_back(Handle fiber);
  // Runs `fiber` until somebody switches back. Carries the C++ exception state of the caller over the switch.
  void switch_to(Handle fiber);

  // What a task is called in the message about its stack: `describe` gets the argument of obtain(), and is asked from a signal handler.
  void describe_with(const char* (*describe)(void* argument));

  [[nodiscard]] Handle running() const { return running_; }
  [[nodiscard]] std::size_t created() const;  // stacks made since construction

#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::size_t default_stack_bytes = std::size_t{512} << 10U;
#else
  static constexpr std::size_t default_stack_bytes = std::size_t{128} << 10U;
#endif

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  Handle running_ = main;
};

}  // namespace unplug::sim
