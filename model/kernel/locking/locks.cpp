#include "unplug/model/kernel/locking/locks.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/kernel/lib/wait_limits.hpp"

namespace unplug::model {
namespace {

const Operation lock_op{.name = "mutex_lock", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    trylock_op{.name = "mutex_trylock", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    unlock_op{.name = "mutex_unlock", .sync = sim::Sync::release, .repeat = sim::Repeat::brackets};
const Operation down_read_op{.name = "down_read", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    up_read_op{.name = "up_read", .sync = sim::Sync::release, .repeat = sim::Repeat::brackets},
    queue_write_op{.name = "down_write: queue", .repeat = sim::Repeat::brackets},
    down_write_op{.name = "down_write", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    up_write_op{.name = "up_write", .sync = sim::Sync::release, .repeat = sim::Repeat::brackets},
    down_read_trylock_op{.name = "down_read_trylock", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    down_write_trylock_op{.name = "down_write_trylock", .sync = sim::Sync::acquire, .repeat = sim::Repeat::brackets},
    downgrade_op{.name = "downgrade_write", .sync = sim::Sync::release};

constexpr std::uint64_t writer = 1, waiting = 2, waiting_mask = 0xfffe, reader = 0x10000;

// From the effect of the step that takes it.
void hold_mutex(Context& context, const Mutex& m, TaskId me, std::uint64_t& word) {
  word = me.index() + 1;
  context.kernel().hold(m.object, me);
  context.lock_hold({m.object, m.name, LockUse::exclusive, false, m.unchecked});
}

void hold_for_reading(Context& context, const Rwsem& s, TaskId me, std::uint64_t& word) {
  word += reader;
  context.kernel().hold(s.object, me);
  context.lock_hold({s.object, s.name, LockUse::shared});
}

void hold_for_writing(Context& context, const Rwsem& s, TaskId me, std::uint64_t& word) {
  word |= writer;
  context.kernel().hold(s.object, me);
  context.lock_hold({s.object, s.name});
}

bool take_mutex(Context& context, Mutex& m, std::string_view what, Signals signals) {
  if (!m.unchecked) context.lock_acquire(m.object, m.name, LockUse::exclusive);
  sim::Step s = context.make(lock_op, m.home);
  s.access = {m.object, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0);
  const TaskId me = context.engine().current();
  WaitEnd end;
  return limited_wait(context, s, {what, m.name, Owner::driver}, {signals, {}}, end, [&](std::uint64_t& word) {
    if (word != 0) return false;
    hold_mutex(context, m, me, word);
    return true;
  });
}

bool take_for_reading(Context& context, Rwsem& s, std::string_view what, Signals signals) {
  context.lock_acquire(s.object, s.name, LockUse::shared);
  sim::Step step = context.make(down_read_op, s.home);
  step.access = {s.object, sim::AccessKind::add};  // readers change no bit that a reader looks at
  step.guard = sim::Guard::equal(0, writer | waiting_mask);
  const TaskId me = context.engine().current();
  WaitEnd end;
  return limited_wait(context, step, {what, s.name, Owner::driver}, {signals, {}}, end, [&](std::uint64_t& word) {
    if ((word & (writer | waiting_mask)) != 0) return false;
    hold_for_reading(context, s, me, word);
    return true;
  });
}

bool take_for_writing(Context& context, Rwsem& s, std::string_view what, Signals signals) {
  context.lock_acquire(s.object, s.name, LockUse::exclusive);
  const TaskId me = context.engine().current();
  context.write(queue_write_op, s.object, s.home, [&](std::uint64_t& word) { word += waiting; });
  sim::Step step = context.make(down_write_op, s.home);
  step.access = {s.object, sim::AccessKind::write};
  step.guard = sim::Guard::equal(0, ~waiting_mask);
  WaitEnd end;
  return limited_wait(context, step, {what, s.name, Owner::driver}, {signals, {}}, end, [&](std::uint64_t& word) {
    word -= waiting;
    if ((word & ~waiting_mask) != 0) return false;
    hold_for_writing(context, s, me, word);
    return true;
  });
}

}  // namespace

void init_mutex(Kernel& kernel, Mutex& m, NameId unique_name, NameId declared, LifetimeId home) {
  m = {kernel.engine().new_object(unique_name, 0), declared, home, false};
}

void mutex_lock(Context& context, Mutex& m) { take_mutex(context, m, "mutex_lock", Signals::none); }

bool mutex_lock_interruptible(Context& context, Mutex& m) {
  return take_mutex(context, m, "mutex_lock_interruptible", Signals::interruptible);
}

bool mutex_lock_killable(Context& context, Mutex& m) { return take_mutex(context, m, "mutex_lock_killable", Signals::killable); }

bool mutex_trylock(Context& context, Mutex& m) {
  const TaskId me = context.engine().current();
  return context.write(trylock_op, m.object, m.home, [&](std::uint64_t& word) {
    if (word != 0) return false;
    hold_mutex(context, m, me, word);
    return true;
  });
}

void mutex_unlock(Context& context, Mutex& m) {
  context.write(unlock_op, m.object, m.home, [&](std::uint64_t& word) {
    if (!context.lock_release(m.object))
      context.kernel().report(ViolationClass::api_misuse, m.name,
                              fmt::format("mutex_unlock('{}') by a task that does not hold it", context.kernel().text(m.name)));
    if (word != 0) context.kernel().unhold(m.object, TaskId{static_cast<std::uint32_t>(word - 1)});
    word = 0;
  });
}

void init_rwsem(Kernel& kernel, Rwsem& s, NameId unique_name, NameId declared, LifetimeId home) {
  s = {kernel.engine().new_object(unique_name, 0), declared, home};
}

void down_read(Context& context, Rwsem& s) { take_for_reading(context, s, "down_read", Signals::none); }

bool down_read_interruptible(Context& context, Rwsem& s) {
  return take_for_reading(context, s, "down_read_interruptible", Signals::interruptible);
}

bool down_read_killable(Context& context, Rwsem& s) { return take_for_reading(context, s, "down_read_killable", Signals::killable); }

bool down_read_trylock(Context& context, Rwsem& s) {
  const TaskId me = context.engine().current();
  return context.add(down_read_trylock_op, s.object, s.home, [&](std::uint64_t& word) {
    if ((word & (writer | waiting_mask)) != 0) return false;
    hold_for_reading(context, s, me, word);
    return true;
  });
}

void up_read(Context& context, Rwsem& s) {
  const TaskId me = context.engine().current();
  context.add(up_read_op, s.object, s.home, [&](std::uint64_t& word) {
    const auto held = std::ranges::find(context.held, s.object, &HeldLock::object);
    const bool reading = held != context.held.end() && held->use == LockUse::shared;
    if (held != context.held.end()) context.lock_release(s.object);
    if (reading) {
      context.kernel().unhold(s.object, me);
      word -= reader;
    } else {
      context.kernel().report(ViolationClass::api_misuse, s.name,
                              fmt::format("up_read('{}') by a task that does not hold it for reading", context.kernel().text(s.name)));
    }
  });
}

void down_write(Context& context, Rwsem& s) { take_for_writing(context, s, "down_write", Signals::none); }

bool down_write_killable(Context& context, Rwsem& s) { return take_for_writing(context, s, "down_write_killable", Signals::killable); }

bool down_write_trylock(Context& context, Rwsem& s) {
  const TaskId me = context.engine().current();
  return context.write(down_write_trylock_op, s.object, s.home, [&](std::uint64_t& word) {
    if (word != 0) return false;
    hold_for_writing(context, s, me, word);
    return true;
  });
}

void up_write(Context& context, Rwsem& s) {
  const TaskId me = context.engine().current();
  context.write(up_write_op, s.object, s.home, [&](std::uint64_t& word) {
    if (!context.lock_release(s.object) || (word & writer) == 0) {
      context.kernel().report(ViolationClass::api_misuse, s.name,
                              fmt::format("up_write('{}') by a task that does not hold it for writing", context.kernel().text(s.name)));
    }
    context.kernel().unhold(s.object, me);
    word &= ~writer;
  });
}

void downgrade_write(Context& context, Rwsem& s) {
  context.write(downgrade_op, s.object, s.home, [&](std::uint64_t& word) {
    if (!context.lock_release(s.object) || (word & writer) == 0) {
      context.kernel().report(
          ViolationClass::api_misuse, s.name,
          fmt::format("downgrade_write('{}') by a task that does not hold it for writing", context.kernel().text(s.name)));
    }
    word = (word & ~writer) + reader;
    context.lock_hold({s.object, s.name, LockUse::shared});
  });
}

}  // namespace unplug::model
