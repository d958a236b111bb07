#include "unplug/model/kernel/rcu/hazptr.hpp"

namespace unplug::model {
namespace {

const Operation acquire_op{.name = "shazptr_acquire", .sync = sim::Sync::acquire},
    wildcard_op{.name = "shazptr_acquire: wildcard", .sync = sim::Sync::acquire},
    clear_op{.name = "shazptr_clear", .sync = sim::Sync::release},
    clear_wildcard_op{.name = "shazptr_clear: wildcard", .sync = sim::Sync::release};
const Operation scan_op{.name = "synchronize_shazptr: scan for the pointer", .sync = sim::Sync::release},
    scan_wildcards_op{.name = "synchronize_shazptr: scan for wildcards", .sync = sim::Sync::release},
    wait_op{.name = "synchronize_shazptr: slots cleared", .sync = sim::Sync::acquire},
    wait_wildcards_op{.name = "synchronize_shazptr: wildcards cleared", .sync = sim::Sync::acquire};

std::uint64_t enter(Context& context, Numbered& n, const Operation& operation) {
  const TaskId me = context.engine().current();
  return context.write(operation, n.object, {}, [&](std::uint64_t& word) {
    const std::uint64_t number = n.begin(word);
    context.kernel().hold(n.object, me, number);
    return number;
  });
}

void leave(Context& context, Numbered& n, const Operation& operation, std::uint64_t& number) {
  const TaskId me = context.engine().current();
  context.write(operation, n.object, {}, [&](std::uint64_t& word) {
    n.end(word, number);
    context.kernel().unhold(n.object, me);
  });
  number = 0;
}

std::uint64_t scan(Context& context, const Numbered& n, const Operation& operation) {
  return context.write(operation, n.object, {}, [&](std::uint64_t&) { return n.next; });
}

void wait(Context& context, const Numbered& n, const Operation& operation, std::uint64_t snapshot, NameId name) {
  sim::Step s = context.make(operation);
  s.access = {n.object, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(snapshot);
  context.wait(s, {.what = "synchronize_shazptr", .object = name, .owner = Owner::driver, .before = snapshot}, [](std::uint64_t&) {});
}

}  // namespace

void init_hazptr(Kernel& kernel, Hazptr& h) {
  static const StaticName name{"shazptr wildcards"};
  h.wildcards.reset(kernel.engine().new_object(kernel.intern(name), Numbered::first_word));
}

void init_hazptr_target(Kernel& kernel, HazptrTarget& t, Hazptr& h, NameId unique_name, NameId declared) {
  t.hazptr = &h;
  t.slots.reset(kernel.engine().new_object(unique_name, Numbered::first_word));
  t.name = declared;
}

HazptrGuard shazptr_acquire(Context& context, HazptrTarget& t) {
  auto& slot = context.hazptr;
  ++context.preempt_off;
  if (slot.target == nullptr) {
    slot.target = &t;
    slot.name = t.name;
    slot.number = enter(context, t.slots, acquire_op);
    return {false};
  }
  if (slot.wildcard == 0) slot.wildcard = enter(context, t.hazptr->wildcards, wildcard_op);
  return {true};
}

void shazptr_clear(Context& context, HazptrGuard guard) {
  auto& slot = context.hazptr;
  if (context.preempt_off > 0) --context.preempt_off;
  if (guard.nested || slot.target == nullptr) return;
  leave(context, slot.target->slots, clear_op, slot.number);
  if (slot.wildcard != 0) leave(context, slot.target->hazptr->wildcards, clear_wildcard_op, slot.wildcard);
  slot.target = nullptr;
}

void synchronize_shazptr(Context& context, HazptrTarget& t) {
  const Numbered& wildcards = t.hazptr->wildcards;
  const std::uint64_t slots_before = scan(context, t.slots, scan_op);
  const std::uint64_t wildcards_before = scan(context, wildcards, scan_wildcards_op);
  if (context.aborting()) return;
  wait(context, t.slots, wait_op, slots_before, t.name);
  wait(context, wildcards, wait_wildcards_op, wildcards_before, t.name);
}

}  // namespace unplug::model
