// Waits that never end: deadlock, hung-remove, unbounded-remove, and what is none of them.
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// A task that sleeps on `waiter` holding `lock`; removal needs the lock.
struct Chain {
  Mutex lock, outer;
  Waiter waiter;
  Owner owner = Owner::driver;
  unsigned length = 1;  // tasks between removal and the wait
  bool removing = true;
  Lab lab{[this](Lab& l) {
    l.init(lock, "lock");
    l.init(outer, "outer");
    l.init(waiter, "waiter", owner);
    Waiter* const w = &waiter;
    static Waiter first_taken, second_taken;
    l.init(first_taken, "first taken");
    l.init(second_taken, "second taken");
    l.task("holder", [this, w](Context& c) {
      mutex_lock(c, lock);
      complete(c, first_taken);
      wait_for_completion(c, *w);
      mutex_unlock(c, lock);
    });
    if (length == 2)
      l.task("middle", [this](Context& c) {
        wait_for_completion(c, first_taken);
        mutex_lock(c, outer);
        complete(c, second_taken);
        mutex_lock(c, lock);
        mutex_unlock(c, lock);
        mutex_unlock(c, outer);
      });
    l.remover("remove", [this](Context& c) {
      wait_for_completion(c, length == 2 ? second_taken : first_taken);
      if (removing) c.kernel().removal_phase = RemovalPhase::remove;
      mutex_lock(c, length == 2 ? outer : lock);
    });
  }};
};

TaskId task_of(const Lab& lab, std::string_view name) {
  const auto& tasks = lab.engine.trace().tasks;
  for (std::uint32_t i = 0; i < tasks.size(); ++i)
    if (lab.kernel.text(tasks[i].name) == name) return TaskId{i};
  return {};
}

}  // namespace

TEST_CASE("waits: removal behind a wait that only user space or hardware can end is unbounded, however long the chain") {
  for (const Owner owner : {Owner::user, Owner::hardware}) {
    for (const unsigned length : {1U, 2U}) {
      Chain c;
      c.owner = owner;
      c.length = length;
      const std::string object = length == 2 ? "outer" : "lock";
      const Found f = every(c.lab, [&] {
        for (const auto* n : {"holder", "remove"}) CHECK(ends_outside(c.lab.kernel, c.lab.engine.trace(), task_of(c.lab, n)));
      });
      CHECK(f.text() == "unbounded-remove(" + object + ")@remove");
      const std::string who = owner == Owner::user ? "user" : "hardware";
      const std::string middle = length == 2 ? " for 'middle' waits in mutex_lock(lock)" : "";
      CHECK(f.details.begin()->second == "'remove' waits in mutex_lock(" + object + ")" + middle +
                                             " for 'holder' waits in wait_for_completion(waiter), which only " + who + " can end");
      c.removing = false;
      CHECK(every(c.lab).text().empty());
    }
  }
}

TEST_CASE("waits: removal behind a wait that nobody will end hangs, the wait itself is the deadlock, who queues behind it is not") {
  for (const Owner owner : {Owner::driver, Owner::core, Owner::other_driver}) {
    for (const unsigned length : {1U, 2U}) {
      Chain c;
      c.owner = owner;
      c.length = length;
      const std::string object = length == 2 ? "outer" : "lock";
      const Found f = every(c.lab, [&] { CHECK(!ends_outside(c.lab.kernel, c.lab.engine.trace(), task_of(c.lab, "remove"))); });
      CHECK(f.text() == "deadlock(waiter)@holder, hung-remove(" + object + ")@remove");
      c.removing = false;
      CHECK(every(c.lab).text() == "deadlock(waiter)@holder");
    }
  }
}

TEST_CASE("waits: members of a cycle are named, tasks behind it are not, removal behind it hangs") {
  Mutex a, b;
  Waiter both;
  Lab lab([&](Lab& l) {
    l.init(a, "a");
    l.init(b, "b");
    l.init(both, "both taken");
    const auto cross = [&](Context& c, Mutex& mine, Mutex& other) {
      mutex_lock(c, mine);
      complete(c, both);
      wait_for_completion(c, both);
      mutex_lock(c, other);
      mutex_unlock(c, other);
      mutex_unlock(c, mine);
    };
    l.task("x", [&, cross](Context& c) { cross(c, a, b); });
    l.task("y", [&, cross](Context& c) { cross(c, b, a); });
    l.task("behind", [&](Context& c) {
      mutex_lock(c, a);
      mutex_unlock(c, a);
    });
    l.remover("remove", [&](Context& c) {
      mark(c);
      c.kernel().removal_phase = RemovalPhase::remove;
      mutex_lock(c, b);
      mutex_unlock(c, b);
      c.kernel().removal_phase = RemovalPhase::none;
    });
  });
  const Found f = every(lab);
  CHECK(f.violations.contains("deadlock(b)@x"));
  CHECK(f.violations.contains("deadlock(a)@y"));
  CHECK(f.violations.contains("hung-remove(b)@remove"));
  CHECK(f.violations.contains("lock-cycle(a)@y"));  // whether it comes to that or not
  CHECK(f.violations.size() == 4);
}

