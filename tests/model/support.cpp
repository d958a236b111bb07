#include "support.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/sim/schedule.hpp"
#include "unplug/sim/strategies/replay.hpp"

namespace unplug::model::test {
namespace {

using sim::Outcome;

std::string signature(const Lab& lab, const sim::Trace& trace, const Violation& v) {
  const std::string& object = v.object ? lab.kernel.text(v.object) : std::string("?");
  return fmt::format("{}({})@{}", info(v.violation_class).name, object, lab.kernel.text(trace.tasks[v.task.index()].name));
}

// With the places, by which a signature in a report goes.
std::string long_signature(const Lab& lab, const sim::Trace& trace, const Violation& v) {
  const auto place = [&](std::uint32_t event) {
    return event == Violation::no_event
               ? std::string("-")
               : fmt::format("{}.{}", lab.kernel.text(trace.tasks[trace.events[event].task.index()].name), trace.events[event].ordinal);
  };
  return fmt::format("{} {} {}", signature(lab, trace, v), place(v.event), place(v.ended_by));
}

std::multiset<std::string> long_signatures(const Lab& lab, const std::vector<Violation>& violations) {
  std::multiset<std::string> out;
  for (const Violation& v : violations) out.insert(long_signature(lab, lab.engine.trace(), v));
  return out;
}

// What the offending task did, or is still waiting to do.
std::string operation_of(const sim::Trace& trace, const Violation& v) {
  if (v.event != Violation::no_event) {
    CHECK(trace.events[v.event].task == v.task);
    return std::string(trace.events[v.event].operation->name);
  }
  const sim::Operation* pending = trace.tasks[v.task.index()].pending_operation;
  CHECK(pending != nullptr);
  return pending == nullptr ? std::string("?") : std::string(pending->name);
}

bool ended_well(const Outcome& o) { return o.kind == Outcome::Kind::completed || o.kind == Outcome::Kind::blocked; }

class Judge {
 public:
  explicit Judge(Lab& lab) : lab_(lab) {}

  void operator()(const Outcome& outcome, const sim::ExecutionInfo& info, bool timed, Found& found) {
    if (!ended_well(outcome)) FAIL("the execution did not end: ", outcome.message);
    ++found.executions;
    found.blocked += outcome.kind == Outcome::Kind::blocked ? 1 : 0;
    violations_.clear();
    checker_.judge(lab_.kernel, lab_.engine.trace(), violations_);
    std::vector<const Violation*> fresh;
    std::set<std::string> here;
    for (const Violation& v : violations_) {
      const std::string s = signature(lab_, lab_.engine.trace(), v);
      if (here.insert(s).second && ++found.violations[s] == 1) {
        fresh.push_back(&v);
        found.details[s] = v.detail;
        found.places[s] = operation_of(lab_.engine.trace(), v);
      }
    }
    // All that is new is replayed; of the rest a few, for the sake of those without violations as well.
    const std::uint64_t n = found.executions;
    if (fresh.empty() && n > 16 && (n & (n - 1)) != 0) return;
    const std::multiset<std::string> expected = long_signatures(lab_, violations_);
    const sim::Trace trace = lab_.engine.trace();
    replay(sim::canonical_schedule(trace, lab_.engine.names()), trace, info, timed, outcome.kind, expected, "canonical");
    for (const Violation* v : fresh) {
      if (v->event == Violation::no_event || v->ended_by == Violation::no_event || v->violation_class == ViolationClass::data_race)
        continue;
      replay(sim::canonical_schedule(trace, lab_.engine.names(), v->ended_by, v->event), trace, info, timed, outcome.kind, expected,
             signature(lab_, trace, *v));
    }
  }

 private:
  // Another linearisation of the same trace has the same violations at the same steps.
  void replay(sim::Schedule schedule, const sim::Trace& trace, const sim::ExecutionInfo& info, bool timed, Outcome::Kind kind,
              const std::multiset<std::string>& expected, const std::string& what) {
    INFO(what);
    sim::ScheduleReplay strategy(std::move(schedule), timed);
    strategy.begin(info);
    const Outcome outcome = lab_.engine.run(lab_, strategy, info);
    REQUIRE(!strategy.diverged());
    REQUIRE(outcome.kind == kind);
    REQUIRE(lab_.engine.trace().fingerprint == trace.fingerprint);
    std::vector<Violation> again;
    checker_.judge(lab_.kernel, lab_.engine.trace(), again);
    REQUIRE(fmt::format("{}", fmt::join(long_signatures(lab_, again), "\n")) == fmt::format("{}", fmt::join(expected, "\n")));
  }

