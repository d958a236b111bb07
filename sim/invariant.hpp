// What holds whatever a file says and however tasks are scheduled. If it doesn't, the mistake is ours.
//
// Checked in release as well: a simulator that judges others must not go on from what it knows to be wrong. Broken, it throws instead of
// aborting: from a task's code that ends the execution as failed, from anywhere else it reaches main(), and either way the user reads
// "internal error" with the words given here, and the program ends with 3. Not for what a user may get wrong in a file (a diagnostic with
// its place) nor for what the driver under test does wrong (a violation). CONTRIBUTING.md has the rule.
#pragma once

namespace unplug::sim {

// Out of line: who checks stays small. Throws std::logic_error.
[[noreturn]] void invariant_broken(const char* what);

// `what` says what does not hold, in words that stand in one place of the sources only.
inline void invariant(bool holds, const char* what) {
  if (!holds) [[unlikely]]
    invariant_broken(what);
}

}  // namespace unplug::sim