TEST_CASE("waits: a writer that waits for two readers is in the cycle with one of them, whatever the other waits for") {
  Rwsem s;
  Mutex a, b;
  Waiter ready, fence;
  bool second_cycle = true;
  Lab lab([&](Lab& l) {
    l.init(s, "s");
    l.init(a, "a");
    l.init(b, "b");
    l.init(ready, "ready");
    l.init(fence, "fence", Owner::user);
    l.task("r1", [&](Context& c) {  // in a cycle with z, or waiting for user space
      down_read(c, s);
      if (second_cycle) mutex_lock(c, a);
      complete(c, ready);
      if (second_cycle) {
        mutex_lock(c, b);
      } else {
        dma_fence_wait(c, fence);
      }
    });
    if (second_cycle)
      l.task("z", [&](Context& c) {
        mutex_lock(c, b);
        complete(c, ready);
        mutex_lock(c, a);
      });
    l.task("r2", [&](Context& c) {  // waits for the writer
      down_read(c, s);
      complete(c, ready);
      down_read(c, s);
    });
    l.task("writer", [&](Context& c) {
      for (int i = second_cycle ? 3 : 2; i > 0; --i) wait_for_completion(c, ready);
      down_write(c, s);
    });
  });
  Found f = every(lab);
  CHECK(f.violations.contains("deadlock(s)@r2"));
  CHECK(f.violations.contains("deadlock(a)@z"));
  CHECK(f.violations.contains("deadlock(b)@r1"));
  second_cycle = false;
  f = every(lab);
  CHECK(f.violations.contains("deadlock(s)@r2"));
  CHECK(!f.text().empty());
  for (const auto& [violation, n] : f.violations) CHECK(violation.find("@r1") == std::string::npos);
}

TEST_CASE("waits: a reader that came after the grace period began is not to blame for it") {
  // Removal waits for an early reader, which waits for user space; a later reader waits for removal.
  Waiter fence, removed, early;
  Lab lab([&](Lab& l) {
    l.init(fence, "fence", Owner::user);
    l.init(removed, "removed");
    l.init(early, "early");
    l.task("early", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      complete(c, early);
      dma_fence_wait(c, fence);
      rcu_read_unlock(c, l.rcu);
    });
    l.remover("remove", [&](Context& c) {
      wait_for_completion(c, early);
      c.kernel().removal_phase = RemovalPhase::remove;
      synchronize_rcu(c, l.rcu);
      complete(c, removed);
    });
    l.task("late", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      wait_for_completion(c, removed);
      rcu_read_unlock(c, l.rcu);
    });
  });
  std::uint64_t later = 0;
  every(lab, [&] {
    const bool is_later = find_event(lab, "late", "rcu_read_lock") > find_event(lab, "remove", "synchronize_rcu: grace period begins");
    later += is_later ? 1U : 0U;
    CHECK(ends_outside(lab.kernel, lab.engine.trace(), task_of(lab, "remove")) == is_later);
  });
  CHECK(later > 0);
}

TEST_CASE("waits: who waits for nothing in particular is idle and never stuck, a worker stuck in its function is") {
  Work work;
  IrqLine line;
  CharDevice node;
  Device device;
  Mutex m;
  bool stuck = false;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.init(line, "irq");
    l.init(device, "dev");
    init_char_device(l.kernel, node, l.name("node"), l.name("node"), nullptr);
    l.init(work, "work", [&](Context& c) {
      mutex_lock(c, m);
      mutex_lock(c, m);
    });
    l.hardware(line);
    l.task("user", [&](Context& c) { await_device_node(c, node); });
    l.task("admin", [&](Context& c) { await_bound(c, device); });
    if (stuck) l.task("a", [&](Context& c) { queue_work(c, work); });
  });
  CHECK(every(lab).text().empty());
  stuck = true;
  CHECK(every(lab).text() == "deadlock(m)@kworker work, lock-cycle(m)@kworker work");
}

TEST_CASE("waits: every owner has a name") {
  std::set<std::string_view> names;
  for (const Owner o : {Owner::driver, Owner::core, Owner::other_driver, Owner::hardware, Owner::user, Owner::grace_period})
    names.insert(name(o));
  CHECK(names.size() == 6);
}

}  // namespace unplug::model::test
