#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model {
namespace {

const Operation create_op{.name = "sysfs_create_file", .sync = sim::Sync::release},
    get_op{.name = "kernfs_get_active", .sync = sim::Sync::acquire}, put_op{.name = "kernfs_put_active", .sync = sim::Sync::release},
    deactivate_op{.name = "kernfs_remove: deactivate"}, drain_op{.name = "kernfs_drain", .sync = sim::Sync::acquire},
    second_op{.name = "kernfs_drain: second remover", .sync = sim::Sync::acquire},
    suicide_op{.name = "kernfs_remove_self: who", .sync = sim::Sync::both},
    suicided_op{.name = "kernfs_remove_self: wait for the winner", .sync = sim::Sync::acquire},
    break_op{.name = "kernfs_break_active_protection", .sync = sim::Sync::release},
    unbreak_op{.name = "kernfs_unbreak_active_protection", .sync = sim::Sync::acquire};

// The word: bits 0..31 active references; bit 32 the node is there, bit 33 it is being removed (KN_DEACTIVATED_BIAS), bit 34 somebody
// removes it from its own operation (KERNFS_SUICIDAL).
constexpr std::uint64_t active_mask = 0xffffffff, there = std::uint64_t{1} << 32U, removing = std::uint64_t{1} << 33U,
                        suicidal = std::uint64_t{1} << 34U;

enum class Remover : std::uint8_t { none, first, second };

Remover deactivate(Context& context, SysfsAttribute& a) {
  return context.write(deactivate_op, a.object, {}, [](std::uint64_t& word) {
    if ((word & there) == 0) return Remover::none;
    const bool second = (word & removing) != 0;
    word |= removing;
    return second ? Remover::second : Remover::first;
  });
}

void drain(Context& context, SysfsAttribute& a, Remover remover) {
  if (remover == Remover::none || context.aborting()) return;
  const bool first = remover == Remover::first;
  context.lock_acquire(a.object, a.name, LockUse::wait);
  sim::Step s = context.make(first ? drain_op : second_op);
  s.access = {a.object, first ? sim::AccessKind::write : sim::AccessKind::read};
  s.guard = sim::Guard::equal(0, active_mask);
  if (first) s.ends = a.life;
  context.wait(s, {"kernfs_drain", a.name, Owner::driver}, [&](std::uint64_t& word) {
    if (first) word &= ~(there | removing);
  });
}

// From an effect. kn->dep_map is only ever tried for reading, so that it comes under nothing; others come under it.
void hold_active(Context& context, const SysfsAttribute& a) {
  context.kernel().hold(a.object, context.engine().current());
  context.lock_hold({a.object, a.name, LockUse::shared, true});
}

void let_go(Context& context, const SysfsAttribute& a, std::uint64_t& word) {
  --word;
  context.kernel().unhold(a.object, context.engine().current());
  context.lock_release(a.object);
}

void put_active(Context& context, SysfsAttribute& a, const Operation& operation) {
  context.write(operation, a.object, {}, [&](std::uint64_t& word) { let_go(context, a, word); });
}

}  // namespace

void init_sysfs_attribute(Kernel& kernel, SysfsAttribute& a, NameId unique_name, NameId declared, LifetimeId owner) {
  a.object = kernel.engine().new_object(unique_name, 0);
  a.name = declared;
  a.life = kernel.new_lifetime(unique_name, LifetimeKind::registration, declared, owner, false);
}

bool sysfs_create_file(Context& context, SysfsAttribute& a) {
  sim::Step s = context.make(create_op);
  s.access = {a.object, sim::AccessKind::write};
  return context.engine().step(s, [&](std::uint64_t& word) {
    if ((word & there) != 0) return false;
    word |= there;
    context.engine().begins(a.life);
    return true;
  });
}

void sysfs_remove_file(Context& context, SysfsAttribute& a) { drain(context, a, deactivate(context, a)); }

int sysfs_create_group(Context& context, std::span<SysfsAttribute* const> attributes) {
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const bool created = sysfs_create_file(context, *attributes[i]);
    if (context.aborting()) return eexist;
    if (created) continue;
    sysfs_remove_group(context, attributes.first(i));
    return eexist;
  }
  return 0;
}

void sysfs_remove_group(Context& context, std::span<SysfsAttribute* const> attributes) {
  for (SysfsAttribute* const a : attributes)
    if (!context.aborting()) sysfs_remove_file(context, *a);
}

bool sysfs_remove_file_self(Context& context, SysfsAttribute& a) {
  // In one section of kernfs_rwsem.
  const bool won = context.write(suicide_op, a.object, {}, [&](std::uint64_t& word) {
    let_go(context, a, word);
    const bool first = (word & suicidal) == 0;
    word |= suicidal;
    return first;
  });
  if (context.aborting()) return false;
  if (won) {
    sysfs_remove_file(context, a);
  } else {
    // KERNFS_SUICIDED: by whoever removes it.
    sim::Step s = context.make(suicided_op);
    s.access = {a.object, sim::AccessKind::read};
    s.guard = sim::Guard::equal(0, there);
    context.wait(s, {"kernfs_remove_self", a.name, Owner::driver}, [](std::uint64_t&) {});
  }
  if (context.aborting()) return false;
  sysfs_unbreak_active_protection(context, a);  // the operation puts it when it returns
  return won;
}

void sysfs_break_active_protection(Context& context, SysfsAttribute& a) { put_active(context, a, break_op); }

void sysfs_unbreak_active_protection(Context& context, SysfsAttribute& a) {
  context.write(unbreak_op, a.object, {}, [&](std::uint64_t& word) {
    ++word;
    hold_active(context, a);
  });
}

int sysfs_access(Context& context, SysfsAttribute& a) {
  const bool active = context.write(get_op, a.object, {}, [&](std::uint64_t& word) {
    if ((word & (there | removing)) != there) return false;
    ++word;
    hold_active(context, a);
    return true;
  });
  if (!active || context.aborting()) return enodev;
  const int result = [&] {
    const Context::Call call(context, "an attribute's operation");
    return a.operation(context, a.argument);
  }();
  if (context.aborting()) return enodev;
  put_active(context, a, put_op);
  return result;
}

}  // namespace unplug::model
