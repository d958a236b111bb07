// kernel/cpu_irq: interrupts on the CPU of a task.
#include "unplug/model/kernel/irq/cpu_irq.hpp"
#include "model/irq_device.hpp"
#include "unplug/model/kernel/irq/tasklet.hpp"

namespace unplug::model::test {
namespace {

// A task whose CPU gets the interrupts of one line, an action whose handler runs `hard`, and a lock.
struct Cpu {
  IrqLine line;
  IrqDevice device;
  IrqHere here;
  Spinlock lock;
  CpuInterrupts interrupts;
  std::uint32_t times = 1;

  void init(Lab& l) {
    l.init(line, "irq");
    l.init(lock, "lock");
    device.init(l, line, "device");
    here = {&line};
  }
  // The task: requests the interrupt, then runs `body` with interrupts on its own CPU.
  void task(Lab& l, const Lab::Body& body) {
    l.task("driver", [this, body](Context& c) {
      request_irq(c, line, device.action);
      interrupts.sources = {irq_on_this_cpu(here, times)};
      c.interrupts = &interrupts;
      body(c);
      c.interrupts = nullptr;
    });
  }
};

std::size_t count_events(const Lab& lab, std::string_view operation) {
  std::size_t n = 0;
  for (const sim::Event& e : lab.engine.trace().events) n += e.operation->name == operation ? 1 : 0;
  return n;
}

}  // namespace

// Fact: irq-on-holders-cpu, spinlock-irqs-off.
TEST_CASE("interrupts on a CPU: a handler that takes the lock its CPU holds spins for ever, with interrupts off it cannot") {
  Cpu cpu;
  enum class Form { on, irqsave, bh, local_irq_disable, local_irq_save } form = Form::on;
  Lab lab([&](Lab& l) {
    cpu.device.hard = [&](Context& c) {
      spin_lock(c, cpu.lock);
      spin_unlock(c, cpu.lock);
      return IrqReturn::handled;
    };
    cpu.init(l);
    cpu.task(l, [&](Context& c) {
      const SpinlockOff off = form == Form::irqsave ? SpinlockOff::interrupts
                              : form == Form::bh    ? SpinlockOff::softirqs
                                                    : SpinlockOff::nothing;
      bool on = true;
      if (form == Form::local_irq_disable) local_irq_disable(c);
      if (form == Form::local_irq_save) on = local_irq_save(c);
      spin_lock(c, cpu.lock, off);
      mark(c);
      spin_unlock(c, cpu.lock, off);
      if (form == Form::local_irq_disable) local_irq_enable(c);
      if (form == Form::local_irq_save) local_irq_restore(c, on);
      mark(c);
    });
  });
  for (const Form f : {Form::on, Form::bh}) {
    form = f;
    const Found found = every(lab);
    CHECK(found.text() == "deadlock(lock)@driver");
    CHECK(found.blocked == 2);  // before the next step, or before the unlock; lockdep's rule shows the rest
  }
  form = Form::on;
  bool cycle = false;
  const Found found = every(lab, [&] {
    Checker checker;
    std::vector<Violation> violations;
    checker.judge(lab.kernel, lab.engine.trace(), violations);
    for (const Violation& v : violations) cycle |= v.detail == "'driver' waits in spin_lock(lock) for 'driver' waits in spin_lock(lock)";
  });
  CHECK(cycle);
  std::set<int> runs;
  for (const Form f : {Form::irqsave, Form::local_irq_disable, Form::local_irq_save}) {
    form = f;
    runs.clear();
    const Found clean = every(lab, [&] { runs.insert(cpu.device.hards); });
    CHECK(clean.text().empty());
    CHECK(clean.blocked == 0);
    CHECK(runs == std::set<int>{0, 1});
  }
}

// Fact: irq-on-holders-cpu.
TEST_CASE("interrupts on a CPU: one comes between any two steps of its task, at most as often as said, also several at one place") {
  Cpu cpu;
  std::set<std::vector<int>> seen;
  std::vector<int> before;
  Lab lab([&](Lab& l) {
    before.clear();
    cpu.device.hard = [](Context&) { return IrqReturn::handled; };
    cpu.init(l);
    cpu.task(l, [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        mark(c);
        before.push_back(cpu.device.hards);
      }
    });
  });
  const auto run = [&](std::uint32_t times) {
    cpu.times = times;
    seen.clear();
    CHECK(every_schedule(lab, [&] { seen.insert(before); }).text().empty());
    return seen;
  };
  CHECK(run(0) == std::set<std::vector<int>>{{0, 0}});
  CHECK(count_events(lab, "interrupted on its CPU") == 0);  // nothing is asked that has one answer
  CHECK(run(1) == std::set<std::vector<int>>{{0, 0}, {0, 1}, {1, 1}});
  CHECK(run(2) == std::set<std::vector<int>>{{0, 0}, {0, 1}, {1, 1}, {0, 2}, {1, 2}, {2, 2}});
}

