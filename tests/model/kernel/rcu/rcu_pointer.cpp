// kernel/rcu_pointer: who may follow a pointer that RCU or SRCU protects.
#include "unplug/model/kernel/rcu/rcu_pointer.hpp"
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

const std::string complaint = "suspicious-rcu-usage(a.p)@reader";

// What is said of one task that does this, with RCU, a domain of SRCU and another.
std::string said(const std::function<void(Context&, Rcu&, Srcu&, Srcu&, const Allocation&, ObjectId)>& reader,
                 ContextKind kind = ContextKind::process) {
  Srcu s, other;
  Allocation a;
  Timer timer;
  Lab lab([&](Lab& l) {
    l.init(a, "a", {"p"});
    l.init(s, "s");
    l.init(other, "other");
    const auto body = [&](Context& c) { reader(c, l.rcu, s, other, a, a.fields[0].second); };
    if (kind == ContextKind::process) l.task("reader", body);
    if (kind != ContextKind::softirq) return;
    l.init(timer, "timer", body);
    l.task("arms", [&](Context& c) { mod_timer(c, timer, 1); });
  });
  return every(lab).text();
}

}  // namespace

// Fact: rcu_dereference-in-section.
TEST_CASE("rcu_dereference: inside of rcu_read_lock(), nested too, and not after its end") {
  CHECK(said([](Context& c, Rcu& rcu, Srcu&, Srcu&, const Allocation& a, ObjectId p) {
          rcu_read_lock(c, rcu);
          rcu_read_lock(c, rcu);
          rcu_dereference(c, a, p);
          rcu_read_unlock(c, rcu);
          rcu_dereference(c, a, p);
          rcu_read_unlock(c, rcu);
        }).empty());
  CHECK(said([](Context& c, Rcu& rcu, Srcu&, Srcu&, const Allocation& a, ObjectId p) {
          rcu_read_lock(c, rcu);
          rcu_read_unlock(c, rcu);
          rcu_dereference(c, a, p);
        }) == complaint);
}

// Fact: rcu_dereference-in-section.
TEST_CASE("rcu_dereference: neither a section of SRCU nor preemption off nor a softirq will do, though grace periods wait for that") {
  CHECK(said([](Context& c, Rcu&, Srcu& s, Srcu&, const Allocation& a, ObjectId p) {
          const std::uint64_t index = srcu_read_lock(c, s);
          rcu_dereference(c, a, p);
          srcu_read_unlock(c, s, index);
        }) == complaint);
  CHECK(said([](Context& c, Rcu&, Srcu&, Srcu&, const Allocation& a, ObjectId p) {
          ++c.preempt_off;
          rcu_dereference(c, a, p);
          --c.preempt_off;
        }) == complaint);
  CHECK(said([](Context& c, Rcu&, Srcu&, Srcu&, const Allocation& a, ObjectId p) { rcu_dereference(c, a, p); }, ContextKind::softirq) ==
        "suspicious-rcu-usage(a.p)@softirq timer");
}

// Fact: srcu_dereference-own-domain.
TEST_CASE("srcu_dereference: inside of a section of its domain, of no other, and not of RCU") {
  CHECK(said([](Context& c, Rcu&, Srcu& s, Srcu&, const Allocation& a, ObjectId p) {
          const std::uint64_t index = srcu_read_lock(c, s);
          srcu_dereference(c, s, a, p);
          srcu_read_unlock(c, s, index);
        }).empty());
  CHECK(said([](Context& c, Rcu&, Srcu& s, Srcu& other, const Allocation& a, ObjectId p) {
          const std::uint64_t index = srcu_read_lock(c, other);
          srcu_dereference(c, s, a, p);
          srcu_read_unlock(c, other, index);
        }) == complaint);
  CHECK(said([](Context& c, Rcu& rcu, Srcu& s, Srcu&, const Allocation& a, ObjectId p) {
          rcu_read_lock(c, rcu);
          srcu_dereference(c, s, a, p);
          rcu_read_unlock(c, rcu);
        }) == complaint);
}

// Fact: rcu_dereference-in-section.
TEST_CASE("rcu_dereference: it answers what was published all the same, and orders what was written before") {
  Allocation a, target;
  Lab lab([&](Lab& l) {
    l.init(a, "a", {"p"});
    l.init(target, "target", {"x"});
    l.task("publisher", [&](Context& c) {
      set(c, target, 7, 0, MemoryOrder::plain);
      set(c, a, 1, 0, MemoryOrder::acquire_release);
    });
    l.task("reader", [&](Context& c) {
      if (rcu_dereference(c, a, a.fields[0].second) == 1) must(get(c, target, 0, MemoryOrder::plain) == 7);
    });
  });
  CHECK(every(lab).text() == complaint);
}

}  // namespace unplug::model::test
