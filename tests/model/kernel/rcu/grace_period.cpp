// kernel/grace_period: what grace periods cost under `timed`. That they order anything is tested with rcu and srcu.
#include <algorithm>

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

constexpr sim::Time jiffy = 4 * sim::millisecond;  // HZ = 250
constexpr sim::Duration poll = 10 * sim::microsecond;
const Operation nap{.name = "msleep", .pause = true};

// Begin and end of a call, as its task saw it.
struct Call {
  sim::Time begin = 0, end = 0;
  [[nodiscard]] sim::Duration took() const { return end - begin; }
};
Call timed_call(Context& c, const std::function<void()>& call) {
  Call t;
  t.begin = c.engine().local_time();
  call();
  t.end = c.engine().now();
  return t;
}

sim::Duration median(std::vector<sim::Duration> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Durations of synchronize_rcu() calls at random phase, one after another, over many seeds.
std::vector<sim::Duration> rcu_calls(const KernelConfig& config, unsigned calls, bool random_phase, std::uint64_t seeds = 200) {
  std::vector<sim::Duration> out;
  Lab lab(
      [&](Lab& l) {
        l.task("t", [&](Context& c) {
          if (random_phase) c.sleep(nap, 100 * sim::millisecond + c.engine().draw(sim::Stream::phase, sim::second));
          for (unsigned i = 0; i < calls; ++i) out.push_back(timed_call(c, [&] { synchronize_rcu(c, l.rcu); }).took());
        });
      },
      config);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) run_timed(lab, seed);
  return out;
}

}  // namespace

// Fact: gp-ticks.
TEST_CASE("grace period: idle, HZ=250: uniform between 3 and 4 jiffies at a random phase, 4 back to back, on a tick") {
  const auto alone = rcu_calls({}, 1, true, 600);
  CHECK(median(alone) > 13 * sim::millisecond);
  CHECK(median(alone) < 15 * sim::millisecond);
  CHECK(*std::ranges::min_element(alone) > 2 * jiffy);
  CHECK(*std::ranges::max_element(alone) <= 7 * jiffy);
  // Nine of ten take up to 4 jiffies, one in five up to 3.
  const auto up_to = [&](sim::Duration limit) { return std::ranges::count_if(alone, [&](sim::Duration d) { return d <= limit; }); };
  CHECK(up_to(4 * jiffy) > 510);
  CHECK(up_to(4 * jiffy) < 570);
  CHECK(up_to(3 * jiffy) > 90);
  CHECK(up_to(3 * jiffy) < 150);
  // Within the median jiffy every phase is as likely: quarters of [3, 4) jiffies hold like numbers.
  std::array<int, 4> quarters{};
  for (const sim::Duration d : alone)
    if (d > 3 * jiffy && d <= 4 * jiffy) ++quarters[std::min<std::size_t>((d - 3 * jiffy) / (jiffy / 4), 3)];
  for (const int q : quarters) {
    CHECK(q > 80);
    CHECK(q < 180);
  }

  std::vector<sim::Duration> back_to_back;
  const auto calls = rcu_calls({}, 5, true);
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (i % 5 != 0) back_to_back.push_back(calls[i]);
  CHECK(median(back_to_back) > 4 * jiffy - 10 * sim::microsecond);
  CHECK(median(back_to_back) <= 4 * jiffy);
}

// Fact: gp-full-after-call.
TEST_CASE("grace period: callers one after another pay each, callers at once share, whatever their number") {
  constexpr unsigned n = 32;
  sim::Time sequential = 0, concurrent = 0;
  Lab one([&](Lab& l) {
    l.task("t", [&](Context& c) {
      for (unsigned i = 0; i < n; ++i) synchronize_rcu(c, l.rcu);
      sequential = c.engine().now();
    });
  });
  Lab many([&](Lab& l) {
    concurrent = 0;
    for (unsigned i = 0; i < n; ++i)
      l.task("t" + std::to_string(i), [&](Context& c) {
        synchronize_rcu(c, l.rcu);
        concurrent = std::max(concurrent, c.engine().now());
      });
  });
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    run_timed(one, seed);
    CHECK(sequential > n * 7 / 2 * jiffy);
    CHECK(sequential < n * 5 * jiffy);
    run_timed(many, seed);
    CHECK(many.rcu.clock.periods() == 1);  // no tick has come between the first and the last
    CHECK(concurrent < 7 * jiffy + jiffy / 2);
  }
}

