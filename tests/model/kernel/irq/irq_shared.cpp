// kernel/irq_flow: sharers of a line, interrupts that nobody wants, devices that are gone.
#include "model/irq_device.hpp"

namespace unplug::model::test {
namespace {

// Hardware that belongs to a device which can be pulled out.
void hardware_of(Lab& l, IrqLine& line, const Presence& device, unsigned times, std::string_view n = "hardware") {
  l.engine.spawn(
      n,
      [&l, &line, &device, times] {
        for (unsigned i = 0; i < times; ++i)
          if (!raise_irq(l.kernel, line, &device)) return;
      },
      true);
}

}  // namespace

// Fact: devm_request_irq-outlives-remove.
TEST_CASE("threaded irq: freed in the remove of the card it waits for both halves, left to the other scope the thread reads freed memory") {
  IrqLine line;
  IrqDevice d;
  Allocation kctl;
  bool freed = true;
  Lab lab([&](Lab& l) {
    l.init(kctl, "kctl", {"x"});
    l.init(line, "irq");
    d.action.oneshot = true;
    d.hard = wakes;
    d.thread = [&](Context& c) {
      mark(c);
      get(c, kctl);
    };
    d.init(l, line, "d");
    l.task("card", [&](Context& c) {
      request_irq(c, line, d.action);
      if (freed) free_irq(c, line, d.action);
      kfree(c, kctl);
    });
    l.hardware(line, 2);
  });
  const Found f = every_schedule(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  freed = false;
  CHECK(every(lab).text() == "use-after-free(kctl)@irq thread d");
}

// Fact: free_irq-waits.
TEST_CASE("threaded irq: freeing under a mutex that the thread takes deadlocks, under one that it doesn't it waits as long as the thread") {
  IrqLine line;
  IrqDevice d;
  Mutex lock;
  bool takes = true;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    l.init(lock, "lock");
    d.hard = wakes;
    d.thread = [&](Context& c) {
      if (takes) mutex_lock(c, lock);
      mark(c);
      if (takes) mutex_unlock(c, lock);
    };
    d.init(l, line, "d");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, d.action);
      mutex_lock(c, lock);
      free_irq(c, line, d.action);
      mutex_unlock(c, lock);
    });
    l.hardware(line);
  });
  CHECK(every(lab).text() == "deadlock(irq)@driver, deadlock(lock)@irq thread d");
  takes = false;
  CHECK(every(lab).text().empty());
}

// Fact: irq-shared-calls-all.
TEST_CASE("shared irq: an interrupt runs every action in the order of their requests, also those that come while it runs") {
  IrqLine line;
  IrqDevice a, b;
  std::vector<char> order;
  std::set<std::vector<char>> seen;
  Lab lab([&](Lab& l) {
    order.clear();
    l.init(line, "irq");
    a.action.shared = b.action.shared = true;
    a.hard = [&](Context& c) {
      order.push_back('a');
      return handled(c);
    };
    b.hard = [&](Context& c) {
      order.push_back('b');
      return not_mine(c);
    };
    a.init(l, line, "a");
    b.init(l, line, "b");
    l.task("driver", [&](Context& c) {
      must(request_irq(c, line, a.action));
      must(request_irq(c, line, b.action));
    });
    l.hardware(line);
  });
  CHECK(every_schedule(lab, [&] { seen.insert(order); }).text().empty());
  CHECK(seen == std::set<std::vector<char>>{{'a'}, {'a', 'b'}});
}

