// The order of steps around waits: what is looked at before a task sleeps, what it takes back when it is woken, and what wakers write.
#include "model/queue_item.hpp"
#include "model/steps.hpp"
#include "unplug/model/kernel/fs/poll.hpp"
#include "unplug/model/kernel/fs/procfs.hpp"
#include "unplug/model/kernel/fs/sysfs_file.hpp"
#include "unplug/model/kernel/hw/clock.hpp"
#include "unplug/model/kernel/hw/device_register.hpp"
#include "unplug/model/kernel/hw/dma.hpp"
#include "unplug/model/kernel/hw/presence.hpp"
#include "unplug/model/kernel/lib/kref.hpp"
#include "unplug/model/kernel/locking/wait_queue.hpp"
#include "unplug/model/kernel/rcu/hazptr.hpp"
#include "unplug/model/kernel/rcu/srcu_callback.hpp"

namespace unplug::model::test {
namespace {

struct ConditionStep;
struct PollStep;
struct MapStep;
struct ShowStep;
struct LandedStep;

// A condition that holds from its n-th look on.
Condition from_look(int& looks, int n) {
  return [&looks, n](Context& c) {
    c.engine().step(c.make(named<ConditionStep>("condition")));
    return ++looks >= n;
  };
}

}  // namespace

TEST_CASE("wait_event: the condition is looked at before anything is done with the queue, and after each wake-up or signal") {
  WaitQueue q;
  int looks = 0, from = 1;
  enum class How { plain, interruptible, polled } how = How::plain;
  Lab lab([&](Lab& l) {
    looks = 0;
    init_wait_queue(l.kernel, q, l.name("q"), l.name("q"), {}, Owner::driver);
    l.task("t", [&](Context& c) {
      if (how == How::plain) wait_event(c, q, from_look(looks, from));
      if (how == How::interruptible) wait_event_interruptible(c, q, from_look(looks, from));
      if (how == How::polled) poll(c, q, from_look(looks, from));
    });
  });
  const std::string finish =
      "condition / prepare_to_wait / condition / finish_wait: look whether it is queued / finish_wait: off the queue";
  for (const How h : {How::plain, How::interruptible}) {
    how = h;
    from = 1;
    CHECK(order_of(lab, "t") == "condition");
    from = 2;
    CHECK(order_of(lab, "t") == finish);
  }
  const std::string asleep = "condition / prepare_to_wait / condition / does a signal arrive?",
                    signalled = " / schedule / prepare_to_wait_event: a signal is pending / condition";
  from = 3;
  CHECK(orders_of(lab, "t") == std::set<std::string>{asleep, asleep + signalled});
  how = How::polled;
  from = 1;
  CHECK(order_of(lab, "t") == "poll_wait / condition / poll_freewait");
  from = 2;
  const std::string polls = "poll_wait / condition / does a signal arrive?";
  CHECK(orders_of(lab, "t") == std::set<std::string>{polls, polls + " / poll: sleep / poll_freewait"});
}

TEST_CASE("hazptr: both scans come before both waits: who enters later is waited for by neither") {
  Hazptr h;
  HazptrTarget x;
  Lab lab([&](Lab& l) {
    init_hazptr(l.kernel, h);
    init_hazptr_target(l.kernel, x, h, l.name("x"), l.name("x"));
    l.task("t", [&](Context& c) { synchronize_shazptr(c, x); });
  });
  CHECK(order_of(lab, "t") == "synchronize_shazptr: scan for the pointer / synchronize_shazptr: scan for wildcards / "
                              "synchronize_shazptr: slots cleared / synchronize_shazptr: wildcards cleared");
}

TEST_CASE("poll: a queue is hooked before it is added to, and one that goes is cleared last, when its callbacks have been called") {
  PollQueue q;
  Epoll ep;
  EpollItem item;
  EpollLinks links;
  FileOperations ops;
  File file;
  bool free = false;
  Lab lab([&](Lab& l) {
    init_poll_queue(l.kernel, q, l.name("queue"), l.name("queue"), {}, Owner::driver);
    init_epoll(l.kernel, ep, l.name("epoll"), l.name("epoll"));
    init_epoll_item(l.kernel, item, ep, l.name("item"));
    init_epoll_links(l.kernel, links, l.rcu, l.name("links"));
    ops = {};
    ops.poll = [](Context& c, File& f, PollTable& t, void* argument) -> std::uint32_t {
      poll_wait(c, f, *static_cast<PollQueue*>(argument), t);
      c.engine().step(c.make(named<PollStep>("->poll")));
      return 0;
    };
    ops.poll_argument = &q;
    init_file(l.kernel, file, {.links = &links});
    file.ops = &ops;
    file.open = true;
    l.task("t", [&](Context& c) {
      epoll_add(c, item, file);
      mark(c);
      free ? wake_up_pollfree(c, q) : wake_up_poll(c, q);
      mark(c);
      epoll_del(c, item, file);
    });
  });
  CHECK(order_of(lab, "t") == "ep_insert: link to the file / ep_insert: whead set / poll_wait: add entry / ->poll / mark / wake_up_poll / "
                              "ep_poll_callback / mark / ep_remove: unlink from the file / rcu_read_lock / ep_remove: load whead / "
                              "ep_remove: remove entry / rcu_read_unlock");
  free = true;
  CHECK(order_of(lab, "t") ==
        "ep_insert: link to the file / ep_insert: whead set / poll_wait: add entry / ->poll / mark / wake_up_pollfree / "
        "ep_poll_callback / ep_poll_callback: POLLFREE / mark / ep_remove: unlink from the file / rcu_read_lock / "
        "ep_remove: load whead / rcu_read_unlock");
}

TEST_CASE("procfs: poll and mmap are inside the use of the entry as reads are") {
  ProcEntry e;
  File file;
  PollTable table;
  AddressSpace mapping;
  Mm mm;
  Vma vma;
  Lab lab([&](Lab& l) {
    e.real = {};
    e.real.poll = [](Context& c, File&, PollTable&, void*) -> std::uint32_t {
      c.engine().step(c.make(named<PollStep>("->poll")));
      return 0;
    };
    e.real.mmap = [](Context& c, File&, Vma&, void*) {
      c.engine().step(c.make(named<MapStep>("->mmap")));
      return 0;
    };
    init_proc_entry(l.kernel, e, l.name("entry"), l.name("entry"), {});
    init_file(l.kernel, file, {.counted = true});
    init_poll_table(l.kernel, table, l.name("table"));
    init_address_space(l.kernel, mapping, l.name("mapping"));
    init_mm(l.kernel, mm, l.name("mm"));
    init_vma(l.kernel, vma, mm, l.name("vma"), l.name("vma"));
    l.task("t", [&](Context& c) {
      proc_create(c, e);
      must(proc_open(c, e, file) == 0);
      mark(c);
      vfs_poll(c, file, table);
      mark(c);
      vfs_mmap(c, file, mapping, vma);
    });
  });
  CHECK(order_of(lab, "t") == "proc_create / use_pde / unuse_pde / mark / use_pde / ->poll / unuse_pde / mark / down_write: queue / "
                              "down_write / get_file / mmap: VMA appears / use_pde / ->mmap / unuse_pde / down_write: queue / down_write / "
                              "mmap: link into i_mmap / up_write / up_write");
}

TEST_CASE("sysfs: a read notes the event before show() is called, a poll is on the queue before it compares") {
  SysfsAttribute a;
  SysfsFile f;
  File file;
  PollTable table;
  Lab lab([&](Lab& l) {
    l.init(a, "attr", [](Context& c) {
      c.engine().step(c.make(named<ShowStep>("show()")));
      return 7;
    });
    init_sysfs_file(l.kernel, f, a, l.name("attr file"), l.name("attr"));
    init_file(l.kernel, file, {.counted = true});
    init_poll_table(l.kernel, table, l.name("table"));
    table.registering = true;
    l.task("t", [&](Context& c) {
      sysfs_create_file(c, a);
      sysfs_open(c, f, file);
      mark(c);
      must(vfs_read(c, file) == 7);
      mark(c);
      vfs_poll(c, file, table);
    });
  });
  CHECK(order_of(lab, "t") == "sysfs_create_file / kernfs_get_active / kernfs_put_active / mark / kernfs_get_active / kernfs: load event / "
                              "WRITE_ONCE / show() / kernfs_put_active / mark / kernfs_get_active / get_file / poll_wait: add entry / "
                              "READ_ONCE / kernfs: load event / kernfs_put_active");
}

TEST_CASE("srcu: cleanup sums the readers, flushes, looks for callbacks and for a grace period, sums again, and frees") {
  Srcu s;
  SrcuUsage usage;
  Lab lab([&](Lab& l) {
    l.init(s, "srcu");
    init_srcu_usage(l.kernel, usage, s, l.name("srcu"));
    l.task("t", [&](Context& c) { must(cleanup_srcu_struct(c, s)); });
  });
  CHECK(order_of(lab, "t") ==
        "cleanup_srcu_struct: sum the counters / cleanup_srcu_struct: sum the counters / cleanup_srcu_struct: flush / "
        "cleanup_srcu_struct: look for callbacks / cleanup_srcu_struct: look for a grace period / "
        "cleanup_srcu_struct: sum the counters / cleanup_srcu_struct: sum the counters / "
        "cleanup_srcu_struct: counters freed");
}

TEST_CASE("dma: a transfer has landed when the engine is idle, and only then it says so") {
  DmaEngine e;
  DmaBuffer buffer;
  Allocation memory;
  Lab lab([&](Lab& l) {
    l.init(memory, "memory", {}, false);
    init_dma_buffer(l.kernel, buffer, memory, l.name("buffer"), l.name("buffer"), {});
    e.finished = [](Context& c, void*) { c.engine().step(c.make(named<LandedStep>("interrupt"))); };
    init_dma_engine(l.kernel, e, l.name("engine"), l.name("engine"), l.name("engine task"));
    l.task("t", [&](Context& c) {
      dma_alloc_coherent(c, buffer, Gfp::kernel);
      dma_start(c, e, buffer);
    });
  });
  CHECK(order_of(lab, "engine task") == "DMA transfer begins / DMA transfer / DMA transfer has landed / interrupt");
}

TEST_CASE("clocks: every access looks at the gates first: of memory, of a device that may be gone, of a register of its own") {
  Region region;
  Mapping bar;
  Clock clock;
  Presence slot;
  Lab lab([&](Lab& l) {
    init_clock(l.kernel, clock, l.name("clk"), l.name("clk"));
    init_presence(l.kernel, slot, l.name("slot"), l.name("slot"));
    l.init(region, "region");
    l.init(bar, region, "bar0");
    bar.gates = {&clock.gate};
    l.task("t", [&](Context& c) {
      must(request_mem_region(c, bar));
      ioremap(c, bar);
      must(clk_prepare_enable(c, clock));
      mark(c);
      readl(c, bar, {});
      writel(c, bar);
      read_device(c, bar, slot, Width::l, {});
      write_device(c, bar, slot, Width::l, [](std::uint64_t&) {});
    });
  });
  CHECK(order_of(lab, "t") ==
        "request_mem_region / ioremap / clk_prepare / clk_enable / mark / register access: is it on / readl / "
        "register access: is it on / writel / register access: is it on / readl / register access: is it on / writel");
}

TEST_CASE("drain_workqueue: it flushes before it looks whether the queue is empty") {
  Workqueue q;
  Lab lab([&](Lab& l) {
    init(l, q, "wq", 1);
    l.task("t", [&](Context& c) { drain_workqueue(c, q); });
  });
  CHECK(order_of(lab, "t") == "drain_workqueue: begin / flush_workqueue: look / flush_workqueue: wait / drain_workqueue: empty?");
}

TEST_CASE("cancel_work: what is taken back from a queue without a limit is under way there no more, a drain doesn't wait for it") {
  Workqueue q;
  QueueItem i;
  bool was = false;
  Lab lab([&](Lab& l) {
    init(l, q, "wq", 0);
    i.init(l, "i");
    l.task("t", [&](Context& c) {
      queue_work(c, q, i.work);
      was = cancel_work(c, i.work);
      drain_workqueue(c, q);
      must(c.aborting() || i.runs == (was ? 0 : 1));
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

TEST_CASE("work: flush_scheduled_work may sleep, whether there is anything to wait for or not") {
  Lab lab([&](Lab& l) {
    l.task(
        "softirq",
        [&](Context& c) {
          flush_scheduled_work(c);
          mark(c);
        },
        ContextKind::softirq);
  });
  CHECK(every(lab).text() == "sleep-in-atomic(flush_scheduled_work)@softirq");
}

TEST_CASE("kref: kref_init makes the count 1, whatever it was") {
  Kref k;
  bool last = false;
  Lab lab([&](Lab& l) {
    init_kref(l.kernel, k, l.name("ref"), l.name("ref"), {}, 0);
    l.task("t", [&](Context& c) {
      kref_init(c, k);
      kref_get(c, k);
      must(!kref_put_and_test(c, k));
      last = kref_put_and_test(c, k);
    });
  });
  CHECK(every(lab, [&] { CHECK(last); }).text().empty());
}

TEST_CASE("module_put_and_kthread_exit: the reference is put, then the thread ends with the result that it was given") {
  Kthread t;
  Module m;
  int result = 0;
  Lab lab([&](Lab& l) {
    l.init(m, "foo");
    l.init(t, "once", [&](Context& c) {
      module_put_and_kthread_exit(c, t, &m, 3);
      return 5;
    });
    l.task("driver", [&](Context& c) {
      must(try_module_get(c, &m));
      kthread_get(c, t);
      kthread_run(c, t);
    });
  });
  CHECK(every(lab, [&] { result = t.runs.back().result; }).text().empty());
  CHECK(result == 3);
  CHECK(order_of(lab, "kthread once") == "kthread starts / module_put / kthread exits");
}

}  // namespace unplug::model::test