// Fact: gp-ticks.
TEST_CASE("grace period: one CPU: uniform between 2 and 3 jiffies at a random phase, exactly 3 back to back") {
  KernelConfig config;
  config.cpus = 1;
  config.grace_periods = GracePeriodPreset::idle_one_cpu;
  const auto calls = rcu_calls(config, 3, true);
  std::vector<sim::Duration> first;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i % 3 == 0) {
      first.push_back(calls[i]);
    } else {
      CHECK(calls[i] > 3 * jiffy - 10 * sim::microsecond);
      CHECK(calls[i] <= 3 * jiffy);
    }
  }
  CHECK(*std::ranges::min_element(first) > 2 * jiffy);
  CHECK(*std::ranges::max_element(first) <= 3 * jiffy);
  CHECK(median(first) > 2 * jiffy + jiffy / 3);
  CHECK(median(first) < 3 * jiffy - jiffy / 3);
}

// Fact: gp-full-after-call.
TEST_CASE("grace period: who calls before the tick shares, who calls after it waits for the next, which begins as the first ends") {
  KernelConfig config;
  config.grace_periods = GracePeriodPreset::idle_one_cpu;
  Lab lab(
      [&](Lab& l) {
        l.task("t", [&](Context& c) {
          GracePeriodClock rcu(l.kernel);
          mark(c);
          const sim::Time at = 10 * jiffy;
          const GracePeriodClock::Period a = rcu.for_call(at + 1), b = rcu.for_call(at + jiffy - 1), late = rcu.for_call(at + jiffy),
                                         later = rcu.for_call(at + 2 * jiffy - 1), alone = rcu.for_call(at + 9 * jiffy + 1);
          must(a.begin == at + jiffy && a.end == at + 2 * jiffy && a.over == at + 3 * jiffy && a.known == a.end);
          must(b.begin == a.begin && b.over == a.over);
          must(late.begin == a.end && late.over == at + 4 * jiffy);  // one jiffy more, not three
          must(later.begin == late.begin);
          must(alone.begin == at + 10 * jiffy && alone.over == at + 12 * jiffy);
          must(rcu.periods() == 3);
        });
      },
      config);
  run_timed(lab);
}

// Fact: gp-full-after-call.
TEST_CASE("grace period: who comes while one runs waits for its end, however long that takes, and then for one in full") {
  KernelConfig config;
  config.grace_periods = GracePeriodPreset::pathological;
  Lab lab(
      [&](Lab& l) {
        l.task("t", [&](Context& c) {
          GracePeriodClock rcu(l.kernel);
          mark(c);
          const GracePeriodClock::Period first = rcu.for_call(1), second = rcu.for_call(2 * jiffy);
          must(first.begin == jiffy);
          must(first.over == first.end + jiffy);
          must(first.end >= 24 * jiffy);
          must(second.begin == first.end);
          must(second.end >= second.begin + 23 * jiffy);
        });
      },
      config);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) run_timed(lab, seed);
}

TEST_CASE("grace period: a reader that an execution left inside is not in the way of the next execution") {
  bool stays = true;
  sim::Time end = 0;
  Waiter never;
  Lab lab([&](Lab& l) {
    l.init(never, "never");
    if (stays)
      l.task("reader", [&](Context& c) {
        rcu_read_lock(c, l.rcu);
        wait_for_completion(c, never);
      });
    l.task("updater", [&](Context& c) {
      c.sleep(nap, sim::millisecond);
      synchronize_rcu(c, l.rcu);
      end = c.engine().now();
    });
  });
  run_timed(lab);
  CHECK(end == 0);
  stays = false;
  run_timed(lab);
  CHECK(end <= 7 * jiffy);
}

