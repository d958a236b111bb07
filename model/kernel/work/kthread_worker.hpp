// kthread workers: one thread with a list of works, for who needs a thread of its own.
//
// kernel/kthread.c, v6.18. All that worker->lock guards is one object here, the works' own state included; a step on it is what is done
// under the lock. A work is off the list before its function is called: it may be queued again meanwhile, and may free itself. Flushing
// puts a work of its own behind the one it waits for. kthread_cancel_work_sync() takes a work off the list, waits for it if it runs, and
// refuses queueing meanwhile, but not afterwards. kthread_destroy_worker() flushes, stops the thread, and warns if something was queued in
// between; the thread does nothing once it is told to stop, whatever is on the list. Nothing refuses queueing on a worker that is gone.
// A delayed work is armed after it went on the list of delayed ones; the kernel does both under the lock, so that here one that is
// cancelled in between leaves a timer that finds nothing to do. Flushing a work whose timer is armed waits for ever: the flush goes on the
// delayed list (by reading). Left out: a work used with several workers (refused, with a report), freezing, binding to a CPU, creation that
// fails.
#pragma once

#include "unplug/model/kernel/irq/timer.hpp"

namespace unplug::model {

struct KthreadWork;

struct KthreadWorker {
  ObjectId object;  // word: see kthread_worker.cpp; all else is touched in steps on it only
  NameId name, task_name;
  LifetimeId life;   // the memory it is in
  bool own = false;  // which is its own: kthread_run_worker() makes it
  Kernel* kernel = nullptr;
  TaskId task;
  struct Entry {
    KthreadWork* work;  // none: a flush
    ObjectId flush;     // who waits for that
  };
  std::vector<Entry> list;
  KthreadWork* current = nullptr;
  unsigned delayed = 0;  // on the list of delayed works
  bool stop = false;
};
// Makes the worker and its thread, a daemon task called `task_name`. `home`: memory that it is embedded in (kthread_init_worker()); none:
// it has its own, which `owner` has to see freed before it ends. The KthreadWorker must stay where it is until the execution has ended.
void init_kthread_worker(Kernel& kernel, KthreadWorker& worker, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner,
                         NameId task_name);

struct KthreadWork {
  NameId name;
  LifetimeId home;  // memory that it is embedded in
  KthreadWorker* worker = nullptr;
  void (*function)(Context&, void*) = nullptr;
  void* argument = nullptr;
  enum class On : std::uint8_t { none, list, delayed } on = On::none;  // touched in steps on the worker only, as the next
  unsigned canceling = 0;
};
// kthread_init_work(): for use with `worker`. The function is set before.
void init_kthread_work(KthreadWork& w, KthreadWorker& worker, NameId declared, LifetimeId home);

struct KthreadDelayedWork {
  KthreadWork work;
  Timer timer;
};
// kthread_init_delayed_work(); `timer_name`, `timer_task`: of the timer and of the softirq that runs it.
void init_kthread_delayed_work(Kernel& kernel, KthreadDelayedWork& w, KthreadWorker& worker, NameId declared, LifetimeId home,
                               NameId timer_name, NameId timer_task);

// Starts the thread: kthread_run_worker() (6.14; kthread_create_worker() before), or kthread_run() of kthread_worker_fn(). Again once it
// has been stopped: then it is another one, with an empty list.
void kthread_run_worker(Context& context, KthreadWorker& worker);
// Flushes, stops the thread, frees the worker. Of one that kthread_run_worker() has allocated.
void kthread_destroy_worker(Context& context, KthreadWorker& worker);
// kthread_stop() of the worker's thread: what is queued stays there.
void kthread_stop(Context& context, KthreadWorker& worker);

// false: queued already, or being cancelled.
bool kthread_queue_work(Context& context, KthreadWorker& worker, KthreadWork& w);
bool kthread_queue_delayed_work(Context& context, KthreadWorker& worker, KthreadDelayedWork& w, sim::Duration delay);
// Queues it anew, `delay` from now, wherever it was, unless it is being cancelled. Whether it was pending.
bool kthread_mod_delayed_work(Context& context, KthreadWorker& worker, KthreadDelayedWork& w, sim::Duration delay);
// Waits for the instance that is queued or runs.
void kthread_flush_work(Context& context, KthreadWork& w);
// Waits for all that was queued before.
void kthread_flush_worker(Context& context, KthreadWorker& worker);
// Whether it was pending.
bool kthread_cancel_work_sync(Context& context, KthreadWork& w);
bool kthread_cancel_delayed_work_sync(Context& context, KthreadDelayedWork& w);

}  // namespace unplug::model
