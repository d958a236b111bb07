// Loops that nothing will end, and loops that only look like it.
#include "model/support.hpp"
#include "unplug/sim/schedule.hpp"
#include "unplug/sim/strategies/replay.hpp"

namespace unplug::model::test {
namespace {

// What is said of one execution that runs into its bound: "class(object)@task ...", sorted; and the last detail.
struct Said {
  std::set<std::string> violations;
  std::vector<std::string> operations, details;
};

Said endless(Lab& lab, sim::Strategy& strategy, std::uint64_t seed = 1) {
  const sim::ExecutionInfo execution{0, seed, &lab.engine.names()};
  REQUIRE(strategy.begin(execution));
  const sim::Outcome o = lab.engine.run(lab, strategy, execution);
  REQUIRE(o.kind == sim::Outcome::Kind::step_bound);
  std::vector<Violation> violations;
  Checker::judge_bound(lab.kernel, lab.engine.trace(), o.task, violations);
  Said said;
  const sim::Trace& trace = lab.engine.trace();
  for (const Violation& v : violations) {
    said.violations.insert(std::string(info(v.violation_class).name) + '(' + (v.object ? lab.kernel.text(v.object) : "") + ")@" +
                           lab.kernel.text(trace.tasks[v.task.index()].name));
    said.details.push_back(v.detail);
    said.operations.emplace_back(v.event == Violation::no_event ? "-" : trace.events[v.event].operation->name);
  }
  return said;
}

Said endless(Lab& lab, std::string_view strategy = "random", std::uint64_t seed = 1) {
  return endless(lab, *sim::make_strategy(strategy), seed);
}

// The task that was made first, for as long as it can.
struct First final : sim::Strategy {
  bool begin(const sim::ExecutionInfo&) override { return true; }
  sim::TaskId pick(std::span<const sim::TaskView> enabled, sim::TaskId) override { return enabled[0].id; }
  std::uint32_t choose(const sim::ChoicePoint&, std::uint32_t) override { return 0; }
  [[nodiscard]] std::string describe() const override { return "first"; }
};

using Names = std::set<std::string>;
const Operation relax_op{.name = "cpu_relax"}, choice_op{.name = "maybe"};

// while (readl(REG) & BUSY) of a device that was pulled out answers all ones.
void poll_register(Context& c, const Allocation& reg) {
  while (get(c, reg) != 0 && !c.aborting()) c.engine().step(c.make(relax_op));
}

}  // namespace

// Fact: poll-loop-looks-again.
TEST_CASE("livelock: polling what nobody will change goes round for ever, named by the step that looks") {
  Allocation reg;
  Lab lab([&](Lab& l) {
    l.init(reg, "bar0", {"STATUS"});
    l.task("hardware", [&](Context& c) { set(c, reg, 0xffffffff); });
    l.task("user", [&](Context& c) {
      for (int i = 0; i < 7; ++i) mark(c);
      while (get(c, reg) == 0 && !c.aborting()) mark(c);
      poll_register(c, reg);
    });
  });
  for (const auto* strategy : {"random", "pos", "timed"}) {
    const Said said = endless(lab, strategy, 3);
    CHECK(said.violations == Names{"livelock(bar0.STATUS)@user"});
    CHECK(said.operations == std::vector<std::string>{"READ_ONCE"});
    CHECK(said.details == std::vector<std::string>{"'user' goes round for ever in READ_ONCE, cpu_relax: nothing changes any more"});
  }
}

TEST_CASE("livelock: steps that look at nothing are a loop as well, and one that changes something each time is none") {
  Allocation a;
  bool counts = false;
  Lab lab([&](Lab& l) {
    l.init(a, "a", {"n"});
    l.task("t", [&](Context& c) {
      for (std::uint64_t i = 0; !c.aborting(); ++i) counts ? set(c, a, i) : mark(c);
    });
  });
  CHECK(endless(lab).violations == Names{"livelock()@t"});
  counts = true;
  CHECK(endless(lab).violations.empty());
}

TEST_CASE("livelock: a lock taken and released each time round changes nothing in the end") {
  Allocation a;
  Mutex m;
  Lab lab([&](Lab& l) {
    l.init(a, "a", {"ready"});
    l.init(m, "m");
    for (const auto* n : {"x", "y"})
      l.task(n, [&](Context& c) {
        while (!c.aborting()) {
          mutex_lock(c, m);
          const bool ready = get(c, a) != 0;
          mutex_unlock(c, m);
          if (ready) return;
        }
      });
  });
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    const Said said = endless(lab, "random", seed);
    CHECK(said.violations.size() == 1);
    CHECK(said.violations.begin()->starts_with("livelock(a.ready)@"));
  }
}

