#include "unplug/model/kernel/rcu/slab.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/rcu/kfree_rcu.hpp"

namespace unplug::model {
namespace {

const Operation create_op{.name = "kmem_cache_create"}, destroy_op{.name = "kmem_cache_destroy"}, alloc_op{.name = "kmem_cache_alloc"},
    free_op{.name = "kmem_cache_free"};

}  // namespace

void init_kmem_cache(Kernel& kernel, KmemCache& c, NameId unique_name, NameId declared, LifetimeId owner) {
  c = {kernel.engine().new_object(unique_name, 0), declared, kernel.new_lifetime(unique_name, LifetimeKind::memory, declared, owner, false),
       nullptr};
}

void kmem_cache_create(Context& context, KmemCache& c) {
  context.might_sleep("kmem_cache_create");
  sim::Step s = context.make(create_op);
  s.access = {c.object, sim::AccessKind::write};
  s.begins = c.life;
  context.engine().step(s);
}

void kmem_cache_destroy(Context& context, KmemCache& c) {
  context.might_sleep("kmem_cache_destroy");
  if (c.kvfree_rcu != nullptr) kvfree_rcu_barrier(context, *c.kvfree_rcu);
  if (context.aborting()) return;
  sim::Step s = context.make(destroy_op);
  s.access = {c.object, sim::AccessKind::write};
  s.ends = c.life;
  context.engine().step(s, [&](std::uint64_t& word) {
    if (word != 0)
      context.kernel().report(
          ViolationClass::api_misuse, c.name,
          fmt::format("kmem_cache_destroy('{}'): the cache still has {} object(s)", context.kernel().text(c.name), word));
  });
}

void kmem_cache_alloc(Context& context, KmemCache& c, Allocation& a, Gfp gfp) {
  if (gfp == Gfp::kernel) context.might_sleep("kmem_cache_alloc(GFP_KERNEL)");
  sim::Step s = context.make(alloc_op, c.life);
  s.access = {c.object, sim::AccessKind::write};
  s.begins = a.life;
  context.engine().step(s, [](std::uint64_t& word) { ++word; });
  if (!context.aborting()) fill_again(context, a);
}

void kmem_cache_free(Context& context, KmemCache& c, const Allocation& a) {
  sim::Step s = context.make(free_op, c.life);
  s.access = {c.object, sim::AccessKind::write};
  s.ends = a.life;
  context.engine().step(s, [](std::uint64_t& word) {
    if (word != 0) --word;
  });
}

}  // namespace unplug::model
