// kernel/napi: polls, who waits for them, and what stops them.
#include "unplug/model/kernel/irq/napi.hpp"
#include "model/irq_device.hpp"

namespace unplug::model::test {
namespace {

struct Poller {
  Napi napi;
  Allocation home;
  int polls = 0, inside = 0;
  bool completes = true, has_work = false;
  unsigned exceeds = 0;
  std::function<void(Context&)> extra;

  void init(Lab& l, std::uint32_t full_polls = 0) {
    polls = inside = 0;
    l.init(home, "home", {"x"});
    napi.poll = run;
    napi.argument = this;
    napi.weight = 4;
    napi.full_polls = full_polls;
    init_napi(l.kernel, napi, l.rcu, l.name("napi"), l.name("napi"), home.life, l.name("softirq napi"));
  }

 private:
  static unsigned run(Context& c, void* argument, unsigned budget) {
    auto& p = *static_cast<Poller*>(argument);
    must(++p.inside == 1);
    must(c.kind() == ContextKind::softirq);
    must(budget == 4);
    ++p.polls;
    get(c, p.home);
    if (p.extra) p.extra(c);
    const unsigned work = napi_work(c, p.napi, budget) + p.exceeds;
    --p.inside;
    if (work < budget && p.completes) napi_complete_done(c, p.napi);
    return work;
  }
};

}  // namespace

// Fact: napi-poll.
TEST_CASE("napi: added it is disabled, enabled it is polled once for each time it is scheduled, again if that was during a poll") {
  Poller p;
  std::set<int> polls;
  int scheduled = 0;
  bool enable = true;
  Lab lab([&](Lab& l) {
    scheduled = 0;
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      if (!enable) must(!napi_schedule(c, p.napi));
      if (enable) napi_enable(c, p.napi);
      scheduled += napi_schedule(c, p.napi) ? 1 : 0;
      scheduled += napi_schedule(c, p.napi) ? 1 : 0;
    });
  });
  CHECK(every_schedule(lab,
                       [&] {
                         CHECK(p.polls >= scheduled);
                         polls.insert(p.polls);
                       })
            .text()
            .empty());
  CHECK(polls == std::set<int>{2});  // what was missed brings another poll
  enable = false;
  polls.clear();
  CHECK(every_schedule(lab, [&] { polls.insert(p.polls); }).text().empty());
  CHECK(polls == std::set<int>{0});
}

// Fact: napi-poll.
TEST_CASE("napi: with all its budget used it is polled again, at most as often as the program says, napi_disable ends that") {
  Poller p;
  std::set<int> polls;
  Lab lab([&](Lab& l) {
    p.init(l, 2);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      napi_schedule(c, p.napi);
      napi_disable(c, p.napi);
      must(p.inside == 0);
      const int before = p.polls;
      must(!napi_schedule(c, p.napi));
      mark(c);
      must(p.polls == before);
    });
  });
  const Found f = every_schedule(lab, [&] { polls.insert(p.polls); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(polls == std::set<int>{1, 2, 3});
}

// Fact: napi_disable-waits.
TEST_CASE("napi_disable: waits for the poll, refuses schedules meanwhile, without it the softirq polls freed memory") {
  Poller p;
  bool disable = true, del = true;
  Lab lab([&](Lab& l) {
    p.init(l, 1);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      napi_schedule(c, p.napi);
      if (disable) napi_disable(c, p.napi);
      if (del) netif_napi_del(c, p.napi);
      kfree(c, p.home);
    });
  });
  Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  del = false;
  CHECK(every(lab).text().empty());  // the softirq touches it no more when the poll function has completed
  disable = false;
  CHECK(every(lab).text() == "use-after-free(home)@softirq napi");
}

