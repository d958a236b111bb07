// kernel/idr: ids, what stands for them, and what taking one out does not wait for.
#include "unplug/model/kernel/lib/idr.hpp"

#include <array>

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct Table {
  IdTable ids;
  std::array<Allocation, 3> objects;
  void init(Lab& l, LifetimeId home = {}) {
    init_id_table(l.kernel, ids, l.name("ids"), l.name("ids"), home);
    l.init(objects[0], "a", {"x"});
    l.init(objects[1], "b", {"x"});
    l.init(objects[2], "c", {"x"});
  }
};

std::string alone(Table& t, const std::function<void(Context&)>& body) {
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("t", body);
  });
  return every(lab).text();
}

}  // namespace

TEST_CASE("id tables: the lowest free id of a range, found until it is removed, and free again then") {
  Table t;
  for (const bool xa : {false, true})
    CHECK(alone(t, [&](Context& c) {
            auto& ids = t.ids;
            auto& o = t.objects;
            const auto alloc = [&](Allocation* a, int start, int end) {
              return xa ? xa_alloc(c, ids, a, start, end) : idr_alloc(c, ids, a, start, end);
            };
            must(alloc(&o[0], 0, 64) == 0);
            must(alloc(&o[1], 0, 64) == 1);
            must(alloc(&o[2], 1, 3) == 2);
            must(alloc(&o[2], 1, 3) == -28);
            must(alloc(&o[2], 63, 99) == 63);
            must(alloc(&o[2], 63, 99) == -28);
            must(idr_find(c, ids, 0) == &o[0]);
            must(idr_find(c, ids, 2) == &o[2]);
            must(idr_find(c, ids, 5) == nullptr);
            must(idr_find(c, ids, -1) == nullptr);
            must(idr_find(c, ids, 64) == nullptr);
            must(idr_remove(c, ids, 1) == &o[1]);
            must(idr_remove(c, ids, 1) == nullptr);
            must(idr_remove(c, ids, 64) == nullptr);
            must(idr_find(c, ids, 1) == nullptr);
            must(idr_find(c, ids, 0) == &o[0]);
            must(alloc(&o[0], 0, 64) == 1);
          }).empty());
}

// Fact: idr-null-reserves.
TEST_CASE("id tables: reserved with NULL an id is taken and not found, until it is filled in") {
  Table t;
  CHECK(alone(t, [&](Context& c) {
          must(idr_alloc(c, t.ids, nullptr) == 0);
          must(idr_find(c, t.ids, 0) == nullptr);
          must(idr_alloc(c, t.ids, nullptr) == 1);
          must(idr_replace(c, t.ids, &t.objects[0], 0));
          must(idr_find(c, t.ids, 0) == &t.objects[0]);
          must(!idr_replace(c, t.ids, &t.objects[0], 2));
          must(!idr_replace(c, t.ids, &t.objects[0], 64));
          must(idr_find(c, t.ids, 2) == nullptr);
        }).empty());
}

// Fact: idr_destroy-frees-no-objects.
TEST_CASE("id tables: walked in the order of ids, destroyed they are empty, and what they stood for is a leak") {
  Table t;
  Allocation owner, left;
  bool walk = true;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.init(owner, "owner");
    l.init(left, "left", {}, false, owner.life);
    l.task("t", [&](Context& c) {
      kzalloc(c, left);
      must(idr_alloc(c, t.ids, &t.objects[0], 4) == 4);
      must(idr_alloc(c, t.ids, nullptr, 5) == 5);
      must(idr_alloc(c, t.ids, &left, 9) == 9);
      if (walk) {
        int id = 0;
        must(idr_get_next(c, t.ids, id) == &t.objects[0]);
        must(id == 4);
        must(idr_get_next(c, t.ids, ++id) == &left);
        must(id == 9);
        must(idr_get_next(c, t.ids, ++id) == nullptr);
        id = 0;
        for (Allocation* a = nullptr; (a = idr_get_next(c, t.ids, id)) != nullptr && !c.aborting(); ++id)
          if (a == &left) kfree(c, idr_remove(c, t.ids, id));
      }
      idr_destroy(c, t.ids);
      must(idr_find(c, t.ids, 4) == nullptr);
      must(idr_alloc(c, t.ids, nullptr, 4) == 4);
      kfree(c, owner);
    });
  });
  CHECK(every(lab).text().empty());
  walk = false;
  CHECK(every(lab).text() == "leak(left)@t");
}

