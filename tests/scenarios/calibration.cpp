// calibration/: the experiments on the model say what theory says, and the comparison judges as its rules do.
#include <algorithm>

#include <doctest/doctest.h>

#include "unplug/scenarios/calibration/calibrate.hpp"

using namespace unplug;
using namespace unplug::scenarios::calibration;

namespace {

constexpr sim::Duration jiffy = 4 * sim::millisecond;

const Machine& machine(std::string_view name) {
  const auto& all = measured().machines;
  const auto found = std::ranges::find(all, name, &Machine::name);
  REQUIRE(found != all.end());
  return *found;
}

struct Outcome {
  std::vector<sim::Duration> took;  // sorted
  std::uint64_t least_periods = UINT64_MAX, most_periods = 0;
  [[nodiscard]] sim::Duration median() const { return took[took.size() / 2]; }
};

Outcome run_experiment(std::string_view experiment, const Machine& on, std::uint64_t at, std::optional<Spread> remaining = {},
                       unsigned seeds = 200) {
  const Experiment* e = find_experiment(experiment);
  REQUIRE(e != nullptr);
  Bench bench(on, *e, at, remaining);
  Outcome out;
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    out.took.push_back(bench.run(sim::execution_seed(1, seed)));
    out.least_periods = std::min(out.least_periods, bench.grace_periods());
    out.most_periods = std::max(out.most_periods, bench.grace_periods());
  }
  std::sort(out.took.begin(), out.took.end());
  return out;
}

Spread exactly(sim::Duration d) { return {d, d, d, d, d}; }

}  // namespace

TEST_CASE("calibration: N calls in a row cost N grace periods, on one CPU 3 jiffies each, on two about 4") {
  for (const std::uint64_t n : {1U, 4U, 16U}) {
    CAPTURE(n);
    const Outcome one = run_experiment("rcu-sequential", machine("one-cpu"), n);
    CHECK(one.least_periods == n);
    CHECK(one.most_periods == n);
    CHECK(one.took.front() > (3 * n - 1) * jiffy);
    CHECK(one.took.back() < (3 * n) * jiffy + sim::millisecond);
    const Outcome two = run_experiment("rcu-sequential", machine("two-cpus"), n);
    CHECK(two.least_periods == n);
    CHECK(two.most_periods == n);
    CHECK(two.median() > (39 * n - 10) * jiffy / 10);
    CHECK(two.median() < (4 * n + 1) * jiffy);
  }
}

TEST_CASE("calibration: N callers at once cost one or two grace periods, never more than four") {
  for (const Machine& m : measured().machines) {
    CAPTURE(m.name);
    for (const std::uint64_t n : {1U, 2U, 16U, 64U}) {
      CAPTURE(n);
      const Outcome o = run_experiment("rcu-concurrent", m, n);
      CHECK(o.least_periods == 1);
      CHECK(o.most_periods <= (n == 1 ? 1U : 4U));
      // Two in a row overlap: less than twice one.
      CHECK(o.median() < 7 * jiffy);
    }
  }
  // One CPU: 64 are started before the grace-period thread has its turn; every one of them costs a switch there and one back.
  const Outcome one = run_experiment("rcu-concurrent", machine("one-cpu"), 64);
  CHECK(one.most_periods == 1);
  CHECK(one.median() > run_experiment("rcu-concurrent", machine("one-cpu"), 1).median() + 63 * 2 * machine("one-cpu").there_and_back);
  // Two: the later they are woken, the likelier a tick has come between.
  CHECK(run_experiment("rcu-concurrent", machine("two-cpus"), 64).most_periods == 2);
}

TEST_CASE("calibration: call_rcu() and one rcu_barrier() cost what one costs, with any number of callbacks") {
  for (const Machine& m : measured().machines) {
    const Outcome few = run_experiment("rcu-callbacks", m, 1), many = run_experiment("rcu-callbacks", m, 64);
    CHECK(few.most_periods == 1);
    CHECK(many.least_periods == 1);
    CHECK(many.most_periods <= 2);  // where a tick comes between
    CHECK(many.median() < few.median() + sim::millisecond);
  }
}

