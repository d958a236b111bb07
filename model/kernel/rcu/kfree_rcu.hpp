// kfree_rcu(): memory that is freed after a grace period, by the kernel's own text.
//
// mm/slab_common.c, v6.18, with CONFIG_KVFREE_RCU_BATCHED (the default). No code pointer is queued, so unloading the module that called it
// needs no barrier. The batches are no callbacks of call_rcu(): rcu_barrier() does not wait for them, kvfree_rcu_barrier() (6.12) does,
// which kmem_cache_destroy() calls by itself (since 6.12). Left out: how long a batch is collected (up to 5 s), the form with one argument,
// which may wait for the grace period itself.
#pragma once

#include <deque>

#include "unplug/model/kernel/lib/memory.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"
#include "unplug/model/kernel/rcu/slab.hpp"

namespace unplug::model {

struct KvfreeRcu {
  Rcu* rcu = nullptr;
  Numbered batches;  // from the call until the memory is free; every call is a batch of its own
  struct Item {
    KvfreeRcu* owner;
    Kernel* kernel;
    Allocation memory;
    KmemCache* cache;  // that it is an object of; null: kmalloc()'s
    std::uint64_t number;
  };
  std::deque<Item> items;
};
void init_kvfree_rcu(Kernel& kernel, KvfreeRcu& k, Rcu& rcu);

// Frees `a`, which holds the rcu_head, in a task of its own after a grace period that begins after the call. From any context. Twice is a
// double-free.
void kfree_rcu(Context& context, KvfreeRcu& k, const Allocation& a);
// The same for an object of `cache`, whose kvfree_rcu is `k`.
void kfree_rcu(Context& context, KvfreeRcu& k, KmemCache& cache, const Allocation& a);
// Waits until what was queued before the call is free.
void kvfree_rcu_barrier(Context& context, KvfreeRcu& k);

}  // namespace unplug::model
