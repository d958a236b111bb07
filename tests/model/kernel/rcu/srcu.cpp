// kernel/srcu: two counters and an index, grace periods that are shared, domains that know nothing of each other.
#include <algorithm>
#include <array>

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

unsigned count_events(const Lab& lab, std::string_view operation) {
  unsigned n = 0;
  for (const sim::Event& e : lab.engine.trace().events) n += e.operation->name == operation ? 1U : 0U;
  return n;
}

}  // namespace

// Fact: synchronize_srcu-own-domain.
TEST_CASE("srcu: synchronize_srcu waits for every section of its domain that began before, asleep or not, of no other domain") {
  Allocation slot, data;
  Srcu srcu, other;
  bool same = true;
  Lab lab([&](Lab& l) {
    static const Operation nap{.name = "msleep", .pause = true};
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
    l.init(srcu, "srcu");
    l.init(other, "other");
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      if (get(c, slot) == 0) {
        c.sleep(nap, sim::second);
        get(c, data);
      }
      srcu_read_unlock(c, srcu, i);
    });
    l.task("updater", [&](Context& c) {
      set(c, slot, 1);
      synchronize_srcu(c, same ? srcu : other);
      kfree(c, data);
    });
  });
  CHECK(every_schedule(lab).text().empty());
  same = false;
  CHECK(every(lab).text() == "use-after-free(data)@reader");
}

// Fact: srcu-one-task.
TEST_CASE("srcu: sections nest and overlap, by index, several readers at once") {
  Allocation slot, data;
  Srcu srcu;
  Lab lab([&](Lab& l) {
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
    l.init(srcu, "srcu");
    l.task("r1", [&](Context& c) {
      const auto outer = srcu_read_lock(c, srcu);
      const bool there = get(c, slot) == 0;
      const auto inner = srcu_read_lock(c, srcu);
      srcu_read_unlock(c, srcu, inner);
      if (there) get(c, data);
      srcu_read_unlock(c, srcu, outer);
    });
    l.task("r2", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      if (get(c, slot) == 0) get(c, data);
      srcu_read_unlock(c, srcu, i);
    });
    l.task("updater", [&](Context& c) {
      set(c, slot, 1);
      synchronize_srcu(c, srcu);
      kfree(c, data);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: srcu-flip-late-reader.
TEST_CASE("srcu: it waits for no section that begins after it, a reader that was about to count itself in may prolong it") {
  Srcu srcu;
  Waiter done;
  std::uint64_t later = 0, caught = 0;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.init(done, "done");
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      wait_for_completion(c, done);
      srcu_read_unlock(c, srcu, i);
    });
    l.task("updater", [&](Context& c) {
      synchronize_srcu(c, srcu);
      complete(c, done);
    });
  });
  every_schedule(lab, [&] {
    const bool blocked = find_event(lab, "updater", "complete") == no_such_event;
    const std::size_t loaded = find_event(lab, "reader", "srcu_read_lock: load index"),
                      counted = find_event(lab, "reader", "srcu_read_lock: count in");
    const std::size_t begun = find_event(lab, "updater", "synchronize_srcu: request"),
                      flipped = find_event(lab, "updater", "synchronize_srcu: flip index");
    if (counted < begun) CHECK(blocked);
    // Begun after the flip: counted under the new index, which nobody scans.
    if (loaded > flipped && flipped != no_such_event) CHECK(!blocked);
    later += !blocked ? 1U : 0U;
    caught += blocked && counted > begun ? 1U : 0U;
  });
  CHECK(later > 0);
  CHECK(caught > 0);
}

