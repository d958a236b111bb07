#include "unplug/model/kernel/locking/semaphore.hpp"

namespace unplug::model {
namespace {

const Operation init_op{.name = "sema_init"}, down_op{.name = "down", .sync = sim::Sync::acquire},
    trylock_op{.name = "down_trylock", .sync = sim::Sync::acquire, .repeat = sim::Repeat::looks},
    up_op{.name = "up", .sync = sim::Sync::release};

bool take(std::uint64_t& word) {
  if (word == 0) return false;
  --word;
  return true;
}

bool take(Context& context, Semaphore& s, std::string_view what, const WaitLimits& limits) {
  sim::Step step = context.make(down_op, s.home);
  step.access = {s.object, sim::AccessKind::write};
  step.guard = sim::Guard::not_equal(0);
  WaitEnd end = WaitEnd::done;
  return limited_wait(context, step, {what, s.name, Owner::driver}, limits, end, [](std::uint64_t& word) { return take(word); });
}

}  // namespace

void init_semaphore(Kernel& kernel, Semaphore& s, NameId unique_name, NameId declared, LifetimeId home, std::uint64_t count) {
  s = {kernel.engine().new_object(unique_name, count), declared, home, count};
}

void set_up_again(Context& context, Semaphore& s) {
  context.write(init_op, s.object, s.home, [&](std::uint64_t& word) { word = s.initial; });
}

void down(Context& context, Semaphore& s) { take(context, s, "down", {}); }

bool down_interruptible(Context& context, Semaphore& s) { return take(context, s, "down_interruptible", {Signals::interruptible, {}}); }

bool down_killable(Context& context, Semaphore& s) { return take(context, s, "down_killable", {Signals::killable, {}}); }

bool down_timeout(Context& context, Semaphore& s, sim::Duration timeout) {
  return take(context, s, "down_timeout", {Signals::none, timeout});
}

bool down_trylock(Context& context, Semaphore& s) {
  return context.write(trylock_op, s.object, s.home, [](std::uint64_t& word) { return take(word); });
}

void up(Context& context, Semaphore& s) {
  context.write(up_op, s.object, s.home, [](std::uint64_t& word) { ++word; });
}

}  // namespace unplug::model
