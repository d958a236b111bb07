// kernel/atomic: one step each, and what it orders.
#include "unplug/model/kernel/lib/atomic.hpp"

#include "model/support.hpp"

namespace unplug::model::test {

// Fact: atomic-one-step.
TEST_CASE("atomic: operations on one field are never torn: all that was added is there, and one task finds the last") {
  Allocation p;
  std::set<std::uint64_t> ends;
  std::size_t last = 0;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {"n"});
    last = 0;
    for (const auto* name : {"a", "b"})
      l.task(name, [&](Context& c) {
        const ObjectId n = p.fields[0].second;
        atomic_add(c, p, n, 2);
        if (atomic_add_return(c, p, n, std::uint64_t{0} - 1) == 2) ++last;
      });
    l.task("end", [&](Context& c) { ends.insert(get(c, p)); });
  });
  std::set<std::size_t> lasts;
  CHECK(every(lab, [&] { lasts.insert(last); }).text().empty());
  CHECK(ends == std::set<std::uint64_t>{0, 1, 2, 3, 4});
  CHECK(lasts == std::set<std::size_t>{1});
}

// Fact: atomic-one-step.
TEST_CASE("atomic: what was there before, and what is there after") {
  Allocation p;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {"n"});
    l.task("t", [&](Context& c) {
      const ObjectId n = p.fields[0].second;
      must(atomic_xchg(c, p, n, 5) == 0);
      must(atomic_cmpxchg(c, p, n, 4, 9) == 5);
      must(get(c, p) == 5);
      must(atomic_cmpxchg(c, p, n, 5, 9) == 5);
      must(get(c, p) == 9);
      must(!atomic_add_unless(c, p, n, 1, 9));
      must(atomic_add_unless(c, p, n, 1, 8));
      must(get(c, p) == 10);
      must(!test_and_set_bit(c, p, n, 2));
      must(test_and_set_bit_lock(c, p, n, 2));
      must(test_bit(c, p, n, 2) && !test_bit(c, p, n, 0));
      must(get(c, p) == 14);
      must(test_and_clear_bit(c, p, n, 1) && !test_and_clear_bit(c, p, n, 1));
      clear_bit(c, p, n, 2);
      set_bit(c, p, n, 63);
      clear_bit_unlock(c, p, n, 3);
      must(get(c, p) == std::uint64_t{1} << 63U);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: atomic-order.
TEST_CASE("atomic: a bit lock orders what is done under it, a bit that is only set and tested does not") {
  Allocation p;
  bool lock = true;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {"bits", "data"});
    for (const auto* name : {"a", "b"})
      l.task(name, [&](Context& c) {
        const ObjectId bits = p.fields[0].second;
        if (lock ? test_and_set_bit_lock(c, p, bits, 0) : test_bit(c, p, bits, 0)) return;
        if (!lock) set_bit(c, p, bits, 0);
        set(c, p, get(c, p, 1, MemoryOrder::plain) + 1, 1, MemoryOrder::plain);
        if (lock) {
          clear_bit_unlock(c, p, bits, 0);
        } else {
          clear_bit(c, p, bits, 0);
        }
      });
  });
  CHECK(every(lab).text().empty());
  lock = false;
  CHECK(every(lab).text().find("data-race(p.data)") != std::string::npos);
}

// Fact: kfree-ends.
TEST_CASE("atomic: each touches the memory that its field is in") {
  Allocation p;
  int which = 0;
  Lab lab([&](Lab& l) {
    l.init(p, "p", {"n"});
    l.task("t", [&](Context& c) {
      const ObjectId n = p.fields[0].second;
      kfree(c, p);
      switch (which) {
        case 0: atomic_add(c, p, n, 1); break;
        case 1: atomic_add_return(c, p, n, 1); break;
        case 2: atomic_add_unless(c, p, n, 1, 0); break;
        case 3: atomic_xchg(c, p, n, 1); break;
        case 4: atomic_cmpxchg(c, p, n, 0, 1); break;
        case 5: set_bit(c, p, n, 0); break;
        default: test_bit(c, p, n, 0); break;
      }
    });
  });
  for (which = 0; which < 7; ++which) CHECK(every(lab).text() == "use-after-free(p)@t");
}

}  // namespace unplug::model::test