// Fact: napi_disable-waits.
TEST_CASE("napi_disable: from when it refuses schedules none is accepted or remembered, and a full poll isn't repeated, enabled all is "
          "as before") {
  Poller p;
  Waiter ready;
  bool accepted = false, last = false, refused = false, alone = false;
  int polls = 0;
  Lab lab([&](Lab& l) {
    p.init(l, 1);
    l.init(ready, "ready");
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      napi_schedule(c, p.napi);
      complete(c, ready);
      napi_disable(c, p.napi);
      mark(c);
      polls = p.polls;
      napi_enable(c, p.napi);
      last = napi_schedule(c, p.napi);
    });
    l.task("interrupt", [&](Context& c) {
      wait_for_completion(c, ready);
      accepted = napi_schedule(c, p.napi);
    });
  });
  const Found f = every(lab, [&] {
    const std::size_t begins = find_event(lab, "driver", "napi_disable: refuse schedules"),
                      ends = find_event(lab, "driver", "napi_disable: wait"), other = find_event(lab, "interrupt", "napi_schedule"),
                      full = find_event(lab, "softirq napi", "napi polled");
    if (begins < other && other < ends) {
      refused = true;
      CHECK(!accepted);
      CHECK(last);
      if (begins < full) {
        alone = true;
        CHECK(polls == 1);
      }
    }
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(refused);
  CHECK(alone);
}

// Fact: napi_disable-waits.
TEST_CASE("napi_disable: a poll function that forgets to complete, or twice in a row, and it never returns") {
  Poller p;
  bool twice = false, between = false;
  p.completes = false;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      if (!twice) napi_schedule(c, p.napi);
      napi_disable(c, p.napi);
      if (between) napi_enable(c, p.napi);
      if (twice) napi_disable(c, p.napi);
    });
  });
  Found f = every(lab);
  CHECK(f.text() == "deadlock(napi)@driver");
  CHECK(f.count(f.text()) == f.executions);
  CHECK(f.places.begin()->second == "napi_disable: wait");
  twice = true;
  CHECK(every(lab).text() == "deadlock(napi)@driver");
  between = true;
  CHECK(every(lab).text().empty());
}

// Fact: napi_disable-waits.
TEST_CASE("napi_disable: from its own poll function, or holding a lock that takes, it never returns") {
  Poller p;
  Spinlock lock;
  bool own = true;
  Lab lab([&](Lab& l) {
    p.extra = [&](Context& c) {
      if (own) {
        napi_disable(c, p.napi);
      } else {
        spin_lock(c, lock);
        spin_unlock(c, lock);
      }
    };
    l.init(lock, "lock");
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      napi_schedule(c, p.napi);
      if (own) return;
      spin_lock(c, lock, SpinlockOff::softirqs);
      napi_disable(c, p.napi);
      spin_unlock(c, lock, SpinlockOff::softirqs);
    });
  });
  CHECK(every(lab).text() == "deadlock(napi)@softirq napi, sleep-in-atomic(napi_disable)@softirq napi");
  own = false;
  CHECK(every(lab).text() == "deadlock(lock)@softirq napi, deadlock(napi)@driver, sleep-in-atomic(napi_disable)@driver");
}

// Fact: netif_napi_del-stops-nothing.
TEST_CASE("netif_napi_del: waits for a grace period, so for polls that run, but stops none that is scheduled") {
  Poller p;
  Waiter polling;
  bool scheduled_late = false;
  Lab lab([&](Lab& l) {
    l.init(polling, "polling");
    p.extra = [&](Context& c) {
      complete(c, polling);
      mark(c);
    };
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      napi_schedule(c, p.napi);
      if (!scheduled_late) wait_for_completion(c, polling);
      netif_napi_del(c, p.napi);
      must(scheduled_late || p.inside == 0);
      kfree(c, p.home);
    });
  });
  CHECK(every(lab).text() == "api-misuse(napi)@driver");
  scheduled_late = true;
  CHECK(every(lab).text() == "api-misuse(napi)@driver, use-after-free(home)@softirq napi");
}

// Fact: netif_napi_del-stops-nothing.
TEST_CASE("netif_napi_del: a second time it does nothing, not even wait") {
  Poller p;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      netif_napi_del(c, p.napi);
      netif_napi_del(c, p.napi);
    });
  });
  CHECK(every(lab, [&] { CHECK(find_event(lab, "driver", "synchronize_rcu: grace period ends", 2) == no_such_event); }).text().empty());
}