// Fact: request_irq-flags.
TEST_CASE("shared irq: -EBUSY unless all say IRQF_SHARED and agree on IRQF_ONESHOT, nor is one action requested twice") {
  IrqLine line;
  IrqDevice a, b;
  bool fits = false;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    a.hard = b.hard = handled;
    a.init(l, line, "a");
    b.init(l, line, "b");
    l.task("driver", [&](Context& c) {
      must(request_irq(c, line, a.action));
      must(request_irq(c, line, b.action) == fits);
      must(!request_irq(c, line, a.action));
      free_irq(c, line, a.action);
      if (fits) free_irq(c, line, b.action);
      must(request_irq(c, line, b.action));  // whatever it is
    });
  });
  for (const bool mine : {false, true})
    for (const bool theirs : {false, true})
      for (const bool oneshot : {false, true}) {
        a.action.shared = mine;
        b.action.shared = theirs;
        b.action.oneshot = oneshot;
        fits = mine && theirs && !oneshot;
        CHECK(every(lab).text().empty());
      }
}

// Fact: irq-shared-calls-all.
TEST_CASE("shared irq: another device's interrupt calls the handler of one that is gone or silent until free_irq has returned") {
  IrqLine line;
  IrqDevice mine, other;
  Region region;
  Mapping bar;
  bool unmap_first = false;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    l.init(region, "bar");
    l.init(bar, region, "bar");
    mine.action.shared = other.action.shared = true;
    mine.hard = [&](Context& c) {
      readl(c, bar, {});
      return IrqReturn::none;
    };
    other.hard = handled;
    mine.init(l, line, "mine");
    other.init(l, line, "other");
    l.task("driver", [&](Context& c) {
      request_mem_region(c, bar);
      ioremap(c, bar);
      request_irq(c, line, mine.action);
      if (unmap_first) iounmap(c, bar);
      free_irq(c, line, mine.action);
      if (!unmap_first) iounmap(c, bar);
      release_mem_region(c, bar);
    });
    l.task("other driver", [&](Context& c) { request_irq(c, line, other.action); });
    l.hardware(line, 1, "other device");
  });
  CHECK(every(lab).text().empty());
  unmap_first = true;
  CHECK(every(lab).text() == "use-after-unmap(bar)@other device");
}

// Fact: irq-shared-calls-all.
TEST_CASE("shared irq: an action that is freed while its handler runs keeps none of the others from running") {
  IrqLine line;
  IrqDevice a, b, c3;
  Waiter ready;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    l.init(ready, "ready");
    a.action.shared = b.action.shared = c3.action.shared = true;
    a.hard = b.hard = c3.hard = handled;
    a.init(l, line, "a");
    b.init(l, line, "b");
    c3.init(l, line, "c");
    l.task("driver", [&](Context& c) {
      for (IrqDevice* d : {&a, &b, &c3}) request_irq(c, line, d->action);
      complete(c, ready);
      complete(c, ready);
      free_irq(c, line, a.action);
      const int before = a.hards;
      mark(c);
      must(a.hards == before);
    });
    l.task("second", [&](Context& c) {
      wait_for_completion(c, ready);
      free_irq(c, line, b.action);
      const int before = b.hards;
      mark(c);
      must(b.hards == before);
    });
    l.engine.spawn(
        "hardware",
        [&] {
          Context c(l.kernel, ContextKind::process);
          wait_for_completion(c, ready);
          raise_irq(l.kernel, line);
        },
        true);
  });
  std::set<std::tuple<int, int, int>> seen;
  const Found f = every(lab, [&] { seen.insert({a.hards, b.hards, c3.hards}); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::tuple<int, int, int>>{{1, 1, 1}, {1, 0, 1}, {0, 1, 1}, {0, 0, 1}});
}

