// The ways into a driver that nobody counts, and the order in which remove() closes all of them.
#include "irq_device.hpp"
#include "unplug/model/kernel/irq/tasklet.hpp"
#include "unplug/model/mechanisms/policy.hpp"

namespace unplug::model::test {
namespace {

// Something of a driver that runs by itself once it has been set going: its text is the module's.
struct EntryPoint {
  enum class Kind { work, delayed_work, timer, hrtimer, irq, irq_thread, tasklet, rcu_callback } kind = Kind::work;
  Module module;
  Work work;
  DelayedWork delayed;
  Timer timer;
  IrqLine line;
  IrqDevice device;
  Tasklet tasklet;
  RcuCallback callback;
  Lab::Body body;
  sim::Duration length = 0;  // virtual time that it computes

  void init(Lab& l) {
    static const Operation compute_op{.name = "compute"};
    l.init(module, "foo");
    body = [this, &l](Context& c) {
      const Context::Function function(c, l.name("foo_callback"), module.text, {});
      mark(c);
      if (length != 0) c.compute(compute_op, length);
    };
    switch (kind) {
      case Kind::work: return l.init(work, "it", body);
      case Kind::delayed_work: return l.init(delayed, "it", body);
      case Kind::timer: return l.init(timer, "it", body);
      case Kind::hrtimer: return l.init_hr(timer, "it", [this](Context& c) { return body(c), false; });
      case Kind::irq:
      case Kind::irq_thread:
        l.init(line, "irq");
        device.action = {};
        device.action.oneshot = kind == Kind::irq_thread;
        device.hard = [this](Context& c) {
          if (kind == Kind::irq_thread) return IrqReturn::wake_thread;
          body(c);
          return IrqReturn::handled;
        };
        device.thread = kind == Kind::irq_thread ? body : nullptr;
        device.init(l, line, "it");
        return l.hardware(line);
      case Kind::tasklet:
        tasklet.function = [](Context& c, void* argument) { static_cast<EntryPoint*>(argument)->body(c); };
        tasklet.argument = this;
        return init_tasklet(l.kernel, tasklet, l.name("it"), l.name("it"), {}, l.name("softirq it"));
      case Kind::rcu_callback: return l.init(callback, "callback", body);
    }
  }
  void start(Context& c, Rcu& rcu) {
    switch (kind) {
      case Kind::work: queue_work(c, work); return;
      case Kind::delayed_work: queue_delayed_work(c, delayed, 10); return;
      case Kind::timer: mod_timer(c, timer, 10); return;
      case Kind::hrtimer: return hrtimer_start(c, timer, 10);
      case Kind::irq:
      case Kind::irq_thread: must(request_irq(c, line, device.action)); return;
      case Kind::tasklet: return tasklet_schedule(c, tasklet);
      case Kind::rcu_callback: return call_rcu(c, rcu, callback);
    }
  }
  // The last column of the table.
  void stop(Context& c, Rcu& rcu) {
    switch (kind) {
      case Kind::work: disable_work_sync(c, work); return;
      case Kind::delayed_work: disable_delayed_work_sync(c, delayed); return;
      case Kind::timer: timer_shutdown_sync(c, timer); return;
      case Kind::hrtimer: hrtimer_cancel(c, timer); return;
      case Kind::irq:
      case Kind::irq_thread: return free_irq(c, line, device.action);
      case Kind::tasklet: return tasklet_kill(c, tasklet);
      case Kind::rcu_callback: return rcu_barrier(c, rcu);
    }
  }
};

}  // namespace

// Fact: entry-points-pin-nothing.
TEST_CASE("entry points: work, timers, interrupts, tasklets and callbacks pin no module: left behind they run freed text, stopped they "
          "don't") {
  EntryPoint e;
  bool stops = false;
  Lab lab([&](Lab& l) {
    e.init(l);
    l.task("driver", [&](Context& c) {
      e.start(c, l.rcu);
      must(delete_module(c, e.module, l.rcu, [&] {
             if (stops) e.stop(c, l.rcu);
           }) == DeleteResult::gone);
    });
  });
  using Kind = EntryPoint::Kind;
  const std::vector<std::pair<Kind, std::string>> all{
      {Kind::work, "kworker it"}, {Kind::delayed_work, "kworker it"},  {Kind::timer, "softirq it"},   {Kind::hrtimer, "hardirq it"},
      {Kind::irq, "hardware"},    {Kind::irq_thread, "irq thread it"}, {Kind::tasklet, "softirq it"}, {Kind::rcu_callback, "callback"}};
  for (const auto& each : all) {
    const std::string who = each.second;
    CAPTURE(who);
    e.kind = each.first;
    stops = false;
    CHECK(every(lab).text() == "execute-after-free(foo)@" + who);
    stops = true;
    const Found f = every(lab);
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
  }
}

// Fact: entry-points-pin-nothing.
TEST_CASE("entry points: to stop one costs what is left of the function that runs, and microseconds if none does") {
  using Kind = EntryPoint::Kind;
  static const Operation nap{.name = "msleep", .pause = true};
  for (const Kind kind : {Kind::work, Kind::delayed_work, Kind::timer, Kind::hrtimer, Kind::irq, Kind::irq_thread, Kind::tasklet}) {
    CAPTURE(static_cast<int>(kind));
    EntryPoint e;
    e.kind = kind;
    e.length = 30 * sim::millisecond;
    sim::Duration before = 0, took = 0;
    Lab lab([&](Lab& l) {
      e.init(l);
      l.task("driver", [&](Context& c) {
        e.start(c, l.rcu);
        c.sleep(nap, before);
        const sim::Time begin = c.engine().local_time();
        e.stop(c, l.rcu);
        took = c.engine().now() - begin;
      });
    });
    before = 10 * sim::millisecond;
    run_timed(lab);
    CHECK(took > 19 * sim::millisecond);
    CHECK(took < 21 * sim::millisecond);
    before = 100 * sim::millisecond;
    run_timed(lab);
    CHECK(took < 50 * sim::microsecond);
  }
}

// Fact: free_module-grace-period.
TEST_CASE("rmmod: takes as long as exit() and one grace period, where free_module() has one") {
  static const Operation nap{.name = "msleep", .pause = true};
  Module module;
  const auto rmmod = [&](bool grace_period) {
    KernelConfig config;
    config.grace_period = 10 * sim::millisecond;
    config.unload_grace_period = grace_period;
    sim::Duration took = 0;
    Lab lab(
        [&](Lab& l) {
          l.init(module, "foo");
          l.task("rmmod", [&](Context& c) {
            delete_module(c, module, l.rcu, [&] { c.sleep(nap, 5 * sim::millisecond); });
            took = c.engine().now();
          });
        },
        config);
    run_timed(lab);
    return took / sim::millisecond;
  };
  CHECK(rmmod(true) == 15);
  CHECK(rmmod(false) == 5);
}

namespace {

// A driver that can be entered in every way at once: an ioctl that waits for an event of user space, an interrupt that starts a timer that
// queues work, and a callback of RCU. All but the last use its registers.
struct Whole {
  Module module;
  Device device;
  Binding binding;
  Allocation priv;
  Region region;
  Mapping bar;
  IrqLine line;
  IrqDevice irq;
  Timer timer;
  Work work;
  RcuCallback callback;
  Waiter event;
  CharDevice node;
  Registration registration;
  FileBody ioctl;
  Policy policy{PolicySpec{{"srcu"}}};
  std::string order;  // of remove(): a letter for each step of stop()

