// What is registered, mapped or created anew after it was given back: another one each time.
#include "model/steps.hpp"
#include "support.hpp"
#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/fs/debugfs.hpp"
#include "unplug/model/kernel/hw/dma.hpp"
#include "unplug/model/kernel/rcu/slab.hpp"
#include "unplug/model/kernel/work/kthread.hpp"
#include "unplug/model/kernel/work/kthread_worker.hpp"
#include "unplug/model/kernel/work/workqueue.hpp"

namespace unplug::model::test {

TEST_CASE("made again: a region, its mapping, an attribute and a cache are used rightly the second time, and told when they are not") {
  Region region;
  Mapping bar;
  SysfsAttribute attribute;
  KmemCache cache;
  bool late = false;
  Lab lab([&](Lab& l) {
    l.init(region, "bar0");
    l.init(bar, region, "bar0");
    init_sysfs_attribute(l.kernel, attribute, l.name("attribute"), l.name("attribute"), {});
    init_kmem_cache(l.kernel, cache, l.name("cache"), l.name("cache"), {});
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        must(request_mem_region(c, bar));
        ioremap(c, bar);
        must(sysfs_create_file(c, attribute));
        kmem_cache_create(c, cache);
        writel(c, bar);
        kmem_cache_destroy(c, cache);
        sysfs_remove_file(c, attribute);
        iounmap(c, bar);
        release_mem_region(c, bar);
      }
      if (late) {
        writel(c, bar);
        kmem_cache_destroy(c, cache);
      }
    });
  });
  CHECK(every(lab).text().empty());
  late = true;
  CHECK(every(lab).text() == "double-free(cache)@driver, use-after-unmap(bar0)@driver");
}

TEST_CASE("made again: a thread that was stopped is another one when it is run again, and the first one's end has nothing to do with it") {
  Kthread thread;
  int runs = 0;
  struct Self {
    Kthread* thread;
    int* runs;
  } self{&thread, &runs};
  Lab lab([&](Lab& l) {
    runs = 0;
    thread.argument = &self;
    thread.function = [](Context& c, void* argument) {
      const Self& s = *static_cast<Self*>(argument);
      ++*s.runs;
      mark(c);
      kthread_wait_to_stop(c, *s.thread);
      return 7;
    };
    init_kthread(l.kernel, thread, l.name("thread"), l.name("thread"), l.name("kthread thread"));
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        const int before = runs;
        kthread_run(c, thread);
        const int result = kthread_stop(c, thread);
        // One that is stopped before it has begun never does.
        must(result == 7 ? runs == before + 1 : runs == before && result == -4);
      }
    });
  });
  std::set<int> seen;
  CHECK(every(lab, [&] { seen.insert(runs); }).text().empty());
  CHECK(seen == std::set<int>{0, 1, 2});
}

namespace {

// As a driver knows from a completion that the thread's function ends with.
void await_return(Context& c, Kthread& thread) {
  static const Operation returned{.name = "has returned", .sync = sim::Sync::acquire};
  sim::Step s = c.make(returned);
  s.access = {thread.object, sim::AccessKind::read};
  s.guard = sim::Guard::equal(8, 8);
  c.engine().step(s);
}

}  // namespace

TEST_CASE("made again: a thread that ended by itself is freed whenever, and the next one has nothing to do with that") {
  Kthread thread;
  int runs = 0;
  Lab lab([&](Lab& l) {
    runs = 0;
    l.init(thread, "thread", [&](Context& c) {
      if (runs++ != 0) kthread_wait_to_stop(c, thread);
      return runs;
    });
    l.task("driver", [&](Context& c) {
      kthread_run(c, thread);
      await_return(c, thread);
      kthread_run(c, thread);
      wake_up_process(c, thread);
      const int result = kthread_stop(c, thread);
      must(result == 2 || result == -4);
    });
  });
  const Found found = every(lab);
  CHECK(found.text().empty());
  CHECK(found.executions > 1);
}

TEST_CASE("made again: who waits in kthread_stop() for one thread does not wait for the next") {
  Kthread thread;
  int runs = 0;
  std::set<int> results;
  Lab lab([&](Lab& l) {
    runs = 0;
    l.init(thread, "thread", [&](Context& c) {
      const int run = ++runs;
      kthread_wait_to_stop(c, thread);
      return run;
    });
    l.task("stopper", [&](Context& c) { results.insert(kthread_stop(c, thread)); });
    l.task("driver", [&](Context& c) {
      kthread_run(c, thread);
      await_return(c, thread);
      kthread_run(c, thread);
    });
  });
  CHECK(every(lab).text().empty());  // the second one sleeps until the end: nobody stops it
  CHECK(results == std::set<int>{1, -4});
}

