// Slab caches of a driver.
//
// mm/slab_common.c, mm/slub.c, v6.18. Destroying a cache that still has objects is a warning, and the kernel then keeps it for ever; here
// it is gone all the same, so that whoever frees into it later is named as well. kmem_cache_destroy() waits for objects given to
// kfree_rcu() (since 6.12), but not for callbacks of call_rcu() that free into the cache: those take an rcu_barrier() before.
// Left out: constructors, merging of caches, SLAB_TYPESAFE_BY_RCU, reuse of an object by the next allocation.
#pragma once

#include "unplug/model/kernel/lib/memory.hpp"

namespace unplug::model {

struct KvfreeRcu;

struct KmemCache {
  ObjectId object;  // word: objects that are allocated
  NameId name;
  LifetimeId life;
  KvfreeRcu* kvfree_rcu = nullptr;  // set after init_kmem_cache() where kfree_rcu() gets objects of it; null: nobody asks for that
};
void init_kmem_cache(Kernel& kernel, KmemCache& c, NameId unique_name, NameId declared, LifetimeId owner);

// May sleep, as kmem_cache_destroy().
void kmem_cache_create(Context& context, KmemCache& c);
// Waits for kfree_rcu(), then: with objects left, api-misuse.
void kmem_cache_destroy(Context& context, KmemCache& c);
// kmem_cache_zalloc() and kmem_cache_free(). An allocation belongs to one cache.
void kmem_cache_alloc(Context& context, KmemCache& c, Allocation& a, Gfp gfp = Gfp::kernel);
void kmem_cache_free(Context& context, KmemCache& c, const Allocation& a);

}  // namespace unplug::model