  Lab& lab_;
  Checker checker_;
  std::vector<Violation> violations_;
};

}  // namespace

void Lab::init(IrqAction& a, IrqLine& l, std::string_view unique, Body body, LifetimeId owner) {
  a.handler = Call<void>::run;
  a.argument = keep<void>(std::move(body));
  init_irq_action(kernel, l, a, name(unique), owner);
}

void Lab::init(Work& w, std::string_view n, Body body, LifetimeId home) {
  w.function = Call<void>::run;
  w.argument = keep<void>(std::move(body));
  init_work(kernel, w, name(n), name(n), home, name("kworker " + std::string(n)));
}

void Lab::init(DelayedWork& w, std::string_view n, Body body, LifetimeId home) {
  w.work.function = Call<void>::run;
  w.work.argument = keep<void>(std::move(body));
  init_delayed_work(kernel, w, name(n), name(n), home, name("kworker " + std::string(n)), name(std::string(n) + " timer"),
                    name("softirq " + std::string(n)));
}

void Lab::init(SysfsAttribute& a, std::string_view n, std::function<int(Context&)> body, LifetimeId owner) {
  a.operation = Call<int>::run;
  a.argument = keep<int>(std::move(body));
  init_sysfs_attribute(kernel, a, name(n), name(n), owner);
}

void Lab::init(Kthread& t, std::string_view n, std::function<int(Context&)> body) {
  t.function = Call<int>::run;
  t.argument = keep<int>(std::move(body));
  init_kthread(kernel, t, name(n), name(n), name("kthread " + std::string(n)));
}

void Lab::init(Timer& t, std::string_view n, Body body, LifetimeId home) {
  t.hr_function = nullptr;
  t.function = Call<void>::run;
  t.argument = keep<void>(std::move(body));
  init_timer(kernel, t, name(n), name(n), home, name("softirq " + std::string(n)));
}

void Lab::init_hr(Timer& t, std::string_view n, std::function<bool(Context&)> body, LifetimeId home) {
  t.function = nullptr;
  t.hr_function = Call<bool>::run;
  t.argument = keep<bool>(std::move(body));
  init_timer(kernel, t, name(n), name(n), home, name("hardirq " + std::string(n)));
}

void Lab::init(Allocation& a, std::string_view n, std::initializer_list<std::string_view> fields, bool from_start, LifetimeId owner) {
  init_allocation(kernel, a, name(n), name(n), owner, from_start);
  for (const std::string_view f : fields) add_field(kernel, a, name(f), 0);
}

void Lab::init(RcuCallback& c, std::string_view task, Body body) {
  c = {};
  c.task_name = name(task);
  c.body = Call<void>::run;
  c.argument = keep<void>(std::move(body));
}

void Lab::hardware(IrqLine& line, unsigned times, std::string_view n, IrqSource source) {
  engine.spawn(
      n,
      [this, &line, times, source] {
        for (unsigned i = 0; i < times; ++i)
          if (!raise_irq(kernel, line, nullptr, source)) return;
      },
      true);
}

std::string Found::text() const {
  std::vector<std::string> names;
  for (const auto& [s, n] : violations) names.push_back(s);
  return fmt::format("{}", fmt::join(names, ", "));
}

Found every(Lab& lab, const Visit& visit) {
  Found found;
  Judge judge(lab);
  sim::test::every_class(lab.engine, lab, [&](const Outcome& o) {
    if (visit) visit();
    judge(o, {1, 1, &lab.engine.names()}, false, found);
  });
  return found;
}

Found every_schedule(Lab& lab, const Visit& visit) {
  constexpr std::uint64_t limit = 3'000'000;
  Found found;
  Judge judge(lab);
  const std::uint64_t n = sim::test::every_schedule(lab.engine, lab, limit, [&](const Outcome& o) {
    if (visit) visit();
    judge(o, {found.executions, 1, &lab.engine.names()}, false, found);
  });
  REQUIRE(n != 0);
  return found;
}

Found sample(Lab& lab, std::uint64_t n, std::string_view strategy, const Visit& visit) {
  Found found;
  Judge judge(lab);
  const auto s = sim::make_strategy(strategy);
  REQUIRE(s != nullptr);
  for (std::uint64_t i = 0; i < n; ++i) {
    const sim::ExecutionInfo info{i, sim::execution_seed(7, i), &lab.engine.names()};
    REQUIRE(s->begin(info));
    const Outcome o = lab.engine.run(lab, *s, info);
    if (visit) visit();
    judge(o, info, s->obeys_time(), found);
  }
  return found;
}

void run_timed(Lab& lab, std::uint64_t seed) {
  const auto s = sim::make_strategy("timed");
  const sim::ExecutionInfo info{0, seed, &lab.engine.names()};
  REQUIRE(s->begin(info));
  const Outcome o = lab.engine.run(lab, *s, info);
  if (!ended_well(o)) FAIL("the execution did not end: ", o.message);
}

std::size_t find_event(const Lab& lab, std::string_view task, std::string_view operation, unsigned nth) {
  const sim::Trace& trace = lab.engine.trace();
  for (std::size_t i = 0; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    if (e.operation->name == operation && lab.kernel.text(trace.tasks[e.task.index()].name) == task && --nth == 0) return i;
  }
  return no_such_event;
}

}  // namespace unplug::model::test