TEST_CASE("made again: a kthread worker that was destroyed is another one, with a task and a list of its own") {
  KthreadWorker worker;
  KthreadWork work;
  bool late = false;
  int done = 0;
  Lab lab([&](Lab& l) {
    done = 0;
    init_kthread_worker(l.kernel, worker, l.name("worker"), l.name("worker"), {}, {}, l.name("kthread worker"));
    work.function = [](Context& c, void* argument) {
      mark(c);
      ++*static_cast<int*>(argument);
    };
    work.argument = &done;
    init_kthread_work(work, worker, l.name("work"), {});
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        kthread_run_worker(c, worker);
        must(kthread_queue_work(c, worker, work));
        kthread_destroy_worker(c, worker);
      }
      if (late) kthread_queue_work(c, worker, work);
    });
  });
  CHECK(every(lab, [&] { CHECK(done == 2); }).text().empty());
  late = true;
  CHECK(every(lab).text() == "use-after-free(worker)@driver");
}

TEST_CASE("made again: what was queued on the earlier kthread worker is not done by the next") {
  KthreadWorker worker;
  KthreadWork work;
  KthreadDelayedWork delayed;
  int done = 0;
  Lab lab([&](Lab& l) {
    done = 0;
    init_kthread_worker(l.kernel, worker, l.name("worker"), l.name("worker"), {}, {}, l.name("kthread worker"));
    work.function = delayed.work.function = [](Context& c, void* argument) {
      mark(c);
      ++*static_cast<int*>(argument);
    };
    work.argument = delayed.work.argument = &done;
    init_kthread_work(work, worker, l.name("work"), {});
    init_kthread_delayed_work(l.kernel, delayed, worker, l.name("delayed"), {}, l.name("timer"), l.name("softirq"));
    l.task("driver", [&](Context& c) {
      kthread_run_worker(c, worker);
      kthread_stop(c, worker);
      must(kthread_queue_work(c, worker, work));
      kthread_queue_delayed_work(c, worker, delayed, 1'000);
      timer_delete_sync(c, delayed.timer);  // still counted among the delayed
      kthread_run_worker(c, worker);
      kthread_destroy_worker(c, worker);
    });
  });
  CHECK(every(lab, [&] { CHECK(done == 0); }).text().empty());  // nor is it said to be still queued
}

TEST_CASE("made again: memory holds what it held at first, whatever was stored in the earlier one") {
  Allocation data;
  std::set<std::uint64_t> seen;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {"a", "b"}, false);
    allow_again(l.kernel, data, l.name("data"));
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        kzalloc(c, data);
        seen.insert(get(c, data, 0) + get(c, data, 1));
        set(c, data, 7, 0);
        set(c, data, 8, 1);
        kfree(c, data);
      }
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(seen == std::set<std::uint64_t>{0});
}

TEST_CASE("made again: so does what dma_alloc_coherent() and kmem_cache_alloc() give, before anybody can reach it") {
  Allocation data, object;
  DmaBuffer buffer;
  KmemCache cache;
  std::set<std::uint64_t> seen;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {"a"}, false);
    l.init(object, "object", {"b"}, false);
    allow_again(l.kernel, data, l.name("data"));
    allow_again(l.kernel, object, l.name("object"));
    init_dma_buffer(l.kernel, buffer, data, l.name("buffer"), l.name("buffer"), {});
    init_kmem_cache(l.kernel, cache, l.name("cache"), l.name("cache"), {});
    l.task("driver", [&](Context& c) {
      kmem_cache_create(c, cache);
      for (int i = 0; i < 2; ++i) {
        dma_alloc_coherent(c, buffer);
        kmem_cache_alloc(c, cache, object, Gfp::kernel);
        seen.insert(get(c, data) + get(c, object));
        set(c, data, 7);
        set(c, object, 8);
        kmem_cache_free(c, cache, object);
        dma_free_coherent(c, buffer);
      }
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(seen == std::set<std::uint64_t>{0});
  const std::string dma = "dma_alloc_coherent / fill the memory: again / ", slab = "kmem_cache_alloc / fill the memory: again / ",
                    map = "dma_alloc_coherent: map / ", use = "READ_ONCE / READ_ONCE / WRITE_ONCE / WRITE_ONCE / ",
                    fill = "fill the memory / ", free = "kmem_cache_free / dma_free_coherent: unmap / dma_free_coherent";
  CHECK(order_of(lab, "driver") ==
        "kmem_cache_create / " + dma + map + slab + use + free + " / " + dma + fill + map + slab + fill + use + free);
}

TEST_CASE("made again: a finding names the life that was used, and a leak the one that nobody ended") {
  Allocation data;
  KmemCache cache;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {}, false);
    const LifetimeId owner = l.kernel.new_lifetime(l.name("owner"), LifetimeKind::binding, l.name("owner"), {}, true);
    init_kmem_cache(l.kernel, cache, l.name("cache"), l.name("cache"), owner);
    l.task("driver", [&, owner](Context& c) {
      kzalloc(c, data);  // 0
      kfree(c, data);
      kzalloc(c, data);  // 2
      kfree(c, data);    // 3
      use(c, data.life);
      kzalloc(c, data);
      kmem_cache_create(c, cache);
      kmem_cache_destroy(c, cache);
      kmem_cache_create(c, cache);  // 8
      sim::Step s = c.make(mark_op);
      s.ends = owner;
      c.engine().step(s);
    });
  });
  sample(lab, 1);
  Checker checker;
  std::vector<Violation> found;
  checker.judge(lab.kernel, lab.engine.trace(), found);
  REQUIRE(found.size() == 2);
  CHECK(found[0].violation_class == ViolationClass::use_after_free);
  CHECK(found[0].created_by == 2);
  CHECK(found[0].ended_by == 3);
  CHECK(found[1].violation_class == ViolationClass::leak);
  CHECK(found[1].created_by == 8);
}

