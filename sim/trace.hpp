// What happened in one execution: the events in the order they were taken, and the tasks, objects and lifetimes they speak of.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "unplug/sim/step.hpp"

namespace unplug::sim {

struct Event {
  // The part that the step says itself. (Without a constructor, a vector would write zeros over it all first: a third of recording it.)
  explicit Event(const Step& s)
      : alternatives(s.alternatives), operation(s.operation), access(s.access), guard(s.guard), begins(s.begins), ends(s.ends) {}

  TaskId task;
  std::uint32_t ordinal = 0;  // n-th step of its task, from 0
  SiteId site;
  FrameId frame;
  std::uint32_t choice = 0, alternatives;
  const Operation* operation;
  Access access;
  Guard guard;
  std::uint64_t before = 0;                    // word of the object just before the step
  std::uint32_t first_use = 0, use_count = 0;  // range in Trace::uses
  LifetimeId begins, ends;
  Time time = 0;          // when it was taken
  Time eligible = 0;      // when it could have been, by its own doing; the rest is a stall
  Duration waited = 0;    // virtual time between announcing the step and taking it, less what the task slept or computed
  TaskId unblocked_by;    // whose write made the guard hold; none if it held from the start
  bool modelled = false;  // how long it waited is a figure of the model (Timing::modelled)
};

struct TaskRecord {
  NameId name, role;
  TaskId creator;                   // none: existed from the start
  std::uint32_t creator_steps = 0;  // steps the creator had taken; the last of them precedes this task's first step
  std::uint32_t steps = 0;
  bool daemon = false;
  enum class End : std::uint8_t { finished, blocked, cut } end = End::finished;
  // The step it was still waiting to take, unless finished.
  Access pending;
  Guard pending_guard;
  const Operation* pending_operation = nullptr;
  SiteId pending_site;
  FrameId pending_frame;
  Witnesses pending_uses;
  Time pending_since = 0;
};

struct ObjectRecord {
  NameId name;
  std::uint64_t word = 0;  // final value
};

struct LifetimeRecord {
  NameId name;
  std::uint32_t kind = 0;   // opaque to sim/
  bool from_start = false;  // true: alive before the first step; otherwise a step begins it
};

struct Trace {
  std::vector<Event> events;
  std::vector<LifetimeId> uses;
  std::vector<std::uint32_t> boundaries;  // the events whose steps begin or end a lifetime
  std::vector<TaskRecord> tasks;
  std::vector<ObjectRecord> objects;
  std::vector<LifetimeRecord> lifetimes;
  std::uint64_t fingerprint = 0;  // equal for all linearisations of one Mazurkiewicz trace
  Time end_time = 0;

  [[nodiscard]] std::span<const LifetimeId> uses_of(const Event& e) const { return {uses.data() + e.first_use, e.use_count}; }
  void clear() {
    events.clear();
    uses.clear();
    boundaries.clear();
    tasks.clear();
    objects.clear();
    lifetimes.clear();
    fingerprint = 0;
    end_time = 0;
  }
};

}  // namespace unplug::sim
