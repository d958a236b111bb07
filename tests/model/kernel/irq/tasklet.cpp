// kernel/tasklet: what runs, what is waited for, and what is not.
#include "unplug/model/kernel/irq/tasklet.hpp"
#include "model/irq_device.hpp"

namespace unplug::model::test {
namespace {

// One tasklet, and what its function has seen.
struct Soft {
  Tasklet tasklet;
  Allocation home;
  int runs = 0, inside = 0;
  Lab::Body extra;
  void init(Lab& l) {
    runs = inside = 0;
    l.init(home, "home", {"x"});
    tasklet.function = Lab::Call<void>::run;
    tasklet.argument = l.keep<void>([this](Context& c) {
      must(++inside == 1);
      must(c.kind() == ContextKind::softirq);
      ++runs;
      get(c, home);
      if (extra) extra(c);
      --inside;
    });
    init_tasklet(l.kernel, tasklet, l.name("tasklet"), l.name("tasklet"), home.life, l.name("softirq tasklet"));
  }
};

}  // namespace

// Fact: tasklet-once.
TEST_CASE("tasklet: scheduled twice before it runs it runs once, scheduled while it runs it runs again, never twice at once") {
  Soft s;
  std::set<int> runs;
  bool own = false;
  Lab lab([&](Lab& l) {
    s.extra = [&](Context& c) {
      if (own && s.runs == 1) tasklet_schedule(c, s.tasklet);
    };
    s.init(l);
    l.task("a", [&](Context& c) { tasklet_schedule(c, s.tasklet); });
    l.task("b", [&](Context& c) { tasklet_schedule(c, s.tasklet); });
  });
  CHECK(every(lab, [&] { runs.insert(s.runs); }).text().empty());
  CHECK(runs == std::set<int>{1, 2});
  own = true;
  runs.clear();
  CHECK(every(lab, [&] { runs.insert(s.runs); }).text().empty());
  CHECK(runs == std::set<int>{2, 3});
}

// Fact: tasklet-once.
TEST_CASE("tasklet: scheduled when the softirq has taken it but not yet called it, it runs once, and sees what came before") {
  Soft s;
  Allocation data;
  std::uint64_t seen = 0;
  std::set<std::pair<int, bool>> all;
  bool between = false;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {"x"});
    s.extra = [&](Context& c) { seen = get(c, data, 0, MemoryOrder::plain); };
    s.init(l);
    l.task("a", [&](Context& c) {
      tasklet_schedule(c, s.tasklet);
      set(c, data, 1, 0, MemoryOrder::once);
      tasklet_schedule(c, s.tasklet);
    });
  });
  every(lab, [&] {
    const std::size_t taken = find_event(lab, "softirq tasklet", "softirq takes tasklet"),
                      cleared = find_event(lab, "softirq tasklet", "tasklet no longer scheduled"),
                      again = find_event(lab, "a", "tasklet_schedule", 2);
    if (taken < again && again < cleared) {
      between = true;
      CHECK(s.runs == 1);
      Checker checker;
      std::vector<Violation> violations;
      checker.judge(lab.kernel, lab.engine.trace(), violations);
      CHECK(violations.empty());  // nor is it a data race
    }
    all.insert({s.runs, seen == 1});
  });
  CHECK(between);
  CHECK(all == std::set<std::pair<int, bool>>{{1, true}, {2, true}});
}