TEST_CASE("livelock: what a choice could end, or somebody who was never chosen, is a bound and no more") {
  Allocation reg;
  enum class Form : std::uint8_t { choice, starved, late } form = Form::choice;
  Lab lab([&](Lab& l) {
    l.init(reg, "bar0", {"STATUS"});
    l.task("user", [&](Context& c) {
      set(c, reg, 1);
      while (get(c, reg) != 0 && !c.aborting())
        if (form == Form::choice && c.engine().choose(choice_op, 2) == 1) continue;
    });
    if (form == Form::starved)
      l.task("hardware", [&](Context& c) {
        mark(c);
        set(c, reg, 0);
      });
    if (form == Form::late)
      l.task("hardware", [&](Context& c) {
        while (find_event(lab, "user", "READ_ONCE", 2) == no_such_event && !c.aborting()) mark(c);
      });
  });
  CHECK(endless(lab).violations.empty());
  form = Form::starved;
  First first;
  CHECK(endless(lab, first).violations.empty());
  form = Form::late;
  const Said said = endless(lab);
  CHECK(said.violations == Names{"livelock(bar0.STATUS)@user"});
}

TEST_CASE("livelock: who waits for what does not come, and who has nothing to do, will not end the loop") {
  Allocation reg;
  Mutex m;
  Work work;
  Timer timer;
  Lab lab([&](Lab& l) {
    l.init(reg, "bar0", {"STATUS"});
    l.init(m, "m");
    l.init(work, "work", [&](Context& c) { set(c, reg, 0); });
    l.init(timer, "timer", [&](Context& c) { set(c, reg, 0); });
    l.task("user", [&](Context& c) {
      mutex_lock(c, m);
      set(c, reg, 1);
      poll_register(c, reg);
      mutex_unlock(c, m);
    });
    l.task("behind", [&](Context& c) {
      mutex_lock(c, m);
      set(c, reg, 0);
      mutex_unlock(c, m);
    });
  });
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed < 8; ++seed) {
    const Said said = endless(lab, "random", seed);
    found += said.violations == Names{"livelock(bar0.STATUS)@user"} ? 1U : 0U;
  }
  CHECK(found == 7);
}

TEST_CASE("livelock: removal that goes round, or waits for who does, hangs, but not where user space can end its wait") {
  Allocation reg;
  Mutex m;
  Waiter held;
  enum class Form : std::uint8_t { itself, behind, interruptible, done } form = Form::itself;
  Lab lab([&](Lab& l) {
    l.init(reg, "bar0", {"STATUS"});
    l.init(m, "m");
    l.init(held, "held");
    if (form != Form::itself)
      l.task("user", [&](Context& c) {
        mutex_lock(c, m);
        complete(c, held);
        set(c, reg, 1);
        poll_register(c, reg);
        mutex_unlock(c, m);
      });
    l.remover("remove", [&](Context& c) {
      if (form != Form::itself) wait_for_completion(c, held);
      mark(c);
      if (form != Form::done) c.kernel().removal_phase = RemovalPhase::remove;
      if (form == Form::itself) {
        set(c, reg, 1);
        poll_register(c, reg);
      } else if (form == Form::interruptible) {
        if (mutex_lock_interruptible(c, m)) mutex_unlock(c, m);
      } else {
        mutex_lock(c, m);
        mutex_unlock(c, m);
      }
    });
  });
  CHECK(endless(lab).violations == Names{"hung-remove(bar0.STATUS)@remove", "livelock(bar0.STATUS)@remove"});
  form = Form::behind;
  const Said said = endless(lab);
  CHECK(said.violations == Names{"hung-remove(m)@remove", "livelock(bar0.STATUS)@user"});
  CHECK(said.details.back() == "'remove' waits in mutex_lock(m) while 'user' goes round for ever");
  form = Form::interruptible;
  for (std::uint64_t seed = 1; seed < 6; ++seed) CHECK(endless(lab, "random", seed).violations == Names{"livelock(bar0.STATUS)@user"});
  form = Form::done;
  CHECK(endless(lab).violations == Names{"livelock(bar0.STATUS)@user"});
}

