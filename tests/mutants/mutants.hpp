// What instrumented sources of the model call (generate.py): one mutant, named by the environment, is switched on at run time, so that one
// build serves them all.
//
//   UNPLUG_MUTANT=N          mutant N is on
//   UNPLUG_MUTANT_REACHED=F  at exit, the numbers of the mutants whose place was reached are written to F
#pragma once

#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "unplug/sim/step.hpp"

namespace unplug_mutants {

class Switch {
 public:
  Switch() {
    const char* n = std::getenv("UNPLUG_MUTANT");
    active_ = n == nullptr ? -1 : std::atoi(n);
    file_ = std::getenv("UNPLUG_MUTANT_REACHED");
  }
  ~Switch() {
    if (file_ == nullptr) return;
    std::FILE* out = std::fopen(file_, "w");
    if (out == nullptr) return;
    for (std::size_t i = 0; i < reached_.size(); ++i)
      if (reached_[i]) std::fprintf(out, "%zu\n", i);
    std::fclose(out);
  }
  Switch(const Switch&) = delete;
  Switch& operator=(const Switch&) = delete;
  bool on(int n) {
    if (file_ != nullptr) {
      const auto i = static_cast<std::size_t>(n);
      if (i >= reached_.size()) reached_.resize(i + 1);
      reached_[i] = true;
    }
    return n == active_;
  }

 private:
  int active_ = -1;
  const char* file_ = nullptr;
  std::vector<bool> reached_;
};

inline bool on(int n) {
  static Switch the_switch;
  return the_switch.on(n);
}

// The step is not taken; whoever asks gets a default value.
template <class F> auto drop(int n, F f) {
  using Result = std::invoke_result_t<F&>;
  if (!on(n)) return f();
  if constexpr (!std::is_void_v<Result>) return Result();
}

// The step does not wait.
inline unplug::sim::Step unguarded(int n, const unplug::sim::Step& s) {
  unplug::sim::Step step = s;
  if (on(n)) {
    step.guard = {};
    step.timing = nullptr;
  }
  return step;
}

// `late` comes after it.
template <class F, class Late> auto then(int n, F f, Late late) {
  if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
    f();
    if (on(n)) late();
  } else {
    auto result = f();
    if (on(n)) late();
    return result;
  }
}

}  // namespace unplug_mutants
