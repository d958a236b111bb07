// kernel/notifier: who calls a block, and what keeps it there meanwhile.
#include "unplug/model/kernel/base/notifier.hpp"

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

constexpr ChainKind kinds[] = {ChainKind::blocking, ChainKind::atomic, ChainKind::srcu, ChainKind::raw};

struct Block {
  NotifierBlock nb;
  Allocation home;
  int calls = 0, inside = 0, answer = notify_ok;
  Lab::Body extra;  // in the callback
  void init(Lab& l, const std::string& n, LifetimeId owner = {}) {
    calls = inside = 0;
    l.init(home, n + " home", {"x"});
    nb.callback = Lab::Call<int>::run;
    nb.argument = l.keep<int>([this](Context& c) {
      ++calls;
      ++inside;
      get(c, home);
      if (extra) extra(c);
      --inside;
      return answer;
    });
    init_notifier_block(l.kernel, nb, l.name(n), l.name(n), home.life, owner);
  }
};

void init(Lab& l, NotifierChain& chain, ChainKind kind, LifetimeId home = {}) {
  init_notifier_chain(l.kernel, chain, l.rcu, l.name("chain"), l.name("chain"), home, kind);
}

}  // namespace

// Fact: notifier-order.
TEST_CASE("notifier: calls what is registered, the higher priority first, among equals who came first, until one says stop") {
  for (const ChainKind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    NotifierChain chain;
    Block a, b, high;
    std::string order;
    int result = -1, second = -1;
    a.extra = [&](Context&) { order += 'a'; };
    b.extra = [&](Context&) { order += 'b'; };
    high.extra = [&](Context&) { order += 'h'; };
    high.nb.priority = 5;
    Lab lab([&](Lab& l) {
      order.clear();
      a.answer = b.answer = notify_ok;
      high.answer = notify_done;
      init(l, chain, kind);
      a.init(l, "a");
      b.init(l, "b");
      high.init(l, "high");
      l.task("t", [&](Context& c) {
        must(notifier_call_chain(c, chain) == notify_done);
        must(notifier_chain_register(c, chain, a.nb) == 0 || c.aborting());
        must(notifier_chain_register(c, chain, b.nb) == 0 || c.aborting());
        must(notifier_chain_register(c, chain, high.nb) == 0 || c.aborting());
        result = notifier_call_chain(c, chain);
        a.answer = notify_bad;
        second = notifier_call_chain(c, chain);
        must(notifier_chain_unregister(c, chain, a.nb) == 0 || c.aborting());
        notifier_call_chain(c, chain);
      });
    });
    CHECK(every(lab,
                [&] {
                  CHECK(order == "habhahb");
                  CHECK(result == notify_ok);
                  CHECK(second == notify_bad);
                })
              .text()
              .empty());
  }
}

// Fact: notifier-unregister-waits, notifier-raw.
TEST_CASE("notifier: unregistering waits for callbacks under way, on a raw chain it does not") {
  for (const ChainKind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    NotifierChain chain;
    Block b;
    bool unregister = true;
    Lab lab([&](Lab& l) {
      init(l, chain, kind);
      b.extra = [&](Context& c) { use(c, b.home.life); };
      b.init(l, "nb");
      l.task("driver", [&](Context& c) {
        notifier_chain_register(c, chain, b.nb);
        if (unregister) must(notifier_chain_unregister(c, chain, b.nb) == 0 || c.aborting());
        must(!unregister || kind == ChainKind::raw || b.inside == 0 || c.aborting());
        kfree(c, b.home);
      });
      l.task("caller", [&](Context& c) { notifier_call_chain(c, chain); });
    });
    std::set<int> calls;
    const Found f = every(lab, [&] { calls.insert(b.calls); });
    CHECK(f.text() == (kind == ChainKind::raw ? "use-after-free(nb home)@caller" : ""));
    CHECK(f.blocked == 0);
    CHECK(calls == std::set<int>{0, 1});
    unregister = false;  // left in freed memory
    CHECK(every(lab).text() == "use-after-free(nb home)@caller");
  }
}

