// Kernel threads of a driver.
//
// kernel/kthread.c, v6.18. kthread_create() leaves the thread asleep: that takes no step here, init_kthread() has made it. It runs its
// function from the moment it is woken; kthread_stop() sets KTHREAD_SHOULD_STOP, wakes it and waits until the function has returned;
// stopped before it got that far, it never calls it and answers -EINTR. Nothing else ends it, and it holds no reference to its module: its
// text is safe only if somebody stops it. task_struct dies with the thread unless a reference was taken (kthread_stop() takes one for
// itself), so stopping a thread that may have returned by itself is a use after free. A thread that sleeps for a condition sets its state,
// looks at the condition and calls schedule(), in this order: a wake-up between looking and setting the state is lost. kthread_stop() has
// no lock of its own; before 2.6.31 it held a global mutex while it waited, so that threads that stop each other deadlocked. Left out:
// kthread_park(), affinity, signals.
#pragma once

#include <vector>

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/base/module.hpp"

namespace unplug::model {

struct Kthread {
  ObjectId object;  // word: bit 0 woken, bit 1 should stop, bit 2 TASK_INTERRUPTIBLE, bit 3 the function has returned, from bit 4 which run
  NameId name, task_name;
  int (*function)(Context&, void*) = nullptr;
  void* argument = nullptr;
  Kernel* kernel = nullptr;
  // One after another under this name.
  struct Run {
    LifetimeId task;       // its task_struct
    int result = 0;        // what the function returned; touched in steps on `object` only
    unsigned pins = 0;     // references to its task_struct but its own: likewise
    bool stopped = false;  // one of them is kthread_stop()'s: likewise
    bool exited = false;   // by kthread_exit(): the thread's own, as the next
    bool told = false;     // to stop, when it last set its state
  };
  std::vector<Run> runs;  // the last is what the name stands for
};
// Makes the thread's task, called `task_name`; it waits to be woken. The function is set before. The Kthread must stay where it is
// until the execution has ended. `owner`: once it has ended, a thread that runs and that nobody has stopped is a leak.
void init_kthread(Kernel& kernel, Kthread& t, NameId unique_name, NameId declared, NameId task_name, LifetimeId owner = {});

// kthread_create() and wake_up_process(). Again once the thread has returned: then it is another one, with a task_struct of its own.
void kthread_run(Context& context, Kthread& t);
// Starts a thread that has been created, and ends its sleep in schedule(), or keeps it from it; of a thread that is neither it is lost.
void wake_up_process(Context& context, Kthread& t);
// For the thread's own function.
enum class TaskState : std::uint8_t { running, interruptible };
void set_current_state(Context& context, Kthread& t, TaskState state);
// For the thread's own function: sleeps until woken, if its state is not TASK_RUNNING (any more).
void schedule(Context& context, Kthread& t);
// For the thread's own function: ends it with `result` from wherever it is. The function has to return at once, without a step.
void kthread_exit(Context& context, Kthread& t, int result);
// The same, and the module that the thread has kept itself is put from text that stays.
void module_put_and_kthread_exit(Context& context, Kthread& t, Module* m, int result);
// For the thread's own function: whether it is to return.
bool kthread_should_stop(Context& context, Kthread& t);
// For the thread's own function: sleeps until it is to return, as a loop around schedule() does that nothing else wakes.
void kthread_wait_to_stop(Context& context, Kthread& t);
// get_task_struct(): the task_struct outlives the thread, until as many put_task_struct().
void kthread_get(Context& context, Kthread& t);
// put_task_struct(): who drops the last reference to a thread that has returned frees it. Without a reference: api-misuse.
void kthread_put(Context& context, Kthread& t);
// Tells it to return, waits until it has, and answers what its function returned. Returning is up to the function. By the thread itself it
// never ends.
int kthread_stop(Context& context, Kthread& t);

}  // namespace unplug::model
