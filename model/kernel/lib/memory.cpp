#include "unplug/model/kernel/lib/memory.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/lib/fault.hpp"

namespace unplug::model {
namespace {

const Operation alloc_op{.name = "kzalloc"}, fill_op{.name = "fill the memory"}, again_op{.name = "fill the memory: again"},
    free_op{.name = "kfree"}, bad_free_op{.name = "kfree of a member"};
const Operation load_plain{.name = "load", .plain = true}, load_once{.name = "READ_ONCE", .marked = true},
    load_acquire{.name = "smp_load_acquire", .sync = sim::Sync::acquire, .marked = true};
const Operation store_plain{.name = "store", .plain = true, .repeat = sim::Repeat::looks},
    store_once{.name = "WRITE_ONCE", .marked = true, .repeat = sim::Repeat::looks},
    store_release{.name = "smp_store_release", .sync = sim::Sync::release, .marked = true, .repeat = sim::Repeat::looks};

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
  a.contents.clear();
  a.allocated = {};
  a.embedded = false;
  a.life = kernel.new_lifetime(unique_name, LifetimeKind::memory, declared, owner, from_start);
}

void add_field(Kernel& kernel, Allocation& a, NameId field, std::uint64_t initial) {
  const ObjectId object = kernel.engine().new_object(kernel.engine().own_name(kernel.text(field)), initial);
  kernel.declare_object(object, kernel.member(a.name, field));
  a.fields.emplace_back(field, object);
  a.contents.emplace_back(object, initial);
}

void allow_again(Kernel& kernel, Allocation& a, NameId unique_name) {
  static constexpr std::string_view allocated = "allocated";
  a.allocated = kernel.engine().new_object(kernel.engine().names().child(unique_name, allocated, 1), 0);
  kernel.declare_object(a.allocated, a.name);
}

void init_embedded(Allocation& member, LifetimeId life, NameId declared) {
  member.name = declared;
  member.fields.clear();
  member.contents.clear();
  member.allocated = {};
  member.embedded = true;
  member.life = life;
}

namespace {

void fill(Context& context, const Allocation& a) {
  for (const auto& [object, initial] : a.contents) {
    if (context.aborting()) return;
    context.write(fill_op, object, {}, [value = initial](std::uint64_t& word) { word = value; });
  }
}

bool was_allocated(std::uint64_t& word) { return std::exchange(word, 1) != 0; }

void may_sleep(Context& context, Gfp gfp) {
  if (gfp == Gfp::kernel) context.might_sleep("kzalloc(GFP_KERNEL)");
}

void begin(Context& context, const Allocation& a) {
  sim::Step s = context.make(alloc_op);
  s.begins = a.life;
  if (!a.allocated) return context.engine().step(s);
  s.access = {a.allocated, sim::AccessKind::write};
  if (context.engine().step(s, was_allocated)) fill(context, a);
}

}  // namespace

void fill_again(Context& context, const Allocation& a) {
  if (a.allocated && context.write(again_op, a.allocated, {}, was_allocated)) fill(context, a);
}

void kzalloc(Context& context, Allocation& a, Gfp gfp) {
  may_sleep(context, gfp);
  begin(context, a);
}

bool try_kzalloc(Context& context, Allocation& a, Gfp gfp) {
  may_sleep(context, gfp);
  if (may_fail(context) || context.aborting()) return false;
  begin(context, a);
  return true;
}

void kfree(Context& context, Allocation& a) {
  if (a.embedded) {
    context.engine().step(context.make(bad_free_op, a.life), [&](std::uint64_t&) {
      context.kernel().report(
          ViolationClass::api_misuse, a.name,
          fmt::format("kfree('{}') of what is no allocation of its own: it goes with what it is in", context.kernel().text(a.name)));
    });
    return;
  }
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