// Fact: synchronize_srcu-in-reader.
TEST_CASE("srcu: synchronize inside a reader of the same domain waits for itself, of another one does not") {
  Srcu srcu, other;
  bool same = true;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.init(other, "other");
    l.task("t", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      synchronize_srcu(c, same ? srcu : other);
      srcu_read_unlock(c, srcu, i);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(srcu)@t, deadlock(srcu)@t, lock-cycle(srcu)@t");
  CHECK(f.places.at("api-misuse(srcu)@t") == "synchronize_srcu: request");
  CHECK(f.details.at("deadlock(srcu)@t") == "'t' waits in synchronize_srcu(srcu) for 't' waits in synchronize_srcu(srcu)");
  same = false;
  CHECK(every(lab).text().empty());
}

// Fact: synchronize_srcu-in-reader.
TEST_CASE("srcu: readers of two domains that each synchronize the other's deadlock") {
  Srcu a, b;
  Lab lab([&](Lab& l) {
    l.init(a, "a");
    l.init(b, "b");
    const auto body = [](Context& c, Srcu& mine, Srcu& other) {
      const auto i = srcu_read_lock(c, mine);
      synchronize_srcu(c, other);
      srcu_read_unlock(c, mine, i);
    };
    l.task("x", [&, body](Context& c) { body(c, a, b); });
    l.task("y", [&, body](Context& c) { body(c, b, a); });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(a)@y, deadlock(b)@x, lock-cycle(a)@y");
  CHECK(f.blocked < f.executions);
}

// Fact: lockdep-srcu-map.
TEST_CASE("srcu: a mutex taken inside a section and held across synchronize deadlocks, released before it doesn't") {
  Srcu srcu;
  Mutex m;
  bool across = true;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.init(m, "m");
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      mutex_lock(c, m);
      mutex_unlock(c, m);
      srcu_read_unlock(c, srcu, i);
    });
    l.task("updater", [&](Context& c) {
      mutex_lock(c, m);
      if (!across) mutex_unlock(c, m);
      synchronize_srcu(c, srcu);
      if (across) mutex_unlock(c, m);
    });
  });
  CHECK(every(lab).text() == "deadlock(m)@reader, deadlock(srcu)@updater, lock-cycle(m)@reader");
  across = false;
  CHECK(every(lab).text().empty());
}

// Fact: srcu-index-handed-back.
TEST_CASE("srcu: an index kept in a shared handle is overwritten and removal hangs, with a handle per call it is clean") {
  Srcu srcu;
  Allocation provider, handle;
  bool shared = true;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.init(provider, "provider", {"res"});
    l.init(handle, "handle", {"idx"});
    for (const auto* n : {"A", "B"})
      l.task(n, [&](Context& c) {
        std::uint64_t index = srcu_read_lock(c, srcu);
        if (shared) set(c, handle, index);
        get(c, provider);
        if (shared) index = get(c, handle);
        srcu_read_unlock(c, srcu, index);
      });
    l.remover("R", [&](Context& c) {
      set(c, provider, 0);
      c.kernel().removal_phase = RemovalPhase::remove;
      synchronize_srcu(c, srcu);
    });
  });
  std::uint64_t final_counters = 0;
  const Found f = every(lab, [&] {
    const auto& objects = lab.engine.trace().objects;
    const std::uint64_t lost = objects[srcu.count[0].index()].word, gained = objects[srcu.count[1].index()].word;
    if (find_event(lab, "R", "synchronize_srcu: done") != no_such_event) return;
    // No task is inside a section, index 0 is one lock ahead and index 1 one behind: (1,0)/(1,2) as locks and unlocks.
    CHECK(((lost == 1 && gained == UINT64_MAX) || (lost == UINT64_MAX && gained == 1)));
    ++final_counters;
  });
  CHECK(f.text() == "deadlock(srcu)@R, hung-remove(srcu)@R");
  CHECK(final_counters == f.blocked);
  CHECK(f.blocked > 0);
  CHECK(f.blocked < f.executions);
  shared = false;
  CHECK(every(lab).text().empty());
}

