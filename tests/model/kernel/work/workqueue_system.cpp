// kernel/workqueue: the queue that all share, and waiting for all that is on it.
#include "model/work_item.hpp"

namespace unplug::model::test {

// Fact: flush_scheduled_work-everybody.
TEST_CASE("flush_scheduled_work: waits for every item on the system's queue, not for what is queued later, not for one that is gone") {
  Item a, b;
  Allocation gone;
  Work old;
  std::uint64_t later = 0;
  Lab lab([&](Lab& l) {
    a.extra = [](Context& c) { mark(c); };
    a.init(l);
    l.init(gone, "gone");
    l.init(
        old, "old", [](Context&) {}, gone.life);
    l.init(b.work, "other", [&](Context&) { ++b.runs; }, {});
    b.runs = 0;
    l.task("a", [&](Context& c) {
      queue_work(c, old);
      cancel_work_sync(c, old);
      kfree(c, gone);
      queue_work(c, a.work);
      flush_scheduled_work(c);
      must(c.aborting() || (a.runs >= 1 && a.inside == 0));
      mark(c);
      if (!c.aborting() && b.runs == 0) ++later;
      kfree(c, a.home);
    });
    l.task("b", [&](Context& c) { queue_work(c, b.work); });
  });
  const Found f = sample(lab, 2'000);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(later > 0);
}

// Fact: workqueue-waits-for-itself.
TEST_CASE("flush_scheduled_work: from an item on the queue it waits for itself, it may sleep, and sees what the items wrote") {
  Item i;
  Allocation data;
  int form = 0;
  Lab lab([&](Lab& l) {
    l.init(data, "data", {"x"});
    i.extra = [&](Context& c) {
      if (form == 0) flush_scheduled_work(c);
      if (form == 2) set(c, data, 1, 0, MemoryOrder::plain);
    };
    i.init(l);
    l.task(
        "a",
        [&](Context& c) {
          queue_work(c, i.work);
          if (form != 0) flush_scheduled_work(c);
          if (form == 2) get(c, data, 0, MemoryOrder::plain);
        },
        form == 1 ? ContextKind::softirq : ContextKind::process);
  });
  CHECK(every(lab).text() == "deadlock(work)@kworker work, lock-cycle(work)@kworker work");
  form = 1;
  CHECK(every(lab).count("sleep-in-atomic(flush_scheduled_work)@a") > 0);
  form = 2;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