// Fact: idr_alloc-no-lock.
TEST_CASE("id tables: idr_alloc without a lock gives one id twice, with one or in an XArray it does not") {
  Table t;
  Mutex lock;
  enum class How { nothing, locked, xarray } how = How::nothing;
  std::array<int, 2> id{};
  Lab lab([&](Lab& l) {
    t.init(l);
    l.init(lock, "lock");
    for (std::size_t i = 0; i < 2; ++i)
      l.task(i == 0 ? "t0" : "t1", [&, i](Context& c) {
        if (how == How::locked) mutex_lock(c, lock);
        id[i] = how == How::xarray ? xa_alloc(c, t.ids, &t.objects[i]) : idr_alloc(c, t.ids, &t.objects[i]);
        if (how == How::locked) mutex_unlock(c, lock);
      });
  });
  const Found f = every(lab);
  CHECK(f.count("api-misuse(ids)@t0") > 0);
  CHECK(f.count("api-misuse(ids)@t1") > 0);
  CHECK(f.count("data-race(ids)@t0") > 0);
  for (const How h : {How::locked, How::xarray}) {
    how = h;
    CHECK(every(lab, [&] { CHECK(id[0] + id[1] == 1); }).text().empty());
  }
}

// Fact: idr_remove-waits-not.
TEST_CASE("id tables: taking an entry out waits for nobody: who has found it under RCU uses it, free it after a grace period") {
  Table t;
  bool wait = false, section = true;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("owner", [&](Context& c) {
      must(xa_alloc(c, t.ids, &t.objects[0]) == 0);
      Allocation* a = idr_remove(c, t.ids, 0);
      if (wait) synchronize_rcu(c, l.rcu);
      kfree(c, a);
    });
    l.task("user", [&](Context& c) {
      if (section) rcu_read_lock(c, l.rcu);
      if (Allocation* a = idr_find(c, t.ids, 0); a != nullptr) get(c, *a);
      if (section) rcu_read_unlock(c, l.rcu);
    });
  });
  CHECK(every(lab).text() == "use-after-free(a)@user");
  wait = true;
  CHECK(every(lab).text().empty());
  section = false;
  CHECK(every(lab).text() == "use-after-free(a)@user");
}

// Fact: idr_alloc-no-lock.
TEST_CASE("id tables: what was written before an id is published is there for whoever finds it") {
  Table t;
  enum class How { alloc, replace, get_next, xarray } how = How::alloc;
  bool late = false;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("owner", [&](Context& c) {
      if (how == How::replace) idr_alloc(c, t.ids, nullptr);
      if (!late) set(c, t.objects[0], 5, 0, MemoryOrder::plain);
      if (how == How::replace) {
        idr_replace(c, t.ids, &t.objects[0], 0);
      } else if (how == How::xarray) {
        xa_alloc(c, t.ids, &t.objects[0]);
      } else {
        idr_alloc(c, t.ids, &t.objects[0]);
      }
      if (late) set(c, t.objects[0], 5, 0, MemoryOrder::plain);
    });
    l.task("user", [&](Context& c) {
      int id = 0;
      const Allocation* a = how == How::get_next ? idr_get_next(c, t.ids, id) : idr_find(c, t.ids, 0);
      if (a != nullptr) get(c, *a, 0, MemoryOrder::plain);
    });
  });
  for (const How h : {How::alloc, How::replace, How::get_next, How::xarray}) {
    how = h;
    late = false;
    CHECK(every(lab).text().empty());
    late = true;
    CHECK(every(lab).count("data-race(a.x)@user") > 0);
  }
}

// Fact: gfp_kernel-sleeps.
TEST_CASE("id tables: one that lives in memory that was freed, and GFP_KERNEL where nobody may sleep") {
  Table t;
  Allocation home;
  int what = 0;
  Lab lab([&](Lab& l) {
    l.init(home, "home");
    t.init(l, home.life);
    l.task("t", [&](Context& c) {
      kfree(c, home);
      int id = 0;
      if (what == 0) idr_alloc(c, t.ids, nullptr);
      if (what == 1) xa_alloc(c, t.ids, nullptr);
      if (what == 2) must(idr_find(c, t.ids, 0) == nullptr);
      if (what == 3) must(!idr_replace(c, t.ids, nullptr, 0));
      if (what == 4) must(idr_remove(c, t.ids, 0) == nullptr);
      if (what == 5) must(idr_get_next(c, t.ids, id) == nullptr);
      if (what == 6) idr_destroy(c, t.ids);
    });
  });
  for (what = 0; what < 7; ++what) CHECK(every(lab).text() == "use-after-free(home)@t");
  Spinlock lock;
  Gfp gfp = Gfp::kernel;
  Lab atomic([&](Lab& l) {
    t.init(l);
    l.init(lock, "lock");
    l.task("t", [&](Context& c) {
      spin_lock(c, lock);
      idr_alloc(c, t.ids, nullptr, 0, 64, gfp);
      xa_alloc(c, t.ids, nullptr, 0, 64, gfp);
      spin_unlock(c, lock);
    });
  });
  CHECK(every(atomic).text() == "sleep-in-atomic(idr_alloc(GFP_KERNEL))@t, sleep-in-atomic(xa_alloc(GFP_KERNEL))@t");
  gfp = Gfp::atomic;
  CHECK(every(atomic).text().empty());
}

}  // namespace unplug::model::test