// Fact: free_irq-debug_shirq.
TEST_CASE("shared irq: with DEBUG_SHIRQ free_irq calls the handler once more, interrupts off, when the line no longer does") {
  IrqLine line;
  IrqDevice d;
  Allocation priv;
  enum class Form { right, freed_first, sleeps } form = Form::right;
  bool hardware = true, last_by_driver = false;
  static const Operation nap{.name = "msleep", .pause = true};
  const auto make = [&](Lab& l) {
    l.init(line, "irq");
    l.init(priv, "priv", {"x"});
    d.hard = [&](Context& c) {
      last_by_driver = c.kind() == ContextKind::process;
      get(c, priv);
      if (last_by_driver && form == Form::sleeps) c.sleep(nap, 1);
      return IrqReturn::handled;
    };
    d.init(l, line, "d");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, d.action);
      if (form == Form::freed_first) kfree(c, priv);
      free_irq(c, line, d.action);
      if (form != Form::freed_first) kfree(c, priv);
      c.might_sleep("afterwards");  // interrupts are on again
    });
    if (hardware) l.hardware(line, 1);
  };
  Lab plain(make);
  KernelConfig debug;
  debug.debug_shirq = true;
  Lab shirq(make, debug);
  std::set<int> runs;
  d.action.shared = true;
  CHECK(every(shirq,
              [&] {
                CHECK(last_by_driver);
                runs.insert(d.hards);
              })
            .text()
            .empty());
  CHECK(runs == std::set<int>{1, 2});
  form = Form::sleeps;
  CHECK(every(shirq).text() == "sleep-in-atomic(msleep)@driver");
  form = Form::freed_first;
  hardware = false;
  CHECK(every(plain).text().empty());
  CHECK(every(shirq).text() == "use-after-free(priv)@driver");
  d.action.shared = false;
  CHECK(every(shirq).text().empty());
}

// Fact: irq-nobody-cared.
TEST_CASE("irq: nobody cared: on a level line an interrupt that all handlers disown switches it off, and sharers wait for ever") {
  IrqLine line;
  IrqDevice silent, sharer;
  Waiter interrupted;
  bool level = true, claims = false, sharer_first = false;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    line.level = level;
    l.init(interrupted, "interrupted");
    silent.action.shared = sharer.action.shared = true;
    silent.hard = [&](Context& c) { return claims ? handled(c) : not_mine(c); };
    sharer.hard = [&](Context& c) {
      complete(c, interrupted);
      return IrqReturn::handled;
    };
    silent.init(l, line, "silent");
    sharer.init(l, line, "sharer");
    l.task("driver", [&](Context& c) {
      if (sharer_first) request_irq(c, line, sharer.action);
      request_irq(c, line, silent.action);
      if (!sharer_first) mark(c);
      if (!sharer_first) request_irq(c, line, sharer.action);
      wait_for_completion(c, interrupted);
    });
    l.hardware(line, 2);
  });
  Found f = every(lab);
  // A sharer that comes later is another chance (the line is switched on again): only the interrupts that are over are lost.
  CHECK(f.text() == "api-misuse(irq)@hardware, deadlock(interrupted)@driver");
  CHECK(f.blocked < f.executions);
  CHECK(f.places["api-misuse(irq)@hardware"] == "handlers finished: nobody cared");
  claims = true;
  CHECK(every(lab).count("api-misuse(irq)@hardware") == 0);
  claims = false;
  level = false;
  CHECK(every(lab).count("api-misuse(irq)@hardware") == 0);
  level = true;
  sharer_first = true;
  f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: irq-nobody-cared.
TEST_CASE("irq: nobody cared: the line stays off for interrupts to come until another sharer is installed or somebody enables it") {
  IrqLine line;
  IrqDevice silent, sharer;
  enum class Then { nothing, request, enable } then = Then::nothing;
  Waiter over;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    line.level = true;
    l.init(over, "over");
    silent.action.shared = sharer.action.shared = true;
    silent.hard = not_mine;
    sharer.hard = handled;
    silent.init(l, line, "silent");
    sharer.init(l, line, "sharer");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, silent.action);
      wait_for_completion(c, over);
      if (then == Then::request) request_irq(c, line, sharer.action);
      if (then == Then::enable) enable_irq(c, line);
    });
    l.engine.spawn(
        "hardware",
        [&] {
          if (!raise_irq(l.kernel, line)) return;
          Context c(l.kernel, ContextKind::hardirq);
          complete(c, over);
          raise_irq(l.kernel, line);
        },
        true);
  });
  const auto runs = [&](Then t) {
    then = t;
    std::set<std::pair<int, int>> seen;
    CHECK(every(lab, [&] { seen.insert({silent.hards, sharer.hards}); }).text() == "api-misuse(irq)@hardware");
    return seen;
  };
  CHECK(runs(Then::nothing) == std::set<std::pair<int, int>>{{1, 0}});
  CHECK(runs(Then::request) == std::set<std::pair<int, int>>{{2, 1}});
  CHECK(runs(Then::enable) == std::set<std::pair<int, int>>{{2, 0}});
}