TEST_CASE("livelock: who could get in while the loop lets go of a lock is no more than starved, whoever holds it at the bound") {
  Allocation a;
  Mutex m;
  int lead = 0;
  Lab lab([&](Lab& l) {
    l.init(a, "a", {"ready"});
    l.init(m, "m");
    l.task("poller", [&](Context& c) {
      for (int i = 0; i < lead; ++i) mark(c);
      while (!c.aborting()) {
        mutex_lock(c, m);
        const bool ready = get(c, a) != 0;
        mutex_unlock(c, m);
        if (ready) return;
      }
    });
    l.task("setter", [&](Context& c) {
      mutex_lock(c, m);
      set(c, a, 1);
      mutex_unlock(c, m);
    });
  });
  for (lead = 0; lead < 3; ++lead) {
    First first;
    CHECK(endless(lab, first).violations.empty());
  }
}

TEST_CASE("livelock: a change that the loop has yet to see ends it, wherever it stands in the order of steps") {
  Allocation reg;
  Lab lab([&](Lab& l) {
    l.init(reg, "bar0", {"STATUS"});
    l.task("a poller", [&](Context& c) {
      while (get(c, reg) == 0 && !c.aborting()) mark(c);
    });
    l.task("z writer", [&](Context& c) { set(c, reg, 1); });
  });
  // All but the last step of the poller, the writer, the last step.
  struct Late final : sim::Strategy {
    std::uint64_t steps = 0;
    bool begin(const sim::ExecutionInfo&) override { return true; }
    sim::TaskId pick(std::span<const sim::TaskView> enabled, sim::TaskId) override {
      return enabled[++steps == 99'999 + 1 ? enabled.size() - 1 : 0].id;
    }
    std::uint32_t choose(const sim::ChoicePoint&, std::uint32_t) override { return 0; }
    [[nodiscard]] std::string describe() const override { return "late"; }
  } late;
  CHECK(endless(lab, late).violations.empty());
}

TEST_CASE("livelock: every linearisation of an execution shows the same") {
  Allocation reg, other;
  Lab lab([&](Lab& l) {
    l.init(reg, "bar0", {"STATUS"});
    l.init(other, "other", {"n"});
    l.task("a user", [&](Context& c) {
      set(c, reg, 1);
      poll_register(c, reg);
    });
    l.task("z bystander", [&](Context& c) {
      for (std::uint64_t i = 0; i < 50; ++i) set(c, other, i);
    });
  });
  const Said said = endless(lab);
  CHECK(said.violations == Names{"livelock(bar0.STATUS)@a user"});
  const sim::Trace trace = lab.engine.trace();
  const std::size_t last = trace.events.size() - 1;
  sim::ScheduleReplay replay(sim::canonical_schedule(trace, lab.engine.names(), last, last));
  CHECK(endless(lab, replay).violations == said.violations);
  CHECK(!replay.diverged());
  CHECK(lab.engine.trace().fingerprint == trace.fingerprint);
  // The bystander comes after all but one step of the loop there.
  CHECK(find_event(lab, "z bystander", "WRITE_ONCE") > last - 60);
}

TEST_CASE("livelock: told by the same step, wherever the bound cuts the loop") {
  Allocation reg;
  int lead = 0;
  Lab lab([&](Lab& l) {
    l.init(reg, "bar0", {"STATUS", "ERROR"});
    l.task("user", [&](Context& c) {
      for (int i = 0; i < lead; ++i) mark(c);
      while (!c.aborting()) {
        get(c, reg, 0);
        mark(c);
        get(c, reg, 1);
      }
    });
  });
  for (lead = 0; lead < 4; ++lead) {
    const Said said = endless(lab);
    CHECK(said.violations == Names{"livelock(bar0.ERROR)@user"});
    CHECK(said.details.front() == "'user' goes round for ever in READ_ONCE, READ_ONCE, mark: nothing changes any more");
  }
}

}  // namespace unplug::model::test