// Fact: gp-late-reader.
TEST_CASE("grace period: a reader that comes after the call holds it up if it is inside when its CPU learns of the grace period") {
  KernelConfig config;
  config.grace_periods = GracePeriodPreset::idle_one_cpu;
  // The call comes 1 ms after a tick: noticed at 4, known at 8, over at 12.
  struct Case {
    sim::Duration from, hold, over;
  };
  for (const Case& k : {Case{2, 1, 12}, Case{2, 5, 12}, Case{2, 7, 20}, Case{5, 30, 44}, Case{9, 100, 12}}) {
    CAPTURE(k.from);
    CAPTURE(k.hold);
    sim::Time end = 0;
    Lab lab(
        [&](Lab& l) {
          l.task("reader", [&](Context& c) {
            c.sleep(nap, k.from * sim::millisecond);
            rcu_read_lock(c, l.rcu);
            c.compute(mark_op, k.hold * sim::millisecond);
            rcu_read_unlock(c, l.rcu);
          });
          l.task("updater", [&](Context& c) {
            c.sleep(nap, sim::millisecond);
            synchronize_rcu(c, l.rcu);
            end = c.engine().now();
          });
        },
        config);
    run_timed(lab);
    CHECK(end == k.over * sim::millisecond);
  }
}

// Fact: gp-late-reader.
TEST_CASE("grace period: readers follow one another without end: it ends once none is left that was inside when its CPU knew") {
  KernelConfig config;
  config.grace_periods = GracePeriodPreset::idle_one_cpu;
  sim::Time end = 0;
  bool stop = false;
  Lab lab(
      [&](Lab& l) {
        stop = false;
        l.task("readers", [&](Context& c) {
          for (int i = 0; i < 1000 && !stop; ++i) {
            rcu_read_lock(c, l.rcu);
            c.compute(mark_op, 3 * sim::millisecond);
            rcu_read_unlock(c, l.rcu);
          }
        });
        l.task("updater", [&](Context& c) {
          c.sleep(nap, sim::millisecond);
          synchronize_rcu(c, l.rcu);
          end = c.engine().now();
          stop = true;
        });
      },
      config);
  run_timed(lab);
  CHECK(end > 8 * sim::millisecond);
  CHECK(end <= 24 * sim::millisecond);
}

// Fact: gp-late-reader.
TEST_CASE("grace period: a reader that came after the call and waits for the caller costs a stall, it doesn't block it") {
  sim::Time end = 0;
  Waiter done;
  Lab lab([&](Lab& l) {
    l.init(done, "done");
    l.task("reader", [&](Context& c) {
      c.sleep(nap, 2 * sim::millisecond);
      rcu_read_lock(c, l.rcu);
      wait_for_completion(c, done);
      rcu_read_unlock(c, l.rcu);
    });
    l.task("updater", [&](Context& c) {
      c.sleep(nap, sim::millisecond);
      synchronize_rcu(c, l.rcu);
      end = c.engine().now();
      complete(c, done);
    });
  });
  run_timed(lab);
  CHECK(end > 21 * sim::second);
  CHECK(end < 22 * sim::second);
}

TEST_CASE(
    "grace period: `grace_period` is the exact duration of each, who comes in the middle of one waits for its rest and for the next") {
  KernelConfig config;
  config.grace_period = 10 * sim::millisecond;
  Call first, second, third, fourth;
  Lab lab(
      [&](Lab& l) {
        l.task("a", [&](Context& c) {
          first = timed_call(c, [&] { synchronize_rcu(c, l.rcu); });
          fourth = timed_call(c, [&] { synchronize_rcu(c, l.rcu); });
        });
        const auto late = [&](Context& c, sim::Duration after, Call& call) {
          c.sleep(nap, after);
          call = timed_call(c, [&] { synchronize_rcu(c, l.rcu); });
        };
        l.task("b", [&, late](Context& c) { late(c, 3 * sim::millisecond, second); });
        l.task("c", [&, late](Context& c) { late(c, 7 * sim::millisecond, third); });
      },
      config);
  run_timed(lab);
  const auto about = [](sim::Time t, sim::Time expected) { return t >= expected && t < expected + 20 * sim::microsecond; };
  CHECK(about(first.end, 10 * sim::millisecond));
  CHECK(about(second.end, 20 * sim::millisecond));
  CHECK(about(third.end, 20 * sim::millisecond));
  // The first task's second call comes as the second grace period begins: it needs a third, because that one has begun already.
  CHECK(about(fourth.end, 30 * sim::millisecond));
  CHECK(first.took() < 10 * sim::millisecond + 10 * sim::microsecond);

  const auto calls = rcu_calls(config, 3, true, 5);
  for (const sim::Duration d : calls) {
    CHECK(d >= 10 * sim::millisecond);
    CHECK(d < 10 * sim::millisecond + 10 * sim::microsecond);
  }
}