// Fact: irq-of-gone-device.
TEST_CASE("irq: a device that is gone raises nothing, what it has raised still arrives, and others on its line go on") {
  IrqLine line;
  IrqDevice mine, other;
  Presence here;
  bool shared = false;
  std::set<std::pair<int, bool>> seen;
  bool gone_first = false;
  Lab lab([&](Lab& l) {
    gone_first = false;
    l.init(line, "irq");
    line.level = true;
    init_presence(l.kernel, here, l.name("dev"), l.name("dev"));
    mine.action.shared = other.action.shared = shared;
    mine.hard = [&](Context& c) { return is_present(c, here) ? IrqReturn::handled : IrqReturn::none; };
    other.hard = handled;
    mine.init(l, line, "mine");
    other.init(l, line, "other");
    l.task("driver", [&](Context& c) {
      if (shared) request_irq(c, line, other.action);
      request_irq(c, line, mine.action);
    });
    l.task("hand", [&](Context& c) { surprise_removal(c, here); });
    hardware_of(l, line, here, 2);
    if (shared) l.hardware(line, 1, "other device");
  });
  // Nobody claims the one in flight, but nothing holds the line down any more: no storm.
  CHECK(every(lab,
              [&] {
                const std::size_t gone = find_event(lab, "hand", "surprise removal"),
                                  came = find_event(lab, "hardware", "interrupt arrives");
                seen.insert({mine.hards, came != no_such_event && gone < came});
              })
            .text()
            .empty());
  CHECK(seen == std::set<std::pair<int, bool>>{{0, false}, {1, false}, {1, true}, {2, false}});
  shared = true;
  std::set<int> late;
  CHECK(sample(lab, 2000, "random",
               [&] {
                 const std::size_t gone = find_event(lab, "hand", "surprise removal"),
                                   came = find_event(lab, "other device", "interrupt arrives");
                 if (gone < came && came != no_such_event) late.insert(mine.hards);
               })
            .text()
            .empty());
  CHECK(late.contains(1));
}

// Fact: request_irq-runs-at-once.
TEST_CASE("shared irq: no data race between who requests while the handlers run and its handler, nor after nobody cared") {
  IrqLine line;
  IrqDevice first, later;
  Allocation data;
  Lab lab([&](Lab& l) {
    l.init(line, "irq");
    line.level = true;
    l.init(data, "data", {"x"});
    first.action.shared = later.action.shared = true;
    first.hard = not_mine;
    later.hard = [&](Context& c) {
      set(c, data, 1, 0, MemoryOrder::plain);
      return IrqReturn::none;
    };
    first.init(l, line, "first");
    later.init(l, line, "later");
    l.task("driver", [&](Context& c) {
      request_irq(c, line, first.action);
      set(c, data, 2, 0, MemoryOrder::plain);
      request_irq(c, line, later.action);
      free_irq(c, line, later.action);
      set(c, data, 3, 0, MemoryOrder::plain);
    });
    l.hardware(line, 1);
  });
  bool while_running = false;
  CHECK(every(lab, [&] {
          const std::size_t came = find_event(lab, "hardware", "interrupt arrives"),
                            requested = find_event(lab, "driver", "request_irq", 2);
          while_running |= later.hards > 0 && came < requested;
        }).text() == "api-misuse(irq)@hardware");
  CHECK(while_running);
}

}  // namespace unplug::model::test
