// Memory: allocation, release, plain and marked accesses.
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/lib/fault.hpp"
#include "unplug/model/kernel/rcu/rcu_pointer.hpp"
#include "unplug/model/kernel/rcu/slab.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::string_view slub = "mm/slub.c, v6.18",
                           leaves_out =
                               "sizes, reuse of memory by the next allocation, uninitialised contents (kmalloc() is kzalloc() here)";

model::MemoryOrder order(const Instruction& i) { return static_cast<model::MemoryOrder>(i.flags); }
constexpr std::uint8_t plain = 0, once = 1, ordered = 2;

std::uint32_t do_load(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr) set_local(f, i, model::load(f.context, *r.memory, r.object, order(i)));
  return next;
}

std::uint32_t do_rcu_dereference(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr) set_local(f, i, model::rcu_dereference(f.context, *r.memory, r.object));
  return next;
}

std::uint32_t do_store(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr) model::store(f.context, *r.memory, r.object, value(f, i), order(i));
  return next;
}

// What an allocation makes: the binding's one, or with a local to receive the pointer a new one each time (where no name means the one).
model::Allocation& allocated(Frame& f, const Instruction& i) {
  if (i.to == no_local || i.named) {
    const Handle declared = World::declared_allocation(owner(f, i.operand), i.operand.index);
    if (i.named) f.locals[i.to] = declared;
    return *f.world.allocation(declared);
  }
  Instance& made = f.world.new_instance(owner(f, i.operand), i.operand.index);
  f.locals[i.to] = made.handle;
  return made.memory;
}

// An allocation that the author has a path for may fail, a data choice; others do where faults are injected.
bool fails(Frame& f, const Instruction& i) { return i.target != no_target ? model::may_fail(f.context) : model::should_fail(f.context); }

std::uint32_t do_devm_kzalloc(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Devres* list = devres_of(f, i);
  if (list == nullptr) return next;
  if (fails(f, i)) return f.fail(i, model::enomem);
  static const model::StaticName release{"devm kfree"};
  model::Allocation& a = allocated(f, i);
  model::kzalloc(f.context, a);
  if (!f.aborting()) model::devres_add(f.context, *list, {&release, a.name, [&a](model::Context& c) { model::kfree(c, a); }, &a});
  return next;
}

std::uint32_t do_devm_kfree(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Devres* list = devres_of(f, i);
  if (model::Allocation* a = memory(f, i.operand); a != nullptr && list != nullptr) model::devm_kfree(f.context, *list, *a);
  return next;
}

std::uint32_t do_kzalloc(Frame& f, const Instruction& i, std::uint32_t next) {
  if (fails(f, i)) return f.fail(i, model::enomem);
  model::kzalloc(f.context, allocated(f, i), static_cast<model::Gfp>(i.amount));
  return next;
}

std::uint32_t do_cache_alloc(Frame& f, const Instruction& i, std::uint32_t next) {
  const Operand& cache = *f.world.program().of(EntityKind::allocation)[i.operand.index].thing("cache");
  if (fails(f, i)) return f.fail(i, model::enomem);
  model::Allocation& a = allocated(f, i);
  model::kmem_cache_alloc(f.context, *thing<EntityKind::kmem_cache>(f, cache), a, static_cast<model::Gfp>(i.amount));
  return next;
}

std::uint32_t do_cache_free(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Allocation* a = memory(f, i.operand);
  model::KmemCache* c = a == nullptr ? nullptr : thing<EntityKind::kmem_cache>(f, i.second);
  if (c != nullptr) model::kmem_cache_free(f.context, *c, *a);
  return next;
}

std::uint32_t do_kfree(Frame& f, const Instruction& i, std::uint32_t next) {
  model::kfree(f.context, memory(f, i.operand));
  return next;
}

constexpr KeySpec gfp{"flags", KeyKind::words, false, "GFP_ATOMIC: it does not sleep", EntityKind::none, "GFP_ATOMIC"};

Verb access(std::string_view name, bool write, std::uint8_t flags, std::string_view summary, std::string_view models) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::field;
  v.execute = write ? do_store : do_load;
  if (write) {
    v.keys = {{"value", KeyKind::value, true, "what is stored: an integer, NULL, a local, or the name of declared memory"}};
  } else {
    v.keys = {{"to", KeyKind::to, true, "the local that receives the value"}};
  }
  v.acts = write;
  v.flags = flags;
  v.models = models;
  v.leaves_out = "weak memory order: everything is sequentially consistent";
  v.summary = summary;
  return v;
}