// Fact: irq-context-nests.
TEST_CASE("interrupts on a CPU: the handler is in hard interrupt context with a call chain of its own, the task goes on where it was") {
  Cpu cpu;
  static const StaticName function{"driver_ioctl"};
  static const KernelSite site{"driver_ioctl", "here"};
  Lab lab([&](Lab& l) {
    cpu.device.hard = [](Context& c) {
      must(c.kind() == ContextKind::hardirq);
      must(c.spinlocks.empty());
      return handled(c);
    };
    cpu.init(l);
    cpu.task(l, [&](Context& c) {
      const Context::KernelFunction f(c, function);
      c.at(site);
      spin_lock(c, cpu.lock);
      must(c.kind() == ContextKind::process);
      spin_unlock(c, cpu.lock);
    });
  });
  const auto chain_of = [&](std::string_view operation) {
    const std::size_t at = find_event(lab, "driver", operation);
    REQUIRE(at != no_such_event);
    return lab.kernel.call_chain(lab.engine.trace().events[at].frame);
  };
  bool ran = false;
  CHECK(every(lab,
              [&] {
                CHECK(chain_of("spin_unlock") == std::vector<std::string>{"driver_ioctl"});
                const std::size_t unlock = find_event(lab, "driver", "spin_unlock");
                CHECK(lab.kernel.site(lab.engine.trace().events[unlock].site).step == "here");
                if (cpu.device.hards == 0) return;
                ran = true;
                CHECK(chain_of("handler finished") == std::vector<std::string>{"common_interrupt"});
              })
            .text()
            .empty());
  CHECK(ran);
}

// Fact: irq-context-nests.
TEST_CASE("interrupts on a CPU: sleeping in one is sleep-in-atomic, so is sleeping with interrupts or softirqs off") {
  Cpu cpu;
  static const Operation nap{.name = "msleep", .pause = true};
  enum class Form { handler, irqs_off, softirqs_off, on_again } form = Form::handler;
  Lab lab([&](Lab& l) {
    cpu.device.hard = [&](Context& c) {
      if (form == Form::handler) c.sleep(nap, 1);
      return IrqReturn::handled;
    };
    cpu.init(l);
    cpu.task(l, [&](Context& c) {
      if (form == Form::irqs_off || form == Form::on_again) local_irq_disable(c);
      if (form == Form::softirqs_off || form == Form::on_again) local_bh_disable(c);
      if (form == Form::on_again) local_irq_enable(c);
      if (form == Form::on_again) local_bh_enable(c);
      c.sleep(nap, 1);
      local_irq_enable(c);
      if (form == Form::softirqs_off) local_bh_enable(c);
    });
  });
  Found f = every(lab);
  CHECK(f.text() == "sleep-in-atomic(msleep)@driver");
  CHECK(f.details.begin()->second == "msleep may sleep, in hard interrupt context");
  CHECK(f.count(f.text()) < f.executions);
  form = Form::irqs_off;
  f = every(lab);
  CHECK(f.text() == "sleep-in-atomic(msleep)@driver");
  CHECK(f.details.begin()->second == "msleep may sleep, with interrupts off");
  CHECK(f.places.begin()->second == "msleep");
  form = Form::softirqs_off;
  CHECK(every(lab).details["sleep-in-atomic(msleep)@driver"] == "msleep may sleep, with softirqs off");
  form = Form::on_again;
  CHECK(every(lab).text().empty());
}

// Fact: irq-context-nests.
TEST_CASE("interrupts on a CPU: local_irq_save nests by what it answers, what is off at the end is a leak, one enable too many is misuse") {
  enum class Form { nested, irqs, softirqs, too_many } form = Form::nested;
  Lab lab([&](Lab& l) {
    l.task("driver", [&](Context& c) {
      mark(c);
      if (form == Form::nested) {
        const bool outer = local_irq_save(c), inner = local_irq_save(c);
        must(outer);
        must(!inner);
        local_irq_restore(c, inner);
        must(c.irqs_off);
        local_irq_restore(c, outer);
        local_bh_disable(c);
        local_bh_disable(c);
        local_bh_enable(c);
        must(c.softirqs_off == 1);
        local_bh_enable(c);
      }
      if (form == Form::irqs) local_irq_disable(c);
      if (form == Form::softirqs) local_bh_disable(c);
      if (form == Form::too_many) local_bh_enable(c);
      mark(c);
    });
  });
  CHECK(every(lab).text().empty());
  form = Form::irqs;
  CHECK(every(lab).text() == "leak(local_irq_disable)@driver");
  form = Form::softirqs;
  CHECK(every(lab).text() == "leak(local_bh_disable)@driver");
  form = Form::too_many;
  CHECK(every(lab).text() == "api-misuse(local_bh_enable)@driver");
}

