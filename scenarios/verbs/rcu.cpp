// RCU.
#include "unplug/model/kernel/rcu/kfree_rcu.hpp"
#include "unplug/model/kernel/rcu/srcu_callback.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

template <auto function> std::uint32_t on_rcu(Frame& f, const Instruction&, std::uint32_t next) {
  function(f.context, f.world.rcu());
  return next;
}

template <auto function> std::uint32_t do_call(Frame& f, const Instruction& i, std::uint32_t next) {
  model::RcuHead* h = thing<EntityKind::rcu_head>(f, i);
  if (h == nullptr) return next;
  h->rcu.body = &World::callback_entry;
  h->rcu.argument = &f.binding->callbacks.emplace_back(Callback{f.binding, i.function, container_of(f, i.operand)});
  function(f.context, f.world.rcu(), h->rcu);
  return next;
}

// What kfree_rcu() was given, of all drivers.
struct Batches final : WorldPart {
  void setup(World& world) override { model::init_kvfree_rcu(world.kernel(), all, world.rcu()); }
  model::KvfreeRcu all;
};

std::uint32_t do_kfree_rcu(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const model::Allocation* a = memory(f, i.operand)) model::kfree_rcu(f.context, f.world.part<Batches>().all, *a);
  return next;
}

std::uint32_t do_kvfree_rcu_barrier(Frame& f, const Instruction&, std::uint32_t next) {
  model::kvfree_rcu_barrier(f.context, f.world.part<Batches>().all);
  return next;
}

void lay_out(model::RcuHead& h, const ThingSetup& s) {
  h = {};
  h.rcu.task_name = s.task_name("rcu callback");
  h.srcu.task_name = s.task_name("srcu callback");
  h.rcu.home = h.srcu.home = s.home;
  h.rcu.head = h.srcu.head = s.kernel.engine().new_object(s.unique, 0);
}

constexpr std::string_view leaves_out = "stalls, per-CPU lists, who else than rcu_barrier() flushes lazy callbacks";
constexpr VerbFamily heads{EntityKind::rcu_head, leaves_out};

Verb rcu(std::string_view name, Execute execute, std::string_view summary) {
  Verb v;
  v.name = name;
  v.execute = execute;
  v.acts = false;
  v.models = "kernel/rcu/tree.c, v6.18";
  v.leaves_out = leaves_out;
  v.summary = summary;
  return v;
}

Verb call(std::string_view name, Execute execute, std::string_view summary) {
  Verb v = heads.on_thing(name, execute, {{"fn", KeyKind::function, true, "the callback"}}, "kernel/rcu/tree.c, v6.18", summary);
  v.acts = false;
  return v;
}

Verb batched(Verb v) {
  v.acts = false;
  v.part = &part_kind<Batches>;
  v.models = "mm/slab_common.c, v6.18";
  v.leaves_out = "how long a batch is collected, the form with one argument, objects of a kmem_cache";
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::rcu_head>() { return things<EntityKind::rcu_head>(lay_out); }

std::vector<Verb> rcu_verbs() {
  Verb kfree_rcu;
  kfree_rcu.name = "kfree_rcu";
  kfree_rcu.operand = OperandKind::memory;
  kfree_rcu.execute = do_kfree_rcu;
  kfree_rcu.summary = "frees memory after a grace period, by the kernel's own text";
  return {
      rcu("rcu_read_lock", on_rcu<model::rcu_read_lock>, "begins an RCU read-side section: no sleeping inside"),
      rcu("rcu_read_unlock", on_rcu<model::rcu_read_unlock>, "ends it"),
      rcu("synchronize_rcu", on_rcu<model::synchronize_rcu>, "waits for every section open now; not for callbacks"),
      rcu("synchronize_rcu_expedited", on_rcu<model::synchronize_rcu_expedited>, "the same at once, by interrupting every CPU"),
      heads.sets_up("init_rcu_head", {}, "include/linux/rcupdate.h, v6.18",
                    "declares an rcu_head; one that is part of memory is a member of it"),
      call("call_rcu", do_call<model::call_rcu>, "runs a function in softirq context after a grace period"),
      call("call_rcu_hurry", do_call<model::call_rcu_hurry>, "the same for who can't wait for CONFIG_RCU_LAZY"),
      rcu("rcu_barrier", on_rcu<model::rcu_barrier>, "waits until all callbacks queued so far have finished; knows nothing of kfree_rcu()"),
      batched(kfree_rcu),
      batched(rcu("kvfree_rcu_barrier", do_kvfree_rcu_barrier, "waits until what kfree_rcu() was given so far is free")),
  };
}

}  // namespace unplug::scenarios