  void in_driver(Context& c, const Lab::Body& body) {
    const Context::Function function(c, c.kernel().intern("foo"), module.text, {});
    get(c, priv);
    body(c);
    mark(c);
  }
  void touch(Context& c) {
    in_driver(c, [this](Context& x) { readl(x, bar, {}); });
  }

  void init(Lab& l) {
    l.init(module, "foo");
    l.init(device, "dev");
    l.init(binding, device, module, "foo");
    l.init(priv, "priv", {"x"}, false);
    l.init(region, "bar");
    l.init(bar, region, "bar");
    l.init(line, "irq");
    l.init(event, "event", Owner::user);
    irq.hard = [this](Context& c) {
      in_driver(c, [this](Context& x) {
        readl(x, bar, {});
        mod_timer(x, timer, 10);
      });
      return IrqReturn::handled;
    };
    irq.init(l, line, "irq action");
    l.init(timer, "timer", [this](Context& c) { in_driver(c, [this](Context& x) { queue_work(x, work); }); });
    l.init(work, "work", [this](Context& c) { touch(c); });
    l.init(callback, "callback", [this](Context& c) {
      const Context::Function function(c, c.kernel().intern("foo_rcu"), module.text, {});
      mark(c);
    });
    ioctl.body = [this, &l](Context& c, File&) {
      in_driver(c, [&](Context& x) {
        call_rcu(x, l.rcu, callback);
        readl(x, bar, {});
        wait_for_completion(x, event);
      });
      return 0;
    };
    policy.init(l.kernel, l.rcu, l.name("policy"), {});
    init_char_device(l.kernel, node, l.name("node"), l.name("node"), nullptr);
    registration = {};
    registration.guard = &policy.entry();
    registration.ioctl = FileBody::run;
    registration.ioctl_argument = &ioctl;
    init_registration(l.kernel, node, registration, l.name("registration"), {});
    l.hardware(line);
    l.task("user", [this, &l](Context& c) {
      await_device_node(c, node);
      File file;
      init_file(l.kernel, file);
      if (vfs_open(c, node, file) == 0) vfs_ioctl(c, file);
    });
    l.remover("remover", [this, &l](Context& c) {
      must(probe_device(c, binding, [&](Context& p) {
        kzalloc(p, priv);
        must(request_mem_region(p, bar));
        ioremap(p, bar);
        must(request_irq(p, line, irq.action));
        register_char_device(p, node, registration);
        return true;
      }));
      must(release_driver(c, binding, [&](Context& r) {
        for (const char step : order)
          if (!r.aborting()) stop(r, step, l.rcu);
      }));
      delete_module(c, module, l.rcu, [] {});
    });
  }
  void stop(Context& c, char step, Rcu& rcu) {
    switch (step) {
      case 'w': return shoot_down(c, event);                           // (1) wakes
      case 'n': return deregister_char_device(c, node, registration);  // (2) names
      case 'f': return policy.entry().fence(c);                        // (3) file operations
      case 'i': return free_irq(c, line, irq.action);                  // (6)
      case 't': timer_shutdown_sync(c, timer); return;                 // (7)
      case 'q': cancel_work_sync(c, work); return;                     // (8), by the call that minds the order
      case 'r': return rcu_barrier(c, rcu);                            // (10)
      case 'u': return iounmap(c, bar), release_mem_region(c, bar);    // (11)
      case 'm': return kfree(c, priv);                                 // (12)
      default: FAIL("no such step");
    }
  }
};

}  // namespace

// Fact: canonical-remove.
TEST_CASE("remove(): in the canonical order nothing is wrong, each step too early or left out has a bug of its own") {
  Whole w;
  Lab lab([&](Lab& l) { w.init(l); });
  const auto run = [&](const std::string& order) {
    w.order = order;
    return sample(lab, 600);
  };
  CHECK(run("wnfitqrum").text().empty());
  CHECK(run("wnftiqrum").text().empty());  // a timer that is shut down needn't come after the interrupt that arms it
  // Nobody is woken in time: the fence waits for who waits for user space.
  CHECK(run("nfwitqrum").text() == "unbounded-remove(disassociate_srcu)@remover");
  // The window goes too early for what has yet to be fenced or stopped.
  CHECK(run("wnufitqrm").text() == "use-after-unmap(bar)@hardware, use-after-unmap(bar)@kworker work, use-after-unmap(bar)@user");
  CHECK(run("wnfuitqrm").text() == "use-after-unmap(bar)@hardware, use-after-unmap(bar)@kworker work");
  CHECK(run("wnfiutqrm").text() == "use-after-unmap(bar)@kworker work");
  // Stopped before its producers, work comes again.
  CHECK(run("wnfiqtrum").count("use-after-unmap(bar)@kworker work") > 0);
  CHECK(run("wnfqitrum").count("use-after-unmap(bar)@kworker work") > 0);
  // Left out.
  CHECK(run("wnitqrum").count("execute-after-free(foo)@user") > 0);
  CHECK(run("wnftqrum").count("execute-after-free(foo)@hardware") > 0);
  CHECK(run("wnfiqrum").count("execute-after-free(foo)@softirq timer") > 0);
  CHECK(run("wnfitrum").count("execute-after-free(foo)@kworker work") > 0);
  CHECK(run("wnfitqum").text() == "execute-after-free(foo)@callback");
}

// Fact: irq-quiet-device-first.
TEST_CASE("remove(): an interrupt that is freed before its device is quiet takes the level-triggered line away from its sharers") {
  IrqLine line;
  IrqDevice mine, sharer;
  Allocation device;
  Waiter removed;
  bool quiet_first = false;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    line.level = true;
    l.init(device, "device", {"masked"});
    l.init(removed, "removed");
    mine.action.shared = sharer.action.shared = true;
    mine.hard = handled;
    sharer.hard = not_mine;  // the device that asserts the line is not his
    mine.init(l, line, "mine");
    sharer.init(l, line, "sharer");
    l.task("driver", [&](Context& c) {
      must(request_irq(c, line, sharer.action));
      must(request_irq(c, line, mine.action));
      if (quiet_first) set(c, device, 1);
      free_irq(c, line, mine.action);
      complete(c, removed);
    });
    l.engine.spawn(
        "hardware",
        [&] {
          Context c(l.kernel, ContextKind::process);
          wait_for_completion(c, removed);
          if (!c.aborting() && get(c, device) == 0) raise_irq(l.kernel, line);
        },
        true);
  });
  CHECK(every(lab).text() == "api-misuse(irq)@hardware");
  quiet_first = true;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