// Fact: srcu-callers-share.
TEST_CASE("srcu: concurrent callers share: all that come during one grace period are served by the next") {
  Srcu srcu;
  std::set<unsigned> flips;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    for (const auto* n : {"a", "b", "c"}) l.task(n, [&](Context& c) { synchronize_srcu(c, srcu); });
  });
  std::uint64_t shared = 0;
  const Found f = every(lab, [&] {
    const unsigned n = count_events(lab, "synchronize_srcu: flip index");
    flips.insert(n);
    std::vector<std::size_t> requests;
    for (const auto* t : {"a", "b", "c"}) requests.push_back(find_event(lab, t, "synchronize_srcu: request"));
    std::size_t first_done = no_such_event;
    for (const auto* t : {"a", "b", "c"}) first_done = std::min(first_done, find_event(lab, t, "synchronize_srcu: done"));
    const bool all_during_first = std::ranges::all_of(requests, [&](std::size_t r) { return r < first_done; });
    if (all_during_first) {
      CHECK(n == 2);
      ++shared;
    }
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(flips == std::set<unsigned>{2, 3});
  CHECK(shared > 0);
}

// Fact: srcu-callers-share.
TEST_CASE("srcu: a caller that comes in the middle of a grace period needs the next one, and sees a reader the first one missed") {
  Srcu srcu;
  Allocation slot, data;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
    l.task("first", [&](Context& c) { synchronize_srcu(c, srcu); });
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      if (get(c, slot) == 0) get(c, data);
      srcu_read_unlock(c, srcu, i);
    });
    l.task("second", [&](Context& c) {
      set(c, slot, 1);
      synchronize_srcu(c, srcu);
      kfree(c, data);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

TEST_CASE("srcu: many callers that share grace periods: each frees its own, none under a reader, all end") {
  constexpr std::size_t n = 4;
  Srcu srcu;
  std::array<Allocation, n> slots, data;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    for (std::size_t i = 0; i < n; ++i) {
      l.init(slots[i], "slot " + std::to_string(i), {"cleared"});
      l.init(data[i], "data " + std::to_string(i), {"x"});
      l.task("updater " + std::to_string(i), [&, i](Context& c) {
        set(c, slots[i], 1);
        synchronize_srcu(c, srcu);
        kfree(c, data[i]);
        synchronize_srcu(c, srcu);
      });
    }
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        for (std::size_t i = 0; i < n; ++i) {
          const auto index = srcu_read_lock(c, srcu);
          for (std::size_t k = i; k < i + 2; ++k)
            if (get(c, slots[k % n]) == 0) get(c, data[k % n]);
          srcu_read_unlock(c, srcu, index);
        }
      });
  });
  const Found f = sample(lab, 2000);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: srcu-callers-share.
TEST_CASE("srcu: once the grace period a caller needs is over it goes on, even if another has begun that never ends") {
  Srcu srcu;
  Waiter go, done;
  std::uint64_t relevant = 0;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.init(go, "go");
    l.init(done, "done");
    l.task("a", [&](Context& c) {
      synchronize_srcu(c, srcu);
      synchronize_srcu(c, srcu);
      complete(c, go);
      synchronize_srcu(c, srcu);
    });
    l.task("b", [&](Context& c) {
      synchronize_srcu(c, srcu);
      complete(c, done);
    });
    l.task("reader", [&](Context& c) {
      wait_for_completion(c, go);
      const auto i = srcu_read_lock(c, srcu);
      wait_for_completion(c, done);
      srcu_read_unlock(c, srcu, i);
    });
  });
  every(lab, [&] {
    if (find_event(lab, "b", "synchronize_srcu: request") > find_event(lab, "a", "synchronize_srcu: done")) return;
    ++relevant;
    CHECK(find_event(lab, "reader", "srcu_read_unlock") != no_such_event);
  });
  CHECK(relevant > 0);
}

// Fact: synchronize_srcu-in-reader.
TEST_CASE("srcu: synchronize inside an RCU section is misuse as well, though it ends") {
  Srcu srcu;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.task("t", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      synchronize_srcu(c, srcu);
      rcu_read_unlock(c, l.rcu);
    });
  });
  CHECK(every(lab).text() == "api-misuse(srcu)@t, sleep-in-atomic(synchronize_srcu)@t");
}

// Fact: srcu-expedited.
TEST_CASE("srcu: synchronize_srcu_expedited waits for the same sections, and shares grace periods with the other") {
  Srcu srcu;
  Allocation slot, data;
  bool wait = true;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      if (get(c, slot) == 0) get(c, data);
      srcu_read_unlock(c, srcu, i);
    });
    l.task("updater", [&](Context& c) {
      set(c, slot, 1);
      if (wait) synchronize_srcu_expedited(c, srcu);
      kfree(c, data);
    });
    l.task("other", [&](Context& c) { synchronize_srcu(c, srcu); });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  wait = false;
  CHECK(every(lab).text() == "use-after-free(data)@reader");
}