// Fact: tasklet_kill-waits.
TEST_CASE("tasklet_kill: waits for one that is scheduled or runs, nothing else frees its memory in time") {
  Soft s;
  enum class Form { kill, disable, nothing } form = Form::kill;
  std::set<int> runs;
  Lab lab([&](Lab& l) {
    s.init(l);
    l.task("driver", [&](Context& c) {
      tasklet_schedule(c, s.tasklet);
      if (form == Form::kill) tasklet_kill(c, s.tasklet);
      if (form == Form::disable) tasklet_disable_nosync(c, s.tasklet);
      kfree(c, s.home);
    });
  });
  const Found f = every_schedule(lab, [&] { runs.insert(s.runs); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(runs == std::set<int>{1});
  form = Form::disable;
  CHECK(every(lab).text() == "use-after-free(home)@softirq tasklet");
  form = Form::nothing;
  CHECK(every(lab).text() == "use-after-free(home)@softirq tasklet");
}

// Fact: tasklet_kill-waits.
TEST_CASE("tasklet_kill: swallows what is scheduled while it waits for the function, not what is scheduled afterwards") {
  Soft s;
  bool killed = false;
  int late = 0;
  std::set<std::pair<int, int>> seen;
  Lab lab([&](Lab& l) {
    killed = false;
    late = 0;
    s.extra = [&](Context&) { late += killed ? 1 : 0; };
    s.init(l);
    l.task("driver", [&](Context& c) {
      tasklet_schedule(c, s.tasklet);
      tasklet_kill(c, s.tasklet);
      killed = true;
    });
    l.task("other", [&](Context& c) { tasklet_schedule(c, s.tasklet); });
  });
  bool swallowed = false;
  CHECK(every_schedule(lab,
                       [&] {
                         seen.insert({s.runs, late});
                         const std::size_t began = find_event(lab, "driver", "tasklet_kill: wait until it is not scheduled"),
                                           ended = find_event(lab, "driver", "tasklet_kill: wait for the function"),
                                           other = find_event(lab, "other", "tasklet_schedule");
                         if (began < other && other < ended) {
                           swallowed = true;
                           CHECK(s.runs == 1);
                         }
                       })
            .text()
            .empty());
  CHECK(swallowed);
  CHECK(seen == std::set<std::pair<int, int>>{{1, 0}, {2, 0}, {2, 1}});
}

// Fact: tasklet_kill-disabled.
TEST_CASE("tasklet_kill: of one that is scheduled and disabled never returns unless somebody enables it, of one that is not it does") {
  Soft s;
  bool schedule = true, other = false;
  Lab lab([&](Lab& l) {
    s.init(l);
    l.task("driver", [&](Context& c) {
      tasklet_disable(c, s.tasklet);
      if (schedule) tasklet_schedule(c, s.tasklet);
      tasklet_kill(c, s.tasklet);
    });
    if (other) l.task("other", [&](Context& c) { tasklet_enable(c, s.tasklet); });
  });
  Found f = every(lab);
  CHECK(f.text() == "deadlock(tasklet)@driver");
  CHECK(f.places.begin()->second == "tasklet_kill: wait until it is not scheduled");
  CHECK(f.count(f.text()) == f.executions);
  schedule = false;
  CHECK(every(lab).text().empty());
  schedule = other = true;
  f = every(lab);
  CHECK(f.count("api-misuse(tasklet)@other") > 0);  // where it comes before the disable
  CHECK(f.count("deadlock(tasklet)@driver") < f.executions);
}

// Fact: tasklet_disable-waits.
TEST_CASE("tasklet_disable: waits for the function, _nosync does not, disabled it stays scheduled and runs when enabled, and nests") {
  Soft s;
  bool sync = true;
  int enables = 1;
  std::set<int> runs;
  bool met = false;
  Lab lab([&](Lab& l) {
    s.init(l);
    l.task("driver", [&](Context& c) {
      tasklet_schedule(c, s.tasklet);
      tasklet_disable_nosync(c, s.tasklet);
      if (sync) tasklet_disable(c, s.tasklet);
      met |= s.inside > 0;
      const int before = s.runs;
      mark(c);
      must(!sync || s.runs == before);
      if (sync) tasklet_enable(c, s.tasklet);
      mark(c);
      must(!sync || s.runs == before);
      for (int i = 0; i < enables; ++i) tasklet_enable(c, s.tasklet);
    });
  });
  CHECK(every_schedule(lab, [&] { runs.insert(s.runs); }).text().empty());
  CHECK(runs == std::set<int>{1});
  CHECK(!met);
  enables = 0;
  runs.clear();
  CHECK(every_schedule(lab, [&] { runs.insert(s.runs); }).text().empty());
  CHECK(runs == std::set<int>{0, 1});
  sync = false;
  CHECK(every_schedule(lab).text().empty());
  CHECK(met);
  enables = 2;
  CHECK(every(lab).text() == "api-misuse(tasklet)@driver");
}

TEST_CASE("tasklet: no data race between who schedules or enables it, its function, and who has disabled or killed it") {
  Soft s;
  Allocation data;
  bool kill = true;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {"x"});
    s.extra = [&](Context& c) { set(c, data, 1, 0, MemoryOrder::plain); };
    s.init(l);
    l.task("driver", [&](Context& c) {
      set(c, data, 2, 0, MemoryOrder::plain);
      tasklet_schedule(c, s.tasklet);
      if (kill) {
        tasklet_kill(c, s.tasklet);
      } else {
        tasklet_disable(c, s.tasklet);
      }
      set(c, data, 3, 0, MemoryOrder::plain);
      if (!kill) tasklet_enable(c, s.tasklet);
    });
  });
  CHECK(every(lab).text().empty());
  kill = false;
  CHECK(every(lab).text().empty());
}

