#include "unplug/model/kernel/lib/atomic.hpp"
#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t atomics(Covered& covered) {
  Allocation p, own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(p, "p", {"n", "bits"});
    for (std::size_t i = 0; i < 2; ++i)
      l.task(i == 0 ? "t0" : "t1", [&, i](Context& c) {
        const ObjectId n = p.fields[0].second, bits = p.fields[1].second;
        atomic_add(c, p, n, i + 1);
        if (atomic_add_return(c, p, n, i) == 3) mark(c);
        atomic_add_unless(c, p, n, 1, 4);
        if (atomic_xchg(c, p, n, i) == 2) mark(c);
        atomic_cmpxchg(c, p, n, i, 7);
        set_bit(c, p, bits, 0);
        if (test_bit(c, p, bits, 1)) mark(c);
        if (!test_and_set_bit(c, p, bits, 1)) mark(c);
        clear_bit(c, p, bits, 0);
        if (!test_and_set_bit_lock(c, p, bits, 2)) clear_bit_unlock(c, p, bits, 2);
        test_and_clear_bit(c, p, bits, 1);
      });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab atomics_lab{"atomic operations", 200, atomics};

}  // namespace
}  // namespace unplug::model::test
