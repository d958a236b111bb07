#include "unplug/model/kernel/hw/presence.hpp"
#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t presence(Covered& covered) {
  Presence p;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_presence(l.kernel, p, l.name("dev"), l.name("dev"));
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        for (int i = 0; i < 4; ++i) static_cast<void>(is_present(c, p));
      });
    l.task("hand", [&](Context& c) { surprise_removal(c, p); });
  });
  return commute(lab, 60, 6, covered);
}
const CommutationLab presence_lab{"surprise removal", 250, presence};

}  // namespace
}  // namespace unplug::model::test
