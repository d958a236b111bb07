#include "unplug/model/kernel/lib/kref.hpp"
#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t krefs(Covered& covered) {
  Kref a, b;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_kref(l.kernel, a, l.name("a"), l.name("a"), {}, 1);
    init_kref(l.kernel, b, l.name("b"), l.name("b"), {}, 0);
    l.task("maker", [&](Context& c) { kref_init(c, b); });
    for (const auto* name : {"t1", "t2"})
      l.task(name, [&](Context& c) {
        if (kref_get_unless_zero(c, a)) kref_put(c, a, [&] { kref_init(c, b); });
        kref_get(c, a);
        kref_read(c, b);
        kref_put(c, a, [&] { kref_init(c, b); });
      });
  });
  return commute(lab, 60, 6, covered);
}
const CommutationLab kref_lab{"reference counts", 150, krefs};

}  // namespace
}  // namespace unplug::model::test
