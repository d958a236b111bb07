#include "unplug/model/kernel/lib/idr.hpp"
#include "unplug/model/core/errno.hpp"

#include <utility>

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation look_op{.name = "idr_alloc: free id", .plain = true},
    alloc_op{.name = "idr_alloc", .sync = sim::Sync::release, .marked = true}, xa_alloc_op{.name = "xa_alloc", .sync = sim::Sync::both},
    find_op{.name = "idr_find", .sync = sim::Sync::acquire, .marked = true},
    replace_op{.name = "idr_replace", .sync = sim::Sync::release, .marked = true}, remove_op{.name = "idr_remove", .marked = true},
    get_next_op{.name = "idr_get_next", .sync = sim::Sync::acquire, .marked = true}, destroy_op{.name = "idr_destroy", .marked = true};

constexpr std::uint64_t bit(int id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

bool valid(int id) { return id >= 0 && id < IdTable::capacity; }

int free_id(std::uint64_t word, int start, int end) {
  for (int id = start; id < end && valid(id); ++id)
    if ((word & bit(id)) == 0) return id;
  return enospc;
}

// What may sleep before it.
void allocate(Context& context, Gfp gfp, std::string_view what) {
  if (gfp == Gfp::kernel) context.might_sleep(what);
}

}  // namespace

void init_id_table(Kernel& kernel, IdTable& t, NameId unique_name, NameId declared, LifetimeId home) {
  t = {kernel.engine().new_object(unique_name, 0), declared, home, {}};
  kernel.declare_object(t.object, declared);
}

int idr_alloc(Context& context, IdTable& t, Allocation* a, int start, int end, Gfp gfp) {
  allocate(context, gfp, "idr_alloc(GFP_KERNEL)");
  const int id = free_id(context.read(look_op, t.object, t.home), start, end);
  if (id < 0 || context.aborting()) return id;
  context.write(alloc_op, t.object, t.home, [&](std::uint64_t& word) {
    if ((word & bit(id)) != 0)
      context.kernel().report(
          ViolationClass::api_misuse, t.name,
          fmt::format("idr_alloc() of '{}' gives id {} a second time: nothing locks the table", context.kernel().text(t.name), id));
    word |= bit(id);
    t.entries[static_cast<std::size_t>(id)] = a;
  });
  return id;
}

int xa_alloc(Context& context, IdTable& t, Allocation* a, int start, int end, Gfp gfp) {
  allocate(context, gfp, "xa_alloc(GFP_KERNEL)");
  return context.write(xa_alloc_op, t.object, t.home, [&](std::uint64_t& word) {
    const int id = free_id(word, start, end);
    if (id < 0) return id;
    word |= bit(id);
    t.entries[static_cast<std::size_t>(id)] = a;
    return id;
  });
}

Allocation* idr_find(Context& context, const IdTable& t, int id) {
  sim::Step s = context.make(find_op, t.home);
  s.access = {t.object, sim::AccessKind::read};
  return context.engine().step(
      s, [&](std::uint64_t&) -> Allocation* { return valid(id) ? t.entries[static_cast<std::size_t>(id)] : nullptr; });
}

bool idr_replace(Context& context, IdTable& t, Allocation* a, int id) {
  return context.write(replace_op, t.object, t.home, [&](std::uint64_t& word) {
    if (!valid(id) || (word & bit(id)) == 0) return false;
    t.entries[static_cast<std::size_t>(id)] = a;
    return true;
  });
}

Allocation* idr_remove(Context& context, IdTable& t, int id) {
  return context.write(remove_op, t.object, t.home, [&](std::uint64_t& word) -> Allocation* {
    if (!valid(id)) return nullptr;
    word &= ~bit(id);
    return std::exchange(t.entries[static_cast<std::size_t>(id)], nullptr);
  });
}

Allocation* idr_get_next(Context& context, const IdTable& t, int& id) {
  sim::Step s = context.make(get_next_op, t.home);
  s.access = {t.object, sim::AccessKind::read};
  return context.engine().step(s, [&](std::uint64_t&) -> Allocation* {
    for (int i = id; valid(i); ++i)
      if (t.entries[static_cast<std::size_t>(i)] != nullptr) {
        id = i;
        return t.entries[static_cast<std::size_t>(i)];
      }
    return nullptr;
  });
}

void idr_destroy(Context& context, IdTable& t) {
  context.write(destroy_op, t.object, t.home, [&](std::uint64_t& word) {
    word = 0;
    t.entries.fill(nullptr);
  });
}

}  // namespace unplug::model
