// kernel/percpu_ref: what kill promises, and when.
#include "unplug/model/kernel/rcu/percpu_ref.hpp"
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// A reference whose release and confirm run lambdas.
struct Ref {
  PercpuRef ref;
  struct Hooks {
    std::function<void(Context&)> release, confirm;
  } hooks;
  void init(Lab& l, std::function<void(Context&)> release, std::function<void(Context&)> confirm = {},
            PercpuRefMode mode = PercpuRefMode::percpu, LifetimeId home = {}) {
    hooks = {std::move(release), std::move(confirm)};
    ref.release = [](Context& c, void* a) { static_cast<Hooks*>(a)->release(c); };
    ref.confirm = nullptr;
    if (hooks.confirm) ref.confirm = [](Context& c, void* a) { static_cast<Hooks*>(a)->confirm(c); };
    ref.argument = &hooks;
    init_percpu_ref(l.kernel, ref, l.rcu, l.name("ref"), l.name("ref"), home, mode);
  }
};

}  // namespace

// Fact: percpu_ref_kill-then-confirm.
TEST_CASE("percpu_ref: tryget_live, kill, and a wait for release: whoever got in has left before the data is freed") {
  Ref r;
  Allocation data;
  Waiter released;
  enum class Form { right, no_wait, no_get, tryget_after_exit } form = Form::right;
  std::set<bool> entered;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {"x"});
    l.init(released, "released");
    r.init(l, [&](Context& c) { complete(c, released); });
    l.task("reader", [&](Context& c) {
      const bool got = form == Form::no_get || percpu_ref_tryget_live(c, r.ref);
      entered.insert(got);
      if (!got) return;
      get(c, data);
      if (form != Form::no_get) percpu_ref_put(c, r.ref);
    });
    l.remover("remove", [&](Context& c) {
      percpu_ref_kill(c, r.ref);
      if (form != Form::no_wait) wait_for_completion(c, released);
      kfree(c, data);
      must(c.kernel().removal.grace_periods == 0);  // it pays for none itself
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(entered == std::set<bool>{false, true});
  for (const Form wrong : {Form::no_wait, Form::no_get}) {
    form = wrong;
    CHECK(every(lab).text() == "use-after-free(data)@reader");
  }
}

// Fact: percpu_ref_kill-then-confirm.
TEST_CASE("percpu_ref: who was looking at the mark still gets in after kill returns, none does once confirm has been called") {
  Ref r;
  std::uint64_t after_kill = 0, after_confirm = 0;
  Lab lab([&](Lab& l) {
    r.init(
        l, [](Context& c) { mark(c); }, [](Context& c) { mark(c); });
    l.task("reader", [&](Context& c) {
      if (percpu_ref_tryget_live(c, r.ref)) percpu_ref_put(c, r.ref);
    });
    l.task("killer", [&](Context& c) {
      percpu_ref_kill(c, r.ref);
      mark(c);
    });
  });
  const Found f = sample(lab, 1000, "random", [&] {
    const std::size_t got = find_event(lab, "reader", "percpu_ref_get: this CPU");
    if (got == no_such_event) return;
    after_kill += got > find_event(lab, "killer", "mark") ? 1 : 0;
    after_confirm += got > find_event(lab, "ref/switch#1", "mark") ? 1 : 0;
  });
  CHECK(f.text().empty());
  CHECK(after_kill > 0);
  CHECK(after_confirm == 0);
}

// Fact: percpu_ref-get-after-kill.
TEST_CASE("percpu_ref: after kill get and tryget go on succeeding, tryget until the count is 0, tryget_live does not") {
  Ref r;
  std::vector<bool> got;
  Waiter released;
  Lab lab([&](Lab& l) {
    got.clear();
    l.init(released, "released");
    r.init(l, [&](Context& c) { complete(c, released); });
    l.task("a", [&](Context& c) {
      percpu_ref_get(c, r.ref);
      percpu_ref_kill(c, r.ref);
      got.push_back(percpu_ref_tryget_live(c, r.ref));
      got.push_back(percpu_ref_tryget(c, r.ref));
      percpu_ref_get(c, r.ref);
      rcu_barrier(c, l.rcu);  // switched
      got.push_back(percpu_ref_tryget_live(c, r.ref));
      got.push_back(percpu_ref_tryget(c, r.ref));
      for (int i = 0; i < 4; ++i) percpu_ref_put(c, r.ref);
      wait_for_completion(c, released);
      got.push_back(percpu_ref_tryget(c, r.ref));
      got.push_back(percpu_ref_tryget_live(c, r.ref));
    });
  });
  const Found f = every(lab, [&] { CHECK(got == std::vector<bool>{false, true, false, true, false, false}); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: percpu_ref-no-implied-gp.
TEST_CASE("percpu_ref: release runs when the last is put, not before the grace period that sums the counters") {
  Ref r;
  std::uint64_t releases = 0;
  Lab lab([&](Lab& l) {
    releases = 0;
    r.init(l, [&](Context& c) {
      ++releases;
      mark(c);
    });
    l.task("user", [&](Context& c) {
      if (percpu_ref_tryget(c, r.ref)) percpu_ref_put(c, r.ref);
    });
    l.task("reader", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      rcu_read_unlock(c, l.rcu);
    });
    l.task("killer", [&](Context& c) { percpu_ref_kill(c, r.ref); });
  });
  const Found f = sample(lab, 1000, "random", [&] {
    CHECK(releases == 1);
    std::size_t released = no_such_event;
    for (const auto* t : {"user", "killer", "ref/switch#1"}) released = std::min(released, find_event(lab, t, "mark"));
    CHECK(find_event(lab, "ref/switch#1", "call_rcu: grace period ends") < released);
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: percpu_ref-no-implied-gp.
TEST_CASE("percpu_ref: no grace period is implied between kill and release: in atomic mode an RCU reader may still be looking") {
  Ref r;
  Allocation slot, data;
  bool synchronize = false;
  auto mode = PercpuRefMode::atomic;
  Lab lab([&](Lab& l) {
    l.init(slot, "slot", {"cleared"});
    l.init(data, "data", {"x"});
    r.init(
        l, [&](Context& c) { kfree(c, data); }, {}, mode);
    l.task("lookup", [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      if (get(c, slot) == 0) get(c, data);
      rcu_read_unlock(c, l.rcu);
    });
    l.task("killer", [&](Context& c) {
      set(c, slot, 1);
      if (synchronize) synchronize_rcu(c, l.rcu);
      percpu_ref_kill(c, r.ref);
    });
  });
  CHECK(every(lab).text() == "use-after-free(data)@lookup");
  synchronize = true;
  CHECK(every(lab).text().empty());
  // In percpu mode the switch happens to wait for one.
  synchronize = false;
  mode = PercpuRefMode::percpu;
  CHECK(every(lab).text().empty());
}

// Fact: percpu_ref-release-in-section.
TEST_CASE("percpu_ref: release runs inside a read-side section: what sleeps there sleeps in atomic") {
  Ref r;
  Lab lab([&](Lab& l) {
    r.init(
        l,
        [](Context& c) {
          c.might_sleep("cleanup");
          mark(c);
        },
        {}, PercpuRefMode::atomic);
    l.task("killer", [&](Context& c) { percpu_ref_kill(c, r.ref); });
  });
  CHECK(every(lab).text() == "sleep-in-atomic(cleanup)@killer");
}

// Fact: percpu_ref-misuse.
TEST_CASE("percpu_ref: killed twice it is misuse, and a reference too many is dropped") {
  Ref r;
  Allocation data;
  auto mode = PercpuRefMode::atomic;
  int confirmed = 0;
  Lab lab([&](Lab& l) {
    confirmed = 0;
    l.init(data, "data", {"x"});
    r.init(
        l, [&](Context& c) { kfree(c, data); }, [&](Context&) { ++confirmed; }, mode);
    l.task("a", [&](Context& c) {
      percpu_ref_get(c, r.ref);
      percpu_ref_kill(c, r.ref);
      percpu_ref_kill(c, r.ref);
      if (mode == PercpuRefMode::atomic) must(confirmed == 2);
      get(c, data);
    });
  });
  CHECK(every(lab).text() == "api-misuse(ref)@a, use-after-free(data)@a");
  mode = PercpuRefMode::percpu;
  const Found f = every(lab);
  CHECK(f.count("api-misuse(ref)@a") == f.executions);
  CHECK(f.count("use-after-free(data)@a") > 0);
  // Born dead it has no reference to drop.
  mode = PercpuRefMode::dead;
  CHECK(every(lab).count("api-misuse(ref)@a") > 0);
}

// Fact: percpu_ref-misuse.
TEST_CASE("percpu_ref: a put too many shows when the counters are summed") {
  Ref r;
  Lab lab([&](Lab& l) {
    r.init(l, [](Context& c) { mark(c); });
    l.task("a", [&](Context& c) {
      percpu_ref_put(c, r.ref);
      percpu_ref_put(c, r.ref);
      percpu_ref_kill(c, r.ref);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(ref)@ref/switch#1");
  CHECK(f.places.begin()->second == "percpu_ref switch: add the sum");
}

// Fact: percpu_ref-misuse.
TEST_CASE("percpu_ref: exit frees the counters: after release clean, before it a use after free, while it is switched misuse") {
  Ref r;
  Waiter released;
  bool wait = true, kill = true;
  std::set<bool> live;
  Lab lab([&](Lab& l) {
    l.init(released, "released");
    r.init(l, [&](Context& c) { complete(c, released); });
    l.task("user", [&](Context& c) {
      const bool got = percpu_ref_tryget_live(c, r.ref);
      live.insert(got);
      if (got) percpu_ref_put(c, r.ref);
    });
    l.task("remove", [&](Context& c) {
      if (kill) percpu_ref_kill(c, r.ref);
      if (wait) wait_for_completion(c, released);
      percpu_ref_exit(c, r.ref);
      must(!percpu_ref_tryget_live(c, r.ref));  // looks at no counter
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(live == std::set<bool>{false, true});
  wait = kill = false;  // as where init has gone half way: nobody can get in any more
  CHECK(every(lab).text() == "use-after-free(ref)@user");
  kill = true;
  CHECK(every(lab).text() == "api-misuse(ref)@remove, use-after-free(ref)@ref/switch#1, use-after-free(ref)@user");
}

TEST_CASE("percpu_ref: a reference that is never put keeps removal waiting for ever") {
  Ref r;
  Waiter released;
  Lab lab([&](Lab& l) {
    l.init(released, "released");
    r.init(l, [&](Context& c) { complete(c, released); });
    l.task("user", [&](Context& c) { percpu_ref_tryget_live(c, r.ref); });
    l.remover("remove", [&](Context& c) {
      c.kernel().removal_phase = RemovalPhase::remove;
      percpu_ref_kill(c, r.ref);
      wait_for_completion(c, released);
    });
  });
  CHECK(every(lab).text() == "deadlock(released)@remove, hung-remove(released)@remove");
}

}  // namespace unplug::model::test
