// kernel/hazptr: simple hazard pointers.
#include "unplug/model/kernel/rcu/hazptr.hpp"
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// Two pointers that can be protected.
struct Pointers {
  Hazptr hazptr;
  HazptrTarget p, q;
  Allocation slot, data;
  void init(Lab& l) {
    init_hazptr(l.kernel, hazptr);
    init_hazptr_target(l.kernel, p, hazptr, l.name("p"), l.name("p"));
    init_hazptr_target(l.kernel, q, hazptr, l.name("q"), l.name("q"));
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
  }
  void free_after_wait(Context& c, HazptrTarget& t) {
    set(c, slot, 1);
    synchronize_shazptr(c, t);
    kfree(c, data);
  }
};

}  // namespace

// Fact: shazptr-waits-for-its-pointer.
TEST_CASE("hazptr: synchronize_shazptr waits for the readers of its pointer, for those of another it does not") {
  Pointers h;
  bool same = true, look_again = true;
  Lab lab([&](Lab& l) {
    h.init(l);
    l.task("reader", [&](Context& c) {
      bool there = get(c, h.slot) == 0;
      const HazptrGuard g = shazptr_acquire(c, same ? h.p : h.q);
      if (look_again) there = get(c, h.slot) == 0;
      if (there) get(c, h.data);
      shazptr_clear(c, g);
    });
    l.task("updater", [&](Context& c) { h.free_after_wait(c, h.p); });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  same = false;
  CHECK(every(lab).text() == "use-after-free(data)@reader");
  // What was loaded before it was protected.
  same = true;
  look_again = false;
  CHECK(every(lab).text() == "use-after-free(data)@reader");
}

// Fact: shazptr-waits-for-its-pointer.
TEST_CASE("hazptr: it does not wait for who comes later, nor for a reader of another pointer however long, RCU does") {
  Pointers h;
  Waiter gone;
  enum class Form { other, later } form = Form::other;
  std::uint64_t free_running = 0, waited = 0;
  Lab lab([&](Lab& l) {
    h.init(l);
    l.init(gone, "gone");
    l.task("reader", [&](Context& c) {
      const HazptrGuard g = shazptr_acquire(c, form == Form::other ? h.q : h.p);
      wait_for_completion(c, gone);
      shazptr_clear(c, g);
    });
    l.task("updater", [&](Context& c) {
      synchronize_shazptr(c, h.p);
      complete(c, gone);
    });
  });
  const auto count = [&] {
    const bool before =
        find_event(lab, "reader", "shazptr_acquire") < find_event(lab, "updater", "synchronize_shazptr: scan for the pointer");
    const bool blocked = find_event(lab, "updater", "complete") == no_such_event;
    CHECK(blocked == (before && form == Form::later));
    (blocked ? waited : free_running) += 1;
  };
  Found f = every(lab, count);
  CHECK(f.text() == "sleep-in-atomic(wait_for_completion)@reader");
  CHECK(f.details.begin()->second == "wait_for_completion may sleep, with preemption off");
  CHECK(waited == 0);
  form = Form::later;
  f = every(lab, count);
  CHECK(f.text() == "deadlock(gone)@reader, sleep-in-atomic(wait_for_completion)@reader");
  CHECK(waited > 0);
  CHECK(free_running > 0);
}

// Fact: shazptr-wildcard.
TEST_CASE("hazptr: nested sections make the slot a wildcard, which everybody waits for until the outermost section ends") {
  Pointers h;
  HazptrTarget* target = nullptr;
  bool nested = true;
  Lab lab([&](Lab& l) {
    h.init(l);
    l.task("reader", [&](Context& c) {
      const HazptrGuard outer = shazptr_acquire(c, h.p);
      if (nested) {
        const HazptrGuard inner = shazptr_acquire(c, h.q);
        shazptr_clear(c, shazptr_acquire(c, h.p));
        shazptr_clear(c, inner);
      }
      if (get(c, h.slot) == 0) get(c, h.data);
      shazptr_clear(c, outer);
      must(c.preempt_off == 0);
      shazptr_clear(c, shazptr_acquire(c, h.q));  // the slot is free again
    });
    l.task("updater", [&](Context& c) { h.free_after_wait(c, *target); });
  });
  target = &h.p;
  CHECK(every(lab).text().empty());
  target = &h.q;
  CHECK(every(lab, [&] { CHECK(find_event(lab, "reader", "shazptr_acquire: wildcard", 2) == no_such_event); }).text().empty());
  nested = false;
  CHECK(every(lab).text() == "use-after-free(data)@reader");
}

// Fact: shazptr-waits-for-its-pointer.
TEST_CASE("hazptr: who waits inside a section for the pointer it protects waits for itself, and a section left open is a leak") {
  Pointers h;
  enum class Form { self, wildcard, open } form = Form::self;
  Lab lab([&](Lab& l) {
    h.init(l);
    l.task("a", [&](Context& c) {
      const HazptrGuard outer = shazptr_acquire(c, h.p);
      if (form == Form::wildcard) shazptr_clear(c, shazptr_acquire(c, h.p));
      if (form != Form::open) {
        synchronize_shazptr(c, form == Form::self ? h.p : h.q);
        shazptr_clear(c, outer);
      }
    });
  });
  CHECK(every(lab).text() == "deadlock(p)@a, sleep-in-atomic(synchronize_shazptr)@a");
  form = Form::wildcard;
  CHECK(every(lab).text() == "deadlock(q)@a, sleep-in-atomic(synchronize_shazptr)@a");
  form = Form::open;
  CHECK(every(lab).text() == "leak(p)@a");
}

}  // namespace unplug::model::test
