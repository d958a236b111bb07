// The litmus tests of RCU and SRCU with their verdicts under sequential consistency and the numbers of their final states. From the
// kernel's Documentation/litmus-tests/rcu, tools/memory-model and paulmckrcu/litmus; step lists in own words, barriers dropped.
#include <array>

#include "support.hpp"
#include "unplug/model/kernel/rcu/kfree_rcu.hpp"
#include "unplug/model/kernel/rcu/srcu_callback.hpp"

namespace unplug::model::test {
namespace {

using State = std::array<std::uint64_t, 8>;

// Variables x, y, z and four registers, all 0 at first; and two SRCU domains.
struct Litmus {
  Allocation memory;
  std::array<std::uint64_t, 4> r{};
  Srcu s1, s2;
  SrcuUsage usage;  // of s1, where it takes callbacks
  SrcuCallback srcu_callback;
  bool bad = false;
  RcuCallback callback;
  std::function<void(Lab&)> tasks;
  Lab lab{[this](Lab& l) {
    r = {};
    bad = false;
    l.init(memory, "memory", {"x", "y", "z", "mod"});
    l.init(s1, "s1");
    l.init(s2, "s2");
    if (wait == Wait::call_srcu) init_srcu_usage(l.kernel, usage, s1, l.name("s1"));
    tasks(l);
  }};

  void W(Context& c, char variable, std::uint64_t value) { set(c, memory, value, static_cast<std::size_t>(variable - 'x')); }
  std::uint64_t R(Context& c, char variable) { return get(c, memory, static_cast<std::size_t>(variable - 'x')); }

  // How the updater waits, and so what readers are in.
  enum class Wait { rcu, rcu_expedited, call_rcu, call_rcu_hurry, srcu, srcu_expedited, call_srcu };
  static constexpr std::array every_way{Wait::rcu,  Wait::rcu_expedited,  Wait::call_rcu, Wait::call_rcu_hurry,
                                        Wait::srcu, Wait::srcu_expedited, Wait::call_srcu};
  Wait wait = Wait::rcu;
  std::uint64_t lock(Context& c) {
    if (wait >= Wait::srcu) return srcu_read_lock(c, s1);
    rcu_read_lock(c, lab.rcu);
    return 0;
  }
  void unlock(Context& c, std::uint64_t i) { wait >= Wait::srcu ? srcu_read_unlock(c, s1, i) : rcu_read_unlock(c, lab.rcu); }
  // Runs `then` after a grace period, here or in a callback.
  void after_grace_period(Context& c, const std::function<void(Context&)>& then) {
    const auto prepare = [&](auto& cb, std::string_view name) {
      cb = {};
      cb.task_name = lab.name(name);
      cb.body = Lab::Call<void>::run;
      cb.argument = lab.keep<void>(then);
    };
    if (wait == Wait::call_rcu || wait == Wait::call_rcu_hurry) {
      prepare(callback, "callback");
      return wait == Wait::call_rcu ? call_rcu(c, lab.rcu, callback) : call_rcu_hurry(c, lab.rcu, callback);
    }
    if (wait == Wait::call_srcu) {
      prepare(srcu_callback, "srcu callback");
      return call_srcu(c, s1, srcu_callback);
    }
    if (wait == Wait::rcu) synchronize_rcu(c, lab.rcu);
    if (wait == Wait::rcu_expedited) synchronize_rcu_expedited(c, lab.rcu);
    if (wait == Wait::srcu) synchronize_srcu(c, s1);
    if (wait == Wait::srcu_expedited) synchronize_srcu_expedited(c, s1);
    then(c);
  }