TEST_CASE("grace period: a reader in the way costs what remains of it plus two to three jiffies, even if it leaves early") {
  for (const sim::Duration hold : {6 * sim::millisecond, 20 * sim::millisecond, 50 * sim::millisecond, 333 * sim::millisecond}) {
    CAPTURE(hold);
    std::vector<sim::Duration> after;
    sim::Time left = 0;
    Lab lab([&](Lab& l) {
      const sim::Duration phase = 100 * sim::millisecond;
      l.task("reader", [&](Context& c) {
        c.sleep(nap, phase);
        rcu_read_lock(c, l.rcu);
        c.compute(mark_op, hold);
        rcu_read_unlock(c, l.rcu);
        left = c.engine().now();
      });
      l.task("updater", [&](Context& c) {
        c.sleep(nap, phase + sim::millisecond + c.engine().draw(sim::Stream::phase, 4 * sim::millisecond));
        synchronize_rcu(c, l.rcu);
        after.push_back(c.engine().now() - left);
      });
    });
    for (std::uint64_t seed = 1; seed <= 40; ++seed) run_timed(lab, seed);
    for (const sim::Duration d : after) {
      CHECK(d > 2 * jiffy - 10 * sim::microsecond);
      CHECK(d < 6 * jiffy);
      if (hold > 7 * jiffy) CHECK(d <= 3 * jiffy);
    }
    CHECK(median(after) < 4 * jiffy);
  }
}

TEST_CASE("grace period: a reader that began after the call costs nothing") {
  KernelConfig config;
  config.grace_period = 10 * sim::millisecond;
  Call call;
  Lab lab(
      [&](Lab& l) {
        l.task("reader", [&](Context& c) {
          c.sleep(nap, sim::millisecond);
          rcu_read_lock(c, l.rcu);
          c.compute(mark_op, sim::second);
          rcu_read_unlock(c, l.rcu);
        });
        l.task("updater", [&](Context& c) { call = timed_call(c, [&] { synchronize_rcu(c, l.rcu); }); });
      },
      config);
  run_timed(lab);
  CHECK(call.took() < 11 * sim::millisecond);
}

TEST_CASE("grace period: the tick and the load: HZ 1000, 100, busy, pathological") {
  KernelConfig config;
  config.hz = 1000;
  CHECK(median(rcu_calls(config, 1, true)) > 5 * sim::millisecond);  // noticed, a scan after 4 ticks, the callback
  CHECK(median(rcu_calls(config, 1, true)) <= 6 * sim::millisecond);
  config.hz = 100;
  CHECK(median(rcu_calls(config, 1, true)) > 30 * sim::millisecond);
  CHECK(median(rcu_calls(config, 1, true)) <= 40 * sim::millisecond);
  config.hz = 250;
  config.grace_periods = GracePeriodPreset::busy;
  const auto busy = rcu_calls(config, 1, true);
  CHECK(median(busy) > 20 * sim::millisecond);
  CHECK(median(busy) <= 40 * sim::millisecond);
  CHECK(*std::ranges::max_element(busy) <= 12 * jiffy);
  config.grace_periods = GracePeriodPreset::pathological;
  const auto pathological = rcu_calls(config, 1, true);
  CHECK(*std::ranges::min_element(pathological) > 90 * sim::millisecond);
  CHECK(*std::ranges::max_element(pathological) <= 2 * sim::second);
}

// Fact: gp-callbacks-share.
TEST_CASE("grace period: callbacks of call_rcu share with synchronize_rcu, and rcu_barrier costs one with any number of them") {
  KernelConfig config;
  config.grace_period = 10 * sim::millisecond;
  std::deque<RcuCallback> callbacks(20);
  Call barrier;
  Lab lab(
      [&](Lab& l) {
        for (std::size_t i = 0; i < callbacks.size(); ++i) l.init(callbacks[i], "callback " + std::to_string(i), [](Context&) {});
        l.task("t", [&](Context& c) {
          for (RcuCallback& callback : callbacks) call_rcu(c, l.rcu, callback);
          barrier = timed_call(c, [&] { rcu_barrier(c, l.rcu); });
        });
      },
      config);
  run_timed(lab);
  CHECK(barrier.took() > 9 * sim::millisecond);
  CHECK(barrier.took() < 21 * sim::millisecond);
}

