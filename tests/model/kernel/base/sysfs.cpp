// fs/kernfs: operations on an attribute, and who waits for them.
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct Attribute {
  SysfsAttribute node;
  Allocation priv;
  int runs = 0;
  std::function<int(Context&)> extra;
  void init(Lab& l) {
    runs = 0;
    l.init(priv, "priv", {"x"});
    l.init(node, "attr", [this](Context& c) {
      ++runs;
      const int result = extra ? extra(c) : 7;
      get(c, priv);
      return result;
    });
  }
};

}  // namespace

// Fact: kernfs-remove-drains.
TEST_CASE("sysfs: removal refuses new operations, waits for those under way, and then what they use may go") {
  Attribute a;
  int first = 0, second = 0;
  std::set<std::pair<int, int>> seen;
  bool remove = true;
  Lab lab([&](Lab& l) {
    first = second = 0;
    a.init(l);
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a.node);
      if (remove) sysfs_remove_file(c, a.node);
      kfree(c, a.priv);
    });
    l.task("reader", [&](Context& c) {
      first = sysfs_access(c, a.node);
      second = sysfs_access(c, a.node);
    });
  });
  CHECK(every(lab, [&] { seen.insert({first, second}); }).text().empty());
  CHECK(seen == std::set<std::pair<int, int>>{{-19, -19}, {-19, 7}, {7, -19}, {7, 7}});
  remove = false;
  CHECK(every(lab).text() == "use-after-free(priv)@reader");
}

// Fact: kernfs-open-file-pins-nothing.
TEST_CASE("sysfs: it waits for operations, not for open files and not for what operations started") {
  Attribute a;
  Work work;
  Lab lab([&](Lab& l) {
    a.extra = [&](Context& c) {
      queue_work(c, work);
      return 0;
    };
    a.init(l);
    l.init(work, "work", [&](Context& c) { get(c, a.priv); });
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a.node);
      sysfs_remove_file(c, a.node);
      kfree(c, a.priv);
    });
    l.task("writer", [&](Context& c) { sysfs_access(c, a.node); });
  });
  CHECK(every(lab).text() == "use-after-free(priv)@kworker work");
}

// Fact: kernfs-remove-drains.
TEST_CASE("sysfs: removal takes as long as the longest operation, which may be up to user space, who merely keeps a file open does not") {
  SysfsAttribute a;
  Waiter inside, event;
  bool blocks = true;
  Lab lab([&](Lab& l) {
    l.init(inside, "inside");
    l.init(event, "event", Owner::user);
    l.init(a, "attr", [&](Context& c) {
      complete(c, inside);
      if (blocks) wait_for_completion(c, event);
      return 0;
    });
    l.task("user", [&](Context& c) {
      must(sysfs_create_file(c, a));
      sysfs_access(c, a);
      if (!blocks) wait_for_completion(c, event);
    });
    l.remover("remove", [&](Context& c) {
      wait_for_completion(c, inside);
      l.kernel.removal_phase = RemovalPhase::remove;
      sysfs_remove_file(c, a);
    });
  });
  CHECK(every(lab).text() == "unbounded-remove(attr)@remove");
  blocks = false;
  CHECK(every(lab).text().empty());
}

