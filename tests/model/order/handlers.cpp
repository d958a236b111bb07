// The order of steps in what runs handlers and callbacks: what marks them as running is around them, a section that they are readers in
// around that.
#include "model/irq_device.hpp"
#include "model/steps.hpp"
#include "unplug/model/kernel/base/notifier.hpp"
#include "unplug/model/kernel/bus/urb.hpp"
#include "unplug/model/kernel/hw/presence.hpp"
#include "unplug/model/kernel/irq/cpu_irq.hpp"
#include "unplug/model/kernel/irq/napi.hpp"
#include "unplug/model/kernel/irq/tasklet.hpp"
#include "unplug/model/kernel/rcu/percpu_ref.hpp"
#include "unplug/model/kernel/rcu/srcu_callback.hpp"

namespace unplug::model::test {

TEST_CASE("rcu: a handler that is watched is a reader from before it knows what there is to do until it has done it") {
  Timer timer, hrtimer;
  Tasklet tasklet;
  RcuCallback callback;
  Allocation head;  // that the callback is embedded in
  Srcu srcu;
  SrcuUsage usage;
  SrcuCallback srcu_cb;
  UsbInterface interface;
  Urb urb;
  int who = 0;
  KernelConfig config;
  config.rcu_lazy = true;
  Lab lab(
      [&](Lab& l) {
        rcu_watch_interrupts(l.kernel, l.rcu);
        l.init(timer, "timer", mark);
        l.init_hr(hrtimer, "hrtimer", [](Context& c) { return mark(c), false; });
        tasklet.function = Lab::Call<void>::run;
        tasklet.argument = l.keep<void>(mark);
        init_tasklet(l.kernel, tasklet, l.name("tasklet"), l.name("tasklet"), {}, l.name("softirq tasklet"));
        l.init(head, "head", {});
        l.init(callback, "callback", mark);
        callback.home = head.life;
        l.init(srcu, "srcu");
        init_srcu_usage(l.kernel, usage, srcu, l.name("srcu"));
        srcu_cb = {};
        srcu_cb.task_name = l.name("srcu callback");
        srcu_cb.body = Lab::Call<void>::run;
        srcu_cb.argument = l.keep<void>(mark);
        interface.urbs.clear();
        urb.complete = Lab::Call<void>::run;
        urb.argument = l.keep<void>(mark);
        urb.answers = 1;
        init_urb(l.kernel, interface, urb, l.name("urb"), l.name("urb"), {}, {}, l.name("softirq urb"));
        l.task("t", [&](Context& c) {
          if (who == 5) usb_alloc_urb(c, urb);
          if (who == 5) usb_submit_urb(c, urb);
          if (who == 0) mod_timer(c, timer, 1);
          if (who == 1) hrtimer_start(c, hrtimer, 1);
          if (who == 2) tasklet_schedule(c, tasklet);
          if (who == 3) call_rcu(c, l.rcu, callback);
          if (who == 4) call_srcu(c, srcu, srcu_cb);
        });
      },
      config);
  const std::pair<std::string, std::string> expected[] = {
      {"softirq timer", "interrupt raised / irq_enter / timer expires / mark / timer function finished / irq_exit"},
      {"hardirq hrtimer", "interrupt raised / irq_enter / hrtimer expires / mark / hrtimer function finished / irq_exit"},
      {"softirq tasklet",
       "interrupt raised / irq_enter / softirq takes tasklet / tasklet no longer scheduled / mark / tasklet function finished / irq_exit"},
      {"callback",
       "call_rcu: held, lazy / call_rcu: grace period begins / call_rcu: grace period ends / irq_enter / rcu callback invoked / mark / "
       "rcu callback finished / "
       "irq_exit"},
      {"srcu callback", "synchronize_srcu: request / synchronize_srcu: scan the inactive index / synchronize_srcu: flip index / "
                        "synchronize_srcu: scan the old index / synchronize_srcu: done / irq_enter / srcu callback runs / "
                        "srcu callback invoked / mark / "
                        "srcu callback finished / srcu callback returned / irq_exit"},
      {"softirq urb", "interrupt raised / irq_enter / URB given back / mark / completion handler finished / usb_free_urb / irq_exit"}};
  for (const auto& e : expected) {
    CAPTURE(e.first);
    CHECK(order_of(lab, e.first) == e.second);
    ++who;
  }
}

TEST_CASE("rcu: so is one that interrupts a task on its own CPU") {
  CpuInterrupts here;
  Lab lab([&](Lab& l) {
    rcu_watch_interrupts(l.kernel, l.rcu);
    here.sources.clear();
    here.sources.push_back({.kind = ContextKind::hardirq, .left = 1, .run = [](Context& c, void*) { mark(c); }, .argument = nullptr});
    l.task("t", [&](Context& c) {
      c.interrupts = &here;
      mark(c);
    });
  });
  CHECK(orders_of(lab, "t") ==
        std::set<std::string>{"interrupted on its CPU / mark", "interrupted on its CPU / irq_enter / mark / irq_exit / mark"});
}

TEST_CASE("irq: a level line that nobody claims is switched off, unless the device that held it up has gone meanwhile") {
  IrqLine line;
  IrqDevice d;
  Presence slot;
  bool goes = false;
  d.hard = [&](Context& c) {
    if (goes) surprise_removal(c, slot);
    return IrqReturn::none;
  };
  Lab lab([&](Lab& l) {
    init_presence(l.kernel, slot, l.name("slot"), l.name("slot"));
    l.init(line, "irq");
    line.level = true;
    d.init(l, line, "foo");
    l.task("driver", [&](Context& c) {
      must(request_irq(c, line, d.action));
      l.engine.spawn(
          "hardware", [&] { raise_irq(l.kernel, line, &slot); }, true);
    });
  });
  CHECK(every(lab).text() == "api-misuse(irq)@hardware");
  goes = true;
  CHECK(every(lab).text().empty());
}

TEST_CASE("irq: a oneshot line is unmasked when the thread function has returned, before the thread counts as idle") {
  IrqLine line;
  IrqDevice d;
  d.thread = mark;
  d.action.oneshot = true;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    d.init(l, line, "foo");
    l.task("driver", [&](Context& c) { must(request_irq(c, line, d.action)); });
    l.hardware(line);
  });
  CHECK(orders_of(lab, "irq thread foo") ==
        std::set<std::string>{"irq thread woken / mark / irq thread: unmask oneshot line / irq thread function finished"});
}

