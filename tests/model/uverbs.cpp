// RDMA's way of unplugging, put together from primitives: operations inside a domain of the device's own, one grace period at removal.
// drivers/infiniband/core/uverbs_main.c, uverbs_uapi.c, rdma_core.c, v6.18.
#include "support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/lib/kref.hpp"
#include "unplug/model/kernel/locking/wait_queue.hpp"

namespace unplug::model::test {
namespace {

// ib_uverbs_device and the HCA driver below it.
struct Uverbs {
  Module hca;          // the driver's module; files pin ib_uverbs, which is always there
  Srcu srcu;           // disassociate_srcu
  Kref refs;           // of the ib_uverbs_device
  Allocation uverbs;   // fields: ib_dev, handler of a driver's method
  Allocation hca_mem;  // what the driver's handlers touch
  Waiter comp;         // every reference is gone
  bool disassociates = true;

  void init(Lab& l) {
    l.init(hca, "hca");
    l.init(srcu, "disassociate_srcu");
    l.init(uverbs, "uverbs");
    add_field(l.kernel, uverbs, l.name("ib_dev"), 1);
    add_field(l.kernel, uverbs, l.name("handler"), 1);
    init_kref(l.kernel, refs, l.name("refcount"), l.name("refcount"), uverbs.life, 1);
    l.init(hca_mem, "hca memory", {"x"});
    l.init(comp, "comp", Owner::user);
  }
  void put(Context& c) {
    if (kref_put_and_test(c, refs)) complete(c, comp);
  }
  int open(Context& c) {
    if (!kref_get_unless_zero(c, refs)) return enxio;
    const std::uint64_t index = srcu_read_lock(c, srcu);
    int result = get(c, uverbs, 0) != 0 ? 0 : eio;
    if (result == 0 && !disassociates && !try_module_get(c, &hca)) result = enodev;
    srcu_read_unlock(c, srcu, index);
    if (result != 0) put(c);
    return result;
  }
  void close(Context& c) {
    if (!disassociates) module_put(c, &hca);
    put(c);
  }
  // `field` 0: a core method, which tests ib_dev by itself; 1: the handler of a driver's method, NULL once it is disassociated.
  int ioctl(Context& c, std::size_t field, const Lab::Body& body = {}) {
    const std::uint64_t index = srcu_read_lock(c, srcu);
    int result = eio;
    if (get(c, uverbs, field) != 0) {
      const Context::Function function(c, c.kernel().intern("hca_method"), hca.text, {});
      get(c, hca_mem);
      if (body) body(c);
      get(c, hca_mem);
      mark(c);
      result = 0;
    }
    srcu_read_unlock(c, srcu, index);
    return result;
  }
  // ib_uverbs_remove_one(), from the driver's remove().
  void remove(Context& c) {
    if (disassociates) {
      set(c, uverbs, 0, 0);
      set(c, uverbs, 0, 1);
      synchronize_srcu(c, srcu);
    }
    put(c);
    if (!disassociates) wait_for_completion(c, comp);
    kfree(c, hca_mem);
  }
};

}  // namespace

// Fact: uverbs-disassociates.
TEST_CASE("uverbs: rmmod of the driver with a file open: the ioctl in flight completes, later ones are -EIO, nobody waits for the "
          "close") {
  Uverbs u;
  Waiter close;
  std::set<std::vector<int>> seen;
  std::set<DeleteResult> unloads;
  Lab lab([&](Lab& l) {
    u.init(l);
    l.init(close, "close");
    l.task("user", [&](Context& c) {
      std::vector<int> results{u.open(c)};
      if (results[0] == 0) {
        results.push_back(u.ioctl(c, 1));
        results.push_back(u.ioctl(c, 0));
      }
      if (!c.aborting()) seen.insert(results);
      wait_for_completion(c, close);
      if (!results.empty() && results[0] == 0) u.close(c);
    });
    l.remover("rmmod", [&](Context& c) {
      unloads.insert(delete_module(c, u.hca, l.rcu, [&] { u.remove(c); }));
      complete(c, close);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone});
  CHECK(seen == std::set<std::vector<int>>{{0, 0, 0}, {0, 0, eio}, {0, eio, eio}, {eio}, {enxio}});
}

// Fact: uverbs-disassociates.
TEST_CASE("uverbs: a handler that is loaded outside of the section, or a grace period left out, and freed text is run") {
  enum class Form { right, load_outside, no_grace_period } form = Form::right;
  Uverbs u;
  Lab lab([&](Lab& l) {
    u.init(l);
    l.task("user", [&](Context& c) {
      const bool early = form != Form::load_outside || get(c, u.uverbs, 1) != 0;
      const std::uint64_t index = srcu_read_lock(c, u.srcu);
      if (form == Form::load_outside ? early : get(c, u.uverbs, 1) != 0) {
        const Context::Function function(c, l.name("hca_method"), u.hca.text, {});
        mark(c);
      }
      srcu_read_unlock(c, u.srcu, index);
    });
    l.task("rmmod", [&](Context& c) {
      delete_module(c, u.hca, l.rcu, [&] {
        set(c, u.uverbs, 0, 1);
        if (form != Form::no_grace_period) synchronize_srcu(c, u.srcu);
      });
    });
  });
  CHECK(every(lab).text().empty());
  form = Form::load_outside;
  CHECK(every(lab).text() == "execute-after-free(hca)@user");
  form = Form::no_grace_period;
  CHECK(every(lab).text() == "execute-after-free(hca)@user");
}

// Fact: uverbs-disassociates.
TEST_CASE("uverbs: a driver that can't disassociate is pinned by open files, and its remove() waits for the last of them, that is, user "
          "space") {
  Uverbs u;
  u.disassociates = false;
  Waiter opened;
  bool closes = true;
  std::set<int> opens;
  std::set<DeleteResult> unloads;
  Lab lab([&](Lab& l) {
    u.init(l);
    l.init(opened, "opened");
    l.task("user", [&](Context& c) {
      const int result = u.open(c);
      if (!c.aborting()) opens.insert(result);
      complete_all(c, opened);
      if (result == 0 && closes) u.close(c);
    });
    l.remover("unbind", [&](Context& c) {
      wait_for_completion(c, opened);
      l.kernel.removal_phase = RemovalPhase::remove;
      u.remove(c);
    });
    l.task("rmmod", [&](Context& c) {
      wait_for_completion(c, opened);
      unloads.insert(delete_module(c, u.hca, l.rcu, [] {}));
    });
  });
  CHECK(every(lab).blocked == 0);
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone, DeleteResult::would_block});
  const auto run = [&] {
    unloads.clear();
    return every(lab).text();
  };
  closes = false;
  CHECK(run() == "module-pinned(hca)@rmmod, unbounded-remove(comp)@unbind");
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::would_block});
  u.disassociates = true;
  CHECK(run().empty());
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone});
  CHECK(opens == std::set<int>{0});
}