// Fact: srcu-expedited.
TEST_CASE("srcu: which grace periods are expedited: those of an idle domain, those asked for, all or none by configuration") {
  Srcu srcu;
  std::vector<sim::Duration> took;
  const auto run = [&](bool ask, bool expedite, bool normal) {
    KernelConfig config;
    config.rcu_expedited = expedite;
    config.rcu_normal = normal;
    Lab lab(
        [&](Lab& l) {
          took.clear();
          l.init(srcu, "srcu");
          l.task("t", [&](Context& c) {
            for (int i = 0; i < 2; ++i) {
              const sim::Time begin = c.engine().local_time();
              ask ? synchronize_srcu_expedited(c, srcu) : synchronize_srcu(c, srcu);
              took.push_back(c.engine().now() - begin);
            }
          });
        },
        config);
    run_timed(lab);
    const auto brief = [](sim::Duration d) { return d < sim::millisecond; };
    return std::pair(brief(took[0]), brief(took[1]));
  };
  CHECK(run(false, false, false) == std::pair(true, false));
  CHECK(run(true, false, false) == std::pair(true, true));
  CHECK(run(false, true, false) == std::pair(true, true));
  for (const bool ask : {false, true})
    for (const bool expedite : {false, true}) CHECK(run(ask, expedite, true) == std::pair(false, false));
}

// Fact: debugfs-one-domain.
TEST_CASE("srcu: one domain for all debugfs files: removing another file from an operation waits for itself, a domain a file does not") {
  Srcu global, own, other;
  enum class Form { one_for_all, other_file, own_file } form = Form::one_for_all;
  Lab lab([&](Lab& l) {
    l.init(global, "debugfs_srcu");
    l.init(own, "own");
    l.init(other, "other");
    l.remover("T", [&](Context& c) {
      c.kernel().removal_phase = RemovalPhase::remove;
      Srcu& held = form == Form::one_for_all ? global : own;
      const auto i = srcu_read_lock(c, held);
      synchronize_srcu(c, form == Form::one_for_all ? global : form == Form::own_file ? own : other);
      srcu_read_unlock(c, held, i);
    });
  });
  CHECK(every(lab).text() ==
        "api-misuse(debugfs_srcu)@T, deadlock(debugfs_srcu)@T, hung-remove(debugfs_srcu)@T, lock-cycle(debugfs_srcu)@T");
  form = Form::other_file;
  CHECK(every(lab).text().empty());
  form = Form::own_file;
  CHECK(every(lab).text() == "api-misuse(own)@T, deadlock(own)@T, hung-remove(own)@T, lock-cycle(own)@T");
}

// Fact: lockdep-srcu-map.
TEST_CASE("srcu: lockdep sees a section as a map held shared, a grace period as a wait for it, and neither as a lock at exit") {
  Srcu srcu;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.init(m, "m");
    l.task("reader", [&](Context& c) {
      const auto outer = srcu_read_lock(c, srcu);
      mutex_lock(c, m);
      mutex_unlock(c, m);
      srcu_read_unlock(c, srcu, outer);
      must(c.held.empty());
      mutex_lock(c, m);
      synchronize_srcu(c, srcu);
      const auto i = srcu_read_lock(c, srcu);
      mutex_unlock(c, m);
      must(c.held.size() == 1 && c.held[0].map && c.held[0].use == LockUse::shared);
      static_cast<void>(i);  // never closed
    });
  });
  const Found f = every(lab, [&] {
    std::vector<std::string> orders;
    const auto text = [&](const HeldLock& h) {
      return lab.kernel.text(h.name) + (h.use == LockUse::exclusive ? "" : h.use == LockUse::shared ? "/shared" : "/wait");
    };
    for (const LockOrder& o : lab.kernel.lock_orders()) orders.push_back(text(o.held) + " " + text(o.taken));
    CHECK(orders == std::vector<std::string>{"srcu/shared m", "m srcu/wait", "m srcu/shared"});
  });
  CHECK(f.text() == "leak(srcu)@reader, lock-cycle(m)@reader");
}

}  // namespace unplug::model::test