// Fact: notifier-unregister-waits, notifier-raw.
TEST_CASE("notifier: from inside a callback unregistering deadlocks, on a raw chain it is fine, and its successor is called all the same") {
  for (const ChainKind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    NotifierChain chain;
    Block b, next;
    Lab lab([&](Lab& l) {
      init(l, chain, kind);
      b.extra = [&](Context& c) { notifier_chain_unregister(c, chain, b.nb); };
      b.init(l, "nb");
      next.init(l, "next");
      l.task("driver", [&](Context& c) {
        notifier_chain_register(c, chain, b.nb);
        notifier_chain_register(c, chain, next.nb);
        notifier_call_chain(c, chain);
      });
    });
    const Found f = every(lab);
    if (kind == ChainKind::raw) {
      CHECK(f.text().empty());
      CHECK(next.calls == 1);
    } else if (kind == ChainKind::atomic) {
      CHECK(f.text() == "api-misuse(rcu)@driver, deadlock(rcu)@driver, sleep-in-atomic(synchronize_rcu)@driver");
    } else {
      CHECK(f.text() ==
            (kind == ChainKind::srcu ? "api-misuse(chain)@driver, " : std::string{}) + "deadlock(chain)@driver, lock-cycle(chain)@driver");
    }
  }
}

// Fact: notifier-contexts.
TEST_CASE("notifier: an atomic chain's callbacks may not sleep, nor may those of a caller that may not, the others may") {
  for (const ChainKind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    NotifierChain chain;
    Block b;
    ContextKind context = ContextKind::process;
    Lab lab([&](Lab& l) {
      init(l, chain, kind);
      b.extra = [&](Context& c) { c.might_sleep("msleep"); };
      b.init(l, "nb");
      l.task("driver", [&](Context& c) { notifier_chain_register(c, chain, b.nb); });
      l.task(
          "caller",
          [&](Context& c) {
            if (context == ContextKind::process) notifier_call_chain(c, chain);
            if (context == ContextKind::softirq) notifier_chain_unregister(c, chain, b.nb);
          },
          context);
    });
    CHECK(every(lab).text() == (kind == ChainKind::atomic ? "sleep-in-atomic(msleep)@caller" : ""));
    // Who changes the chain sleeps, raw ones aside.
    context = ContextKind::softirq;
    const Found f = every(lab);
    CHECK(f.violations.empty() == (kind == ChainKind::raw));
    if (kind == ChainKind::blocking) CHECK(f.text() == "sleep-in-atomic(down_write)@caller");
    if (kind == ChainKind::atomic) CHECK(f.text() == "sleep-in-atomic(synchronize_rcu)@caller");
    if (kind == ChainKind::srcu) CHECK(f.count("sleep-in-atomic(srcu_notifier_chain_unregister)@caller") > 0);
  }
}

// Fact: notifier-empty-unlocked.
TEST_CASE("notifier: a blocking chain that is empty is not locked, one that isn't keeps out who changes it") {
  NotifierChain chain;
  Block b, other;
  std::uint64_t unlocked = 0;
  bool inside = false;
  Lab lab([&](Lab& l) {
    inside = false;
    init(l, chain, ChainKind::blocking);
    b.extra = [&](Context& c) {
      inside = true;
      mark(c);
      inside = false;
    };
    b.init(l, "nb");
    other.init(l, "other");
    l.task("driver", [&](Context& c) {
      notifier_chain_register(c, chain, b.nb);
      must(!inside || c.aborting());
      notifier_chain_register(c, chain, other.nb);
      must(!inside || c.aborting());
    });
    l.task("caller", [&](Context& c) { notifier_call_chain(c, chain); });
  });
  const Found f = every(lab, [&] { unlocked += find_event(lab, "caller", "down_read") == no_such_event ? 1U : 0U; });
  CHECK(f.text().empty());
  CHECK(unlocked > 0);
  CHECK(unlocked < f.executions);
}

// Fact: notifier-order.
TEST_CASE("notifier: registered twice is refused with a warning, unregistered twice only refused, left behind a leak") {
  for (const ChainKind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    NotifierChain chain;
    Block b;
    Device d;
    Module m;
    Binding binding;
    bool twice = false, unregister = true;
    Lab lab([&](Lab& l) {
      init(l, chain, kind);
      l.init(d, "dev");
      l.init(m, "foo");
      l.init(binding, d, m, "foo");
      b.init(l, "nb", binding.life);
      l.task("driver", [&](Context& c) {
        probe_device(c, binding, [&](Context& p) {
          must(notifier_chain_register(p, chain, b.nb) == 0 || c.aborting());
          if (twice) must(notifier_chain_register(p, chain, b.nb) == -17 || c.aborting());
          return true;
        });
        release_driver(c, binding, [&](Context& r) {
          if (!unregister) return;
          must(notifier_chain_unregister(r, chain, b.nb) == 0 || c.aborting());
          must(notifier_chain_unregister(r, chain, b.nb) == -2 || c.aborting());
        });
      });
    });
    CHECK(every(lab).text().empty());
    twice = true;
    CHECK(every(lab).text() == "api-misuse(nb)@driver");
    twice = unregister = false;
    CHECK(every(lab).text() == "leak(nb)@driver");
  }
}

