// A message instead of a bare segmentation fault when a task overflows its stack.
//
// Below every fiber's stack is a page that nobody may touch. A fault there, on a thread that has announced its fibers, is reported on
// stderr with the task's name, and the process ends with exit code 3 (internal error). Every other fault takes its usual course.
#pragma once

#include <cstddef>

namespace unplug::sim {

// Announces guard pages of the calling thread while it lives. Must die on the thread that made it.
class StackGuard {
 public:
  // Where the page below the stack that is in use begins, how long it is, and whose stack it is; page == nullptr: no stack in use is ours.
  struct Page {
    const void* page = nullptr;
    std::size_t size = 0;
    std::size_t stack_bytes = 0;
    const char* task = nullptr;  // may be null
  };
  // Asked from a signal handler: must not allocate, lock or throw.
  using Find = Page (*)(void* owner);

  StackGuard(Find find, void* owner);
  ~StackGuard();
  StackGuard(const StackGuard&) = delete;
  StackGuard& operator=(const StackGuard&) = delete;

 private:
  friend struct StackGuardHandler;
  Find find_;
  void* owner_;
  StackGuard* next_;
};

}  // namespace unplug::sim
