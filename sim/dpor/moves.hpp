// What partial-order reduction speaks of: moves, by names that mean the same in every execution of one engine.
//
// Ids of tasks and objects that are made at run time depend on the order of creation; names don't. So what is kept from one execution to
// the next (sleep sets, wakeup trees, prefixes) is kept by name.
#pragma once

#include <cstdint>
#include <span>

#include "unplug/sim/access.hpp"
#include "unplug/sim/schedule.hpp"

namespace unplug::sim {

// What a step accesses.
struct Touch {
  NameId object;
  AccessKind kind = AccessKind::none;
  constexpr bool operator==(const Touch&) const = default;
};
[[nodiscard]] constexpr bool conflict(const Touch& a, const Touch& b) { return conflict(a.kind, b.kind) && a.object == b.object; }

// One way to go on: a task's next step, and how its data choice falls.
struct Move {
  Label label;
  Touch touch;
  bool operator==(const Move&) const = default;
};

// What a branch was planned for: a race on an object; a data choice, if there is none.
using Cause = NameId;

// A move that is asleep: what begins with it is explored elsewhere. Settled: all of that was, before this search began, so that whatever it
// gave reason for is planned.
struct Asleep {
  Move move;
  bool settled = true;
};

// Whether some linearisation of `sequence` begins with `m`, or could: m is its task's first move in it and independent of all before, or it
// is absent and independent of everything. Two ways for one data choice to fall exclude each other.
[[nodiscard]] inline bool weak_initial(const Move& m, std::span<const Move> sequence) {
  for (const Move& x : sequence) {
    if (x.label.task == m.label.task) return x.label.choice == m.label.choice;
    if (conflict(m.touch, x.touch)) return false;
  }
  return true;
}

// Whether some linearisation of `sequence` begins with `m`.
[[nodiscard]] inline bool initial(const Move& m, std::span<const Move> sequence) {
  for (const Move& x : sequence) {
    if (x.label.task == m.label.task) return x.label.choice == m.label.choice;
    if (conflict(m.touch, x.touch)) return false;
  }
  return false;
}

// Whether it need not be planned. Not `settled`: nothing is taken for that.
[[nodiscard]] inline bool covers(const Asleep& a, std::span<const Move> sequence, bool settled) {
  return a.settled && settled ? weak_initial(a.move, sequence) : initial(a.move, sequence);
}

}  // namespace unplug::sim
