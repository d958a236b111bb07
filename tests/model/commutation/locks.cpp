#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t locks_and_memory(Covered& covered) {
  Mutex m;
  Rwsem s;
  Allocation a, own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(m, "m");
    l.init(s, "s");
    l.init(a, "a", {"x", "y"}, false);
    l.task("owner", [&](Context& c) {
      kzalloc(c, a);
      mutex_lock(c, m);
      set(c, a, 1, 0, MemoryOrder::plain);
      set(c, a, 2, 1, MemoryOrder::acquire_release);
      mutex_unlock(c, m);
      down_write(c, s);
      kfree(c, a);
      up_write(c, s);
    });
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        down_read(c, s);
        get(c, a, 0, MemoryOrder::plain);
        get(c, a, 1, MemoryOrder::acquire_release);
        get(c, a, 1, MemoryOrder::once);
        up_read(c, s);
        if (mutex_trylock(c, m)) mutex_unlock(c, m);
      });
    l.task("w2", [&](Context& c) {
      down_write(c, s);
      up_write(c, s);
    });
  });
  return commute(lab, 60, 6, covered);
}
const CommutationLab locks_and_memory_lab{"locks and memory", 500, locks_and_memory};

std::uint64_t other_ways(Covered& covered) {
  Mutex m;
  Rwsem s;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(m, "m");
    l.init(s, "s");
    for (const auto* name : {"a", "b"})
      l.task(name, [&](Context& c) {
        if (mutex_lock_interruptible(c, m)) mutex_unlock(c, m);
        down_write(c, s);
        downgrade_write(c, s);
        up_read(c, s);
      });
    for (const auto* name : {"c", "d"})
      l.task(name, [&](Context& c) {
        if (down_read_trylock(c, s)) up_read(c, s);
        if (down_write_killable(c, s)) up_write(c, s);
        if (down_write_trylock(c, s)) up_write(c, s);
        if (down_read_interruptible(c, s)) up_read(c, s);
      });
  });
  return commute(lab, 60, 6, covered);
}
const CommutationLab other_ways_lab{"locks tried, interrupted and downgraded", 300, other_ways};

std::uint64_t spinlocks(Covered& covered) {
  Spinlock s;
  Allocation own, guarded;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(s, "lock");
    l.init(guarded, "guarded", {"n"});
    for (const auto& [name, kind] : {std::pair{"process", ContextKind::process}, std::pair{"softirq", ContextKind::softirq},
                                     std::pair{"hardirq", ContextKind::hardirq}})
      l.task(
          name,
          [&](Context& c) {
            for (const SpinlockOff off : {SpinlockOff::nothing, SpinlockOff::softirqs, SpinlockOff::interrupts}) {
              spin_lock(c, s, off);
              set(c, guarded, 1);
              spin_unlock(c, s, off);
              if (spin_trylock(c, s, off)) spin_unlock(c, s, off);
            }
          },
          kind);
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab spinlocks_lab{"spinlocks", 500, spinlocks};

std::uint64_t waiters(Covered& covered) {
  Waiter done, fence;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(done, "done");
    l.init(fence, "fence", Owner::user);
    for (const auto* name : {"w1", "w2"})
      l.task(name, [&](Context& c) {
        wait_for_completion(c, done);
        dma_fence_wait(c, fence);
      });
    l.task("completer", [&](Context& c) {
      complete(c, done);
      complete_all(c, fence);
      complete_all(c, done);
    });
    l.task("shooter", [&](Context& c) { shoot_down(c, fence); });
  });
  return commute(lab, 100, 12, covered);
}
const CommutationLab waiters_lab{"completions and fences", 500, waiters};

}  // namespace
}  // namespace unplug::model::test
