#include "unplug/model/kernel/rcu/kfree_rcu.hpp"

namespace unplug::model {
namespace {

const Operation queue_op{.name = "kfree_rcu", .sync = sim::Sync::release},
    start_op{.name = "kfree_rcu: grace period begins", .sync = sim::Sync::release},
    end_op{.name = "kfree_rcu: grace period ends", .sync = sim::Sync::acquire},
    free_op{.name = "kfree_rcu: memory freed", .sync = sim::Sync::release}, barrier_start_op{.name = "kvfree_rcu_barrier"},
    barrier_op{.name = "kvfree_rcu_barrier: memory freed", .sync = sim::Sync::acquire};

void run(void* argument) {
  const auto& item = *static_cast<KvfreeRcu::Item*>(argument);
  KvfreeRcu& k = *item.owner;
  Context context(*item.kernel, ContextKind::process);
  static const KernelSite site{"kfree_rcu_work", "kfree"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  rcu_grace_period(context, *k.rcu, start_op, end_op, "kfree_rcu", false);
  if (context.aborting()) return;
  if (item.cache != nullptr) kmem_cache_free(context, *item.cache, item.memory);
  if (context.aborting()) return;
  sim::Step free = context.make(free_op);
  free.access = {k.batches.object, sim::AccessKind::write};
  if (item.cache == nullptr) free.ends = item.memory.life;
  context.engine().step(free, [&](std::uint64_t& word) {
    k.batches.end(word, item.number);
    context.kernel().unhold(k.batches.object, context.engine().current());
  });
  context.finish();
}

void queue(Context& context, KvfreeRcu& k, KmemCache* cache, const Allocation& a) {
  static const StaticName role{"kfree_rcu worker"};
  static constexpr std::string_view part = "kfree_rcu";
  const std::uint64_t number = context.write(queue_op, k.batches.object, a.life, [&](std::uint64_t& word) {
    const std::uint64_t n = k.batches.begin(word);
    k.items.push_back({&k, &context.kernel(), a, cache, n});
    return n;
  });
  if (context.aborting()) return;
  KvfreeRcu::Item& item = k.items.back();
  const TaskId task = context.kernel().spawn(context.engine().own_name(part), context.kernel().intern(role), run, &item);
  context.kernel().hold(k.batches.object, task, number);
}

}  // namespace

void init_kvfree_rcu(Kernel& kernel, KvfreeRcu& k, Rcu& rcu) {
  static const StaticName name{"kvfree_rcu"};
  k.rcu = &rcu;
  k.batches.reset(kernel.engine().new_object(kernel.intern(name), Numbered::first_word));
  k.items.clear();
}

void kfree_rcu(Context& context, KvfreeRcu& k, const Allocation& a) { queue(context, k, nullptr, a); }

void kfree_rcu(Context& context, KvfreeRcu& k, KmemCache& cache, const Allocation& a) { queue(context, k, &cache, a); }

void kvfree_rcu_barrier(Context& context, KvfreeRcu& k) {
  const std::uint64_t target = context.write(barrier_start_op, k.batches.object, {}, [&](std::uint64_t&) { return k.batches.next; });
  sim::Step s = context.make(barrier_op);
  s.access = {k.batches.object, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(target);
  context.wait(s, {.what = "kvfree_rcu_barrier", .object = k.rcu->name, .owner = Owner::grace_period, .before = target},
               [](std::uint64_t&) {});
}

}  // namespace unplug::model