  struct Result {
    std::size_t finals;
    bool hit;
    std::size_t hits;  // final states that hit
  };
  Result run(const std::function<bool()>& question) {
    const auto walk = [&](auto&& all) {
      std::set<State> finals, hits;
      const Found f = all(lab, [&] {
        State s{};
        for (std::size_t i = 0; i < 4; ++i) {
          s[i] = r[i];
          s[4 + i] = lab.engine.trace().objects[memory.fields[i].second.index()].word;
        }
        finals.insert(s);
        if (question()) hits.insert(s);
      });
      CHECK(f.text().empty());
      CHECK(f.blocked == 0);
      return std::pair(finals, hits);
    };
    const auto by_class = walk([](Lab& l, const Visit& v) { return every(l, v); });
    // The same without any notion of equivalent executions.
    const auto by_schedule = walk([](Lab& l, const Visit& v) { return every_schedule(l, v); });
    CHECK(by_class == by_schedule);
    return {by_class.first.size(), !by_class.second.empty(), by_class.second.size()};
  }
};

}  // namespace

TEST_CASE("litmus L1 RCU+sync+read: never, 3 finals, however one waits") {
  Litmus t;
  t.tasks = [&](Lab& l) {
    l.task("P0", [&](Context& c) {
      const auto i = t.lock(c);
      t.W(c, 'x', 1);
      t.W(c, 'y', 1);
      t.unlock(c, i);
    });
    l.task("P1", [&](Context& c) {
      t.r[0] = t.R(c, 'x');
      t.after_grace_period(c, [&](Context& d) { t.r[1] = t.R(d, 'y'); });
    });
  };
  for (const auto way : Litmus::every_way) {
    CAPTURE(way);
    t.wait = way;
    const auto result = t.run([&] { return t.r[0] == 1 && t.r[1] == 0; });
    CHECK(!result.hit);
    CHECK(result.finals == 3);
  }
}

TEST_CASE("litmus L2 RCU+sync+free: never, 2 finals, without the grace period, or used after the section, sometimes") {
  Litmus t;
  bool sync = true, inside = true;
  t.tasks = [&](Lab& l) {
    // y points to x at first: value 0; to z: value 2. x = z = 1 at first.
    for (const std::size_t i : {0U, 2U}) t.memory.fields[i].second = l.engine.new_object(l.name(i == 0 ? "x1" : "z1"), 1);
    l.task("P0", [&](Context& c) {
      const auto i = t.lock(c);
      t.r[0] = t.R(c, 'y');
      if (!inside) t.unlock(c, i);
      t.r[1] = t.R(c, t.r[0] == 0 ? 'x' : 'z');
      if (inside) t.unlock(c, i);
    });
    l.task("P1", [&](Context& c) {
      const auto free = [&](Context& d) { t.W(d, 'x', 0); };
      t.W(c, 'y', 2);
      sync ? t.after_grace_period(c, free) : free(c);
    });
  };
  const auto freed = [&] { return t.r[0] == 0 && t.r[1] == 0; };
  for (const auto way : Litmus::every_way) {
    CAPTURE(way);
    t.wait = way;
    sync = inside = true;
    const auto result = t.run(freed);
    CHECK(!result.hit);
    CHECK(result.finals == 2);
    inside = false;
    CHECK(t.run(freed).hit);
    inside = true;
    sync = false;
    CHECK(t.run(freed).hit);
  }
}

TEST_CASE("litmus L2 with kfree_rcu: the reader never uses freed memory, after its section it does") {
  Allocation slot, x;
  KvfreeRcu kvfree;
  bool inside = true;
  Lab lab([&](Lab& l) {
    l.init(slot, "y", {"cleared"});
    l.init(x, "x", {"value"});
    init_kvfree_rcu(l.kernel, kvfree, l.rcu);
    l.task("P0", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      const bool old = get(c, slot) == 0;
      if (!inside) rcu_read_unlock(c, l.rcu);
      if (old) get(c, x);
      if (inside) rcu_read_unlock(c, l.rcu);
    });
    l.task("P1", [&](Context& c) {
      set(c, slot, 1);
      kfree_rcu(c, kvfree, x);
    });
  });
  CHECK(every_schedule(lab).text().empty());
  inside = false;
  CHECK(every_schedule(lab).text() == "use-after-free(x)@P0");
}

TEST_CASE("litmus L3 C-SB+rl-rul+srcu: never, 3 finals, however one waits") {
  Litmus t;
  t.tasks = [&](Lab& l) {
    l.task("P0", [&](Context& c) {
      const auto i = t.lock(c);
      t.W(c, 'x', 1);
      t.r[2] = t.R(c, 'y');
      t.unlock(c, i);
    });
    l.task("P1", [&](Context& c) {
      t.W(c, 'y', 1);
      t.after_grace_period(c, [&](Context& d) { t.r[3] = t.R(d, 'x'); });
    });
  };
  for (const auto way : Litmus::every_way) {
    CAPTURE(way);
    t.wait = way;
    const auto result = t.run([&] { return t.r[2] == 0 && t.r[3] == 0; });
    CHECK(!result.hit);
    CHECK(result.finals == 3);
  }
}

TEST_CASE("litmus L4 C-srcu-nest-2: never, 3 finals, nor if the inner section has been closed before x is read") {
  Litmus t;
  bool stronger = false;
  t.tasks = [&](Lab& l) {
    l.task("P0", [&](Context& c) {
      const auto a = srcu_read_lock(c, t.s1);
      if (!stronger) t.r[1] = t.R(c, 'x');
      if (stronger) t.r[2] = t.R(c, 'y');
      const auto b = srcu_read_lock(c, t.s1);
      if (!stronger) t.r[2] = t.R(c, 'y');
      srcu_read_unlock(c, t.s1, b);
      if (stronger) t.r[1] = t.R(c, 'x');
      srcu_read_unlock(c, t.s1, a);
    });
    l.task("P1", [&](Context& c) {
      t.W(c, 'y', 1);
      synchronize_srcu(c, t.s1);
      t.W(c, 'x', 1);
    });
  };
  const auto question = [&] { return t.r[1] == 1 && t.r[2] == 0; };
  const auto result = t.run(question);
  CHECK(!result.hit);
  CHECK(result.finals == 3);
  stronger = true;
  CHECK(!t.run(question).hit);
}

