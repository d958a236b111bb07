#include "model/commute.hpp"
#include "model/irq_device.hpp"
#include "unplug/model/kernel/irq/tasklet.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t lines(Covered& covered) {
  IrqLine line;
  IrqDevice a, b;
  Presence here;
  Allocation own, flag;
  KernelConfig debug;
  debug.debug_shirq = true;
  Lab lab(
      [&](Lab& l) {
        bystander(l, own);
        l.init(line, "irq");
        line.level = true;
        l.init(flag, "flag", {"f"});
        init_presence(l.kernel, here, l.name("dev"), l.name("dev"));
        a.action.shared = b.action.shared = true;
        a.action.oneshot = b.action.oneshot = true;
        a.hard = wakes;
        a.thread = [&](Context& c) { set(c, flag, 1); };
        b.hard = [&](Context& c) { return is_present(c, here) ? IrqReturn::wake_thread : IrqReturn::none; };
        b.thread = [&](Context& c) { set(c, flag, 2); };
        a.init(l, line, "a");
        b.init(l, line, "b");
        l.task("driver", [&](Context& c) {
          request_irq(c, line, a.action);
          disable_irq(c, line);
          enable_irq(c, line);
          free_irq(c, line, a.action);
        });
        l.task("other", [&](Context& c) {
          request_irq(c, line, b.action);
          synchronize_irq(c, line);
          enable_irq(c, line);
          free_irq(c, line, b.action);
        });
        l.task("hand", [&](Context& c) { surprise_removal(c, here); });
        l.task("masks", [&](Context& c) {
          mask_at_device(c, line, 1, true);
          mask_at_device(c, line, 1, false);
        });
        l.hardware(line, 3);
        l.hardware(line, 1, "other device", 1);
      },
      debug);
  return commute(lab, 150, 8, covered);
}
const CommutationLab lines_lab{"interrupt lines and threads", 500, lines};

std::uint64_t unclaimed(Covered& covered) {
  IrqLine line;
  IrqDevice a, b;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(line, "irq");
    line.level = true;
    a.action.shared = b.action.shared = true;
    a.hard = b.hard = not_mine;
    a.init(l, line, "a");
    b.init(l, line, "b");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, a.action);
      request_irq(c, line, b.action);
    });
    l.hardware(line, 2);
  });
  return commute(lab, 60, 6, covered);
}
const CommutationLab unclaimed_lab{"interrupts that nobody claims", 150, unclaimed};

std::uint64_t on_a_cpu(Covered& covered) {
  IrqLine line;
  IrqDevice d;
  IrqHere here;
  Tasklet t;
  CpuInterrupts first, second;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(line, "irq");
    l.init(flag, "flag", {"f"});
    d.hard = [&](Context& c) {
      set(c, flag, 1);
      tasklet_schedule(c, t);
      return IrqReturn::handled;
    };
    d.init(l, line, "d");
    here = {&line};
    t.function = Lab::Call<void>::run;
    t.argument = l.keep<void>([&](Context& c) { set(c, flag, 2); });
    init_tasklet(l.kernel, t, l.name("t"), l.name("t"), {}, l.name("softirq t"));
    for (CpuInterrupts* cpu : {&first, &second})
      l.task(cpu == &first ? "first" : "second", [&, cpu](Context& c) {
        cpu->sources = {irq_on_this_cpu(here, 2), tasklet_on_this_cpu(t, 2)};
        c.interrupts = cpu;
        if (cpu == &first) request_irq(c, line, d.action);
        for (int i = 0; i < 4; ++i) set(c, flag, 3);
        c.interrupts = nullptr;
      });
    l.task("user", [&](Context& c) {
      tasklet_disable(c, t);
      tasklet_schedule(c, t);
      tasklet_enable(c, t);
      tasklet_kill(c, t);
    });
  });
  return commute(lab, 200, 8, covered);
}
const CommutationLab on_a_cpu_lab{"interrupts on the CPU of a task, tasklets", 500, on_a_cpu};

}  // namespace
}  // namespace unplug::model::test
