// Kernel threads of a driver.
//
// kernel/kthread.c, v6.18. The thread runs its function from the moment it is woken; kthread_stop() sets KTHREAD_SHOULD_STOP, wakes it and
// waits until the function has returned. Nothing else ends it, and it holds no reference to its module: its text is safe only if somebody
// stops it. task_struct dies with the thread unless a reference was taken (kthread_stop() takes one for itself), so stopping a thread that
// may have returned by itself is a use after free. Left out: kthread_park(), kthread_exit() from deeper down, affinity, kthread_worker.
#pragma once

#include "unplug/model/context.hpp"

namespace unplug::model {

struct Kthread {
  ObjectId object;  // word: bit 0 woken, bit 1 should stop, bit 2 the function has returned
  NameId name;
  LifetimeId task;  // its task_struct
  int (*function)(Context&, void*) = nullptr;
  void* argument = nullptr;
  int result = 0;       // what the function returned; touched in steps on `object` only
  bool pinned = false;  // get_task_struct(): likewise
  Kernel* kernel = nullptr;
};
// Makes the thread's task, called `task_name`; it waits for kthread_run(). The function is set before. The Kthread must stay where it is
// until the execution has ended.
void init_kthread(Kernel& kernel, Kthread& t, NameId unique_name, NameId declared, NameId task_name);

// kthread_create() and wake_up_process(). Once.
void kthread_run(Context& context, Kthread& t);
// For the thread's own function: whether it is to return.
bool kthread_should_stop(Context& context, Kthread& t);
// For the thread's own function: sleeps until it is to return, as a loop around schedule() does that nothing else wakes.
void kthread_wait_to_stop(Context& context, Kthread& t);
// get_task_struct(): the task_struct outlives the thread.
void kthread_get(Context& context, Kthread& t);
// Tells it to return, waits until it has, and answers what its function returned. Returning is up to the function. By the thread itself it
// never ends.
int kthread_stop(Context& context, Kthread& t);

}  // namespace unplug::model
