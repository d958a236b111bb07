// Memory: allocation, release, plain and marked accesses.
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::string_view slub = "mm/slub.c, v6.18", leaves_out = "sizes, reuse of slab memory, uninitialised contents";

model::MemoryOrder order(const Instruction& i) { return static_cast<model::MemoryOrder>(i.flags); }
constexpr std::uint8_t plain = 0, once = 1, ordered = 2;

std::uint32_t do_load(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr) set_local(f, i, model::load(f.context, *r.memory, r.object, order(i)));
  return next;
}

std::uint32_t do_store(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr) model::store(f.context, *r.memory, r.object, value(f, i), order(i));
  return next;
}

// What an allocation makes: the binding's one, or with a local to receive the pointer a new one each time.
model::Allocation& allocated(Frame& f, const Instruction& i) {
  if (i.to == no_local) return *f.world.allocation(World::declared_allocation(*f.binding, i.operand.index));
  Instance& made = f.world.new_instance(*f.binding, i.operand.index);
  f.locals[i.to] = made.handle;
  return made.memory;
}

std::uint32_t do_devm_kzalloc(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::StaticName release{"devm kfree"};
  model::Allocation& a = allocated(f, i);
  model::kzalloc(f.context, a);
  if (!f.aborting())
    model::devres_add(f.context, f.binding->binding, {&release, a.name, [&a](model::Context& c) { model::kfree(c, a); }, &a});
  return next;
}

std::uint32_t do_kzalloc(Frame& f, const Instruction& i, std::uint32_t next) {
  model::kzalloc(f.context, allocated(f, i), static_cast<model::Gfp>(i.amount));
  return next;
}

std::uint32_t do_kfree(Frame& f, const Instruction& i, std::uint32_t next) {
  model::kfree(f.context, memory(f, i.operand));
  return next;
}

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
            {"to", KeyKind::to, false, "local that receives the pointer: then each time makes an object of its own"}};
  v.models = slub;
  v.leaves_out = leaves_out;
  v.summary = summary;
  return v;
}

}  // namespace

std::vector<Verb> memory_verbs() {
  Verb kfree;
  kfree.name = "kfree";
  kfree.operand = OperandKind::memory;
  kfree.execute = do_kfree;
  kfree.models = slub;
  kfree.leaves_out = leaves_out;
  kfree.summary = "frees memory; NULL is nothing to free";
  Verb kzalloc = allocation("kzalloc", do_kzalloc, "memory that the driver frees");
  kzalloc.keys.push_back({"flags", KeyKind::words, false, "GFP_ATOMIC: it does not sleep", EntityKind::none, "GFP_ATOMIC"});
  return {
      allocation("devm_kzalloc", do_devm_kzalloc, "memory that devres frees after remove()"),
      kzalloc,
      kfree,
      access("load", false, plain, "a plain load", "a plain C access"),
      access("store", true, plain, "a plain store", "a plain C access"),
      access("READ_ONCE", false, once, "a marked load", "READ_ONCE, v6.18"),
      access("WRITE_ONCE", true, once, "a marked store", "WRITE_ONCE, v6.18"),
      access("smp_load_acquire", false, ordered, "a load with acquire order", "smp_load_acquire, v6.18"),
      access("smp_store_release", true, ordered, "a store with release order", "smp_store_release, v6.18"),
      access("rcu_dereference", false, ordered, "loads a pointer that RCU protects", "rcu_dereference, v6.18"),
      access("rcu_assign_pointer", true, ordered, "publishes a pointer", "rcu_assign_pointer, v6.18"),
  };
}

}  // namespace unplug::scenarios