// Fact: napi-poll.
TEST_CASE("napi: misuse: enabled twice, completed when not scheduled or with all its budget used, more work than budget") {
  Poller p;
  enum class Wrong { enable, complete, complete_full, exceed } wrong = Wrong::enable;
  Lab lab([&](Lab& l) {
    p.exceeds = wrong == Wrong::exceed ? 5 : wrong == Wrong::complete_full ? 4 : 0;
    p.extra = [&](Context& c) {
      if (wrong == Wrong::complete || wrong == Wrong::complete_full) napi_complete_done(c, p.napi);
    };
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      if (wrong == Wrong::enable) napi_enable(c, p.napi);
      if (wrong != Wrong::enable) napi_schedule(c, p.napi);
      if (wrong == Wrong::exceed) napi_disable(c, p.napi);
    });
  });
  CHECK(every(lab).text() == "api-misuse(napi)@driver");
  for (const Wrong w : {Wrong::complete, Wrong::complete_full}) {
    wrong = w;
    CHECK(every(lab).text() == "api-misuse(napi)@softirq napi");
  }
}

// Fact: napi-poll-is-reader.
TEST_CASE("napi: it is polled in an RCU reader: sleeping there is no better than in any softirq") {
  Poller p;
  bool ended_inside = false;
  Lab lab([&](Lab& l) {
    p.extra = [&](Context& c) {
      must(c.rcu_nesting == 1);
      mark(c);
      c.might_sleep("something");
    };
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      napi_schedule(c, p.napi);
      synchronize_rcu(c, l.rcu);
    });
  });
  CHECK(every(lab, [&] { ended_inside |= p.inside > 0; }).text() == "sleep-in-atomic(something)@softirq napi");
  CHECK(!ended_inside);
}

TEST_CASE("napi: no data race from who schedules to the poll, from a poll to the next, and to who has disabled it") {
  Poller p;
  Allocation ring;
  Lab lab([&](Lab& l) {
    l.init(ring, "ring", {"x"});
    p.extra = [&](Context& c) { set(c, ring, 1, 0, MemoryOrder::plain); };
    p.init(l, 1);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      set(c, ring, 2, 0, MemoryOrder::plain);
      napi_schedule(c, p.napi);
      napi_disable(c, p.napi);
      set(c, ring, 3, 0, MemoryOrder::plain);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: napi-touched-after.
TEST_CASE("napi: after a full poll the softirq puts it back on the list: a poll function may not free it") {
  Poller p;
  Lab lab([&](Lab& l) {
    p.extra = [&](Context& c) { kfree(c, p.home); };
    p.exceeds = 4;
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      napi_enable(c, p.napi);
      napi_schedule(c, p.napi);
      napi_disable(c, p.napi);
    });
  });
  const Found f = sample(lab, 200);
  CHECK(f.count("use-after-free(home)@softirq napi") > 0);
  CHECK(f.places.at("use-after-free(home)@softirq napi") == "napi polled");
}

TEST_CASE("napi: no data race from who enables it to a poll that somebody else schedules, who comes before it is added is misuse") {
  Poller p;
  Allocation ring;
  Lab lab([&](Lab& l) {
    l.init(ring, "ring", {"x"});
    p.extra = [&](Context& c) { get(c, ring, 0, MemoryOrder::plain); };
    p.init(l);
    l.task("driver", [&](Context& c) {
      netif_napi_add(c, p.napi);
      set(c, ring, 2, 0, MemoryOrder::plain);
      napi_enable(c, p.napi);
    });
    l.task("interrupt", [&](Context& c) { napi_schedule(c, p.napi); });
  });
  int polls = 0;
  CHECK(every(lab, [&] { polls += p.polls; }).text() == "api-misuse(napi)@interrupt");
  CHECK(polls > 0);
}

}  // namespace unplug::model::test
