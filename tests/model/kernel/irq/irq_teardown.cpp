// kernel/irq: what handlers and drivers owe each other when an interrupt comes and goes.
#include <algorithm>

#include "model/irq_device.hpp"
#include "unplug/model/kernel/irq/cpu_irq.hpp"
#include "unplug/model/kernel/irq/tasklet.hpp"

namespace unplug::model::test {

// Fact: lockdep-left-locked.
TEST_CASE("irq: a lock that a handler or an irq thread takes and returns with is told there, once, wherever it runs") {
  enum class Where { handler, thread, same_cpu, debug_shirq } where = Where::handler;
  bool lets_go = false;
  IrqLine line;
  IrqDevice d;
  IrqHere here;
  CpuInterrupts interrupts;
  Spinlock s;
  Mutex m;
  const auto make = [&](Lab& l) {
    d.action = {};
    d.action.shared = where == Where::debug_shirq;
    d.action.oneshot = where == Where::thread;
    d.hard = [&](Context& c) {
      if (where == Where::thread) return IrqReturn::wake_thread;
      spin_lock(c, s);
      mark(c);
      if (lets_go) spin_unlock(c, s);
      return IrqReturn::handled;
    };
    d.thread = nullptr;
    if (where == Where::thread)
      d.thread = [&](Context& c) {
        mutex_lock(c, m);
        mark(c);
        if (lets_go) mutex_unlock(c, m);
      };
    l.init(line, "irq");
    l.init(s, "s");
    l.init(m, "m");
    d.init(l, line, "d");
    here = {&line};
    interrupts.sources = {irq_on_this_cpu(here, 1)};
    l.task("driver", [&](Context& c) {
      request_irq(c, line, d.action);
      if (where == Where::same_cpu) c.interrupts = &interrupts;
      mark(c);
      c.interrupts = nullptr;
      mark(c);
      if (where == Where::debug_shirq) free_irq(c, line, d.action);
    });
    if (where == Where::handler || where == Where::thread) l.hardware(line);
  };
  KernelConfig debug;
  debug.debug_shirq = true;
  Lab lab(make, debug);
  const auto once = [&](Where w, const std::string& violation, const std::string& detail) {
    where = w;
    lets_go = false;
    std::size_t reports = 0;
    const Found f = every(lab, [&] { reports = std::max(reports, lab.kernel.reports().size()); });
    CHECK(f.text() == violation);
    CHECK(reports == 1);
    CHECK(f.places.at(violation) == "mark");
    CHECK(f.details.at(violation) == detail);
    lets_go = true;
    CHECK(every(lab).text().empty());
  };
  once(Where::handler, "leak(s)@hardware", "an interrupt handler returns with lock 's' held");
  once(Where::thread, "leak(m)@irq thread d", "an irq thread function returns with lock 'm' held");
  once(Where::same_cpu, "leak(s)@driver", "an interrupt handler returns with lock 's' held");
  once(Where::debug_shirq, "leak(s)@driver", "an interrupt handler returns with lock 's' held");
}

// Fact: request_irq-sleeps.
TEST_CASE("irq: request_irq is for tasks that may sleep, free_irq as well, whether or not it has anything to wait for") {
  Device1 d;
  Spinlock lock;
  enum class Under { nothing, request, release } under = Under::nothing;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(lock, "lock");
    l.task("driver", [&](Context& c) {
      if (under == Under::request) spin_lock(c, lock);
      request_irq(c, d.line, d.action);
      if (under == Under::request) spin_unlock(c, lock);
      if (under == Under::release) spin_lock(c, lock);
      free_irq(c, d.line, d.action);
      if (under == Under::release) spin_unlock(c, lock);
    });
  });
  CHECK(every(lab).text().empty());
  under = Under::request;
  CHECK(every(lab).text() == "sleep-in-atomic(request_irq)@driver");
  under = Under::release;
  CHECK(every(lab).text() == "sleep-in-atomic(free_irq)@driver");
}

// Fact: devm_request_irq-outlives-remove.
TEST_CASE("irq: an interrupt that is devm's comes until devres: remove() may not free what the handler uses, devm memory before it may") {
  static const StaticName irq_name{"devm free_irq"};
  enum class Memory { by_hand, devm_before, devm_after } memory = Memory::by_hand;
  Device1 d;
  Device device;
  Module module;
  Binding binding;
  Lab lab([&](Lab& l) {
    d.init(l, false);
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.task("driver", [&](Context& c) {
      must(probe_device(c, binding, [&](Context& p) {
        if (memory == Memory::by_hand) kzalloc(p, d.priv);
        if (memory == Memory::devm_before) must(devm_kzalloc(p, binding.devres, d.priv));
        d.extra = {};
        must(request_irq(p, d.line, d.action));
        devres_add(p, binding, {&irq_name, l.name("irq"), [&](Context& x) { free_irq(x, d.line, d.action); }, &d.action});
        if (memory == Memory::devm_after) must(devm_kzalloc(p, binding.devres, d.priv));
        return true;
      }));
      release_driver(c, binding, [&](Context& r) {
        if (memory == Memory::by_hand) kfree(r, d.priv);
      });
    });
    l.hardware(d.line);
  });
  CHECK(every(lab).text() == "use-after-free(priv)@hardware");
  memory = Memory::devm_before;
  CHECK(every(lab).text().empty());
  memory = Memory::devm_after;  // freed before the interrupt is, and not there yet when it comes first
  CHECK(every(lab).text() == "use-after-free(priv)@hardware, use-before-init(priv)@hardware");
}

// Fact: free_irq-not-for-queued.
TEST_CASE("irq: free_irq waits for no timer or tasklet of its handler, which come after it, what comes on a freed line comes to nothing") {
  Device1 d;
  Timer timer;
  Tasklet tasklet;
  bool stop = false;
  struct Touch {
    Device1* device;
    static void run(Context& c, void* argument) { get(c, static_cast<Touch*>(argument)->device->priv); }
  } touch{&d};
  Lab lab([&](Lab& l) {
    d.extra = [&](Context& c) {
      mod_timer(c, timer, 1);
      tasklet_schedule(c, tasklet);
    };
    d.init(l);
    l.init(timer, "timer", [&](Context& c) { get(c, d.priv); });
    tasklet.function = Touch::run;
    tasklet.argument = &touch;
    init_tasklet(l.kernel, tasklet, l.name("tasklet"), l.name("tasklet"), {}, l.name("softirq tasklet"));
    l.task("driver", [&](Context& c) {
      request_irq(c, d.line, d.action);
      free_irq(c, d.line, d.action);
      if (stop) timer_delete_sync(c, timer);
      if (stop) tasklet_kill(c, tasklet);
      kfree(c, d.priv);
    });
    l.hardware(d.line, 2);
  });
  CHECK(every(lab).text() == "use-after-free(priv)@softirq tasklet, use-after-free(priv)@softirq timer");
  stop = true;
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

}  // namespace unplug::model::test
