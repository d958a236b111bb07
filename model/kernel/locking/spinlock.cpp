#include "unplug/model/kernel/locking/spinlock.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include <fmt/format.h>

namespace unplug::model {
namespace {

// One operation for each way to take it: a trace says by its operation how it was taken.
constexpr std::size_t contexts = 3, offs = 3;
using Row = std::array<Operation, offs>;
using Table = std::array<Row, contexts>;
const Table lock_ops{Row{Operation{.name = "spin_lock", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
                         Operation{.name = "spin_lock_bh", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
                         Operation{.name = "spin_lock_irqsave", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets}},
                     Row{Operation{.name = "spin_lock in softirq", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
                         Operation{.name = "spin_lock_bh in softirq", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
                         Operation{.name = "spin_lock_irqsave in softirq", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets}},
                     Row{Operation{.name = "spin_lock in interrupt", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
                         Operation{.name = "spin_lock_bh in interrupt", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
                         Operation{.name = "spin_lock_irqsave in interrupt", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets}}};
const Table trylock_ops{
    Row{Operation{.name = "spin_trylock", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
        Operation{.name = "spin_trylock_bh", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
        Operation{.name = "spin_trylock_irqsave", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets}},
    Row{Operation{.name = "spin_trylock in softirq", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
        Operation{.name = "spin_trylock_bh in softirq", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
        Operation{.name = "spin_trylock_irqsave in softirq", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets}},
    Row{Operation{.name = "spin_trylock in interrupt", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
        Operation{.name = "spin_trylock_bh in interrupt", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
        Operation{.name = "spin_trylock_irqsave in interrupt", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets}}};
const Operation unlock_op{.name = "spin_unlock", .sync = sim::Sync::release, .repeat = sim::Repeat::brackets};

// By what is off, whoever switched it off.
const Operation& operation(const Table& table, const Context& context, SpinlockOff off) {
  if (context.softirqs_off > 0 && off == SpinlockOff::nothing) off = SpinlockOff::softirqs;
  if (context.irqs_off) off = SpinlockOff::interrupts;
  return table[static_cast<std::size_t>(context.kind())][static_cast<std::size_t>(off)];
}

// Where in the table; none: it is none of it.
std::optional<std::size_t> place(const Table& table, const Operation& operation) {
  const Operation *first = &table.front().front(), *last = &table.back().back();
  if (std::less<>{}(&operation, first) || std::less<>{}(last, &operation)) return {};
  return static_cast<std::size_t>(&operation - first);
}

// From the effect of the step that takes it.
void hold(Context& context, const Spinlock& s, SpinlockOff off, std::uint64_t& word) {
  const TaskId me = context.engine().current();
  word = me.index() + 1;
  context.kernel().hold(s.object, me);
  context.lock_hold({s.object, s.name});
  context.spinlocks.emplace_back(s.object, off);
}

}  // namespace

void init_spinlock(Kernel& kernel, Spinlock& s, NameId unique_name, NameId declared, LifetimeId home) {
  s = {kernel.engine().new_object(unique_name, 0), declared, home};
  kernel.declare_object(s.object, declared);
}

void spin_lock(Context& context, Spinlock& s, SpinlockOff off) {
  context.lock_acquire(s.object, s.name, LockUse::exclusive);
  sim::Step step = context.make(operation(lock_ops, context, off), s.home);
  step.access = {s.object, sim::AccessKind::write};
  step.guard = sim::Guard::equal(0);
  context.wait(step, {.what = "spin_lock", .object = s.name, .owner = Owner::driver, .sleeps = false},
               [&](std::uint64_t& word) { hold(context, s, off, word); });
}

bool spin_trylock(Context& context, Spinlock& s, SpinlockOff off) {
  return context.write(operation(trylock_ops, context, off), s.object, s.home, [&](std::uint64_t& word) {
    if (word != 0) return false;
    hold(context, s, off, word);
    return true;
  });
}

void spin_unlock(Context& context, Spinlock& s, SpinlockOff off) {
  context.write(unlock_op, s.object, s.home, [&](std::uint64_t& word) {
    const auto misuse = [&](std::string_view what) {
      context.kernel().report(ViolationClass::api_misuse, s.name, fmt::format("spin_unlock('{}') {}", context.kernel().text(s.name), what));
    };
    const auto held = std::ranges::find(context.spinlocks, s.object, &std::pair<ObjectId, SpinlockOff>::first);
    if (held == context.spinlocks.end()) {
      misuse("by a task that does not hold it");
    } else {
      if (held->second != off) misuse("that is not the one that goes with how it was taken: interrupts stay off, or come on too early");
      context.spinlocks.erase(held);
      context.lock_release(s.object);
    }
    if (word != 0) context.kernel().unhold(s.object, TaskId{static_cast<std::uint32_t>(word - 1)});
    word = 0;
  });
}

SpinlockUse spinlock_use(const Operation& operation, std::uint64_t before) {
  // Every step of every execution is asked about, and hardly any is one of ours.
  const auto use = [](std::size_t at, bool tried) {
    return SpinlockUse{true, tried, static_cast<ContextKind>(at / offs), static_cast<SpinlockOff>(at % offs)};
  };
  if (const auto at = place(lock_ops, operation)) return use(*at, false);
  if (const auto at = place(trylock_ops, operation); at && before == 0) return use(*at, true);
  return {};
}

}  // namespace unplug::model