TEST_CASE("made again: what is ended twice does not make up for another one that nobody ended") {
  KmemCache cache;
  Lab lab([&](Lab& l) {
    const LifetimeId owner = l.kernel.new_lifetime(l.name("owner"), LifetimeKind::binding, l.name("owner"), {}, true);
    init_kmem_cache(l.kernel, cache, l.name("cache"), l.name("cache"), owner);
    l.task("driver", [&, owner](Context& c) {
      kmem_cache_create(c, cache);
      kmem_cache_destroy(c, cache);
      kmem_cache_destroy(c, cache);
      kmem_cache_create(c, cache);
      sim::Step s = c.make(mark_op);
      s.ends = owner;
      c.engine().step(s);
    });
  });
  CHECK(every(lab).text() == "double-free(cache)@driver, leak(cache)@driver");
}

TEST_CASE("made again: an exhaustive search sees a use of the earlier one, however the use and the making are ordered") {
  Region region;
  Mapping bar;
  DmaBuffer buffer;
  Allocation data;
  Lab lab([&](Lab& l) {
    l.init(region, "bar0");
    l.init(bar, region, "bar0");
    l.init(data, "data");
    init_dma_buffer(l.kernel, buffer, data, l.name("buffer"), l.name("buffer"), {});
    const ObjectId ready = l.engine.new_object(l.name("ready"));
    static const Operation set_ready{.name = "ready", .sync = sim::Sync::release}, wait_ready{.name = "ready?", .sync = sim::Sync::acquire};
    l.task("driver", [&, ready](Context& c) {
      must(request_mem_region(c, bar));
      ioremap(c, bar);
      dma_map_single(c, buffer);
      c.write(set_ready, ready, {}, [](std::uint64_t& word) { word = 1; });
      dma_unmap_single(c, buffer);
      dma_map_single(c, buffer);
      iounmap(c, bar);
      ioremap(c, bar);
    });
    l.task("user", [&, ready](Context& c) {
      sim::Step s = c.make(wait_ready);
      s.access = {ready, sim::AccessKind::read};
      s.guard = sim::Guard::equal(1);
      c.engine().step(s);
      writel(c, bar);
      use(c, buffer.mapping);
    });
  });
  CHECK(every(lab).text() == "dma-after-unmap(buffer)@user, use-after-unmap(bar0)@user");
}

TEST_CASE("made again: a debugfs file that was removed can be opened once it is there again, and is waited for again") {
  DebugfsFile file;
  std::set<int> opens;
  Lab lab([&](Lab& l) {
    file.real = {};
    init_debugfs_file(l.kernel, file, l.name("file"), l.name("file"), {});
    l.task("driver", [&](Context& c) {
      debugfs_create_file(c, file);
      debugfs_remove(c, file);
      debugfs_create_file(c, file);
      File f;
      init_file(l.kernel, f);
      opens.insert(debugfs_open(c, file, f));
      debugfs_remove(c, file);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(opens == std::set<int>{0});
}

TEST_CASE("made again: an interrupt's handler runs for the second request, and after the second free no more") {
  IrqLine line;
  IrqAction action;
  bool runs_late = false;
  int handled = 0;
  Lab lab([&](Lab& l) {
    handled = 0;
    l.init(line, "irq");
    l.init(action, line, "irq", [&](Context& c) {
      mark(c);
      ++handled;
    });
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        must(request_irq(c, line, action));
        if (i == 1)
          l.engine.spawn(
              "hardware", [&] { raise_irq(l.kernel, line); }, true);
        free_irq(c, line, action);
      }
      if (runs_late) free_irq(c, line, action);
    });
  });
  std::set<int> seen;
  CHECK(every(lab, [&] { seen.insert(handled); }).text().empty());
  CHECK(seen == std::set<int>{0, 1});
  runs_late = true;
  CHECK(every(lab).text() == "double-release(irq)@driver");
}

}  // namespace unplug::model::test
