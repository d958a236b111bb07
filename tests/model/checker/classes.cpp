// For each class of the table a program that shows it, and one next to it that shows nothing.
#include "model/support.hpp"
#include "unplug/model/kernel/hw/dma.hpp"
#include "unplug/model/kernel/rcu/rcu_pointer.hpp"

namespace unplug::model::test {
namespace {

struct Stage {
  Module module;
  Device device;
  Binding binding;
  Allocation memory, other;
  Region region;
  Mapping bar, stale;
  Mutex m, n;
  Waiter event, ready;
  Work work;
  DelayedWork poll;
  IrqLine line;
  IrqAction action;
  DmaBuffer buffer;
  DmaEngine dma;
};

struct Class {
  ViolationClass shows;
  void (*program)(Lab& l, Stage& s, bool near);
};

void two_orders(Lab& l, Stage& s, const Lab::Body& first, const Lab::Body& second, bool at_once) {
  l.init(s.m, "m");
  l.init(s.n, "n");
  l.task("a", [first, second, at_once](Context& c) {
    first(c);
    if (!at_once) second(c);
  });
  if (at_once) l.task("b", second);
}
Lab::Body nested(Mutex& outer, Mutex& inner) {
  return [&](Context& c) {
    mutex_lock(c, outer);
    mutex_lock(c, inner);
    mutex_unlock(c, inner);
    mutex_unlock(c, outer);
  };
}
void removal(Lab& l, Stage& s, Owner owner, bool ends) {
  l.init(s.event, "event", owner);
  l.remover("remove", [&s, ends](Context& c) {
    c.kernel().removal_phase = RemovalPhase::remove;
    if (ends) shoot_down(c, s.event);
    wait_for_completion(c, s.event);
  });
}

const std::vector<Class> classes{
    {ViolationClass::execute_after_free,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.module, "foo");
       l.init(s.work, "work", [&](Context& c) {
         const Context::Function function(c, l.name("foo_work"), s.module.text, {});
         mark(c);
       });
       l.task("driver", [&, near](Context& c) {
         queue_work(c, s.work);
         delete_module(c, s.module, l.rcu, [&] {
           if (near) cancel_work_sync(c, s.work);
         });
       });
     }},
    {ViolationClass::use_after_unmap,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.region, "bar");
       l.init(s.bar, s.region, "bar");
       l.init(s.ready, "ready");
       l.task("driver", [&, near](Context& c) {
         must(request_mem_region(c, s.bar));
         ioremap(c, s.bar);
         l.task("user", [&](Context& u) {
           readl(u, s.bar, {});
           complete(u, s.ready);
         });
         if (near) wait_for_completion(c, s.ready);
         iounmap(c, s.bar);
       });
     }},
    {ViolationClass::region_reused,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.region, "bar");
       l.init(s.bar, s.region, "bar");
       init_mapping(l.kernel, s.stale, s.region, l.name("bar of another"), l.name("bar of another"), {});
       l.task("driver", [&, near](Context& c) {
         must(request_mem_region(c, s.bar));
         ioremap(c, s.bar);
         release_mem_region(c, s.bar);
         if (!near) must(request_mem_region(c, s.stale));
         writel(c, s.bar);
       });
     }},
    {ViolationClass::use_after_free,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.memory, "memory", {"x"});
       l.init(s.ready, "ready");
       l.task("user", [&](Context& c) {
         get(c, s.memory);
         complete(c, s.ready);
       });
       l.task("driver", [&, near](Context& c) {
         if (near) wait_for_completion(c, s.ready);
         kfree(c, s.memory);
       });
     }},
    {ViolationClass::double_free,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.memory, "memory");
       l.init(s.other, "other");
       l.task("driver", [&, near](Context& c) {
         kfree(c, s.memory);
         kfree(c, near ? s.other : s.memory);
       });
     }},
    {ViolationClass::double_release,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.line, "irq");
       l.init(s.action, s.line, "action", mark);
       l.task("driver", [&, near](Context& c) {
         must(request_irq(c, s.line, s.action));
         free_irq(c, s.line, s.action);
         if (!near) free_irq(c, s.line, s.action);
       });
     }},
    {ViolationClass::use_before_init,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.line, "irq");
       l.init(s.memory, "memory", {"x"}, false);
       l.init(s.action, s.line, "action", [&](Context& c) { get(c, s.memory); });
       l.task("probe", [&, near](Context& c) {
         if (near) kzalloc(c, s.memory);
         must(request_irq(c, s.line, s.action));
         if (!near) kzalloc(c, s.memory);
       });
       l.hardware(s.line);
     }},
    {ViolationClass::dma_after_unmap,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.memory, "page");
       init_dma_buffer(l.kernel, s.buffer, s.memory, l.name("buffer"), l.name("buffer"), {});
       init_dma_engine(l.kernel, s.dma, l.name("engine"), l.name("engine"), l.name("dma"));
       l.task("driver", [&, near](Context& c) {
         dma_map_single(c, s.buffer);
         dma_start(c, s.dma, s.buffer);
         dma_stop(c, s.dma);
         if (near) dma_wait_idle(c, s.dma);
         dma_unmap_single(c, s.buffer);
       });
     }},
    {ViolationClass::sleep_in_atomic,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.m, "m");
       l.task("reader", [&, near](Context& c) {
         rcu_read_lock(c, l.rcu);
         if (near) rcu_read_unlock(c, l.rcu);
         mutex_lock(c, s.m);
         mutex_unlock(c, s.m);
         if (!near) rcu_read_unlock(c, l.rcu);
       });
     }},
    {ViolationClass::deadlock,
     [](Lab& l, Stage& s, bool near) { two_orders(l, s, nested(s.m, s.n), near ? nested(s.m, s.n) : nested(s.n, s.m), true); }},
    {ViolationClass::lock_cycle,  // by one task, which can't deadlock
     [](Lab& l, Stage& s, bool near) { two_orders(l, s, nested(s.m, s.n), near ? nested(s.m, s.n) : nested(s.n, s.m), false); }},
    {ViolationClass::hung_remove, [](Lab& l, Stage& s, bool near) { removal(l, s, Owner::driver, near); }},
    {ViolationClass::unbounded_remove, [](Lab& l, Stage& s, bool near) { removal(l, s, Owner::user, near); }},
    {ViolationClass::leak,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.device, "dev");
       l.init(s.module, "foo");
       l.init(s.binding, s.device, s.module, "foo");
       l.init(s.memory, "memory", {}, false, s.binding.life);
       l.task("driver", [&, near](Context& c) {
         must(probe_device(c, s.binding, [&](Context& p) {
           kzalloc(p, s.memory);
           return true;
         }));
         must(release_driver(c, s.binding, [&](Context& r) {
           if (near) kfree(r, s.memory);
         }));
       });
     }},
    {ViolationClass::lost_work,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.poll, "poll", mark);
       l.task("driver", [&, near](Context& c) {
         if (near) queue_delayed_work(c, s.poll, 1);
         near ? cancel_delayed_work_sync(c, s.poll) : timer_shutdown_sync(c, s.poll.timer);
         if (!near) queue_delayed_work(c, s.poll, 1);
       });
     }},
    {ViolationClass::data_race,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.memory, "memory", {"x"});
       for (const auto* n : {"a", "b"})
         l.task(n, [&, near](Context& c) { set(c, s.memory, 1, 0, near ? MemoryOrder::once : MemoryOrder::plain); });
     }},
    {ViolationClass::suspicious_rcu_usage,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.memory, "memory", {"p"});
       l.task("reader", [&, near](Context& c) {
         if (near) rcu_read_lock(c, l.rcu);
         rcu_dereference(c, s.memory, s.memory.fields[0].second);
         if (near) rcu_read_unlock(c, l.rcu);
       });
     }},
    {ViolationClass::api_misuse,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.m, "m");
       l.task("driver", [&, near](Context& c) {
         if (near) mutex_lock(c, s.m);
         mutex_unlock(c, s.m);
       });
     }},
    {ViolationClass::runs_after_unbind,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.device, "dev");
       l.init(s.module, "foo");
       l.init(s.binding, s.device, s.module, "foo");
       l.task("driver", [&, near](Context& c) {
         const auto run = [&] {
           const Context::Function function(c, l.name("foo_ioctl"), s.module.text, s.binding.life);
           mark(c);
         };
         must(probe_device(c, s.binding, [](Context&) { return true; }));
         if (near) run();
         must(release_driver(c, s.binding, [](Context&) {}));
         if (!near) run();
       });
     }},
    {ViolationClass::module_pinned,
     [](Lab& l, Stage& s, bool near) {
       l.init(s.module, "foo");
       l.task("user", [&, near](Context& c) {
         must(try_module_get(c, &s.module));
         if (near) module_put(c, &s.module);
         delete_module(c, s.module, l.rcu, [] {});
       });
     }},
};

}  // namespace

TEST_CASE("violation classes: each is shown by a program, and the one next to it shows nothing") {
  std::set<ViolationClass> shown{
      ViolationClass::livelock,  // livelocks.cpp: of executions that are cut
      // What only a scenario can have: a pointer of its own, a path for refusals, a bound on the time of an unbind, removals still to come.
      ViolationClass::null_deref, ViolationClass::unhandled_refusal, ViolationClass::slow_remove, ViolationClass::stuck_module};
  for (const Class& each : classes) {
    const std::string name(info(each.shows).name);
    CAPTURE(name);
    Stage stage;
    bool near = false;
    Lab lab([&](Lab& l) { each.program(l, stage, near); });
    std::size_t of_that_class = 0;
    for (const auto& found : every(lab).violations) of_that_class += found.first.starts_with(name + '(') ? 1 : 0;
    CHECK(of_that_class > 0);
    near = true;
    const Found f = every(lab);
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    CHECK(shown.insert(each.shows).second);
  }
  // An assertion is a scenario's own: it fails in tests/scenarios/.
  CHECK(shown.size() + 1 == violation_classes().size());
}

}  // namespace unplug::model::test
