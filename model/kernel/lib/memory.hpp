// Memory: allocations with named fields, each field a word of its own.
//
// kmalloc/kfree (mm/slub.c, v6.18). An allocation is a lifetime; a field access carries it as witness, kfree() ends it. Plain and marked
// accesses are different operations: only plain ones take part in data races. An allocation with GFP_KERNEL may sleep, one with GFP_ATOMIC
// may not. A member that is embedded in another allocation lives and dies with it. What a module declares static is an allocation of which
// the module's text is the life. Caches are in slab.hpp. Left out: sizes, slab reuse, use of uninitialised memory.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct Allocation {
  LifetimeId life;
  NameId name;  // as declared
  std::vector<std::pair<NameId, ObjectId>> fields;
  bool embedded = false;                                     // not at the start of what kmalloc() returned: nothing to give to kfree()
  std::vector<std::pair<ObjectId, std::uint64_t>> contents;  // what the fields hold at first
  ObjectId allocated;                                        // if it may be allocated again: word: whether it has been

  // The object of field `name`; none if there is no such field.
  [[nodiscard]] ObjectId field(NameId field_name) const {
    for (const auto& [n, o] : fields)
      if (n == field_name) return o;
    return {};
  }
};

enum class MemoryOrder : std::uint8_t { plain, once, acquire_release };

// Makes the object of an allocation that some step will begin (kzalloc_step) or that exists from the start.
void init_allocation(Kernel& kernel, Allocation& a, NameId unique_name, NameId declared, LifetimeId owner, bool from_start);
// Adds a field; before the first step or before the allocation is published.
void add_field(Kernel& kernel, Allocation& a, NameId field, std::uint64_t initial);

// It may be allocated again after it was freed: its contents are then what they were at first.
void allow_again(Kernel& kernel, Allocation& a, NameId unique_name);

// A member called `declared` inside `parent`, or a static object of a module (`life` its text): there as long as that is.
void init_embedded(Allocation& member, LifetimeId life, NameId declared);

enum class Gfp : std::uint8_t { kernel, atomic };
// Just after it began: writes its contents if it has been allocated before.
void fill_again(Context& context, const Allocation& a);
// kzalloc(): begins the lifetime. With GFP_KERNEL it may sleep.
void kzalloc(Context& context, Allocation& a, Gfp gfp = Gfp::kernel);
// The same where it may fail (a data choice). false: it has, and nothing begins.
[[nodiscard]] bool try_kzalloc(Context& context, Allocation& a, Gfp gfp = Gfp::kernel);
// kfree(): ends it. Of an embedded member: api-misuse, and nothing ends.
void kfree(Context& context, Allocation& a);
// NULL is nothing to free.
inline void kfree(Context& context, Allocation* a) {
  if (a != nullptr) kfree(context, *a);
}

// A load of a field (plain, READ_ONCE, or smp_load_acquire/rcu_dereference).
std::uint64_t load(Context& context, const Allocation& a, ObjectId field, MemoryOrder order);
// A store to a field (plain, WRITE_ONCE, or smp_store_release/rcu_assign_pointer).
void store(Context& context, const Allocation& a, ObjectId field, std::uint64_t value, MemoryOrder order);

}  // namespace unplug::model
