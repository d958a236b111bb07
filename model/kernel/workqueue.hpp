// Work items on a concurrent queue (system_wq).
//
// kernel/workqueue.c, v6.18. queue_work() never fails for memory: false means "already pending" or "disabled". The worker clears PENDING
// before it calls the function, so an item can be queued again while it runs; it never runs twice at once. cancel_work_sync() steals a
// pending instance, refuses re-queueing only while it waits, and waits for the running one; disable_work_sync() (6.10) keeps refusing.
// A work item holds no module, device or queue reference. Left out: ordered and bounded queues, draining, CPU locality.
#pragma once

#include "unplug/model/context.hpp"

namespace unplug::model {

struct Work {
  ObjectId object;  // word: see work_word.hpp
  NameId name;
  LifetimeId home;  // memory that the work_struct is embedded in
  void (*function)(Context&, void*) = nullptr;
  void* argument = nullptr;
  Kernel* kernel = nullptr;
};
// Makes the item and its worker: a daemon task that waits for it to be queued. `task_name`, `role`: of the worker. The Work must stay
// where it is until the execution has ended.
void init_work(Kernel& kernel, Work& w, NameId unique_name, NameId declared, LifetimeId home, NameId task_name);

bool queue_work(Context& context, Work& w);
// Steals a pending instance; does not wait. Whether it was pending.
bool cancel_work(Context& context, Work& w);
bool cancel_work_sync(Context& context, Work& w);
// Waits for the last instance queued before the call. Does not keep anyone from queueing again.
void flush_work(Context& context, Work& w);
// Steals a pending instance and refuses later ones; does not wait. Disabling nests.
bool disable_work(Context& context, Work& w);
bool disable_work_sync(Context& context, Work& w);
void enable_work(Context& context, Work& w);

// Whether the final word of a work item says that it was queued, or was to be, and neither run nor cancelled.
[[nodiscard]] bool work_is_pending(std::uint64_t word);

}  // namespace unplug::model