// Fact: srcu-polls.
TEST_CASE("srcu timing: polls lie at ages 2, 4, 8, 16, 27, 38 jiffies, the first two jiffies are polled closely") {
  const KernelConfig config;
  const sim::Time begin = 7 * jiffy + sim::millisecond, tick = 7 * jiffy;
  SrcuTiming timing(config, begin, false);
  CHECK(timing.ready(begin) == begin + 60 * sim::microsecond);
  CHECK(timing.ready(begin + sim::millisecond) == begin + sim::millisecond + 5 * sim::microsecond);
  sim::Time last = tick + 2 * jiffy - 1;
  CHECK(timing.ready(last) == last + 5 * sim::microsecond);
  for (const std::uint64_t age : {2U, 4U, 8U, 16U, 27U, 38U, 49U}) {
    CAPTURE(age);
    const sim::Time at = tick + age * jiffy;
    CHECK(timing.ready(last + 1) == at);
    CHECK(timing.ready(at) == at);
    CHECK(timing.ready(at + poll) == at + poll);  // still the same poll: the second scan of a grace period without readers
    last = at + poll;
  }
}

// Fact: srcu-expedited.
TEST_CASE("srcu timing: a grace period within 25 us of the last one is not expedited: 3 to 4 jiffies") {
  const KernelConfig config;
  const sim::Time begin = 7 * jiffy + sim::millisecond, tick = 7 * jiffy;
  SrcuTiming timing(config, begin, true);
  sim::Time last = begin - 1;
  for (const std::uint64_t age : {4U, 9U, 19U, 30U}) {
    CAPTURE(age);
    CHECK(timing.ready(last + 1) == tick + age * jiffy);
    last = tick + age * jiffy + poll;
  }
}

// Fact: srcu-polls.
TEST_CASE("srcu timing: short without readers, slow when repeated at once, the longest reader plus the rest of a poll otherwise") {
  Srcu srcu, other;
  std::vector<Call> calls;
  sim::Time left = 0;
  bool reader = false;
  sim::Duration hold = 100 * sim::millisecond, pause = 0;
  Lab lab([&](Lab& l) {
    calls.clear();
    l.init(srcu, "srcu");
    l.init(other, "other");
    if (reader)
      l.task("reader", [&](Context& c) {
        const auto i = srcu_read_lock(c, srcu);
        c.sleep(nap, hold);
        srcu_read_unlock(c, srcu, i);
        left = c.engine().now();
      });
    l.task("t", [&](Context& c) {
      c.sleep(nap, sim::millisecond);
      for (int i = 0; i < 2; ++i) {
        calls.push_back(timed_call(c, [&] { synchronize_srcu(c, srcu); }));
        if (pause != 0) c.sleep(nap, pause);
      }
      calls.push_back(timed_call(c, [&] { synchronize_srcu(c, other); }));
    });
  });
  run_timed(lab);
  CHECK(calls[0].took() < 200 * sim::microsecond);
  CHECK(calls[1].took() > 3 * jiffy - sim::millisecond);
  CHECK(calls[1].took() <= 4 * jiffy + 10 * sim::microsecond);
  CHECK(calls[2].took() < 200 * sim::microsecond);  // a domain of its own
  pause = 30 * sim::microsecond;
  run_timed(lab);
  CHECK(calls[1].took() < 200 * sim::microsecond);
  reader = true;
  for (hold = 5 * sim::millisecond; hold < 400 * sim::millisecond; hold += 17 * sim::millisecond) {
    run_timed(lab);
    CHECK(calls[0].end > left);
    CHECK(calls[0].end - left <= 11 * jiffy + 100 * sim::microsecond);
  }
}

// Fact: srcu-callers-share.
TEST_CASE("srcu timing: callers at once share, separate domains cost each on its own") {
  Srcu srcu;
  sim::Time end = 0;
  Lab lab([&](Lab& l) {
    end = 0;
    l.init(srcu, "srcu");
    for (unsigned i = 0; i < 16; ++i)
      l.task("t" + std::to_string(i), [&](Context& c) {
        synchronize_srcu(c, srcu);
        end = std::max(end, c.engine().now());
      });
  });
  run_timed(lab);
  CHECK(end < 5 * jiffy);  // one that is expedited, and the next, which isn't
}

}  // namespace unplug::model::test
