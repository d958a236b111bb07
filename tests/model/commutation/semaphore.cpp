#include "unplug/model/kernel/locking/semaphore.hpp"
#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t semaphores(Covered& covered) {
  Semaphore s;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_semaphore(l.kernel, s, l.name("s"), l.name("s"), {}, 1);
    for (const auto* name : {"a", "b"})
      l.task(name, [&](Context& c) {
        down(c, s);
        up(c, s);
        if (down_interruptible(c, s)) up(c, s);
        if (down_killable(c, s)) up(c, s);
      });
    l.task("c", [&](Context& c) {
      if (down_timeout(c, s, sim::millisecond)) up(c, s);
      if (down_trylock(c, s)) up(c, s);
      set_up_again(c, s);
    });
  });
  return commute(lab, 60, 6, covered);
}
const CommutationLab semaphores_lab{"semaphores", 300, semaphores};

}  // namespace
}  // namespace unplug::model::test
