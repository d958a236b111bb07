// From an instruction's operand to the modelled thing, at run time.
#pragma once

#include <type_traits>

#include "unplug/scenarios/world.hpp"

namespace unplug::scenarios {

// The thing an instruction works on: of the frame's binding, or reached through the pointer in a local. Null (and reported as
// null-deref) if that pointer is NULL or points to something without such a member.
model::Mutex* mutex(Frame& f, const Instruction& i);
model::Rwsem* rwsem(Frame& f, const Instruction& i);
model::Spinlock* spinlock(Frame& f, const Instruction& i);
model::Srcu* srcu(Frame& f, const Instruction& i);
model::Waiter* completion(Frame& f, const Instruction& i);
model::Waiter* fence(Frame& f, const Instruction& i);
model::Work* work(Frame& f, const Instruction& i);
model::DelayedWork* delayed_work(Frame& f, const Instruction& i);
model::Timer* timer(Frame& f, const Instruction& i);
model::Timer* hrtimer(Frame& f, const Instruction& i);
model::Kthread* kthread(Frame& f, const Instruction& i);
model::SysfsAttribute* attribute(Frame& f, const Instruction& i);

// A field and the memory it lives in.
struct FieldRef {
  const model::Allocation* memory = nullptr;
  sim::ObjectId object;
};
FieldRef field(Frame& f, const Instruction& i);

// The instruction's value in this frame.
std::uint64_t value(const Frame& f, const Instruction& i);

// A duration between the instruction's bounds, from the running task's own stream.
inline sim::Duration drawn_duration(Frame& f, const Instruction& i) {
  return i.duration + (i.spread == 0 ? 0 : f.context.engine().draw(sim::Stream::duration, i.spread + 1));
}

inline void set_local(Frame& f, const Instruction& i, std::uint64_t v) {
  if (i.to != no_local) f.locals[i.to] = v;
}

// Execute for a verb that is one call: function(context, thing) of what `resolve` finds; what it answers goes into the verb's local.
template <auto resolve, auto function> std::uint32_t on(Frame& f, const Instruction& i, std::uint32_t next) {
  auto* const thing = resolve(f, i);
  if (thing == nullptr) return next;
  if constexpr (std::is_void_v<decltype(function(f.context, *thing))>) {
    function(f.context, *thing);
  } else {
    set_local(f, i, static_cast<std::uint64_t>(function(f.context, *thing)));
  }
  return next;
}

// Where to go on after an error or a refusal: the instruction's `else`, or simply on.
inline std::uint32_t otherwise(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.target == no_target) return next;
  f.leave_scopes(i.depth);
  return i.target;
}

}  // namespace unplug::scenarios
