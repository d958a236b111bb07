// kernel/list: what adding, deleting and walking touch, and what tears a list.
#include "unplug/model/kernel/lib/list.hpp"

#include <array>

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

constexpr std::array<std::string_view, 3> names{"a", "b", "c"};

// A list and three entries, each in memory of its own.
struct Items {
  List list;
  std::array<ListEntry, 3> entries;
  std::array<Allocation, 3> memory;
  void init(Lab& l, bool initialised = false) {
    init_list(l.kernel, list, l.name("list"), l.name("list"), {});
    for (std::size_t i = 0; i < entries.size(); ++i) {
      l.init(memory[i], names[i], {"x"});
      init_list_entry(entries[i], l.name(names[i]), memory[i].life, initialised);
    }
  }
  // Names of all entries, as a walk finds them.
  std::string walk(Lab& l, Context& c, bool rcu = false, bool look = false) {
    std::string found;
    for (ListEntry* at = nullptr;;) {
      at = rcu ? list_next_rcu(c, list, at) : list_next(c, list, at);
      if (at == nullptr || c.aborting()) return found;
      found += l.kernel.text(at->name);
      if (look) get(c, memory[static_cast<std::size_t>(at - entries.data())]);
    }
  }
};

// Runs `body` alone.
std::string alone(Items& items, const std::function<void(Lab&, Context&)>& body, bool initialised = false, std::string* detail = nullptr) {
  Lab lab([&](Lab& l) {
    items.init(l, initialised);
    l.task("t", [&](Context& c) { body(l, c); });
  });
  const Found f = every(lab);
  if (detail != nullptr && !f.details.empty()) *detail = f.details.begin()->second;
  return f.text();
}

}  // namespace

TEST_CASE("lists: at the front and at the end, deleted in the middle, empty or not") {
  Items items;
  for (const bool rcu : {false, true})
    CHECK(alone(items, [&](Lab& l, Context& c) {
            auto& [list, e, memory] = items;
            must(list_empty(c, list));
            must(items.walk(l, c, rcu).empty());
            rcu ? list_add_rcu(c, list, e[0]) : list_add(c, list, e[0]);
            must(!list_empty(c, list));
            rcu ? list_add_rcu(c, list, e[1]) : list_add(c, list, e[1]);
            rcu ? list_add_tail_rcu(c, list, e[2]) : list_add_tail(c, list, e[2]);
            must(items.walk(l, c, rcu) == "bac");
            rcu ? list_del_rcu(c, list, e[0]) : list_del(c, list, e[0]);
            must(items.walk(l, c, rcu) == "bc");
            list_del_init(c, list, e[2]);
            must(items.walk(l, c, rcu) == "b");
            list_add_tail(c, list, e[2]);
            list_add(c, list, e[0]);
            must(items.walk(l, c, rcu) == "abc");
            for (ListEntry& x : e) list_del(c, list, x);
            must(list_empty(c, list));
          }).empty());
}

// Fact: list_del-poisons.
TEST_CASE("lists: deleted twice or never added is api-misuse, list_del_init may be repeated") {
  Items items;
  std::string detail;
  CHECK(alone(
            items,
            [&](Lab&, Context& c) {
              list_add(c, items.list, items.entries[0]);
              list_del(c, items.list, items.entries[0]);
              list_del(c, items.list, items.entries[0]);
            },
            false, &detail) == "api-misuse(list)@t");
  CHECK(detail == "list_del('a') on 'list': it is deleted already");
  CHECK(alone(
            items,
            [&](Lab&, Context& c) {
              list_add_rcu(c, items.list, items.entries[0]);
              list_del_rcu(c, items.list, items.entries[0]);
              list_del_rcu(c, items.list, items.entries[0]);
            },
            false, &detail) == "api-misuse(list)@t");
  CHECK(detail == "list_del_rcu('a') on 'list': it is deleted already");
  CHECK(alone(
            items, [&](Lab&, Context& c) { list_del_init(c, items.list, items.entries[0]); }, false, &detail) == "api-misuse(list)@t");
  CHECK(detail == "list_del_init('a') on 'list': it was never on a list");
  CHECK(alone(items, [&](Lab& l, Context& c) {
          list_add(c, items.list, items.entries[0]);
          list_add(c, items.list, items.entries[1]);
          for (int i = 0; i < 2; ++i) list_del_init(c, items.list, items.entries[0]);
          must(items.walk(l, c) == "b");
        }).empty());
  CHECK(alone(
            items, [&](Lab&, Context& c) { list_del_init(c, items.list, items.entries[0]); }, true)
            .empty());
}

