// kernel/rcu: grace periods in a hurry, and callbacks that are not.
#include <array>

#include "model/support.hpp"

namespace unplug::model::test {

// Fact: synchronize_rcu-waits-for-readers, rcu-expedited-apart.
TEST_CASE("rcu: an expedited grace period waits for no section that begins after it, is misuse inside one, and removal pays for it") {
  bool inside = false;
  Waiter gone;
  std::uint64_t late = 0;
  Lab lab([&](Lab& l) {
    l.init(gone, "gone");
    if (!inside)
      l.task("reader", [&](Context& c) {
        rcu_read_lock(c, l.rcu);
        wait_for_completion(c, gone);
        rcu_read_unlock(c, l.rcu);
      });
    l.remover("remove", [&](Context& c) {
      if (inside) rcu_read_lock(c, l.rcu);
      synchronize_rcu_expedited(c, l.rcu);
      complete(c, gone);
      must(c.aborting() || c.kernel().removal.grace_periods == 1);
      if (inside) rcu_read_unlock(c, l.rcu);
    });
  });
  every(lab, [&] { late += find_event(lab, "remove", "complete") != no_such_event ? 1 : 0; });
  CHECK(late > 0);
  inside = true;
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(rcu)@remove, deadlock(rcu)@remove, sleep-in-atomic(synchronize_rcu_expedited)@remove");
  CHECK(f.details.at("api-misuse(rcu)@remove") == "synchronize_rcu_expedited() inside an RCU read-side section");
}

// Fact: rcu-expedited-apart.
TEST_CASE("rcu: expedited and normal grace periods are machineries of their own: neither waits for the other, each for its readers") {
  // The first caller is in the middle of a normal one all the while.
  std::map<std::string, sim::Duration> took;
  sim::Duration held = 0;
  Lab lab([&](Lab& l) {
    static const Operation nap{.name = "msleep", .pause = true};
    const auto call = [&](std::string_view name, sim::Duration after, auto synchronize) {
      l.task(name, [&, name = std::string(name), after, synchronize](Context& c) {
        c.sleep(nap, after);
        const sim::Time begin = c.engine().local_time();
        synchronize(c, l.rcu);
        took[name] = c.engine().now() - begin;
      });
    };
    call("normal", sim::millisecond, synchronize_rcu);
    call("expedited", 2 * sim::millisecond, synchronize_rcu_expedited);
    if (held != 0)
      l.task("reader", [&](Context& c) {
        rcu_read_lock(c, l.rcu);
        c.compute(mark_op, held);
        rcu_read_unlock(c, l.rcu);
      });
  });
  run_timed(lab);
  CHECK(took.at("normal") > 8 * sim::millisecond);
  CHECK(took.at("expedited") >= 100 * sim::microsecond);
  CHECK(took.at("expedited") < 110 * sim::microsecond);
  held = 102 * sim::millisecond;
  run_timed(lab);
  CHECK(took.at("expedited") >= 100 * sim::millisecond + 350 * sim::microsecond);
  CHECK(took.at("expedited") < 100 * sim::millisecond + 450 * sim::microsecond);
}

// Fact: rcu-expedited-apart.
TEST_CASE("rcu: rcu_expedited makes every grace period short, rcu_normal none, and rcu_normal wins") {
  const auto brief = [](bool expedite, bool normal, bool ask) {
    KernelConfig config;
    config.rcu_expedited = expedite;
    config.rcu_normal = normal;
    sim::Time end = 0;
    Lab lab(
        [&](Lab& l) {
          l.task("t", [&](Context& c) {
            ask ? synchronize_rcu_expedited(c, l.rcu) : synchronize_rcu(c, l.rcu);
            end = c.engine().now();
          });
        },
        config);
    run_timed(lab);
    return end < sim::millisecond;
  };
  CHECK(!brief(false, false, false));
  CHECK(brief(false, false, true));
  for (const bool ask : {false, true}) {
    CHECK(brief(true, false, ask));
    CHECK(!brief(false, true, ask));
    CHECK(!brief(true, true, ask));
  }
}

// Fact: rcu_lazy-holds.
TEST_CASE("call_rcu: RCU_LAZY holds callbacks for seconds, not those of call_rcu_hurry, and rcu_barrier lets those go that it waits for") {
  std::deque<RcuCallback> callbacks(3);
  std::array<sim::Time, 3> ran{};
  sim::Time barrier = 0;
  bool flush = false;
  const auto make = [&](Lab& l) {
    static const Operation nap{.name = "msleep", .pause = true};
    ran = {};
    for (std::size_t i = 0; i < 3; ++i)
      l.init(callbacks[i], "callback " + std::to_string(i), [&, i](Context& c) { ran[i] = c.engine().local_time(); });
    l.task("a", [&](Context& c) {
      call_rcu(c, l.rcu, callbacks[0]);
      call_rcu_hurry(c, l.rcu, callbacks[1]);
      c.sleep(nap, sim::second);
      if (flush) {
        rcu_barrier(c, l.rcu);
        barrier = c.engine().now();
      }
      call_rcu(c, l.rcu, callbacks[2]);
    });
  };
  KernelConfig config;
  config.rcu_lazy = true;
  Lab lazy(make, config);
  run_timed(lazy);
  CHECK(ran[0] >= 10 * sim::second);
  CHECK(ran[0] < 11 * sim::second);
  CHECK(ran[1] < sim::second);
  CHECK(ran[2] >= 11 * sim::second);
  flush = true;
  run_timed(lazy);
  CHECK(ran[0] > sim::second);
  CHECK(ran[0] <= barrier);
  CHECK(barrier < sim::second + 100 * sim::millisecond);
  CHECK(ran[2] >= barrier + 10 * sim::second);
  Lab eager(make);
  run_timed(eager);
  CHECK(ran[0] < sim::second);
  CHECK(ran[2] < barrier + sim::second);
  // That is all: nobody waits for it to be held.
  const Found f = sample(lazy, 300);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

}  // namespace unplug::model::test