// Fact: kernfs-second-remover.
TEST_CASE("sysfs: a second remover waits as the first does") {
  Attribute a;
  bool inside = false;
  Lab lab([&](Lab& l) {
    inside = false;
    a.extra = [&](Context& c) {
      inside = true;
      mark(c);
      inside = false;
      return 0;
    };
    a.init(l);
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a.node);
      sysfs_remove_file(c, a.node);
      must(!inside || c.aborting());
    });
    l.task("other", [&](Context& c) {
      sysfs_remove_file(c, a.node);
      must(!inside || a.runs == 0 || c.aborting());
    });
    l.task("reader", [&](Context& c) { sysfs_access(c, a.node); });
  });
  CHECK(sample(lab, 2'000).text().empty());
}

// Fact: kernfs-self-removal.
TEST_CASE("sysfs: removed from its own operation it waits for itself, unless it says so first, and one of several wins") {
  Attribute a;
  bool self = false;
  int won = 0;
  Lab lab([&](Lab& l) {
    won = 0;
    a.extra = [&](Context& c) {
      if (self) {
        won += sysfs_remove_file_self(c, a.node) ? 1 : 0;
      } else {
        sysfs_remove_file(c, a.node);
      }
      return 0;
    };
    a.init(l);
    l.task("driver", [&](Context& c) { sysfs_create_file(c, a.node); });
    for (const auto* name : {"w1", "w2"}) l.task(name, [&](Context& c) { sysfs_access(c, a.node); });
  });
  const Found alone = every(lab);
  CHECK(alone.count("deadlock(attr)@w1") > 0);
  self = true;
  CHECK(every(lab, [&] { CHECK(won == (a.runs > 0 ? 1 : 0)); }).text().empty());
}

// Fact: kernfs-self-removal.
TEST_CASE("sysfs: who loses to another self-removal returns when the attribute has gone") {
  Attribute a;
  int won = 0, lost = 0;
  std::set<int> found;
  Lab lab([&](Lab& l) {
    won = lost = 0;
    a.extra = [&](Context& c) {
      if (sysfs_remove_file_self(c, a.node)) {
        ++won;
      } else if (!c.aborting() && ++lost == 1) {
        found.insert(sysfs_access(c, a.node));
      }
      return 0;
    };
    a.init(l);
    l.task("driver", [&](Context& c) { sysfs_create_file(c, a.node); });
    for (const auto* name : {"w1", "w2"}) l.task(name, [&](Context& c) { sysfs_access(c, a.node); });
  });
  CHECK(every(lab, [&] { CHECK(won + lost == a.runs); }).text().empty());
  CHECK(found == std::set<int>{-19});
}

// Fact: kernfs-lock-of-operation.
TEST_CASE("sysfs: holding a lock that an operation takes, while it drains, is a deadlock") {
  Attribute a;
  Mutex lock;
  Lab lab([&](Lab& l) {
    a.extra = [&](Context& c) {
      mutex_lock(c, lock);
      mutex_unlock(c, lock);
      return 0;
    };
    a.init(l);
    l.init(lock, "lock");
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a.node);
      mutex_lock(c, lock);
      sysfs_remove_file(c, a.node);
      mutex_unlock(c, lock);
    });
    l.task("reader", [&](Context& c) { sysfs_access(c, a.node); });
  });
  CHECK(every(lab).text() == "deadlock(attr)@driver, deadlock(lock)@reader, lock-cycle(attr)@driver");
}

// Fact: sysfs_break_active_protection-not-waited.
TEST_CASE("sysfs: an operation that breaks its protection is not waited for") {
  Attribute a;
  Lab lab([&](Lab& l) {
    a.extra = [&](Context& c) {
      sysfs_break_active_protection(c, a.node);
      mark(c);
      sysfs_unbreak_active_protection(c, a.node);
      return 0;
    };
    a.init(l);
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a.node);
      sysfs_remove_file(c, a.node);
      kfree(c, a.priv);
    });
    l.task("reader", [&](Context& c) { sysfs_access(c, a.node); });
  });
  CHECK(every(lab).text() == "use-after-free(priv)@reader");
}

// Fact: sysfs-names.
TEST_CASE("sysfs: an attribute that its binding leaves behind is a leak, creating it twice is refused") {
  SysfsAttribute a;
  Device d;
  Module m;
  Binding b;
  bool twice = true;
  Lab lab([&](Lab& l) {
    l.init(d, "dev");
    l.init(m, "foo");
    l.init(b, d, m, "foo");
    l.init(
        a, "attr", [](Context&) { return 0; }, b.life);
    l.task("driver", [&](Context& c) {
      probe_device(c, b, [&](Context& p) {
        must(sysfs_create_file(p, a));
        twice = sysfs_create_file(p, a);
        return true;
      });
      release_driver(c, b, [](Context&) {});
    });
  });
  CHECK(every(lab, [&] { CHECK(!twice); }).text() == "leak(attr)@driver");
}

}  // namespace unplug::model::test