TEST_CASE("calibration: no wait is shorter than the longest reader, ioctl or handler that began before it") {
  for (const Machine& m : measured().machines) {
    for (const char* e : {"rcu-reader", "rcu-expedited-reader", "srcu-reader", "srcu-fence", "srcu-expedited-fence", "srcu-fence-4",
                          "srcu-fence-8", "cancel-work", "flush-work", "destroy-workqueue", "free-irq", "disable-irq", "remove-file",
                          "unload-ioctl", "unbind-ioctl-srcu"}) {
      CAPTURE(m.name);
      CAPTURE(e);
      for (const sim::Duration left : {3 * sim::millisecond, 27 * sim::millisecond, 90 * sim::millisecond}) {
        const Outcome o = run_experiment(e, m, 100'000, exactly(left), 60);
        CHECK(o.took.front() >= left);
        CHECK(o.took.back() < left + 100 * sim::millisecond + 30 * jiffy);
      }
    }
  }
}

TEST_CASE("calibration: an SRCU fence costs the ioctl's rest and up to eleven jiffies, kicked it costs neither") {
  const Machine& m = machine("one-cpu");
  const Outcome fence = run_experiment("srcu-fence", m, 100'000);
  CHECK(fence.took.back() > 80 * sim::millisecond);
  for (const sim::Duration left : {20 * sim::millisecond, 70 * sim::millisecond, 97 * sim::millisecond}) {
    const Outcome o = run_experiment("srcu-fence", m, 100'000, exactly(left));
    CHECK(o.took.back() <= left + 11 * jiffy + sim::millisecond);
  }
  const Outcome kicked = run_experiment("srcu-kick", m, 100'000), later = run_experiment("srcu-kick", m, 1'000'000);
  CHECK(kicked.took.back() < sim::millisecond);
  CHECK(later.median() == kicked.median());
  CHECK(run_experiment("srcu-kick", machine("two-cpus"), 100'000).took.back() < 2 * jiffy);
}

TEST_CASE("calibration: waits for handlers cost what remains of them and a wake-up") {
  const Machine& m = machine("two-cpus");
  for (const char* e : {"cancel-work", "flush-work", "destroy-workqueue", "free-irq", "disable-irq", "remove-file"}) {
    CAPTURE(e);
    const Outcome o = run_experiment(e, m, 20'000, exactly(12 * sim::millisecond));
    CHECK(o.took.front() >= 12 * sim::millisecond + m.wake_up.low);
    CHECK(o.took.back() <= 12 * sim::millisecond + m.wake_up.high + sim::millisecond);
    CHECK(run_experiment(e, m, 20'000, exactly(0)).took.back() < 100 * sim::microsecond);
  }
}

TEST_CASE("calibration: an ordered queue runs its works one after the other, each sleeps in full and is woken") {
  const Machine& m = machine("two-cpus");
  const Outcome o = run_experiment("flush-ordered-4", m, 5'000);
  CHECK(o.took.front() >= 4 * (5 * sim::millisecond + m.wake_up.low));
  CHECK(o.took.back() <= 4 * 5 * sim::millisecond + 5 * (m.wake_up.high + m.there_and_back) + sim::millisecond);
}

TEST_CASE("calibration: expedited calls begin no normal grace period, N of them are short, and the reader is waited for") {
  for (const Machine& m : measured().machines) {
    CAPTURE(m.name);
    for (const char* e : {"rcu-expedited-sequential", "rcu-expedited-concurrent", "unbind-rcu-expedited"}) {
      CAPTURE(e);
      CHECK(run_experiment(e, m, 16).most_periods == 0);
    }
    CHECK(run_experiment("rcu-expedited-sequential", m, 16).took.back() < 16 * resolution);
    CHECK(run_experiment("unbind-rcu-expedited", m, 16).median() < run_experiment("unbind", m, 16).median() + 16 * resolution);
    const Outcome reader = run_experiment("rcu-expedited-reader", m, 50'000, exactly(20 * sim::millisecond));
    CHECK(reader.most_periods == 0);
    CHECK(reader.took.back() < 21 * sim::millisecond);
  }
}

TEST_CASE("calibration: unbinding costs a grace period a window, or one, or none: flat in N unless each window waits") {
  for (const Machine& m : measured().machines) {
    CAPTURE(m.name);
    const sim::Duration gp = m.kernel.cpus == 1 ? 3 * jiffy : 4 * jiffy;
    const Outcome none = run_experiment("unbind", m, 64), each = run_experiment("unbind-rcu-each", m, 64),
                  once = run_experiment("unbind-rcu-once", m, 64), first = run_experiment("unbind-rcu-once", m, 1),
                  srcu = run_experiment("unbind-srcu", m, 64);
    CHECK(none.most_periods == 0);
    CHECK(srcu.most_periods == 0);
    CHECK(each.least_periods == 64);
    CHECK(once.most_periods == 1);
    CHECK(each.median() > 61 * gp);
    CHECK(each.median() < 65 * gp);
    CHECK(once.median() < first.median() + 2 * sim::millisecond);
    CHECK(once.median() < none.median() + gp + 2 * sim::millisecond);
    CHECK(srcu.median() < none.median() + sim::millisecond);
  }
}

TEST_CASE(
    "calibration: module unload costs one grace period, with functions that ftrace knows two, after a fence what that costs besides") {
  for (const Machine& m : measured().machines) {
    const Outcome plain = run_experiment("unload", m, 1);
    CHECK(plain.least_periods == 1);
    CHECK(plain.most_periods == 1);
    const Outcome fenced = run_experiment("unload-ioctl", m, 200'000, exactly(100 * sim::millisecond));
    CHECK(fenced.least_periods == 2);
    CHECK(fenced.most_periods == 2);
    CHECK(fenced.took.front() > 100 * sim::millisecond + 4 * jiffy);
    CHECK(fenced.took.back() < 100 * sim::millisecond + 11 * jiffy + 2 * 8 * jiffy);
  }
}

TEST_CASE(
    "calibration: the measured data is complete, quantiles are straight lines between five points, a median is as sure as its samples") {
  CHECK(measured().machines.size() == 2);
  for (const MeasuredRow& r : measured().rows) {
    CAPTURE(r.experiment);
    CAPTURE(r.at);
    CHECK(r.n > 0);
    CHECK(r.p10 <= r.median);
    CHECK(r.median <= r.p90);
    CHECK(r.lies.low <= r.median);
    CHECK(r.median <= r.lies.high);
  }
  for (const Experiment& e : experiments()) CHECK(std::ranges::count(measured().rows, e.name, &MeasuredRow::experiment) > 0);
  for (const MeasuredRow& r : measured().rows) CHECK(find_experiment(r.experiment) != nullptr);
  const Spread s{0, 10, 50, 90, 200};
  CHECK(s.at(0) == 0);
  CHECK(s.at(50) == 5);
  CHECK(s.at(100) == 10);
  CHECK(s.at(500) == 50);
  CHECK(s.at(700) == 70);
  CHECK(s.at(950) == 145);
  CHECK(s.at(1000) == 200);
  const Machine::Range many = median_lies(9604, 1000, 5000, 9000), few = median_lies(4, 1000, 5000, 9000);
  CHECK(many.low == 4900);
  CHECK(many.high == 5100);
  CHECK(few.low == 1000);
  CHECK(few.high == 9000);
}

TEST_CASE("calibration: the model is beside the kernel, or below it where that is known, and the result depends on the seed alone") {
  const Calibration c = calibrate({1, 400, 1}).value();
  for (const Comparison& r : c.rows) {
    CAPTURE(r.experiment->name);
    CAPTURE(r.measured->machine->name);
    CAPTURE(r.measured->at);
    CHECK(r.verdict != Verdict::missed);
    if (r.verdict == Verdict::at_least) {
      CHECK(r.median < r.measured->median);
      CHECK(r.measured->machine->name == "two-cpus");
    }
    CHECK(r.p10 <= r.median);
    CHECK(r.median <= r.p90);
  }
  CHECK(c.slopes_missed() == 0);
  CHECK(c.count(Verdict::within) > 80);
  CHECK(c.count(Verdict::at_least) > 0);
  CHECK(c.count(Verdict::at_least) <= 3);
  CHECK(c.count(Verdict::input) == 2);
  CHECK(c.too_short > 0);
  CHECK(c.good());
  const auto medians = [](const Calibration& of) {
    std::vector<sim::Duration> out;
    for (const Comparison& r : of.rows) out.push_back(r.median);
    return out;
  };
  CHECK(medians(calibrate({1, 20, 1}).value()) == medians(calibrate({1, 20, 3}).value()));
  CHECK(medians(calibrate({1, 20, 1}).value()) != medians(calibrate({2, 20, 1}).value()));
}

TEST_CASE("calibration: what is judged is decided by the measurement alone") {
  const Calibration c = calibrate({1, 1, 1}).value();
  const auto verdict = [&](std::string_view experiment, std::string_view on, std::uint64_t at) {
    for (const Comparison& r : c.rows)
      if (r.experiment->name == experiment && r.measured->machine->name == on && r.measured->at == at) return std::string(word(r.verdict));
    return std::string("not shown");
  };
  CHECK(verdict("unbind", "two-cpus", 1) == "input");
  CHECK(verdict("unbind", "one-cpu", 64) == "cost");          // 64 times an iounmap
  CHECK(verdict("cancel-work", "two-cpus", 1000) == "cost");  // 0.13 ms besides the rest of the work
  CHECK(verdict("srcu-kick", "one-cpu", 100'000) == "not shown");
  CHECK(verdict("srcu-kick", "two-cpus", 100'000) == "host");  // 0.12 ms on the counted clock
  CHECK(verdict("rcu-reader", "two-cpus", 0) == "no reader");
  CHECK(verdict("rcu-expedited-sequential", "one-cpu", 64) == "cost");  // 0.06 ms a call
  CHECK(verdict("rcu-expedited-concurrent", "one-cpu", 64) == "cost");  // 0.12 ms a caller
  CHECK(verdict("rcu-expedited-concurrent", "two-cpus", 1) == "host");
  CHECK(verdict("unbind-rcu-expedited", "two-cpus", 64) == "cost");  // 0.02 ms a window
  CHECK(verdict("rcu-expedited-reader", "two-cpus", 100) == "not shown");
  for (const std::uint64_t n : {1U, 64U}) {
    CHECK(verdict("rcu-sequential", "one-cpu", n) != "cost");
    CHECK(verdict("rcu-concurrent", "two-cpus", n) != "host");
    CHECK(verdict("unbind-rcu-once", "one-cpu", n) != "cost");
  }
}

TEST_CASE("calibration: what is less than measured is a lower bound only where it is said what was waited for besides, and more never is") {
  const Machine& two = machine("two-cpus");
  MeasuredRow row{
      .experiment = "x", .machine = &two, .at = 1, .n = 9, .p10 = 18, .median = 20, .p90 = 22, .lies = {19, 21}, .remaining = {}};
  for (sim::Duration* ms : {&row.p10, &row.median, &row.p90, &row.lies.low, &row.lies.high}) *ms *= sim::millisecond;
  Experiment e{.name = "x", .title = "x", .shared = true};
  const auto verdict = [&](sim::Duration ms) { return judge(e, row, ms * sim::millisecond); };
  CHECK(verdict(17) == Verdict::within);
  CHECK(verdict(23) == Verdict::within);
  CHECK(verdict(16) == Verdict::missed);
  CHECK(verdict(24) == Verdict::missed);
  row.lies.low = 16 * sim::millisecond;
  CHECK(verdict(16) == Verdict::spread);
  CHECK(verdict(15) == Verdict::missed);
  e.beyond = {"another CPU", 2};
  CHECK(verdict(15) == Verdict::at_least);
  CHECK(verdict(16) == Verdict::spread);
  CHECK(verdict(24) == Verdict::missed);
  row.machine = &machine("one-cpu");
  CHECK(verdict(15) == Verdict::missed);
}
