// kernel/slab: caches, and the objects that must be back before they go.
#include "unplug/model/kernel/rcu/slab.hpp"

#include "model/support.hpp"
#include "unplug/model/kernel/rcu/kfree_rcu.hpp"

namespace unplug::model::test {
namespace {

struct Cache {
  KmemCache cache;
  Allocation object, owner;
  void init(Lab& l) {
    l.init(owner, "owner");
    init_kmem_cache(l.kernel, cache, l.name("cache"), l.name("cache"), owner.life);
    l.init(object, "object", {"x"}, false);
  }
};

}  // namespace

// Fact: kmem_cache_destroy-objects-left.
TEST_CASE("kmem_cache_destroy: with objects left it is api-misuse, and whoever frees one later walks a cache that is gone") {
  Cache k;
  bool free_first = true, free_late = false;
  Lab lab([&](Lab& l) {
    k.init(l);
    l.task("driver", [&](Context& c) {
      kmem_cache_create(c, k.cache);
      kmem_cache_alloc(c, k.cache, k.object);
      set(c, k.object, 1);
      if (free_first) kmem_cache_free(c, k.cache, k.object);
      kmem_cache_destroy(c, k.cache);
      if (free_late) kmem_cache_free(c, k.cache, k.object);
    });
  });
  CHECK(every(lab).text().empty());
  free_first = false;
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(cache)@driver");
  CHECK(f.details.begin()->second == "kmem_cache_destroy('cache'): the cache still has 1 object(s)");
  free_late = true;
  CHECK(every(lab).text() == "api-misuse(cache)@driver, use-after-free(cache)@driver");
}

// Fact: kmem_cache_destroy-objects-left.
TEST_CASE("kmem_cache_destroy: objects that callbacks of call_rcu free are still there, a grace period is not enough, rcu_barrier is") {
  Cache k;
  RcuCallback callback;
  enum class Before { nothing, grace_period, barrier } before = Before::nothing;
  Lab lab([&](Lab& l) {
    k.init(l);
    l.init(callback, "callback", [&](Context& c) { kmem_cache_free(c, k.cache, k.object); });
    l.task("driver", [&](Context& c) {
      kmem_cache_create(c, k.cache);
      kmem_cache_alloc(c, k.cache, k.object);
      call_rcu(c, l.rcu, callback);
      if (before == Before::grace_period) synchronize_rcu(c, l.rcu);
      if (before == Before::barrier) rcu_barrier(c, l.rcu);
      kmem_cache_destroy(c, k.cache);
    });
  });
  for (const Before b : {Before::nothing, Before::grace_period}) {
    before = b;
    CHECK(every(lab).text() == "api-misuse(cache)@driver, use-after-free(cache)@callback");
  }
  before = Before::barrier;
  CHECK(every(lab).text().empty());
}

// Fact: kmem_cache_destroy-kfree_rcu.
TEST_CASE("kmem_cache_destroy: waits for objects given to kfree_rcu, which are freed into it, and needs no barrier of the driver's") {
  Cache k;
  KvfreeRcu kvfree;
  Waiter inside;
  bool asks = true;
  Lab lab([&](Lab& l) {
    k.init(l);
    l.init(inside, "inside");
    init_kvfree_rcu(l.kernel, kvfree, l.rcu);
    if (asks) k.cache.kvfree_rcu = &kvfree;
    l.task("driver", [&](Context& c) {
      kmem_cache_create(c, k.cache);
      kmem_cache_alloc(c, k.cache, k.object);
      l.task("reader", [&](Context& x) {
        rcu_read_lock(x, l.rcu);
        complete(x, inside);
        get(x, k.object);
        rcu_read_unlock(x, l.rcu);
      });
      wait_for_completion(c, inside);
      kfree_rcu(c, kvfree, k.cache, k.object);
      kmem_cache_destroy(c, k.cache);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  asks = false;  // before 6.12
  const Found old = every(lab);
  CHECK(old.count("api-misuse(cache)@driver") > 0);
  CHECK(old.violations.size() == 2);
  CHECK(old.text().find("use-after-free(cache)@") != std::string::npos);  // the batch frees into what is gone
}

// Fact: kfree-ends.
TEST_CASE("slab caches: an object is memory as any: used after free, freed twice, allocated from a cache that is not there yet") {
  Cache k;
  std::function<void(Context&)> body;
  Lab lab([&](Lab& l) {
    k.init(l);
    l.task("driver", [&](Context& c) { body(c); });
  });
  const auto run = [&](std::function<void(Context&)> b) {
    body = std::move(b);
    return every(lab).text();
  };
  CHECK(run([&](Context& c) {
          kmem_cache_create(c, k.cache);
          kmem_cache_alloc(c, k.cache, k.object);
          kmem_cache_free(c, k.cache, k.object);
          get(c, k.object);
        }) == "use-after-free(object)@driver");
  CHECK(run([&](Context& c) {
          kmem_cache_create(c, k.cache);
          kmem_cache_alloc(c, k.cache, k.object);
          kmem_cache_free(c, k.cache, k.object);
          kmem_cache_free(c, k.cache, k.object);
        }) == "double-free(object)@driver");
  CHECK(run([&](Context& c) {
          kmem_cache_alloc(c, k.cache, k.object);
          kmem_cache_create(c, k.cache);
        }) == "use-before-init(cache)@driver");
  CHECK(run([&](Context& c) {
          kmem_cache_create(c, k.cache);
          kmem_cache_destroy(c, k.cache);
          kmem_cache_alloc(c, k.cache, k.object);
        }) == "use-after-free(cache)@driver");
  CHECK(run([&](Context& c) {
          kmem_cache_create(c, k.cache);
          kmem_cache_destroy(c, k.cache);
          kmem_cache_destroy(c, k.cache);
        }) == "double-free(cache)@driver");
}

TEST_CASE("slab caches: one that outlives its owner is a leak") {
  Cache k;
  Lab lab([&](Lab& l) {
    k.init(l);
    l.task("driver", [&](Context& c) {
      kmem_cache_create(c, k.cache);
      kfree(c, k.owner);
    });
  });
  CHECK(every(lab).text() == "leak(cache)@driver");
}

// Fact: gfp_kernel-sleeps.
TEST_CASE("slab caches: creating and destroying may sleep, so may an allocation with GFP_KERNEL") {
  Cache k;
  Lab lab([&](Lab& l) {
    k.init(l);
    l.task(
        "softirq",
        [&](Context& c) {
          kmem_cache_create(c, k.cache);
          kmem_cache_alloc(c, k.cache, k.object, Gfp::kernel);
          kmem_cache_free(c, k.cache, k.object);
          kmem_cache_destroy(c, k.cache);
        },
        ContextKind::softirq);
  });
  CHECK(every(lab).text() == "sleep-in-atomic(kmem_cache_alloc(GFP_KERNEL))@softirq, sleep-in-atomic(kmem_cache_create)@softirq, "
                             "sleep-in-atomic(kmem_cache_destroy)@softirq");
  Lab atomic([&](Lab& l) {
    k.init(l);
    l.task("driver", [&](Context& c) { kmem_cache_create(c, k.cache); });
    l.task(
        "softirq",
        [&](Context& c) {
          for (int i = 0; i < 2; ++i) mark(c);
          kmem_cache_alloc(c, k.cache, k.object, Gfp::atomic);
          kmem_cache_free(c, k.cache, k.object);
        },
        ContextKind::softirq);
  });
  CHECK(every(atomic).text().find("sleep") == std::string::npos);
}

}  // namespace unplug::model::test
