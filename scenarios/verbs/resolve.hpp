// From an instruction's operand to the modelled thing, at run time.
#pragma once

#include <type_traits>

#include "unplug/model/kernel/base/device.hpp"
#include "unplug/model/kernel/locking/waiter.hpp"
#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {

// The memory that a pointer leads to, and the things embedded in it.
struct Target {
  BindingInstance* binding = nullptr;  // null: it leads nowhere
  const ThingTable* things = nullptr;
  std::uint32_t allocation = 0;
  bool declared = false;  // things are numbered among all of the binding, not among those of the memory
};
Target target_of(Frame& f, Handle h);
// Number of the thing in target.things; none: no such member.
std::optional<std::size_t> number_of(Frame& f, const Target& target, EntityKind kind, std::string_view member);

// Whose thing an operand names.
inline BindingInstance& owner(const Frame& f, const Operand& o) { return f.world.owner(*f.binding, o); }

// What an operand stands for: a thing of the frame's binding, or reached through the pointer in a local. Null (and reported as null-deref)
// if that pointer is NULL or points to something without such a member.
template <EntityKind kind> typename ThingOf<kind>::Type* thing(Frame& f, const Operand& o) {
  if constexpr (kind == EntityKind::device)
    if (o.scope == Scope::world) return &f.world.devices()[o.index].device;
  if (o.kind == Operand::Kind::entity) return &owner(f, o).things.get<kind>(o.index);
  if (o.kind == Operand::Kind::member) {
    const Target t = target_of(f, f.locals[o.local]);
    if (const auto n = number_of(f, t, kind, o.name)) return &t.things->get<kind>(*n);
  }
  f.world.report_null(f.context, o);
  return nullptr;
}
template <EntityKind kind> typename ThingOf<kind>::Type* thing(Frame& f, const Instruction& i) { return thing<kind>(f, i.operand); }

// The memory that the thing an operand stands for is embedded in; 0: none.
Handle container_of(Frame& f, const Operand& o);

// The list that a devm_*() call adds to or takes from: that of the device under the key "dev", else of the device that is bound. Null (and
// reported) as for thing().
model::Devres* devres_of(Frame& f, const Instruction& i);

// Calls a function of the driver from where the frame is, as the kernel does with a callback whose argument leads to `self`.
int call_back(Frame& f, std::uint32_t function, Handle self);

// A field and the memory it lives in.
struct FieldRef {
  const model::Allocation* memory = nullptr;
  sim::ObjectId object;
};
FieldRef field(Frame& f, const Instruction& i);

// The memory an operand stands for: declared, or by the pointer in a local. Null, without a report, for NULL.
model::Allocation* memory(Frame& f, const Operand& o);

// The instruction's value in this frame.
std::uint64_t value(const Frame& f, const Value& v);
inline std::uint64_t value(const Frame& f, const Instruction& i) { return value(f, i.value); }
// Whether the instruction's condition holds in this frame.
bool holds(const Frame& f, const Condition& c);

// A duration between the instruction's bounds, from the running task's own stream.
inline sim::Duration drawn_duration(Frame& f, const Instruction& i) {
  return i.duration + (i.spread == 0 ? 0 : f.context.engine().draw(sim::Stream::duration, i.spread + 1));
}

inline void set_local(Frame& f, const Instruction& i, std::uint64_t v) {
  if (i.to != no_local) f.locals[i.to] = v;
}

// Where to go on after an error or a refusal: the instruction's `else`, or simply on.
inline std::uint32_t otherwise(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.target == no_target) return next;
  f.leave_scopes(i.depth);
  return i.target;
}

// Where a wait goes on that could end otherwise, once it has ended: the verb's local receives `completed` if it was with what was waited
// for, else 0 or the error, and then it is the step's `else`.
std::uint32_t waited(Frame& f, const Instruction& i, std::uint32_t next, model::Waited how, std::uint64_t completed);

// Execute for a verb that is one call: function(context, thing); what it answers goes into the verb's local.
template <EntityKind kind, auto function> std::uint32_t on(Frame& f, const Instruction& i, std::uint32_t next) {
  auto* const t = thing<kind>(f, i);
  if (t == nullptr) return next;
  if constexpr (std::is_void_v<decltype(function(f.context, *t))>) {
    function(f.context, *t);
  } else {
    set_local(f, i, static_cast<std::uint64_t>(static_cast<std::int64_t>(function(f.context, *t))));
  }
  return next;
}
// Execute for a verb that declares a thing: sets it up again if it may have been used before.
template <EntityKind kind> std::uint32_t set_up_again(Frame& f, const Instruction& i, std::uint32_t next) {
  if (!i.sets_up) return next;
  if (auto* const t = thing<kind>(f, i)) model::set_up_again(f.context, *t);
  return next;
}
// The same for a function that answers whether it did it: if not, the step's `else`.
template <EntityKind kind, auto function> std::uint32_t try_on(Frame& f, const Instruction& i, std::uint32_t next) {
  auto* const t = thing<kind>(f, i);
  if (t == nullptr) return next;
  const bool done = function(f.context, *t);
  set_local(f, i, done ? 1 : 0);
  return done ? next : otherwise(f, i, next);
}
// The same for one that answers whether it did it before a signal came: 0 or `error` into the local.
template <EntityKind kind, auto function, int error> std::uint32_t try_or_error(Frame& f, const Instruction& i, std::uint32_t next) {
  auto* const t = thing<kind>(f, i);
  if (t == nullptr) return next;
  const bool done = function(f.context, *t);
  set_local(f, i, done ? 0 : static_cast<std::uint64_t>(std::int64_t{error}));
  return done ? next : otherwise(f, i, next);
}

// For the verbs of several families that make the node of a device appear that is no more than a name, and take it away.
std::uint32_t do_register_device(Frame& f, const Instruction& i, std::uint32_t next);
std::uint32_t do_deregister_device(Frame& f, const Instruction& i, std::uint32_t next);

}  // namespace unplug::scenarios