Verb allocation(std::string_view name, Execute execute, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::declaration;
  v.entity = EntityKind::allocation;
  v.execute = execute;
  v.keys = {{"fields", KeyKind::fields, false, "names and initial values of its fields"},
            {"members", KeyKind::members, false, "what else is part of it: rcu_head, list_head, or a structure with fields and members"},
            {"to", KeyKind::to, false, "local that receives the pointer: then each time makes an object of its own"},
            {"else", KeyKind::otherwise, false, "where to go if there is no memory, which is a choice then"}};
  v.models = slub;
  v.leaves_out = leaves_out;
  v.summary = summary;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::kmem_cache>() {
  return things<EntityKind::kmem_cache>(
      [](model::KmemCache& c, const ThingSetup& s) { model::init_kmem_cache(s.kernel, c, s.unique, s.declared, s.binding.binding.life); });
}

std::vector<Verb> memory_verbs() {
  Verb kfree;
  kfree.name = "kfree";
  kfree.operand = OperandKind::memory;
  kfree.execute = do_kfree;
  kfree.models = slub;
  kfree.leaves_out = leaves_out;
  kfree.summary = "frees memory; NULL is nothing to free";
  Verb kzalloc = allocation("kzalloc", do_kzalloc, "memory that the driver frees");
  kzalloc.keys.push_back(gfp);
  Verb devm_kzalloc = allocation("devm_kzalloc", do_devm_kzalloc, "memory that devres frees after remove()");
  devm_kzalloc.keys.push_back(other_device);
  Verb devm_kfree = kfree;
  devm_kfree.name = "devm_kfree";
  devm_kfree.execute = do_devm_kfree;
  devm_kfree.keys = {other_device};
  devm_kfree.models = "drivers/base/devres.c, v6.18";
  devm_kfree.summary = "frees managed memory now";
  constexpr std::string_view rcupdate = "include/linux/rcupdate.h, v6.18";
  Verb rcu_dereference =
      access("rcu_dereference", false, ordered, "loads a pointer that RCU protects, inside of rcu_read_lock()", rcupdate);
  rcu_dereference.execute = do_rcu_dereference;
  return {
      devm_kzalloc,
      alias("devm_kmalloc", "devm_kzalloc"),
      alias("devm_kcalloc", "devm_kzalloc"),
      alias("devm_kmemdup", "devm_kzalloc"),
      devm_kfree,
      kzalloc,
      alias("kmalloc", "kzalloc"),
      alias("kcalloc", "kzalloc"),
      alias("kmemdup", "kzalloc"),
      alias("kvzalloc", "kzalloc"),
      alias("vzalloc", "kzalloc"),
      kfree,
      alias("kvfree", "kfree"),
      alias("vfree", "kfree"),
      alias("kfree_sensitive", "kfree"),
      access("load", false, plain, "a plain load", "a plain C access"),
      access("store", true, plain, "a plain store", "a plain C access"),
      access("READ_ONCE", false, once, "a marked load", "READ_ONCE, v6.18"),
      access("WRITE_ONCE", true, once, "a marked store", "WRITE_ONCE, v6.18"),
      access("smp_load_acquire", false, ordered, "a load with acquire order", "smp_load_acquire, v6.18"),
      access("smp_store_release", true, ordered, "a store with release order", "smp_store_release, v6.18"),
      rcu_dereference,
      access("rcu_dereference_protected", false, plain, "loads it under the lock that writers hold", rcupdate),
      access("rcu_access_pointer", false, once, "loads it for looking at its value, not for following it", rcupdate),
      access("rcu_assign_pointer", true, ordered, "publishes a pointer", rcupdate),
      access("RCU_INIT_POINTER", true, once, "stores a pointer that needs no order: NULL, or one that nobody can see yet", rcupdate),
  };
}

std::vector<Verb> slab_verbs() {
  constexpr VerbFamily family{EntityKind::kmem_cache, "constructors, merging, SLAB_TYPESAFE_BY_RCU, reuse, objects given to kfree_rcu()"};
  constexpr std::string_view slab = "mm/slab_common.c, v6.18";
  constexpr KeySpec cache{"cache", KeyKind::thing, true, "the cache", EntityKind::kmem_cache};
  Verb alloc = allocation("kmem_cache_alloc", do_cache_alloc, "an object of a cache");
  alloc.keys.push_back(cache);
  alloc.keys.push_back(gfp);
  Verb free;
  free.name = "kmem_cache_free";
  free.operand = OperandKind::memory;
  free.execute = do_cache_free;
  free.keys = {cache};
  free.models = slub;
  free.leaves_out = family.leaves_out;
  free.summary = "frees an object into its cache";
  return {
      family.declares("kmem_cache_create", on<EntityKind::kmem_cache, model::kmem_cache_create>,
                      {{"else", KeyKind::otherwise, false, "where to go if there is no memory"}}, slab,
                      "makes a cache of the driver's own"),
      family.on_thing("kmem_cache_destroy", on<EntityKind::kmem_cache, model::kmem_cache_destroy>, {}, slab,
                      "destroys a cache; with objects left it is misuse; waits for no callback that frees into it"),
      alloc,
      alias("kmem_cache_zalloc", "kmem_cache_alloc"),
      free,
  };
}

}  // namespace unplug::scenarios
