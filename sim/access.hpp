// What a step tells the engine about the shared state: at most one object, read or written, under an optional guard.
//
// Every shared object is one 64-bit word as far as guards are concerned (a primitive keeps what else it needs beside the word and touches
// it only in steps on that object). That makes a guard plain data: it can be evaluated against any value the word ever had, which is
// what partial-order reduction asks of it, and it prints itself in a deadlock report.
#pragma once

#include <cstdint>

#include "unplug/sim/ids.hpp"

namespace unplug::sim {

// An addition changes the word by an amount that doesn't depend on it, and nobody learns the word from it: additions to one object commute.
// What decides it may look at bits that no addition to the object ever changes.
enum class AccessKind : std::uint8_t { none, read, write, add };

// Whether the object may be another after it.
[[nodiscard]] constexpr bool changes(AccessKind k) { return k >= AccessKind::write; }
// Of two accesses to one object: whether their order matters.
[[nodiscard]] constexpr bool conflict(AccessKind a, AccessKind b) {
  return a != AccessKind::none && b != AccessKind::none && (a != b || a == AccessKind::write);
}

struct Access {
  ObjectId object;
  AccessKind kind = AccessKind::none;

  constexpr bool operator==(const Access&) const = default;
};

// Same object, and neither two reads nor two additions. (Steps of one task are dependent as well; the callers see to that.)
[[nodiscard]] constexpr bool conflict(const Access& a, const Access& b) { return conflict(a.kind, b.kind) && a.object == b.object; }

// Predicate over the word of the step's object: (word & mask) compared with value. The step is enabled while it holds.
struct Guard {
  enum class Op : std::uint8_t { always, equal, not_equal, at_least, at_most };
  Op op = Op::always;
  std::uint64_t value = 0;
  std::uint64_t mask = UINT64_MAX;

  [[nodiscard]] constexpr bool holds(std::uint64_t word) const {
    const std::uint64_t w = word & mask;
    switch (op) {
      case Op::always: return true;
      case Op::equal: return w == value;
      case Op::not_equal: return w != value;
      case Op::at_least: return w >= value;
      case Op::at_most: return w <= value;
    }
    return true;
  }
  [[nodiscard]] constexpr bool trivial() const { return op == Op::always; }

  static constexpr Guard equal(std::uint64_t value, std::uint64_t mask = UINT64_MAX) { return {Op::equal, value, mask}; }
  static constexpr Guard not_equal(std::uint64_t value, std::uint64_t mask = UINT64_MAX) { return {Op::not_equal, value, mask}; }
  static constexpr Guard at_least(std::uint64_t value, std::uint64_t mask = UINT64_MAX) { return {Op::at_least, value, mask}; }
  static constexpr Guard at_most(std::uint64_t value, std::uint64_t mask = UINT64_MAX) { return {Op::at_most, value, mask}; }
};

}  // namespace unplug::sim