// Fact: uverbs-disassociates.
TEST_CASE("uverbs: removal pays one grace period of the domain, whatever the number of files, and the longest ioctl in flight") {
  constexpr sim::Duration ioctl_time = 30 * sim::millisecond;
  static const Operation work{.name = "command", .pause = true};
  const auto removal = [&](std::size_t files, bool busy) {
    Uverbs u;
    Waiter running;
    std::size_t grace_periods = 0;
    Lab lab([&](Lab& l) {
      u.init(l);
      l.init(running, "running");
      for (std::size_t i = 0; i < files; ++i)
        l.task("file " + std::to_string(i), [&](Context& c) {
          must(u.open(c) == 0);
          complete(c, running);
          if (busy) u.ioctl(c, 1, [&](Context& x) { x.sleep(work, ioctl_time); });
        });
      l.task("remove", [&](Context& c) {
        for (std::size_t i = 0; i < files; ++i) wait_for_completion(c, running);
        const sim::Time begin = c.engine().local_time();
        u.remove(c);
        must(c.engine().local_time() - begin < (busy ? ioctl_time + 20 * sim::millisecond : 10 * sim::millisecond));
        must(!busy || c.engine().local_time() - begin + sim::millisecond > ioctl_time);
      });
    });
    run_timed(lab);
    for (const sim::Event& e : lab.engine.trace().events) grace_periods += e.operation->name == "synchronize_srcu: flip index" ? 1 : 0;
    return grace_periods;
  };
  CHECK(removal(1, false) == 1);
  CHECK(removal(6, false) == 1);
  CHECK(removal(6, true) == 1);
}

// Fact: uverbs-disassociates.
TEST_CASE("uverbs: who reads events sleeps outside of the section: removal does not wait for him, and he sleeps on unless he is woken") {
  Uverbs u;
  WaitQueue events;
  Allocation file;  // fields: is_closed
  bool wakes = true;
  std::set<int> seen;
  Lab lab([&](Lab& l) {
    u.init(l);
    l.init(file, "event file", {"is_closed"});
    init_wait_queue(l.kernel, events, l.name("poll_wait"), l.name("poll_wait"), {}, Owner::driver);
    l.task("reader", [&](Context& c) {
      wait_event(c, events, [&](Context&) { return get(c, file) != 0; });
      if (!c.aborting()) seen.insert(eio);
    });
    l.remover("remove", [&](Context& c) {
      u.remove(c);
      set(c, file, 1);
      if (wakes) wake_up(c, events);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(seen == std::set<int>{eio});
  wakes = false;
  CHECK(every(lab).text() == "deadlock(poll_wait)@reader");
}

}  // namespace unplug::model::test