// Fact: notifier-holds-nothing.
TEST_CASE("notifier: a chain holds no module: a callback left registered is called in freed text, unregistered in exit it is not") {
  for (const ChainKind kind : {ChainKind::blocking, ChainKind::atomic, ChainKind::srcu}) {
    CAPTURE(static_cast<int>(kind));
    NotifierChain chain;
    Block b;
    Module m;
    bool unregister = false;
    Lab lab([&](Lab& l) {
      init(l, chain, kind);
      l.init(m, "foo");
      b.extra = [&](Context& c) {
        const Context::Function function(c, l.name("foo_event"), m.text, {});
        mark(c);
      };
      b.init(l, "nb");
      l.task("rmmod", [&](Context& c) {
        notifier_chain_register(c, chain, b.nb);
        delete_module(c, m, l.rcu, [&] {
          if (unregister) notifier_chain_unregister(c, chain, b.nb);
        });
      });
      l.task("caller", [&](Context& c) { notifier_call_chain(c, chain); });
    });
    CHECK(every(lab).text() == "execute-after-free(foo)@caller");
    unregister = true;
    CHECK(every(lab).text().empty());
  }
}

// Fact: notifier-unregister-waits.
TEST_CASE("notifier: a callback sees what was written before it was registered, who has unregistered it what it wrote") {
  for (const ChainKind kind : {ChainKind::blocking, ChainKind::atomic, ChainKind::srcu}) {
    CAPTURE(static_cast<int>(kind));
    NotifierChain chain;
    Block b;
    Allocation data;
    Lab lab([&](Lab& l) {
      init(l, chain, kind);
      l.init(data, "data", {"in", "out"});
      b.extra = [&](Context& c) {
        get(c, data, 0, MemoryOrder::plain);
        set(c, data, 1, 1, MemoryOrder::plain);
      };
      b.init(l, "nb");
      l.task("driver", [&](Context& c) {
        set(c, data, 1, 0, MemoryOrder::plain);
        notifier_chain_register(c, chain, b.nb);
        notifier_chain_unregister(c, chain, b.nb);
        get(c, data, 1, MemoryOrder::plain);
      });
      l.task("caller", [&](Context& c) { notifier_call_chain(c, chain); });
    });
    CHECK(every(lab).text().empty());
  }
}

// Fact: notifier-holds-nothing.
TEST_CASE(
    "cros_ec: closing a file takes its notifier from the chain of a parent that is gone, unless removal has moved it away under a lock") {
  // ec: the parent's memory, with the chain in it. The file has its own, with the block.
  enum class Form { buggy, ioctl_only, all } form = Form::buggy;
  NotifierChain chain;
  Allocation ec;
  Block b;
  Rwsem sem;
  bool registered = false, gone = false;
  Lab lab([&](Lab& l) {
    registered = gone = false;
    l.init(ec, "ec", {"x"});
    init(l, chain, ChainKind::blocking, ec.life);
    l.init(sem, "sem");
    b.init(l, "priv");
    // Under the lock, where a fix covers the operation, and not if the parent is gone.
    const auto operation = [&](Context& c, bool covered, const Lab::Body& body) {
      if (covered) down_read(c, sem);
      if (!covered || !gone) body(c);
      if (covered) up_read(c, sem);
    };
    l.task("user", [&, operation](Context& c) {
      operation(c, form != Form::buggy, [&](Context& x) {  // open
        notifier_chain_register(x, chain, b.nb);
        registered = true;
      });
      operation(c, form != Form::buggy, [&](Context& x) { get(x, ec); });
      operation(c, form == Form::all, [&](Context& x) {  // close
        if (registered) notifier_chain_unregister(x, chain, b.nb);
        registered = false;
      });
      kfree(c, b.home);
    });
    l.task("remove", [&](Context& c) {
      if (form != Form::buggy) {
        down_write(c, sem);
        gone = true;
        if (form == Form::all && registered) notifier_chain_unregister(c, chain, b.nb);
        up_write(c, sem);
      }
      kfree(c, ec);
    });
  });
  CHECK(sample(lab, 2'000).text() == "use-after-free(ec)@user");
  form = Form::ioctl_only;
  const Found f = sample(lab, 2'000);
  CHECK(f.text() == "use-after-free(ec)@user");
  CHECK(f.places.begin()->second.starts_with("down_write"));  // close, and nothing before it
  form = Form::all;
  CHECK(sample(lab, 2'000).text().empty());
}

}  // namespace unplug::model::test
