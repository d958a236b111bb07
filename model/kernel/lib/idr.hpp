// Tables from small numbers to pointers: publish under an id, look up, take out.
//
// lib/idr.c and lib/xarray.c, v6.18. An IDR leaves locking to its callers: idr_alloc() looks for a free id and then stores, and two of them
// without a common lock may give one id twice. An XArray has a lock of its own. Looking up needs no more than an RCU read-side section, and
// what it answers may be on its way out: taking an entry out of the table waits for nobody. An id can be reserved with a NULL entry and
// filled in when the object is ready. Destroying a table frees its nodes, never what the entries point to.
// Left out: ids above 63, ranges, cyclic allocation, marks, failure for lack of memory.
#pragma once

#include <array>

#include "unplug/model/kernel/lib/memory.hpp"

namespace unplug::model {

struct IdTable {
  static constexpr int capacity = 64;
  ObjectId object;  // word: bit n: id n is taken
  NameId name;
  LifetimeId home;                              // memory it lives in; none: static
  std::array<Allocation*, capacity> entries{};  // touched in steps on `object` only
};
void init_id_table(Kernel& kernel, IdTable& t, NameId unique_name, NameId declared, LifetimeId home);

// The lowest free id from `start` to `end` - 1, which stands for `a` from now on (null: reserved); -28 (-ENOSPC) if there is none. With
// GFP_KERNEL it may sleep. The caller holds a lock against other changes.
int idr_alloc(Context& context, IdTable& t, Allocation* a, int start = 0, int end = IdTable::capacity, Gfp gfp = Gfp::kernel);
// The same for an XArray: looks and stores under its own lock.
int xa_alloc(Context& context, IdTable& t, Allocation* a, int start = 0, int end = IdTable::capacity, Gfp gfp = Gfp::kernel);
// idr_find(), xa_load(): null if nothing is there, or it is reserved.
[[nodiscard]] Allocation* idr_find(Context& context, const IdTable& t, int id);
// Another pointer under an id that is taken. false: it is not (-ENOENT).
bool idr_replace(Context& context, IdTable& t, Allocation* a, int id);
// idr_remove(), xa_erase(): what was there; null if nothing was.
Allocation* idr_remove(Context& context, IdTable& t, int id);
// idr_get_next(): the first entry from `id` on, which it moves there. null: there is none.
[[nodiscard]] Allocation* idr_get_next(Context& context, const IdTable& t, int& id);
// idr_destroy(), xa_destroy(): the table is empty; entries that were still there are nobody's any more.
void idr_destroy(Context& context, IdTable& t);

}  // namespace unplug::model
