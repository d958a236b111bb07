// Queues of a driver's own: with a number of workers, ordered, or without a limit.
//
// kernel/workqueue.c, v6.18. What the kernel does under pool->lock on a queue is one step on the queue's object here, and what it does to
// the work_struct in the same breath a step on the item. Queueing: PENDING is set on the item (test_and_set_bit, before the lock), then it
// goes on the list, or is dropped. A worker: takes the head of the list, then clears PENDING, runs the function, and counts out. Taking a
// pending item back: takes it off the list if it is still there; until PENDING is cleared, too, no worker takes anything (a lock bit). So
// what was in the list when a worker looked is run, what was taken off is not, and the only thing that can be seen of the steps is PENDING
// for a little longer, by somebody whom that tells the truth: it will run.
// - At most max_active items run or are next; those behind wait, in the order of their queueing. An item that still runs is not run by a
//   second worker, but counts. max_active 1 is an ordered queue (alloc_ordered_workqueue()).
// - Without a limit, an item's own worker takes it, as on the system's queue.
// - flush_workqueue() waits for what was queued before it (the kernel colours it), not for what comes later.
// - A queue that drains takes only what is queued from works that it runs. What others queue is dropped, with a warning: PENDING stays set,
//   queue_work() says true, later ones say false, nobody ever runs it, and cancelling it spins for ever (the kernel clears PENDING there in
//   7.x). destroy_workqueue() drains and frees; timers of delayed works stay armed and queue onto freed memory.
// Left out: pools shared by queues, per-CPU order (a bounded queue here is FIFO as a whole), rescuers, freezing, attributes, the "still
// busy" warning of destroy_workqueue() (nothing gets past the drain); an item that is still running from one queue and queued on another
// holds up a worker of that until it has finished.
#pragma once

#include "unplug/model/kernel/work/workqueue.hpp"

namespace unplug::model {

struct Workqueue {
  ObjectId object;  // word: see workqueue_struct.cpp; all else is touched in steps on it only
  NameId name;
  LifetimeId life;          // its memory
  unsigned max_active = 0;  // 0: without a limit
  Kernel* kernel = nullptr;
  struct Entry {
    Work* work;
    std::uint64_t number;  // which instance of it
    std::uint64_t serial;
    unsigned worker;  // that runs it, from 1; 0: none yet
  };
  std::vector<Entry> entries;  // what is under way, in the order in which it was queued
  std::uint64_t next_serial = 0;
  std::vector<std::pair<const Work*, std::uint64_t>> inserted;  // the last instance of each item that came here
  unsigned drainers = 0;
  bool destroying = false;
  struct Worker {
    Workqueue* queue;
    unsigned number;  // from 1
    TaskId task;
    bool busy;
  };
  std::vector<Worker> workers;
};
// Makes the queue and its workers: daemon tasks called `task_name`, or "TASK_NAME/worker#n" of several. At most 64. `from_start`: it exists
// already; else alloc_workqueue() makes it. `owner`: what has to destroy it before it ends. The Workqueue must stay where it is until the
// execution has ended.
void init_workqueue(Kernel& kernel, Workqueue& q, NameId unique_name, NameId declared, LifetimeId owner, NameId task_name,
                    unsigned max_active, bool from_start);

// alloc_workqueue(), alloc_ordered_workqueue(). The caller has decided whether it fails (a data choice).
void alloc_workqueue(Context& context, Workqueue& q);
// Drains and frees.
void destroy_workqueue(Context& context, Workqueue& q);

// As queue_work() on the system's queue. true as well if the queue drains and drops it, which is api-misuse.
bool queue_work(Context& context, Workqueue& q, Work& w);
// Waits until all that was queued on `q` before has finished. From a work on the queue it never returns.
void flush_workqueue(Context& context, Workqueue& q);
// Flushes until the queue is empty, and takes nothing from outside meanwhile. An item that queues itself without end is reported after ten
// rounds, as api-misuse.
void drain_workqueue(Context& context, Workqueue& q);

}  // namespace unplug::model
