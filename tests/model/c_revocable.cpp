// The C "revocable" (drivers/base/revocable.c) in its versions, and what was proposed in its place, put together from primitives.
#include "support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/lib/kref.hpp"
#include "unplug/model/kernel/rcu/srcu_callback.hpp"

namespace unplug::model::test {
namespace {

// v8 and later: a domain, the resource, a count that starts at 2: one reference goes with revoke(), one is the owner's. The index is the
// caller's, on his stack (what becomes of one that is shared: srcu.cpp).
struct Revocable {
  Allocation memory;  // fields: res
  Srcu srcu;
  SrcuUsage usage;
  Kref refs;

  void init(Lab& l, const std::string& name) {
    l.init(memory, name);
    add_field(l.kernel, memory, l.name("res"), 1);
    l.init(srcu, name + ".srcu", memory.life);
    init_srcu_usage(l.kernel, usage, srcu, l.name(name + " usage"));
    init_kref(l.kernel, refs, l.name(name + ".kref"), l.name(name + ".kref"), memory.life, 2);
  }
  // Whether there is a resource: the section is open either way.
  bool try_access(Context& c, std::uint64_t& index) {
    index = srcu_read_lock(c, srcu);
    return get(c, memory) != 0;
  }
  void withdraw(Context& c, std::uint64_t index) { srcu_read_unlock(c, srcu, index); }
  void revoke(Context& c) {
    c.kernel().removal_phase = RemovalPhase::remove;
    set(c, memory, 0);
    synchronize_srcu(c, srcu);
    put(c);
  }
  void put(Context& c) {
    kref_put(c, refs, [&] {
      cleanup_srcu_struct(c, srcu);
      kfree(c, memory);
    });
  }
};

}  // namespace

// Fact: revocable-c.
TEST_CASE("revocable: the section is open whether or not there is a resource, who doesn't withdraw hangs the revoke") {
  Revocable r;
  Allocation resource;
  bool withdraws = true;
  std::set<bool> had;
  Lab lab([&](Lab& l) {
    r.init(l, "r");
    l.init(resource, "resource", {"x"});
    l.task("user", [&](Context& c) {
      std::uint64_t index = 0;
      const bool there = r.try_access(c, index);
      had.insert(there);
      if (there) get(c, resource);
      if (there || withdraws) r.withdraw(c, index);
    });
    l.remover("remove", [&](Context& c) {
      r.revoke(c);
      kfree(c, resource);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(had == std::set<bool>{false, true});
  withdraws = false;
  // Hung only if the section began before the grace period did.
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(r.srcu)@remove, hung-remove(r.srcu)@remove, leak(r.srcu)@user");
  CHECK(f.blocked < f.executions);
}

TEST_CASE("revocable: two references: revoked and put in any order it is freed once, revoked twice it is put once too often") {
  Revocable r;
  bool twice = false;
  std::set<std::string> freed_by;
  Lab lab([&](Lab& l) {
    r.init(l, "r");
    l.task("owner", [&](Context& c) { r.put(c); });
    l.task("remove", [&](Context& c) {
      r.revoke(c);
      if (twice) r.revoke(c);
    });
  });
  const Found f = every(lab, [&] {
    for (const auto* n : {"owner", "remove"})
      if (find_event(lab, n, "kfree") != no_such_event) freed_by.insert(n);
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(freed_by == std::set<std::string>{"owner", "remove"});
  twice = true;
  // The second one takes the owner's reference, or comes after the end of the object.
  const Found again = every(lab);
  CHECK(again.count("api-misuse(r.kref)@owner") > 0);
  CHECK(again.count("use-after-free(r)@remove") > 0);
}

TEST_CASE("revocable: the last put cleans up the domain, which sleeps: not where a consumer may be in atomic context") {
  Revocable r;
  bool atomic = false;
  Lab lab([&](Lab& l) {
    r.init(l, "r");
    l.task("a", [&](Context& c) {
      r.put(c);
      l.task(
          "last", [&](Context& x) { r.put(x); }, atomic ? ContextKind::softirq : ContextKind::process);
    });
  });
  CHECK(every(lab).text().empty());
  atomic = true;
  CHECK(every(lab).text() == "sleep-in-atomic(cleanup_srcu_struct)@last");
}

// Fact: revocable-c.
TEST_CASE("revocable: each object has a domain and pays a grace period of its own, in series") {
  const auto flips = [](std::size_t n) {
    std::array<Revocable, 4> r;
    Lab lab([&](Lab& l) {
      for (std::size_t i = 0; i < n; ++i) r[i].init(l, "r" + std::to_string(i));
      l.task("remove", [&](Context& c) {
        for (std::size_t i = 0; i < n; ++i) r[i].revoke(c);
      });
    });
    std::size_t count = 0;
    every(lab, [&] {
      count = 0;
      for (const sim::Event& e : lab.engine.trace().events) count += e.operation->name == "synchronize_srcu: flip index" ? 1 : 0;
    });
    return count;
  };
  CHECK(flips(1) == 1);
  CHECK(flips(4) == 4);
}

// Fact: revocable-c.
TEST_CASE("revocable: a handle on the stack of each call is safe, the same in an object that calls share is the first bug again") {
  Revocable r;
  Allocation handle;  // of a file: fields: idx
  bool shared = false;
  Lab lab([&](Lab& l) {
    r.init(l, "r");
    l.init(handle, "handle", {"idx"});
    for (const auto* n : {"a", "b"})
      l.task(n, [&](Context& c) {
        std::uint64_t index = 0;
        r.try_access(c, index);
        if (shared) set(c, handle, index);
        r.withdraw(c, shared ? get(c, handle) : index);
      });
    l.remover("remove", [&](Context& c) { r.revoke(c); });
  });
  CHECK(every(lab).text().empty());
  shared = true;
  CHECK(every(lab).text() == "deadlock(r.srcu)@remove, hung-remove(r.srcu)@remove");
}

// Fact: misc_deregister_sync.
TEST_CASE("misc_deregister_sync: a lock around each operation and a flag: later ones are refused, release is not, nobody waits for a "
          "close") {
  Rwsem lock;
  Allocation state, priv;
  std::set<std::pair<int, int>> seen;
  Waiter removed;
  Lab lab([&](Lab& l) {
    l.init(lock, "cdev.rwsem");
    l.init(state, "cdev", {"revoked"});
    l.init(priv, "priv", {"x"});
    l.init(removed, "removed");
    const auto wrapped = [&](Context& c) {
      if (!down_read_killable(c, lock)) return -4;
      const int result = get(c, state) != 0 ? enodev : 0;
      if (result == 0) get(c, priv);
      up_read(c, lock);
      return result;
    };
    l.task("user", [&, wrapped](Context& c) {
      const int first = wrapped(c), second = wrapped(c);
      if (!c.aborting()) seen.insert({first, second});
      wait_for_completion(c, removed);  // the file is open all that time
      mark(c);                          // release: memory of its own
    });
    l.remover("remove", [&](Context& c) {
      down_write(c, lock);
      set(c, state, 1);
      up_write(c, lock);
      kfree(c, priv);
      complete(c, removed);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  for (const auto& results : {std::pair{0, 0}, std::pair{0, enodev}, std::pair{enodev, enodev}}) CHECK(seen.contains(results));
  CHECK(!seen.contains({enodev, 0}));
}

// Fact: misc_deregister_sync.
TEST_CASE("revocable: one lock for all devices: an operation that sleeps for user space holds up the removal of any, a lock each doesn't") {
  std::array<Rwsem, 2> locks;
  Waiter event, inside;
  bool global = true;
  Lab lab([&](Lab& l) {
    l.init(locks[0], "lock0");
    l.init(locks[1], "lock1");
    l.init(event, "event", Owner::user);
    l.init(inside, "inside");
    l.task("user of 0", [&](Context& c) {
      down_read(c, locks[0]);
      complete(c, inside);
      wait_for_completion(c, event);
      up_read(c, locks[0]);
    });
    l.remover("remove 1", [&](Context& c) {
      wait_for_completion(c, inside);
      l.kernel.removal_phase = RemovalPhase::remove;
      down_write(c, locks[global ? 0 : 1]);
      up_write(c, locks[global ? 0 : 1]);
    });
  });
  CHECK(every(lab).text() == "unbounded-remove(lock0)@remove 1");
  global = false;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