// Fact: list_del-poisons.
TEST_CASE("lists: added twice is api-misuse, added again after it was deleted is not") {
  Items items;
  std::string detail;
  CHECK(alone(
            items,
            [&](Lab&, Context& c) {
              list_add(c, items.list, items.entries[0]);
              list_add(c, items.list, items.entries[0]);
            },
            false, &detail) == "api-misuse(list)@t");
  CHECK(detail == "list_add('a') on 'list': it is on a list already");
  for (const int how : {0, 1, 2})
    CHECK(alone(items, [&](Lab& l, Context& c) {
            list_add(c, items.list, items.entries[1]);
            list_add(c, items.list, items.entries[0]);
            if (how == 0) list_del(c, items.list, items.entries[0]);
            if (how == 1) list_del_init(c, items.list, items.entries[0]);
            if (how == 2) list_del_rcu(c, items.list, items.entries[0]);
            list_add(c, items.list, items.entries[0]);
            must(items.walk(l, c) == "ab");
          }).empty());
}

// Fact: list-touches-neighbours.
TEST_CASE("lists: an entry whose memory was freed is touched when a neighbour comes or goes, and by who walks") {
  Items items;
  enum class Then { add, add_tail, del_after, del_before, walk, del_self, far } then = Then::add;
  const auto run = [&](Then t) {
    then = t;
    return alone(items, [&](Lab& l, Context& c) {
      auto& [list, e, memory] = items;
      // b is in the middle of "abc" unless it is to be next to the head.
      const bool edge = t == Then::add || t == Then::add_tail;
      if (!edge) list_add_tail(c, list, e[0]);
      list_add_tail(c, list, e[1]);
      if (!edge) list_add_tail(c, list, e[2]);
      kfree(c, memory[1]);
      switch (t) {
        case Then::add: list_add(c, list, e[0]); break;
        case Then::add_tail: list_add_tail(c, list, e[0]); break;
        case Then::del_after: list_del(c, list, e[2]); break;
        case Then::del_before: list_del(c, list, e[0]); break;
        case Then::walk: items.walk(l, c); break;
        case Then::del_self: list_del(c, list, e[1]); break;
        case Then::far: must(!list_empty(c, list)); break;
      }
    });
  };
  for (const Then t : {Then::add, Then::add_tail, Then::del_after, Then::del_before, Then::walk, Then::del_self})
    CHECK(run(t) == "use-after-free(b)@t");
  CHECK(run(Then::far).empty());
}

// Fact: list-touches-neighbours.
TEST_CASE("lists: a list head and an entry that were freed, used by add and empty") {
  Items items;
  Allocation home;
  int what = 0;
  Lab lab([&](Lab& l) {
    items.init(l);
    l.init(home, "home");
    items.list.head.home = home.life;
    l.task("t", [&](Context& c) {
      kfree(c, what == 3 ? items.memory[0] : home);
      if (what == 0) list_add(c, items.list, items.entries[0]);
      if (what == 1) must(list_empty(c, items.list));
      if (what == 2) must(list_next(c, items.list, nullptr) == nullptr);
      if (what == 3) list_add(c, items.list, items.entries[0]);
    });
  });
  for (what = 0; what < 3; ++what) CHECK(every(lab).text() == "use-after-free(home)@t");
  CHECK(every(lab).text() == "use-after-free(a)@t");
}

// Fact: list-needs-lock.
TEST_CASE("lists: without a lock two that add tear the list, under a lock both are on it") {
  Items items;
  Mutex lock;
  bool locked = false;
  enum class Ops { add, del, rcu } ops = Ops::add;
  std::set<std::string> seen;
  std::string found;
  Lab lab([&](Lab& l) {
    items.init(l);
    l.init(lock, "lock");
    for (std::size_t i = 0; i < 2; ++i)
      l.task(i == 0 ? "t0" : "t1", [&, i](Context& c) {
        if (locked) mutex_lock(c, lock);
        ops == Ops::rcu ? list_add_rcu(c, items.list, items.entries[i]) : list_add(c, items.list, items.entries[i]);
        if (ops == Ops::del) list_del(c, items.list, items.entries[i]);
        if (locked) mutex_unlock(c, lock);
      });
  });
  for (const Ops o : {Ops::add, Ops::del, Ops::rcu}) {
    ops = o;
    locked = true;
    CHECK(every(lab).text().empty());
    locked = false;
    const Found f = every(lab);
    CHECK(f.count("api-misuse(list)@t0") > 0);
    CHECK(f.count("api-misuse(list)@t1") > 0);
    CHECK(f.count("data-race(list)@t0") > 0);
    CHECK(f.count("data-race(list)@t1") > 0);
  }
}

// Fact: list-needs-lock.
TEST_CASE("lists: unlocked, an entry that two delete is deleted twice, in one order or torn in the middle") {
  Items items;
  std::set<std::string> details;
  Lab lab([&](Lab& l) {
    items.init(l);
    Items* i = &items;
    l.task("owner", [&l, i](Context& c) {
      list_add(c, i->list, i->entries[0]);
      for (const auto* n : {"t0", "t1"}) l.task(n, [i](Context& x) { list_del(x, i->list, i->entries[0]); });
    });
  });
  const Found f = every(lab, [&] {
    for (const Report& r : lab.kernel.reports()) details.insert(r.detail);
  });
  CHECK(f.count("api-misuse(list)@t0") + f.count("api-misuse(list)@t1") >= f.executions);
  CHECK(details == std::set<std::string>{"list_del('a') on 'list': it is deleted already",
                                         "list_del('a') on 'list': a neighbour has changed in between"});
}

