// kernel/kfree_rcu: memory freed after a grace period by nobody's text.
#include "unplug/model/kernel/rcu/kfree_rcu.hpp"
#include "model/support.hpp"
#include "unplug/model/kernel/lib/kref.hpp"

namespace unplug::model::test {

// Fact: kfree_rcu-no-text.
TEST_CASE("kfree_rcu: frees after every section that was open at the call, from any context, and waits for nothing") {
  KvfreeRcu kvfree;
  Allocation slot, data;
  bool section = true;
  auto kind = ContextKind::process;
  Lab lab([&](Lab& l) {
    init_kvfree_rcu(l.kernel, kvfree, l.rcu);
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
    l.task("reader", [&](Context& c) {
      if (section) rcu_read_lock(c, l.rcu);
      if (get(c, slot) == 0) get(c, data);
      if (section) rcu_read_unlock(c, l.rcu);
    });
    l.task(
        "updater",
        [&](Context& c) {
          rcu_read_lock(c, l.rcu);
          set(c, slot, 1);
          kfree_rcu(c, kvfree, data);
          get(c, data);  // its own section is one of them
          rcu_read_unlock(c, l.rcu);
        },
        kind);
  });
  for (const auto k : {ContextKind::process, ContextKind::softirq, ContextKind::hardirq}) {
    kind = k;
    const Found f = every(lab);
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
  }
  section = false;
  CHECK(every(lab).text() == "use-after-free(data)@reader");
}

// Fact: kfree_rcu-no-text.
TEST_CASE("kfree_rcu: no pointer into the module is queued: unloading needs no barrier") {
  KvfreeRcu kvfree;
  Allocation data;
  Module m;
  KernelConfig config;
  config.unload_grace_period = false;
  Lab lab(
      [&](Lab& l) {
        init_kvfree_rcu(l.kernel, kvfree, l.rcu);
        l.init(data, "data", {"x"});
        l.init(m, "foo");
        l.task("rmmod", [&](Context& c) {
          delete_module(c, m, l.rcu, [&] {
            const Context::Function function(c, l.name("foo_exit"), m.text, {});
            kfree_rcu(c, kvfree, data);
          });
        });
      },
      config);
  CHECK(every(lab).text().empty());
}

// Fact: kfree_rcu-own-barrier.
TEST_CASE("kfree_rcu: rcu_barrier knows nothing of it, kvfree_rcu_barrier waits until the memory is free, and for nothing queued later") {
  KvfreeRcu kvfree;
  Allocation data, later;
  enum class Form { nothing, rcu_barrier, kvfree_barrier } form = Form::nothing;
  Lab lab([&](Lab& l) {
    init_kvfree_rcu(l.kernel, kvfree, l.rcu);
    l.init(data, "data", {"x"});
    l.init(later, "later", {"x"});
    l.task("a", [&](Context& c) {
      kfree_rcu(c, kvfree, data);
      if (form == Form::rcu_barrier) rcu_barrier(c, l.rcu);
      if (form == Form::kvfree_barrier) kvfree_rcu_barrier(c, kvfree);
      mark(c);
    });
    l.task("b", [&](Context& c) { kfree_rcu(c, kvfree, later); });
  });
  std::uint64_t after = 0, free_after = 0;
  const auto run = [&] {
    after = free_after = 0;
    const Found f = every_schedule(lab, [&] {
      after += find_event(lab, "a", "mark") < find_event(lab, "a/kfree_rcu#1", "kfree_rcu: memory freed") ? 1 : 0;
      free_after += find_event(lab, "a", "mark") < find_event(lab, "b/kfree_rcu#1", "kfree_rcu: memory freed") ? 1 : 0;
    });
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
  };
  run();
  CHECK(after > 0);
  form = Form::rcu_barrier;
  run();
  CHECK(after > 0);
  form = Form::kvfree_barrier;
  run();
  CHECK(after == 0);
  CHECK(free_after > 0);
}

// Fact: kfree_rcu-no-text.
TEST_CASE("kfree_rcu: twice is a double free, of freed memory a use") {
  KvfreeRcu kvfree;
  Allocation data;
  bool freed = false;
  Lab lab([&](Lab& l) {
    init_kvfree_rcu(l.kernel, kvfree, l.rcu);
    l.init(data, "data", {"x"});
    l.task("a", [&](Context& c) {
      freed ? kfree(c, data) : kfree_rcu(c, kvfree, data);
      kfree_rcu(c, kvfree, data);
    });
  });
  CHECK(every(lab).text() == "double-free(data)@a/kfree_rcu#1, double-free(data)@a/kfree_rcu#2, use-after-free(data)@a");
  freed = true;
  CHECK(every(lab).text() == "double-free(data)@a/kfree_rcu#1, use-after-free(data)@a");
}

// Fact: rcu-pointer-from-slot.
TEST_CASE("kfree_rcu: RCU protects a pointer loaded from the shared slot inside the section, not one that was copied before") {
  KvfreeRcu kvfree;
  Allocation priv, provider;
  Kref ref;
  bool by_value = true;
  Lab lab([&](Lab& l) {
    init_kvfree_rcu(l.kernel, kvfree, l.rcu);
    l.init(priv, "priv", {"revoked"});
    l.init(provider, "provider", {"res"});
    init_kref(l.kernel, ref, l.name("ref"), l.name("ref"), provider.life, 1);
    l.task("consumer", [&](Context& c) {
      bool there = get(c, priv) == 0;
      rcu_read_lock(c, l.rcu);
      if (!by_value) there = get(c, priv) == 0;
      const bool got = there && kref_get_unless_zero(c, ref);
      rcu_read_unlock(c, l.rcu);
      if (got) kref_put(c, ref, [&] { kfree_rcu(c, kvfree, provider); });
    });
    l.task("revoke", [&](Context& c) {
      set(c, priv, 1);
      kref_put(c, ref, [&] { kfree_rcu(c, kvfree, provider); });
    });
  });
  CHECK(every(lab).text() == "use-after-free(provider)@consumer");
  by_value = false;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
