// Work items, and the queue that all share (system_wq).
//
// kernel/workqueue.c, v6.18. queue_work() never fails for memory: false means "already pending" or "disabled". The worker clears PENDING
// before it calls the function, so an item can be queued again while it runs; it never runs twice at once. cancel_work_sync() steals a
// pending instance, refuses re-queueing only while it waits, and waits for the running one; disable_work_sync() (6.10) keeps refusing.
// A work item holds no module, device or queue reference. Queues of a driver's own are in workqueue_struct.hpp; which one an item goes to
// is said each time it is queued. Each item has a worker of its own, for the system's queue and for others without a limit. Left out: CPU
// locality (queue_work_on()), BH queues, the limit of 1024 works at once.
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct Workqueue;

struct Work {
  ObjectId object;  // word: see work_word.hpp
  NameId name;
  LifetimeId home;  // memory that the work_struct is embedded in
  void (*function)(Context&, void*) = nullptr;
  void* argument = nullptr;
  Kernel* kernel = nullptr;
  TaskId task;                 // its own worker
  Workqueue* queue = nullptr;  // that it was last promised to, none: the system's; touched in steps on `object` only
  bool on_system = false;      // it has been on the system's queue: likewise
};
// Makes the item and its worker: a daemon task that waits for it to be queued. `task_name`, `role`: of the worker. The Work must stay
// where it is until the execution has ended.
void init_work(Kernel& kernel, Work& w, NameId unique_name, NameId declared, LifetimeId home, NameId task_name);

// INIT_WORK() of one that may have been used: it can be queued again, however often it was disabled. Of one that is queued: api-misuse, as
// CONFIG_DEBUG_OBJECTS_WORK says.
void set_up_again(Context& context, Work& w);

// schedule_work(): on the system's queue.
bool queue_work(Context& context, Work& w);
// Steals a pending instance; does not wait. Whether it was pending. All that cancel or disable spin for ever on an item that a draining
// queue has dropped.
bool cancel_work(Context& context, Work& w);
bool cancel_work_sync(Context& context, Work& w);
// Waits for the last instance queued before the call; whether there was one. Does not keep anyone from queueing again.
bool flush_work(Context& context, Work& w);
// Steals a pending instance and refuses later ones; does not wait. Disabling nests.
bool disable_work(Context& context, Work& w);
bool disable_work_sync(Context& context, Work& w);
void enable_work(Context& context, Work& w);
// Waits for every item that is on the system's queue, whoever it belongs to, and for none that is queued later.
void flush_scheduled_work(Context& context);

// The item whose function the caller is called from, if any.
[[nodiscard]] inline Work* current_work(const Context& context) { return context.work; }

// Whether the final word of a work item says that it was queued, or was to be, and neither run nor cancelled.
[[nodiscard]] bool work_is_pending(std::uint64_t word);

}  // namespace unplug::model
