// Five generations of Devres (rust/kernel/devres.rs): who destroys the resource when unbinding and the owner's drop race, and who waits
// for whom. Written by hand from primitives: each has the bug that it is known for, and the next one doesn't.
#include "support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/base/devres.hpp"

namespace unplug::model::test {
namespace {

// D0: 6.14. D1: 6.16. D2: 6.17. D3: February 2026. D4: July 2026.
enum class Generation : std::uint8_t { d0, d1, d2, d3, d4 };

// A managed resource. Two parties: cb() is its devres callback, in the task that unbinds; drop() the destructor of the driver's handle.
struct Managed {
  Generation generation = Generation::d0;
  Devres* list = nullptr;
  Allocation inner;   // fields: is_available
  Waiter revoked;     // D1, D2: the drop that won can't take the action off. D4: the resource is destroyed
  Waiter devm;        // D2: the callback is over
  Lab::Body destroy;  // drop_in_place()
  int key = 0;

  void init(Lab& l, Devres& d, const std::string& name) {
    list = &d;
    l.init(inner, name + " inner");
    add_field(l.kernel, inner, l.name("is_available"), 1);
    l.init(revoked, name + ".revoke");
    l.init(devm, name + ".devm");
  }
  void add(Context& c) {
    static const StaticName action{"devm action"};
    must(devm_add_action(c, *list, {&action, c.kernel().intern(action), [this](Context& x) { cb(x); }, &key}) == 0);
  }
  bool swap_available(Context& c) {
    static const Operation swap{.name = "swap is_available", .marked = true};
    return c.write(swap, inner.fields[0].second, {}, [](std::uint64_t& word) {
      const bool was = word != 0;
      word = 0;
      return was;
    });
  }
  bool remove_action(Context& c) { return devm_remove_action_nowarn(c, *list, &key) != enoent; }

  void cb(Context& c) {
    const bool won = swap_available(c);
    if (won) {
      if (rcu != nullptr) synchronize_rcu(c, *rcu);
      destroy(c);
    }
    if (generation == Generation::d4) won ? complete_all(c, revoked) : void(wait_for_completion(c, revoked));
    if ((generation == Generation::d1 || generation == Generation::d2) && !won) wait_for_completion(c, revoked);
    if (generation == Generation::d2) complete_all(c, devm);
  }
  void drop(Context& c) {
    if (generation == Generation::d0) {
      // The action's own handle goes with it: then the last one is this, and the resource dies with that.
      if (remove_action(c) && swap_available(c)) destroy(c);
      return;
    }
    const bool won = swap_available(c);
    if (won) destroy(c);
    if (generation == Generation::d4) {
      won ? complete_all(c, revoked) : void(wait_for_completion(c, revoked));
      if (won) remove_action(c);
      return;
    }
    const bool removed = won && remove_action(c);
    if (won && !removed && generation != Generation::d3) complete_all(c, revoked);
    if (generation == Generation::d2 && !removed) wait_for_completion(c, devm);
  }
  Rcu* rcu = nullptr;  // a callback that wins waits for a grace period first; none: not of interest
};

constexpr std::array generations{Generation::d0, Generation::d1, Generation::d2, Generation::d3, Generation::d4};

}  // namespace

// Fact: devres-rust-races.
TEST_CASE("Devres: one that is dropped while its device is unbound: each generation has its own bug, the last one none") {
  Devres list;
  Managed m;
  Allocation neighbour, device;
  std::set<std::string> bugs;
  bool destroyed = false, unbound = false, twice = false;
  Lab lab([&](Lab& l) {
    init_devres(l.kernel, list, l.name("dev"), l.name("dev"));
    m.init(l, list, "bar");
    l.init(neighbour, "sg_table", {"x"});  // of the driver: freed once the handle is dropped
    l.init(device, "device", {"x"});       // hardware that the destructor touches: gone once the unbind is over
    destroyed = unbound = false;
    m.destroy = [&](Context& c) {
      get(c, neighbour);
      get(c, device);
      if (c.aborting()) return;
      twice |= destroyed;
      destroyed = true;
    };
    l.task("unbind", [&](Context& c) {
      m.add(c);
      l.task("drop", [&](Context& x) {
        m.drop(x);
        kfree(x, neighbour);
      });
      devres_release_all(c, list);
      kfree(c, device);
    });
  });
  const auto found = [&](Generation g) {
    m.generation = g;
    std::set<std::string> out;
    const Found f = every(lab, [&] { CHECK(destroyed); });
    CHECK(f.blocked == 0);
    for (const auto& [violation, n] : f.violations) out.insert(violation);
    return out;
  };
  const std::string late = "use-after-free(device)@drop",  // released after the unbind: D0's, and B2
      early = "use-after-free(sg_table)@unbind";           // B1: the drop that lost has returned meanwhile
  using Set = std::set<std::string>;
  CHECK(found(Generation::d0) == Set{early, late});
  CHECK(found(Generation::d1) == Set{early});
  CHECK(found(Generation::d2) == Set{});
  CHECK(found(Generation::d3) == Set{early, late});
  CHECK(found(Generation::d4) == Set{});
  CHECK(!twice);
}

// Fact: devres-rust-races.
TEST_CASE("Devres: one that another's callback drops: the generation that waits for its callback waits for itself") {
  Devres list;
  Managed outer, bar;
  int destroyed = 0;
  Lab lab([&](Lab& l) {
    destroyed = 0;
    init_devres(l.kernel, list, l.name("dev"), l.name("dev"));
    bar.init(l, list, "bar");
    outer.init(l, list, "registration");
    bar.destroy = [&](Context& c) {
      mark(c);
      ++destroyed;
    };
    outer.destroy = [&](Context& c) { bar.drop(c); };  // drops the last reference to what owns the bar
    l.remover("rmmod", [&](Context& c) {
      bar.add(c);
      outer.add(c);
      l.kernel.removal_phase = RemovalPhase::devres;
      devres_release_all(c, list);
    });
  });
  for (const Generation g : generations) {
    CAPTURE(static_cast<int>(g));
    outer.generation = bar.generation = g;
    const Found f = every(lab);
    CHECK(f.text() == (g == Generation::d2 ? "deadlock(bar.devm)@rmmod, hung-remove(bar.devm)@rmmod" : ""));
    CHECK(destroyed == 1);
  }
}

// Fact: devres-rust-races.
TEST_CASE("Devres: a callback that wins pays for a grace period, a drop that wins owns the last handle and pays for none") {
  Devres list;
  Managed m;
  m.generation = Generation::d4;
  bool drops = false;
  Lab lab([&](Lab& l) {
    init_devres(l.kernel, list, l.name("dev"), l.name("dev"));
    m.init(l, list, "bar");
    m.rcu = &l.rcu;
    m.destroy = mark;
    l.remover("unbind", [&](Context& c) {
      m.add(c);
      l.kernel.removal_phase = RemovalPhase::devres;
      if (drops) m.drop(c);
      devres_release_all(c, list);
      must(l.kernel.removal.grace_periods == (drops ? 0 : 1));
    });
  });
  CHECK(every(lab).text().empty());
  drops = true;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
