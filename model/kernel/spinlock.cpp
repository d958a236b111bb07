#include "unplug/model/kernel/spinlock.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace unplug::model {
namespace {

// One operation for each way to take it: a trace says by its operation how it was taken.
constexpr std::size_t contexts = 3, offs = 3;
using Row = std::array<Operation, offs>;
const std::array<Row, contexts> lock_ops{Row{Operation{.name = "spin_lock", .sync = sim::Sync::acquire},
                                             Operation{.name = "spin_lock_bh", .sync = sim::Sync::acquire},
                                             Operation{.name = "spin_lock_irqsave", .sync = sim::Sync::acquire}},
                                         Row{Operation{.name = "spin_lock in softirq", .sync = sim::Sync::acquire},
                                             Operation{.name = "spin_lock_bh in softirq", .sync = sim::Sync::acquire},
                                             Operation{.name = "spin_lock_irqsave in softirq", .sync = sim::Sync::acquire}},
                                         Row{Operation{.name = "spin_lock in interrupt", .sync = sim::Sync::acquire},
                                             Operation{.name = "spin_lock_bh in interrupt", .sync = sim::Sync::acquire},
                                             Operation{.name = "spin_lock_irqsave in interrupt", .sync = sim::Sync::acquire}}};
const Operation trylock_op{.name = "spin_trylock", .sync = sim::Sync::acquire},
    unlock_op{.name = "spin_unlock", .sync = sim::Sync::release};

const Operation& lock_op(const Context& context, SpinlockOff off) {
  return lock_ops[static_cast<std::size_t>(context.kind())][static_cast<std::size_t>(off)];
}

void taken(Context& context, const Spinlock& s, std::uint64_t& word) {
  const TaskId me = context.engine().current();
  word = me.index() + 1;
  context.kernel().hold(s.object, me);
  context.locks.emplace_back(s.object, s.name);
  ++context.spinlocks;
}

}  // namespace

void init_spinlock(Kernel& kernel, Spinlock& s, NameId unique_name, NameId declared, LifetimeId home) {
  s = {kernel.engine().new_object(unique_name, 0), declared, home};
  kernel.declare_object(s.object, declared);
}

void spin_lock(Context& context, Spinlock& s, SpinlockOff off) {
  sim::Step step = context.make(lock_op(context, off), s.home);
  step.access = {s.object, sim::AccessKind::write};
  step.guard = sim::Guard::equal(0);
  context.wait(step, {.what = "spin_lock", .object = s.name, .owner = Owner::driver, .sleeps = false},
               [&](std::uint64_t& word) { taken(context, s, word); });
}

bool spin_trylock(Context& context, Spinlock& s, SpinlockOff /*off*/) {
  return context.write(trylock_op, s.object, s.home, [&](std::uint64_t& word) {
    if (word != 0) return false;
    taken(context, s, word);
    return true;
  });
}

void spin_unlock(Context& context, Spinlock& s, SpinlockOff /*off*/) {
  context.write(unlock_op, s.object, s.home, [&](std::uint64_t& word) {
    const auto held = std::ranges::find(context.locks, s.object, &std::pair<ObjectId, NameId>::first);
    if (held == context.locks.end()) {
      context.kernel().report(ViolationClass::api_misuse, s.name,
                              fmt::format("spin_unlock('{}') by a task that does not hold it", context.kernel().text(s.name)));
    } else {
      context.locks.erase(held);
      --context.spinlocks;
    }
    if (word != 0) context.kernel().unhold(s.object, TaskId{static_cast<std::uint32_t>(word - 1)});
    word = 0;
  });
}

SpinlockUse spinlock_use(const Operation& operation) {
  for (std::size_t c = 0; c < contexts; ++c)
    for (std::size_t o = 0; o < offs; ++o)
      if (&operation == &lock_ops[c][o]) return {true, static_cast<ContextKind>(c), static_cast<SpinlockOff>(o)};
  return {};
}

}  // namespace unplug::model