TEST_CASE("napi: a poll is inside RCU from before the list is looked at until it has been put back") {
  Napi n;
  Lab lab([&](Lab& l) {
    n.poll = [](Context& c, void* argument, unsigned) {
      mark(c);
      napi_complete_done(c, *static_cast<Napi*>(argument));
      return 0U;
    };
    n.argument = &n;
    n.weight = 4;
    n.full_polls = 0;
    init_napi(l.kernel, n, l.rcu, l.name("napi"), l.name("napi"), {}, l.name("softirq napi"));
    l.task("t", [&](Context& c) {
      netif_napi_add(c, n);
      napi_enable(c, n);
      napi_schedule(c, n);
    });
  });
  CHECK(orders_of(lab, "softirq napi") ==
        std::set<std::string>{"net_rx_action / rcu_read_lock / softirq takes napi / mark / napi_complete_done / napi polled / "
                              "rcu_read_unlock"});
}

TEST_CASE("percpu_ref: kill takes a reference for the switch first, confirms when the sum is taken and before the switch is over") {
  PercpuRef ref;
  bool atomic = false;
  Lab lab([&](Lab& l) {
    ref.release = [](Context& c, void*) { c.engine().step(c.make(named<PercpuRef>("release"))); };
    ref.confirm = [](Context& c, void*) { c.engine().step(c.make(named<PercpuRef*>("confirm"))); };
    init_percpu_ref(l.kernel, ref, l.rcu, l.name("ref"), l.name("ref"), {}, atomic ? PercpuRefMode::atomic : PercpuRefMode::percpu);
    l.task("t", [&](Context& c) {
      percpu_ref_kill(c, ref);
      if (!atomic) return;
      mark(c);
      percpu_ref_exit(c, ref);
    });
  });
  const std::string kill = "percpu_ref_kill: mark / percpu_ref_kill: begin switching / percpu_ref_kill: reference for the switch / "
                           "debug_rcu_head_queue / call_rcu / "
                           "percpu_ref_put: atomic";
  const std::string done = "call_rcu: grace period begins / call_rcu: grace period ends / rcu callback invoked / "
                           "percpu_ref switch: sum the counters / "
                           "percpu_ref switch: add the sum / confirm / percpu_ref switch: done / percpu_ref_put: atomic";
  const std::string last = " / rcu_read_lock / release / rcu_read_unlock";
  CHECK(orders_of(lab, "t") == std::set<std::string>{kill, kill + last});
  CHECK(orders_of(lab, "ref/switch#1") ==
        std::set<std::string>{done + " / rcu callback finished", done + last + " / rcu callback finished"});
  atomic = true;
  CHECK(orders_of(lab, "t") == std::set<std::string>{"percpu_ref_kill: mark / confirm / percpu_ref_put: atomic" + last +
                                                     " / mark / percpu_ref_exit: mark / percpu_ref_exit: counters freed"});
}

TEST_CASE("notifier: the next block is read before the callback that may take its own off, and whoever is at it is waited for last") {
  NotifierChain chain;
  NotifierBlock nb;
  Lab lab([&](Lab& l) {
    nb.callback = [](Context& c, void*) { return c.engine().step(c.make(named<NotifierBlock>("callback"))), notify_ok; };
    init_notifier_block(l.kernel, nb, l.name("nb"), l.name("nb"), {}, {});
    init_notifier_chain(l.kernel, chain, l.rcu, l.name("chain"), l.name("chain"), {}, ChainKind::srcu);
    l.task("t", [&](Context& c) {
      notifier_chain_register(c, chain, nb);
      mark(c);
      notifier_call_chain(c, chain);
      mark(c);
      notifier_chain_unregister(c, chain, nb);
    });
  });
  CHECK(order_of(lab, "t") == "notifier_chain_register / mark / srcu_read_lock: load index / srcu_read_lock: count in / "
                              "notifier_call_chain: head / notifier_call_chain: next / callback / srcu_read_unlock / mark / "
                              "notifier_chain_unregister / synchronize_srcu: request / synchronize_srcu: scan the inactive index / "
                              "synchronize_srcu: flip index / synchronize_srcu: scan the old index / synchronize_srcu: done");
}

}  // namespace unplug::model::test
