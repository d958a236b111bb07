#include "unplug/model/kernel/locking/waiter.hpp"

namespace unplug::model {
namespace {

const Operation init_op{.name = "init_completion"}, complete_op{.name = "complete", .sync = sim::Sync::release},
    complete_all_op{.name = "complete_all", .sync = sim::Sync::release}, wait_op{.name = "wait_for_completion", .sync = sim::Sync::acquire},
    fence_wait_op{.name = "dma_fence_wait", .sync = sim::Sync::acquire}, shoot_op{.name = "wake with error", .sync = sim::Sync::release},
    reinit_op{.name = "reinit_completion"},
    try_op{.name = "try_wait_for_completion", .sync = sim::Sync::acquire, .repeat = sim::Repeat::looks},
    done_op{.name = "completion_done", .sync = sim::Sync::acquire};

constexpr std::uint64_t shot = std::uint64_t{1} << 63U, all = 0x7fffffff, count_mask = all;

// What a waiter that is awake finds and takes.
bool consume(std::uint64_t& word) {
  if ((word & count_mask) == 0) return false;
  if ((word & count_mask) != all) --word;
  return true;
}

struct Kind {
  const Operation& operation;
  sim::AccessKind access;
};
const Kind completion{wait_op, sim::AccessKind::write}, fence{fence_wait_op, sim::AccessKind::read};

Waited wait(Context& context, const Waiter& w, const Kind& kind, std::string_view what, const WaitLimits& limits) {
  sim::Step s = context.make(kind.operation, w.home);
  s.access = {w.object, kind.access};
  s.guard = sim::Guard::not_equal(0);
  WaitEnd end = WaitEnd::done;
  return limited_wait(context, s, {what, w.name, w.owner}, limits, end, [&](std::uint64_t& word) {
    if (kind.access == sim::AccessKind::write ? consume(word) : (word & count_mask) != 0) return Waited::completed;
    if ((word & shot) != 0) return Waited::shot_down;
    return end == WaitEnd::expired ? Waited::expired : Waited::interrupted;
  });
}

}  // namespace

void init_waiter(Kernel& kernel, Waiter& w, NameId unique_name, NameId declared, LifetimeId home, Owner owner) {
  w = {kernel.engine().new_object(unique_name, 0), declared, home, owner};
}

void set_up_again(Context& context, Waiter& w) {
  context.write(init_op, w.object, w.home, [](std::uint64_t& word) { word = 0; });
}

void complete(Context& context, Waiter& w) {
  context.write(complete_op, w.object, w.home, [](std::uint64_t& word) {
    if ((word & count_mask) != all) ++word;
  });
}

void complete_all(Context& context, Waiter& w) {
  context.write(complete_all_op, w.object, w.home, [](std::uint64_t& word) { word = (word & shot) | all; });
}

void reinit_completion(Context& context, Waiter& w) {
  context.write(reinit_op, w.object, w.home, [](std::uint64_t& word) { word &= shot; });
}

bool try_wait_for_completion(Context& context, Waiter& w) { return context.write(try_op, w.object, w.home, consume); }

bool completion_done(Context& context, const Waiter& w) { return (context.read(done_op, w.object, w.home) & count_mask) != 0; }

bool wait_for_completion(Context& context, Waiter& w) {
  return wait(context, w, completion, "wait_for_completion", {}) == Waited::completed;
}

Waited wait_for_completion_timeout(Context& context, Waiter& w, sim::Duration timeout) {
  return wait(context, w, completion, "wait_for_completion_timeout", {Signals::none, timeout});
}

Waited wait_for_completion_interruptible(Context& context, Waiter& w) {
  return wait(context, w, completion, "wait_for_completion_interruptible", {Signals::interruptible, {}});
}

Waited wait_for_completion_interruptible_timeout(Context& context, Waiter& w, sim::Duration timeout) {
  return wait(context, w, completion, "wait_for_completion_interruptible_timeout", {Signals::interruptible, timeout});
}

Waited wait_for_completion_killable(Context& context, Waiter& w) {
  return wait(context, w, completion, "wait_for_completion_killable", {Signals::killable, {}});
}

bool dma_fence_wait(Context& context, Waiter& w) { return wait(context, w, fence, "dma_fence_wait", {}) == Waited::completed; }

Waited dma_fence_wait_timeout(Context& context, Waiter& w, Signals signals, sim::Duration timeout) {
  return wait(context, w, fence, "dma_fence_wait_timeout", {signals, timeout});
}

void shoot_down(Context& context, Waiter& w) {
  context.write(shoot_op, w.object, w.home, [](std::uint64_t& word) { word |= shot; });
}

}  // namespace unplug::model
