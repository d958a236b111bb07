// A step as a task announces it: what it is about to do, before it does it. The engine grants it when the strategy says so.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "unplug/sim/access.hpp"
#include "unplug/sim/time.hpp"

namespace unplug::sim {

// What an operation does to the synchronisation clock, which serves data races alone.
enum class Sync : std::uint8_t { none, acquire, release, both };

// One kind of step, in static storage: every primitive lists its own.
struct Operation {
  std::string_view name;  // "synchronize_srcu: flip index"
  Sync sync = Sync::none;
  bool pause = false;   // a sleep or a yield: switching away after it is no preemption
  bool plain = false;   // an unmarked access to memory: takes part in data races
  bool marked = false;  // a marked one (READ_ONCE, WRITE_ONCE): races with plain ones only
  bool outside = false;  // done by hardware or user space, which do it when they like: that it comes late is no stall
};

// When a step that waits may go on under virtual time: grace periods, polling. Consulted when the guard of the step holds, at `now`;
// answers the earliest time at which the wait ends (>= now). Never consulted for enabledness.
class Timing {
 public:
  virtual Time ready(Time now) = 0;
  // Whether writes to the step's object move that time while the guard holds (a timer that is armed anew): they consult it again then.
  [[nodiscard]] virtual bool moves() const { return false; }
  // Whether that time is a figure of the model (how long a grace period takes), not of the program (when a timer expires).
  [[nodiscard]] virtual bool modelled() const { return false; }

 protected:
  ~Timing() = default;
};

// Up to six lifetimes that a step relies on, none twice; and room for the one that it ends, which a task that is blocked uses as well.
class Witnesses {
 public:
  static constexpr std::size_t capacity = 7;
  Witnesses() = default;
  Witnesses(std::initializer_list<LifetimeId> ids) {
    for (const LifetimeId id : ids) add(id);
  }
  // Adds `id` unless it is none or already there. Returns *this.
  Witnesses& add(LifetimeId id) {
    if (!id) return *this;
    for (const LifetimeId have : *this)
      if (have == id) return *this;
    assert(size_ < capacity);
    if (size_ < capacity) ids_[size_++] = id;
    return *this;
  }
  [[nodiscard]] const LifetimeId* begin() const { return ids_.data(); }
  [[nodiscard]] const LifetimeId* end() const { return ids_.data() + size_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::array<LifetimeId, capacity> ids_{};
  std::uint32_t size_ = 0;
};

// Of a data choice between what a wait is for (0) and its time being up (1): the choice has no access and falls either way, but under
// virtual time it is made when the guard holds or the time has come, whichever is first, and falls so.
struct Timeout {
  ObjectId object;
  Guard guard{};  // over the word of `object`
  Time until = 0;
};

struct Step {
  const Operation* operation = nullptr;
  // Each member has an initialiser, so that a step can be written with the members that matter alone (no -Wmissing-field-initializers).
  Access access{};
  Guard guard{};
  Witnesses uses{};
  LifetimeId begins{}, ends{};     // ending a lifetime is a use of it as well
  std::uint32_t alternatives = 1;  // > 1: a data choice (no access, no guard)
  Duration cost = 0;               // CPU time the step takes; holds a CPU under `timed`
  Duration sleep = 0;              // after it, the task is not eligible for this long
  Timing* timing = nullptr;
  const Timeout* timeout = nullptr;  // of a data choice; valid until the step has been taken
};

}  // namespace unplug::sim
