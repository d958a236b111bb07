// A step as a task announces it: what it is about to do, before it does it. The engine grants it when the strategy says so.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "unplug/sim/access.hpp"
#include "unplug/sim/invariant.hpp"
#include "unplug/sim/time.hpp"

namespace unplug::sim {

// What an operation does to the synchronisation clock, which serves data races alone.
enum class Sync : std::uint8_t { none, acquire, release, both };

// What it means that a loop takes the step again and again, for telling a loop that only looks from one that gets somewhere. A step without
// access changes nothing, and a read neither.
enum class Repeat : std::uint8_t {
  plain,     // a write changes something
  looks,     // a write that leaves the word as it was has changed nothing
  brackets,  // it changes nothing together with its counterpart: taking a lock and letting go of it
  ends_wait  // of a data choice: how a wait ends; others fall as somebody outside has it
};

// One kind of step, in static storage: every primitive lists its own.
struct Operation {
  std::string_view name;  // "synchronize_srcu: flip index"
  Sync sync = Sync::none;
  bool pause = false;    // a sleep or a yield: switching away after it is no preemption
  bool plain = false;    // an unmarked access to memory: takes part in data races
  bool marked = false;   // a marked one (READ_ONCE, WRITE_ONCE): races with plain ones only
  bool outside = false;  // done by hardware or user space, which do it when they like: that it comes late is no stall
  Repeat repeat = Repeat::plain;
};

// When a step that waits may go on under virtual time: grace periods, polling. Consulted when the guard of the step holds, at `now`;
// answers the earliest time at which the wait ends (>= now). Never consulted for enabledness.
class Timing {
 public:
  virtual Time ready(Time now) = 0;
  // Whether changes of the step's object, or of Step::moved_by, move that time while the guard holds (a timer that is armed anew): they
  // consult it again then.
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
    invariant(size_ < capacity, "a step relies on more lifetimes than there is room for");
    ids_[size_++] = id;
    return *this;
  }
  [[nodiscard]] const LifetimeId* begin() const { return ids_.data(); }
  [[nodiscard]] const LifetimeId* end() const { return ids_.data() + size_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::array<LifetimeId, capacity> ids_{};
  std::uint32_t size_ = 0;
};

// Something that a wait may be for.
struct Await {
  ObjectId object;
  Guard guard{};  // over the word of `object`
};

// Of a data choice between the ends of a wait: alternative k is that any[k] comes true, the one after the last that the time is up. The
// choice has no access and falls any way, but under virtual time it is made when one of them holds or the time has come, whichever is
// first, and falls so.
struct Awaited {
  static constexpr Time never = UINT64_MAX;
  std::span<const Await> any;  // at least one, of different objects; valid until the step has been taken
  Time until = never;
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
  ObjectId moved_by{};               // changes of this object, too, consult a timing that moves
  const Awaited* awaited = nullptr;  // of a data choice; valid until the step has been taken
};

}  // namespace unplug::sim