// Fact: free_irq-waits, irq-line-once.
TEST_CASE("interrupts on a CPU: free_irq on another CPU waits for the nested handler, and none begins on a freed, busy or disabled line") {
  Cpu cpu;
  Allocation priv;
  bool free = true;
  std::set<int> runs;
  Lab lab([&](Lab& l) {
    l.init(priv, "priv", {"x"});
    cpu.device.hard = [&](Context& c) {
      get(c, priv);
      return IrqReturn::handled;
    };
    cpu.init(l);
    cpu.task(l, [&](Context& c) { mark(c); });
    l.task("remover", [&](Context& c) {
      if (free) free_irq(c, cpu.line, cpu.device.action);
      kfree(c, priv);
    });
    l.hardware(cpu.line, 1);
  });
  const Found f = every(lab, [&] { runs.insert(cpu.device.hards); });
  // Where it was freed before it was requested the handler runs in freed memory: not what this is about.
  CHECK(f.count("double-release(irq)@remover") > 0);
  CHECK(f.blocked == 0);
  CHECK(runs == std::set<int>{0, 1, 2});
  free = false;
  CHECK(every(lab).text() == "use-after-free(priv)@driver, use-after-free(priv)@hardware");
}

// Fact: irq-on-holders-cpu.
TEST_CASE("interrupts on a CPU: a tasklet that takes the lock its CPU holds spins for ever, with softirqs or interrupts off it cannot") {
  Cpu cpu;
  Tasklet tasklet;
  enum class Form { on, bh, irqsave, bh_disable, irq_disable } form = Form::on;
  int runs = 0;
  Lab lab([&](Lab& l) {
    runs = 0;
    cpu.device.hard = handled;
    cpu.init(l);
    tasklet.function = Lab::Call<void>::run;
    tasklet.argument = l.keep<void>([&](Context& c) {
      must(c.kind() == ContextKind::softirq);
      spin_lock(c, cpu.lock);
      spin_unlock(c, cpu.lock);
      ++runs;
    });
    init_tasklet(l.kernel, tasklet, l.name("tasklet"), l.name("tasklet"), {}, l.name("softirq tasklet"));
    l.task("driver", [&](Context& c) {
      tasklet_schedule(c, tasklet);
      cpu.interrupts.sources = {tasklet_on_this_cpu(tasklet, 1)};
      c.interrupts = &cpu.interrupts;
      const SpinlockOff off = form == Form::irqsave ? SpinlockOff::interrupts
                              : form == Form::bh    ? SpinlockOff::softirqs
                                                    : SpinlockOff::nothing;
      if (form == Form::bh_disable) local_bh_disable(c);
      if (form == Form::irq_disable) local_irq_disable(c);
      spin_lock(c, cpu.lock, off);
      mark(c);
      spin_unlock(c, cpu.lock, off);
      if (form == Form::bh_disable) local_bh_enable(c);
      local_irq_enable(c);
      mark(c);
      c.interrupts = nullptr;
    });
  });
  Found f = every(lab);
  CHECK(f.text() == "deadlock(lock)@driver");
  CHECK(f.blocked > 0);
  for (const Form g : {Form::bh, Form::irqsave, Form::bh_disable, Form::irq_disable}) {
    form = g;
    bool here = false;
    f = every(lab, [&] {
      CHECK(runs == 1);
      here |= find_event(lab, "driver", "tasklet function finished") != no_such_event;
    });
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    CHECK(here);
  }
}

