// What is registered, mapped or created anew after it was given back: another one each time, with a lifetime of its own.
#include "support.hpp"
#include "unplug/model/kernel/debugfs.hpp"
#include "unplug/model/kernel/kthread.hpp"
#include "unplug/model/kernel/slab.hpp"
#include "unplug/model/kernel/sysfs.hpp"
#include "unplug/model/kernel/workqueue.hpp"

namespace unplug::model::test {

TEST_CASE("made again: an attribute and a cache are used rightly the second time, and told when they are not") {
  SysfsAttribute attribute;
  KmemCache cache;
  bool late = false;
  Lab lab([&](Lab& l) {
    init_sysfs_attribute(l.kernel, attribute, l.name("attribute"), l.name("attribute"), {});
    init_kmem_cache(l.kernel, cache, l.name("cache"), l.name("cache"), {});
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        must(sysfs_create_file(c, attribute));
        kmem_cache_create(c, cache);
        kmem_cache_destroy(c, cache);
        sysfs_remove_file(c, attribute);
      }
      if (late) kmem_cache_destroy(c, cache);
    });
  });
  CHECK(every(lab).text().empty());
  late = true;
  CHECK(every(lab).text() == "double-free(cache)@driver");
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
