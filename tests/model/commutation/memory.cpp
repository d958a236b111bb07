#include <array>

#include "model/commute.hpp"
#include "unplug/model/kernel/lib/idr.hpp"
#include "unplug/model/kernel/lib/list.hpp"
#include "unplug/model/kernel/rcu/kfree_rcu.hpp"
#include "unplug/model/kernel/rcu/slab.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t caches(Covered& covered) {
  KmemCache cache;
  std::array<Allocation, 3> objects;
  Allocation own, parent, member, maybe;
  KvfreeRcu kvfree;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_kmem_cache(l.kernel, cache, l.name("cache"), l.name("cache"), {});
    init_kvfree_rcu(l.kernel, kvfree, l.rcu);
    cache.kvfree_rcu = &kvfree;
    l.init(objects[0], "a", {"x"}, false);
    allow_again(l.kernel, objects[0], l.name("a"));
    l.init(objects[1], "b", {}, false);
    l.init(objects[2], "c", {}, false);
    l.init(parent, "parent");
    init_embedded(member, parent.life, l.name("member"));
    l.init(maybe, "maybe", {"x", "y"}, false);
    allow_again(l.kernel, maybe, l.name("maybe"));
    for (std::size_t i = 0; i < objects.size(); ++i)
      l.task(i == 0   ? "t0"
             : i == 1 ? "t1"
                      : "t2",
             [&, i](Context& c) {
               kmem_cache_alloc(c, cache, objects[i], Gfp::atomic);
               i == 2 ? kfree_rcu(c, kvfree, cache, objects[i]) : kmem_cache_free(c, cache, objects[i]);
               if (i == 0) kmem_cache_alloc(c, cache, objects[i], Gfp::atomic);
             });
    l.task("owner", [&](Context& c) {
      kmem_cache_create(c, cache);
      kmem_cache_destroy(c, cache);
    });
    l.task("other", [&](Context& c) {
      for (int i = 0; i < 2; ++i)
        if (try_kzalloc(c, maybe)) kfree(c, maybe);
      kfree(c, member);
    });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab caches_lab{"slab caches and members", 500, caches};

std::uint64_t lists(Covered& covered) {
  std::array<List, 2> lists;
  std::array<ListEntry, 4> e;
  Mutex lock;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(lock, "lock");
    init_list(l.kernel, lists[0], l.name("list"), l.name("list"), {});
    init_list(l.kernel, lists[1], l.name("rcu list"), l.name("rcu list"), {});
    for (ListEntry& x : e) init_list_entry(x, l.name("e"), {}, true);
    for (std::size_t i = 0; i < 2; ++i)
      l.task(i == 0 ? "t0" : "t1", [&, i](Context& c) {
        mutex_lock(c, lock);
        list_add(c, lists[0], e[i]);
        list_add_rcu(c, lists[1], e[2 + i]);
        mutex_unlock(c, lock);
        if (!list_empty(c, lists[0]) && list_next(c, lists[0], nullptr) != nullptr) mark(c);
        mutex_lock(c, lock);
        if (i == 0) {
          list_del(c, lists[0], e[i]);
        } else {
          list_del_init(c, lists[0], e[i]);
        }
        list_del_rcu(c, lists[1], e[2 + i]);
        mutex_unlock(c, lock);
      });
    l.task("reader", [&](Context& c) {
      for (ListEntry* at = nullptr; (at = list_next_rcu(c, lists[1], at)) != nullptr;) mark(c);
    });
  });
  return commute(lab, 120, 8, covered);
}
const CommutationLab lists_lab{"lists", 500, lists};

std::uint64_t tables(Covered& covered) {
  IdTable t;
  std::array<Allocation, 2> objects;
  Mutex lock;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(lock, "lock");
    init_id_table(l.kernel, t, l.name("idr"), l.name("idr"), {});
    l.init(objects[0], "a");
    l.init(objects[1], "b");
    for (std::size_t i = 0; i < 2; ++i)
      l.task(i == 0 ? "t0" : "t1", [&, i](Context& c) {
        mutex_lock(c, lock);
        const int id = idr_alloc(c, t, nullptr);
        mutex_unlock(c, lock);
        idr_replace(c, t, &objects[i], id);
        if (i == 0) idr_remove(c, t, id);
        idr_remove(c, t, xa_alloc(c, t, &objects[i], 8));
      });
    l.task("reader", [&](Context& c) {
      if (idr_find(c, t, 0) != nullptr) mark(c);
      int id = 0;
      if (idr_get_next(c, t, id) != nullptr) mark(c);
    });
    l.task("destroyer", [&](Context& c) { idr_destroy(c, t); });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab tables_lab{"id tables", 500, tables};

}  // namespace
}  // namespace unplug::model::test