// Fact: irq-context-nests.
TEST_CASE("interrupts on a CPU: a softirq there can be interrupted by a handler, not by another softirq, and no handler by anything") {
  Cpu cpu;
  Tasklet tasklet;
  int depth = 0, deepest = 0;
  bool irqs_off = false;
  Lab lab([&](Lab& l) {
    depth = deepest = 0;
    const auto inside = [&](Context& c) {
      deepest = std::max(deepest, ++depth);
      spin_lock(c, cpu.lock, irqs_off ? SpinlockOff::interrupts : SpinlockOff::nothing);
      mark(c);
      spin_unlock(c, cpu.lock, irqs_off ? SpinlockOff::interrupts : SpinlockOff::nothing);
      --depth;
    };
    cpu.device.hard = [&, inside](Context& c) {
      inside(c);
      return IrqReturn::handled;
    };
    cpu.init(l);
    tasklet.function = Lab::Call<void>::run;
    tasklet.argument = l.keep<void>(inside);
    init_tasklet(l.kernel, tasklet, l.name("tasklet"), l.name("tasklet"), {}, l.name("softirq tasklet"));
    l.task("driver", [&](Context& c) {
      request_irq(c, cpu.line, cpu.device.action);
      tasklet_schedule(c, tasklet);
      cpu.interrupts.sources = {irq_on_this_cpu(cpu.here, 1), tasklet_on_this_cpu(tasklet, 1)};
      c.interrupts = &cpu.interrupts;
      mark(c);
      c.interrupts = nullptr;
    });
  });
  int most = 0;
  Found f = every(lab, [&] { most = std::max(most, deepest); });
  CHECK(f.text() == "deadlock(lock)@driver, deadlock(lock)@softirq tasklet");  // the second by lockdep's rule
  CHECK(f.blocked > 0);
  CHECK(most == 2);
  irqs_off = true;
  f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: irq-of-gone-device.
TEST_CASE("interrupts on a CPU: one that the line cannot take, or of a device that is gone, comes to nothing") {
  Cpu cpu;
  Presence there;
  enum class Form { not_requested, disabled, gone, busy } form = Form::not_requested;
  Lab lab([&](Lab& l) {
    init_presence(l.kernel, there, l.name("dev"), l.name("dev"));
    cpu.device.hard = handled;
    cpu.init(l);
    cpu.here.device = &there;
    const auto body = [&](Context& c) {
      if (form == Form::disabled) disable_irq_nosync(c, cpu.line);
      if (form == Form::gone) surprise_removal(c, there);
      if (form == Form::not_requested) free_irq(c, cpu.line, cpu.device.action);
      cpu.interrupts.sources = {irq_on_this_cpu(cpu.here, 1)};
      c.interrupts = &cpu.interrupts;
      mark(c);
      c.interrupts = nullptr;
    };
    l.task("driver", [&, body](Context& c) {
      request_irq(c, cpu.line, cpu.device.action);
      body(c);
    });
    if (form == Form::busy) l.hardware(cpu.line, 1);
  });
  for (const Form f : {Form::not_requested, Form::disabled, Form::gone}) {
    form = f;
    CHECK(every(lab, [&] { CHECK(cpu.device.hards == 0); }).text().empty());
  }
  form = Form::busy;
  std::set<int> runs;
  const Found f = every(lab, [&] { runs.insert(cpu.device.hards); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(runs == std::set<int>{1, 2});
}

// Fact: tasklet-once.
TEST_CASE("interrupts on a CPU: a tasklet that runs on one CPU is not run on another as well, scheduled again or not") {
  Tasklet tasklet;
  CpuInterrupts interrupts;
  int inside = 0, runs = 0;
  std::set<int> all;
  Lab lab([&](Lab& l) {
    inside = runs = 0;
    tasklet.function = Lab::Call<void>::run;
    tasklet.argument = l.keep<void>([&](Context& c) {
      must(++inside == 1);
      ++runs;
      mark(c);
      --inside;
    });
    init_tasklet(l.kernel, tasklet, l.name("tasklet"), l.name("tasklet"), {}, l.name("softirq tasklet"));
    l.task("driver", [&](Context& c) {
      tasklet_schedule(c, tasklet);
      tasklet_schedule(c, tasklet);
      interrupts.sources = {tasklet_on_this_cpu(tasklet, 1)};
      c.interrupts = &interrupts;
      mark(c);
      c.interrupts = nullptr;
    });
  });
  CHECK(every(lab, [&] { all.insert(runs); }).text().empty());
  CHECK(all == std::set<int>{1, 2});
}

// Fact: request_irq-runs-at-once.
TEST_CASE("interrupts on a CPU: no data race between who requests one and its handler there") {
  Cpu cpu;
  Allocation data;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {"x"});
    cpu.device.hard = [&](Context& c) {
      get(c, data, 0, MemoryOrder::plain);
      return IrqReturn::handled;
    };
    cpu.init(l);
    l.task("probe", [&](Context& c) {
      set(c, data, 1, 0, MemoryOrder::plain);
      request_irq(c, cpu.line, cpu.device.action);
    });
    l.task("user", [&](Context& c) {
      cpu.interrupts.sources = {irq_on_this_cpu(cpu.here, 1)};
      c.interrupts = &cpu.interrupts;
      mark(c);
      c.interrupts = nullptr;
    });
  });
  bool ran = false;
  CHECK(every(lab, [&] { ran |= cpu.device.hards > 0; }).text().empty());
  CHECK(ran);
}

}  // namespace unplug::model::test