// Fact: tasklet_kill-waits, tasklet_disable-waits.
TEST_CASE("tasklet_kill: not from interrupts, from its own function it and tasklet_disable never return") {
  Soft s;
  bool kill = true, own = true;
  Lab lab([&](Lab& l) {
    const auto call = [&](Context& c) { kill ? tasklet_kill(c, s.tasklet) : tasklet_disable(c, s.tasklet); };
    s.extra = [&, call](Context& c) {
      if (own) call(c);
    };
    s.init(l);
    l.task(
        "handler",
        [&, call](Context& c) {
          if (own) tasklet_schedule(c, s.tasklet);
          if (!own) call(c);
        },
        ContextKind::hardirq);
  });
  CHECK(every(lab).text() ==
        "api-misuse(tasklet)@softirq tasklet, deadlock(tasklet)@softirq tasklet, sleep-in-atomic(tasklet_kill)@softirq tasklet");
  own = false;
  CHECK(every(lab).text() == "api-misuse(tasklet)@handler, sleep-in-atomic(tasklet_kill)@handler");
  own = true;
  kill = false;
  CHECK(every(lab).text() == "deadlock(tasklet)@softirq tasklet, sleep-in-atomic(tasklet_disable)@softirq tasklet");
}

// Fact: tasklet_kill-waits.
TEST_CASE("tasklet_kill: under a lock that the function takes deadlocks") {
  Soft s;
  Spinlock lock;
  Lab lab([&](Lab& l) {
    l.init(lock, "lock");
    s.extra = [&](Context& c) {
      spin_lock(c, lock);
      spin_unlock(c, lock);
    };
    s.init(l);
    l.task("driver", [&](Context& c) {
      tasklet_schedule(c, s.tasklet);
      spin_lock(c, lock, SpinlockOff::softirqs);
      tasklet_disable(c, s.tasklet);
      spin_unlock(c, lock, SpinlockOff::softirqs);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "deadlock(lock)@softirq tasklet, deadlock(tasklet)@driver, sleep-in-atomic(tasklet_disable)@driver");
  CHECK(f.details.at("deadlock(tasklet)@driver").find("'softirq tasklet' waits in spin_lock(lock)") != std::string::npos);
}

// Fact: tasklet-touched-after.
TEST_CASE("tasklet: its softirq touches it when its function has returned: that may not free it") {
  Soft s;
  Lab lab([&](Lab& l) {
    s.extra = [&](Context& c) { kfree(c, s.home); };
    s.init(l);
    l.task("driver", [&](Context& c) { tasklet_schedule(c, s.tasklet); });
  });
  const Found f = every(lab);
  CHECK(f.text() == "use-after-free(home)@softirq tasklet");
  CHECK(f.places.begin()->second == "tasklet function finished");
}

// Fact: free_irq-not-for-queued, tasklet_kill-waits.
TEST_CASE("tasklet: killed before the interrupt is freed it is scheduled again, freed or synchronized first it is not") {
  IrqLine line;
  IrqDevice d;
  Soft s;
  Region region;
  Mapping regs;
  enum class Form { kill_then_free, free_then_kill, synchronize_then_kill } form = Form::kill_then_free;
  Lab lab([&](Lab& l) {
    s.extra = [&](Context& c) { readl(c, regs, {}); };
    s.init(l);
    l.init(line, "irq");
    l.init(region, "regs");
    l.init(regs, region, "regs");
    d.hard = [&](Context& c) {
      readl(c, regs, {});
      tasklet_schedule(c, s.tasklet);
      return IrqReturn::handled;
    };
    d.init(l, line, "d");
    l.task("driver", [&](Context& c) {
      request_mem_region(c, regs);
      ioremap(c, regs);
      request_irq(c, line, d.action);
      // Masked at the device: none is raised from here on, and nobody is waited for.
      if (form != Form::free_then_kill) disable_irq_nosync(c, line);
      if (form == Form::kill_then_free) tasklet_kill(c, s.tasklet);
      if (form == Form::synchronize_then_kill) synchronize_irq(c, line);
      if (form == Form::synchronize_then_kill) tasklet_kill(c, s.tasklet);
      free_irq(c, line, d.action);
      if (form == Form::free_then_kill) tasklet_kill(c, s.tasklet);
      iounmap(c, regs);
      release_mem_region(c, regs);
      kfree(c, s.home);
    });
    l.hardware(line);
  });
  CHECK(every(lab).text() == "use-after-free(home)@softirq tasklet, use-after-unmap(regs)@softirq tasklet");
  for (const Form f : {Form::free_then_kill, Form::synchronize_then_kill}) {
    form = f;
    const Found found = every(lab);
    CHECK(found.text().empty());
    CHECK(found.blocked == 0);
  }
}

}  // namespace unplug::model::test
