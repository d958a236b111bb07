// Waits for grace periods: calls in a row, callers at once, callbacks, a reader in the way, an SRCU fence.
#include <array>
#include <deque>

#include <fmt/format.h>

#include "unplug/model/kernel/locking/waiter.hpp"
#include "unplug/model/kernel/rcu/srcu.hpp"
#include "unplug/scenarios/calibration/experiments.hpp"

namespace unplug::scenarios::calibration {
namespace {

using model::Context;
using model::Operation;
using model::Srcu;
using model::Waiter;

const Operation hold_op{.name = "inside a read-side section"}, sleep_op{.name = "sleep in an ioctl", .pause = true},
    pause_op{.name = "between two read-side sections", .pause = true};

// What runs when the wait begins has begun this long before.
constexpr sim::Duration lead = sim::millisecond;
// Between two sections of a reader in a loop. With 1 ms, sections of 1, 5 and 20 ms are found open in 50, 83 and 95 % of calls; measured
// were 41 to 49, 61 to 80 and 95 to 97 %.
constexpr sim::Duration pause = sim::millisecond;

Srcu& make_srcu(Bench& b) {
  Srcu& s = b.own<Srcu>();
  model::init_srcu(b.kernel, s, b.name("srcu"), b.name("srcu"), {});
  return s;
}

// A call, and until its caller runs again.
using Synchronize = void (*)(Context&, Bench&);
void normal(Context& c, Bench& b) {
  b.wait(c, [&] { synchronize_rcu(c, b.rcu); });
}
// What an expedited one takes was measured at its caller: waking it is in that.
void expedited(Context& c, Bench& b) { synchronize_rcu_expedited(c, b.rcu); }

using SynchronizeSrcu = void (*)(Context&, Srcu&);

void sequential(Bench& b, Synchronize synchronize) {
  b.task("caller", [&b, synchronize](Context& c) {
    b.start(c);
    for (std::uint64_t i = 0; i < b.at(); ++i) synchronize(c, b);
    b.finish(c);
  });
}

void concurrent(Bench& b, Synchronize synchronize) {
  Waiter& go = b.own<Waiter>();
  model::init_waiter(b.kernel, go, b.name("go"), b.name("go"), {}, model::Owner::driver);
  for (std::uint64_t i = 0; i < b.at(); ++i)
    b.task(fmt::format("caller.{}", i), [&b, &go, synchronize](Context& c) {
      wait_for_completion(c, go);
      b.woken(c, b.machine().kick);
      synchronize(c, b);
      b.finish(c);
    });
  b.task("starter", [&b, &go](Context& c) {
    b.start(c);
    complete_all(c, go);
  });
}

void callbacks(Bench& b) {
  auto& heads = b.own<std::deque<model::RcuCallback>>(b.at());
  for (std::size_t i = 0; i < heads.size(); ++i) {
    heads[i].task_name = b.name(fmt::format("callback.{}", i));
    heads[i].body = [](Context&, void*) {};
  }
  b.task("caller", [&b, &heads](Context& c) {
    b.start(c);
    for (model::RcuCallback& head : heads) call_rcu(c, b.rcu, head);
    b.wait(c, [&] { rcu_barrier(c, b.rcu); });
    b.finish(c);
  });
}

// A thread that is in a read-side section, busy, again and again; `inside` is the section.
template <class Inside> void read_in_a_loop(Bench& b, Inside inside) {
  b.task("reader", [&b, inside](Context& c) {
    if (b.remaining() != 0) {
      b.until(c, b.begin() - lead);
      inside(c, lead + b.remaining());
    } else {
      b.until(c, b.begin() - c.engine().draw(sim::Stream::phase, pause));
    }
    while (!b.finished()) {
      c.sleep(pause_op, pause);
      inside(c, b.length());
    }
  });
}

void reader(Bench& b, Synchronize synchronize) {
  read_in_a_loop(b, [&b](Context& c, sim::Duration hold) {
    rcu_read_lock(c, b.rcu);
    c.compute(hold_op, hold);
    rcu_read_unlock(c, b.rcu);
  });
  b.task("caller", [&b, synchronize](Context& c) {
    b.start(c);
    synchronize(c, b);
    b.finish(c);
  });
}

void srcu_reader(Bench& b) {
  Srcu& srcu = make_srcu(b);
  read_in_a_loop(b, [&srcu](Context& c, sim::Duration hold) {
    const auto index = srcu_read_lock(c, srcu);
    c.compute(hold_op, hold);
    srcu_read_unlock(c, srcu, index);
  });
  b.task("caller", [&b, &srcu](Context& c) {
    b.start(c);
    b.wait(c, [&] { synchronize_srcu(c, srcu); });
    b.finish(c);
  });
}

// `threads` ioctls that sleep inside the section, the longest as long as the row says, the others anywhere up to that.
void fence(Bench& b, std::uint64_t threads, bool kick, SynchronizeSrcu synchronize = model::synchronize_srcu) {
  Srcu& srcu = make_srcu(b);
  Waiter& waiter = b.own<Waiter>();
  model::init_waiter(b.kernel, waiter, b.name("waiter"), b.name("waiter"), {}, model::Owner::driver);
  for (std::uint64_t i = 0; i < threads; ++i) {
    const sim::Duration left = i == 0 ? b.remaining() : b.draws().below(b.remaining() + 1);
    b.task(fmt::format("ioctl.{}", i), [&b, &srcu, &waiter, left, kick](Context& c) {
      b.until(c, b.begin() - lead);
      const auto index = srcu_read_lock(c, srcu);
      if (kick) {
        wait_for_completion(c, waiter);
        b.woken(c, b.machine().kick);
      } else {
        c.sleep(sleep_op, lead + left);
      }
      srcu_read_unlock(c, srcu, index);
    });
  }
  b.task("remove", [&b, &srcu, &waiter, kick, synchronize](Context& c) {
    b.start(c);
    if (kick) shoot_down(c, waiter);
    b.wait(c, [&] { synchronize(c, srcu); });
    b.finish(c);
  });
}

void rcu_sequential(Bench& b) { sequential(b, normal); }
void expedited_sequential(Bench& b) { sequential(b, expedited); }
void rcu_concurrent(Bench& b) { concurrent(b, normal); }
void expedited_concurrent(Bench& b) { concurrent(b, expedited); }
void rcu_reader(Bench& b) { reader(b, normal); }
void expedited_reader(Bench& b) { reader(b, expedited); }
void expedited_fence(Bench& b) { fence(b, 1, false, model::synchronize_srcu_expedited); }
void fence_1(Bench& b) { fence(b, 1, false); }
void fence_4(Bench& b) { fence(b, 4, false); }
void fence_8(Bench& b) { fence(b, 8, false); }
void kick_1(Bench& b) { fence(b, 1, true); }
void kick_8(Bench& b) { fence(b, 8, true); }

constexpr auto count = Experiment::Axis::count, length = Experiment::Axis::duration;

// On the counted clock such a fence ends a fixed time after the last exit, whatever the polls: so it does on that kernel with callers who
// call again at once, and not if they pause.
constexpr Beyond crowd{
    "callers that find the driver dead call again at once and keep the CPUs busy: who sleeps, and the fence itself, wait for their turn, "
    "which no input says"};

// One call in ten took 8 ms more than the reader, half of them 0.4 ms more.
constexpr Beyond interrupts{"an expedited grace period interrupts the reader's CPU and waits for its answer: a virtual CPU gives it when "
                            "the host runs it, which no "
                            "input says",
                            2};

constexpr std::array list{
    Experiment{"rcu-sequential", "N synchronize_rcu() in a row", count, rcu_sequential},
    Experiment{"rcu-expedited-sequential", "N synchronize_rcu_expedited() in a row", count, expedited_sequential},
    Experiment{"rcu-concurrent", "N callers of synchronize_rcu() at once", count, rcu_concurrent, true},
    Experiment{"rcu-expedited-concurrent", "N callers of synchronize_rcu_expedited() at once", count, expedited_concurrent},
    Experiment{"rcu-callbacks", "N call_rcu() and one rcu_barrier()", count, callbacks, true},
    Experiment{"rcu-reader", "synchronize_rcu(), a reader of D in a loop", length, rcu_reader},
    Experiment{"rcu-expedited-reader", "synchronize_rcu_expedited(), a reader of D in a loop", length, expedited_reader, false, 1, false,
               false, interrupts},
    Experiment{"srcu-reader", "synchronize_srcu(), a reader of D in a loop", length, srcu_reader},
    Experiment{"srcu-fence", "SRCU fence, an ioctl of D", length, fence_1},
    Experiment{"srcu-fence-4", "SRCU fence, 4 ioctls of D", length, fence_4, true, 4, false, false, crowd},
    Experiment{"srcu-fence-8", "SRCU fence, 8 ioctls of D", length, fence_8, true, 8, false, false, crowd},
    Experiment{"srcu-expedited-fence", "expedited SRCU fence, an ioctl of D", length, expedited_fence},
    Experiment{"srcu-kick", "SRCU fence that wakes an ioctl of D", length, kick_1, true, 1, false, true},
    Experiment{"srcu-kick-8", "SRCU fence that wakes 8 ioctls of D", length, kick_8, true, 8, false, true, crowd},
};

}  // namespace

std::span<const Experiment> grace_period_experiments() { return list; }

}  // namespace unplug::scenarios::calibration
