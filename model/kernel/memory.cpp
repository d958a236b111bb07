#include "unplug/model/kernel/memory.hpp"

namespace unplug::model {
namespace {

const Operation alloc_op{.name = "kzalloc"}, free_op{.name = "kfree"};
const Operation load_plain{.name = "load", .plain = true}, load_once{.name = "READ_ONCE", .marked = true},
    load_acquire{.name = "smp_load_acquire", .sync = sim::Sync::acquire, .marked = true};
const Operation store_plain{.name = "store", .plain = true}, store_once{.name = "WRITE_ONCE", .marked = true},
    store_release{.name = "smp_store_release", .sync = sim::Sync::release, .marked = true};

const Operation& load_operation(MemoryOrder order) {
  return order == MemoryOrder::plain ? load_plain : order == MemoryOrder::once ? load_once : load_acquire;
}
const Operation& store_operation(MemoryOrder order) {
  return order == MemoryOrder::plain ? store_plain : order == MemoryOrder::once ? store_once : store_release;
}

}  // namespace

void init_allocation(Kernel& kernel, Allocation& a, NameId unique_name, NameId declared, LifetimeId owner, bool from_start) {
  a.name = declared;
  a.fields.clear();
  a.life = kernel.new_lifetime(unique_name, LifetimeKind::memory, declared, owner, from_start);
}

void add_field(Kernel& kernel, Allocation& a, NameId field, std::uint64_t initial) {
  const ObjectId object = kernel.engine().new_object(kernel.engine().own_name(kernel.text(field)), initial);
  kernel.declare_object(object, kernel.member(a.name, field));
  a.fields.emplace_back(field, object);
}

void kzalloc(Context& context, Allocation& a) {
  sim::Step s = context.make(alloc_op);
  s.begins = a.life;
  context.engine().step(s);
}

void kfree(Context& context, Allocation& a) {
  sim::Step s = context.make(free_op);
  s.ends = a.life;
  context.engine().step(s);
}

std::uint64_t load(Context& context, const Allocation& a, ObjectId field, MemoryOrder order) {
  return context.read(load_operation(order), field, a.life);
}

void store(Context& context, const Allocation& a, ObjectId field, std::uint64_t value, MemoryOrder order) {
  context.write(store_operation(order), field, a.life, [value](std::uint64_t& word) { word = value; });
}

}  // namespace unplug::model
