// SRCU callbacks and the end of a domain.
//
// kernel/rcu/srcutree.c, v6.18. call_srcu() runs a function after a grace period of the domain that begins after the call, from a workqueue
// but with softirqs off: it must not sleep. srcu_barrier() waits until those queued before it have finished, and for nothing else.
// cleanup_srcu_struct() waits neither for readers nor for grace periods: if it finds readers, callbacks, or a grace period that runs, it
// warns and leaves the per-CPU counters behind; it flushes callbacks that run, so it may sleep. A reader that comes afterwards uses freed
// memory. Left out: that an expedited grace period is asked for by then (its own warning), polling.
#pragma once

#include "unplug/model/kernel/rcu/callback_queue.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"
#include "unplug/model/kernel/rcu/srcu.hpp"

namespace unplug::model {

// What only these functions look at; each domain that they are called for has one.
struct SrcuUsage {
  CallbackQueue callbacks;
  ObjectId running;  // word: callbacks whose functions run
};
// Made once the domain is (init_srcu). The counters become a lifetime of their own.
void init_srcu_usage(Kernel& kernel, SrcuUsage& usage, Srcu& s, NameId unique_name);

// init_srcu_struct() of a domain that cleanup_srcu_struct() has ended: counters of its own. Nothing if nobody looks at its end.
void set_up_again(Context& context, Srcu& s);

struct SrcuCallback {
  NameId task_name;
  void (*body)(Context&, void*) = nullptr;
  void* argument = nullptr;
  LifetimeId home;  // memory that the head is embedded in: touched when it is queued and when it is called
  Srcu* srcu = nullptr;
  Kernel* kernel = nullptr;
  std::uint64_t number = 0;
  ObjectId head;  // as that of RcuCallback
};
// A struct rcu_head in somebody's memory, good for either kind.
struct RcuHead {
  RcuCallback rcu;
  SrcuCallback srcu;
};

// Runs `body(argument)`, in a task of its own. `callback` must stay where it is until the execution has ended. Queueing one that is still
// pending is api-misuse (and ignored); once its function runs, it may be queued again.
void call_srcu(Context& context, Srcu& s, SrcuCallback& callback);
void srcu_barrier(Context& context, Srcu& s);
// Whether the counters have been freed. If not, that is api-misuse and a leak.
bool cleanup_srcu_struct(Context& context, Srcu& s);

}  // namespace unplug::model
