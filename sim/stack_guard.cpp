#include "unplug/sim/stack_guard.hpp"

#include <signal.h>  // NOLINT: sigaltstack is POSIX
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace unplug::sim {

struct StackGuardHandler {
  static inline thread_local StackGuard* guards = nullptr;

  // The handler can't run on the stack that has overflowed.
  struct OtherStack {
    static constexpr std::size_t bytes = std::size_t{32} << 10U;
    OtherStack() : memory(bytes) {
      stack_t s{};
      s.ss_sp = memory.data();
      s.ss_size = bytes;
      mine = ::sigaltstack(nullptr, &before) == 0 && (before.ss_flags & SS_DISABLE) != 0 && ::sigaltstack(&s, nullptr) == 0;
    }
    ~OtherStack() {
      if (mine) ::sigaltstack(&before, nullptr);
    }
    OtherStack(const OtherStack&) = delete;
    OtherStack& operator=(const OtherStack&) = delete;
    std::vector<char> memory;
    stack_t before{};
    bool mine = false;
  };

  static void write(const char* text) {
    const ssize_t ignored = ::write(STDERR_FILENO, text, std::strlen(text));
    static_cast<void>(ignored);
  }
  static void write(std::size_t n) {
    std::array<char, 24> digits{};
    std::size_t at = digits.size() - 1;
    do digits[--at] = static_cast<char>('0' + n % 10);
    while ((n /= 10) != 0);
    write(&digits[at]);
  }
  static void handle(int signal, siginfo_t* info, void* /*context*/) {
    const auto fault = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (const StackGuard* g = guards; g != nullptr; g = g->next_) {
      const StackGuard::Page p = g->find_(g->owner_);
      const auto page = reinterpret_cast<std::uintptr_t>(p.page);
      if (p.page == nullptr || fault < page || fault >= page + p.size) continue;
      write("unplug: internal error: task '");
      write(p.task == nullptr ? "?" : p.task);
      write("' has overflowed its stack of ");
      write(p.stack_bytes >> 10U);
      write(" KiB: does its code recurse, or keep large arrays?\n");
      ::_exit(3);
    }
    // Not ours: the instruction faults again, without us.
    ::signal(signal, SIG_DFL);
  }
  static void install() {
    static thread_local OtherStack stack;
    static_cast<void>(stack);
    struct sigaction old {};
    if (::sigaction(SIGSEGV, nullptr, &old) != 0 || old.sa_handler != SIG_DFL) return;  // a sanitizer or a test framework has its own
    struct sigaction action {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigaction(SIGSEGV, &action, nullptr);
  }
};

StackGuard::StackGuard(Find find, void* owner) : find_(find), owner_(owner), next_(StackGuardHandler::guards) {
  StackGuardHandler::install();
  StackGuardHandler::guards = this;
}

StackGuard::~StackGuard() {
  for (StackGuard** at = &StackGuardHandler::guards; *at != nullptr; at = &(*at)->next_) {
    if (*at != this) continue;
    *at = next_;
    return;
  }
}

}  // namespace unplug::sim