// Fact: list_del-poisons, list_del_rcu-keeps-next.
TEST_CASE("lists: a walk without protection runs from an entry that was deleted, list_del_rcu lets it go on") {
  Items items;
  enum class Del { plain, init, rcu } how = Del::plain;
  std::set<std::string> seen;
  std::string found;
  Lab lab([&](Lab& l) {
    items.init(l);
    found.clear();
    l.task("owner", [&](Context& c) {
      for (ListEntry& e : items.entries) list_add_tail_rcu(c, items.list, e);
      l.task("reader", [&](Context& r) {
        rcu_read_lock(r, l.rcu);
        found = items.walk(l, r, true, true);
        rcu_read_unlock(r, l.rcu);
      });
      if (how == Del::plain) list_del(c, items.list, items.entries[1]);
      if (how == Del::init) list_del_init(c, items.list, items.entries[1]);
      if (how == Del::rcu) list_del_rcu(c, items.list, items.entries[1]);
      if (how != Del::rcu) return;
      synchronize_rcu(c, l.rcu);
      kfree(c, items.memory[1]);
    });
  });
  std::set<std::string> details;
  const auto visit = [&] {
    seen.insert(found);
    for (const Report& r : lab.kernel.reports()) details.insert(r.detail);
  };
  Found f = every(lab, visit);
  CHECK(f.count("api-misuse(list)@reader") > 0);
  CHECK(details == std::set<std::string>{"list_for_each_rcu('b') on 'list': it is on no list"});
  details.clear();
  how = Del::init;
  f = every(lab, visit);
  CHECK(details == std::set<std::string>{"list_for_each_rcu('b') on 'list': it is on a list of its own, the walk never ends"});
  CHECK(f.violations.contains("data-race(list)@reader"));  // it should have been list_del_rcu()
  seen.clear();
  how = Del::rcu;
  CHECK(every(lab, visit).text().empty());
  CHECK(seen == std::set<std::string>{"abc", "ac"});
}

// Fact: list_del_rcu-keeps-next.
TEST_CASE("lists: freed right after list_del_rcu, a reader still stands on it, the writer waits for none") {
  Items items;
  bool wait = false;
  Lab lab([&](Lab& l) {
    items.init(l);
    l.task("owner", [&](Context& c) {
      for (ListEntry& e : items.entries) list_add_tail_rcu(c, items.list, e);
      list_del_rcu(c, items.list, items.entries[1]);
      if (wait) synchronize_rcu(c, l.rcu);
      kfree(c, items.memory[1]);
    });
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      items.walk(l, c, true, true);
      rcu_read_unlock(c, l.rcu);
    });
  });
  CHECK(every(lab).text() == "use-after-free(b)@reader");
  wait = true;
  CHECK(every(lab).text().empty());
}

// Fact: list_add_rcu-publishes.
TEST_CASE("lists: what is published with list_add_rcu was written before, for whoever finds it, with list_add it is a race") {
  Items items;
  bool rcu = true;
  Lab lab([&](Lab& l) {
    items.init(l);
    l.task("writer", [&](Context& c) {
      set(c, items.memory[0], 5, 0, MemoryOrder::plain);
      rcu ? list_add_rcu(c, items.list, items.entries[0]) : list_add(c, items.list, items.entries[0]);
    });
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      if (list_next_rcu(c, items.list, nullptr) != nullptr) must(get(c, items.memory[0], 0, MemoryOrder::plain) == 5);
      rcu_read_unlock(c, l.rcu);
    });
  });
  CHECK(every(lab).text().empty());
  rcu = false;
  const Found f = every(lab);
  CHECK(f.count("data-race(list)@reader") > 0);
  CHECK(f.count("data-race(a.x)@reader") > 0);
}

// Fact: list-needs-lock.
TEST_CASE("lists: list_empty looks without a lock, and what it says is old by then") {
  Items items;
  std::set<std::pair<bool, bool>> seen;
  bool was = false, is = false;
  Lab lab([&](Lab& l) {
    items.init(l);
    l.task("writer", [&](Context& c) { list_add(c, items.list, items.entries[0]); });
    l.task("reader", [&](Context& c) {
      was = list_empty(c, items.list);
      is = list_empty(c, items.list);
    });
  });
  const Found f = every(lab, [&] { seen.emplace(was, is); });
  CHECK(seen == std::set<std::pair<bool, bool>>{{true, true}, {true, false}, {false, false}});
}

}  // namespace unplug::model::test