TEST_CASE("litmus L5 C-srcu-nest-3: handed over to another domain, sometimes, 4 finals, 1 hit") {
  Litmus t;
  t.tasks = [&](Lab& l) {
    l.task("P0", [&](Context& c) {
      const auto a = srcu_read_lock(c, t.s1);
      t.r[2] = t.R(c, 'y');
      const auto b = srcu_read_lock(c, t.s2);
      srcu_read_unlock(c, t.s1, a);
      t.r[1] = t.R(c, 'x');
      srcu_read_unlock(c, t.s2, b);
    });
    l.task("P1", [&](Context& c) {
      t.W(c, 'y', 1);
      synchronize_srcu(c, t.s2);
      t.W(c, 'x', 1);
    });
  };
  const auto result = t.run([&] { return t.r[1] == 1 && t.r[2] == 0; });
  CHECK(result.finals == 4);
  CHECK(result.hits == 1);
}

TEST_CASE("litmus L6 C-srcu-nest-5: overlapping sections of one domain don't fuse: sometimes, 4 finals, 1 hit") {
  Litmus t;
  t.tasks = [&](Lab& l) {
    l.task("P0", [&](Context& c) {
      const auto a = srcu_read_lock(c, t.s1);
      t.r[2] = t.R(c, 'y');
      const auto b = srcu_read_lock(c, t.s1);
      srcu_read_unlock(c, t.s1, a);
      t.r[1] = t.R(c, 'x');
      srcu_read_unlock(c, t.s1, b);
    });
    l.task("P1", [&](Context& c) {
      t.W(c, 'y', 1);
      synchronize_srcu(c, t.s1);
      t.W(c, 'x', 1);
    });
  };
  const auto result = t.run([&] { return t.r[1] == 1 && t.r[2] == 0; });
  CHECK(result.finals == 4);
  CHECK(result.hits == 1);
}

TEST_CASE("litmus L7 C-srcu-observed-1: three parties, never, 7 finals") {
  Litmus t;
  t.tasks = [&](Lab& l) {
    l.task("P0", [&](Context& c) {
      const auto i = srcu_read_lock(c, t.s1);
      t.W(c, 'y', 1);
      t.W(c, 'x', 1);
      srcu_read_unlock(c, t.s1, i);
    });
    l.task("P1", [&](Context& c) {
      t.r[1] = t.R(c, 'y');
      synchronize_srcu(c, t.s1);
      t.r[2] = t.R(c, 'z');
    });
    l.task("P2", [&](Context& c) {
      t.W(c, 'z', 1);
      t.r[3] = t.R(c, 'x');
    });
  };
  const auto result = t.run([&] { return t.r[1] == 1 && t.r[2] == 0 && t.r[3] == 0; });
  CHECK(!result.hit);
  CHECK(result.finals == 7);
}

TEST_CASE("litmus L8 call_rcu and unload: rcu_barrier never, a grace period sometimes, nothing sometimes") {
  Litmus t;
  enum class Exit { barrier, sync, nothing } exit = Exit::barrier;
  t.tasks = [&](Lab& l) {
    const std::size_t mod = 3;
    l.init(t.callback, "callback", [&](Context& c) { t.bad = get(c, t.memory, mod) == 1; });
    l.task("P0", [&](Context& c) {
      t.W(c, 'x', 2);
      call_rcu(c, l.rcu, t.callback);
      if (exit == Exit::barrier) rcu_barrier(c, l.rcu);
      if (exit == Exit::sync) synchronize_rcu(c, l.rcu);
      set(c, t.memory, 1, mod);
    });
    l.task("P1", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      t.r[1] = t.R(c, 'x');
      rcu_read_unlock(c, l.rcu);
    });
  };
  CHECK(!t.run([&] { return t.bad; }).hit);
  exit = Exit::sync;
  CHECK(t.run([&] { return t.bad; }).hit);
  exit = Exit::nothing;
  CHECK(t.run([&] { return t.bad; }).hit);
}

TEST_CASE("litmus L8 with call_srcu: srcu_barrier never, a grace period sometimes, nothing sometimes") {
  Litmus t;
  t.wait = Litmus::Wait::call_srcu;
  enum class Exit { barrier, sync, nothing } exit = Exit::barrier;
  t.tasks = [&](Lab& l) {
    l.task("P0", [&](Context& c) {
      t.W(c, 'x', 2);
      t.after_grace_period(c, [&](Context& d) { t.bad = get(d, t.memory, 3) == 1; });
      if (exit == Exit::barrier) srcu_barrier(c, t.s1);
      if (exit == Exit::sync) synchronize_srcu(c, t.s1);
      set(c, t.memory, 1, 3);
    });
  };
  CHECK(!t.run([&] { return t.bad; }).hit);
  exit = Exit::sync;
  CHECK(t.run([&] { return t.bad; }).hit);
  exit = Exit::nothing;
  CHECK(t.run([&] { return t.bad; }).hit);
}

}  // namespace unplug::model::test
