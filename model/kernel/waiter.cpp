#include "unplug/model/kernel/waiter.hpp"

namespace unplug::model {
namespace {

const Operation complete_op{.name = "complete", .sync = sim::Sync::release},
    complete_all_op{.name = "complete_all", .sync = sim::Sync::release}, wait_op{.name = "wait_for_completion", .sync = sim::Sync::acquire},
    fence_wait_op{.name = "dma_fence_wait", .sync = sim::Sync::acquire}, shoot_op{.name = "wake with error", .sync = sim::Sync::release};

constexpr std::uint64_t shot = std::uint64_t{1} << 63U, all = 0x7fffffff, count_mask = all;

}  // namespace

void init_waiter(Kernel& kernel, Waiter& w, NameId unique_name, NameId declared, LifetimeId home, Owner owner) {
  w = {kernel.engine().new_object(unique_name, 0), declared, home, owner};
}

void complete(Context& context, Waiter& w) {
  context.write(complete_op, w.object, w.home, [](std::uint64_t& word) {
    if ((word & count_mask) != all) ++word;
  });
}

void complete_all(Context& context, Waiter& w) {
  context.write(complete_all_op, w.object, w.home, [](std::uint64_t& word) { word = (word & shot) | all; });
}

bool wait_for_completion(Context& context, Waiter& w) {
  sim::Step s = context.make(wait_op, w.home);
  s.access = {w.object, sim::AccessKind::write};
  s.guard = sim::Guard::not_equal(0);
  return context.wait(s, {"wait_for_completion", w.name, w.owner}, [](std::uint64_t& word) {
    if ((word & count_mask) == 0) return false;
    if ((word & count_mask) != all) --word;
    return true;
  });
}

bool dma_fence_wait(Context& context, Waiter& w) {
  sim::Step s = context.make(fence_wait_op, w.home);
  s.access = {w.object, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(0);
  return context.wait(s, {"dma_fence_wait", w.name, w.owner}, [](std::uint64_t& word) { return (word & count_mask) != 0; });
}

void shoot_down(Context& context, Waiter& w) {
  context.write(shoot_op, w.object, w.home, [](std::uint64_t& word) { word |= shot; });
}

}  // namespace unplug::model
