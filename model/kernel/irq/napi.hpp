// NAPI: polling of a network device in softirq context.
//
// net/core/dev.c, v6.18. An interrupt schedules the poll function, which is called in softirq context, inside an RCU read-side section,
// with a budget. If it used less it must have said so by napi_complete_done(), after which the device may interrupt again; if it used all
// of it, it is called again. Scheduling what is scheduled is remembered (MISSED): the poll comes once more. napi_disable() refuses new
// schedules, waits until the instance is not scheduled and keeps it that way until napi_enable(); twice in a row, or while a poll function
// has forgotten to complete, it never returns. netif_napi_del() waits for a grace period and stops nothing: disable the instance first.
// Left out: threaded and busy polling, netpoll, GRO, the list per CPU (each instance is polled by a task of its own), time slices,
// netdev_lock().
#pragma once

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {

struct Napi {
  ObjectId object;  // word: see napi.cpp
  NameId name;
  LifetimeId home;  // memory that the napi_struct is embedded in
  Rcu* rcu = nullptr;
  unsigned (*poll)(Context&, void*, unsigned budget) = nullptr;  // answers the work done, at most `budget`
  void* argument = nullptr;
  unsigned weight = 64;          // the budget of one poll
  std::uint32_t full_polls = 0;  // see napi_work(); touched by the polling task only
  Kernel* kernel = nullptr;
};
// Makes the instance and the softirq that polls it, a daemon task called `task_name`. poll, weight and full_polls are set before. The Napi
// must stay where it is until the execution has ended.
void init_napi(Kernel& kernel, Napi& n, Rcu& rcu, NameId unique_name, NameId declared, LifetimeId home, NameId task_name);

// netif_napi_add(): makes the instance known, disabled.
void netif_napi_add(Context& context, Napi& n);
// Of one that isn't disabled: api-misuse.
void netif_napi_del(Context& context, Napi& n);
// Without napi_disable() (or right after netif_napi_add()): api-misuse.
void napi_enable(Context& context, Napi& n);
// Gate and drain. From its own poll function it never returns.
void napi_disable(Context& context, Napi& n);
// From any context. Whether it has scheduled the poll: false if it is scheduled already or disabled. Of one that was never added:
// api-misuse.
bool napi_schedule(Context& context, Napi& n);

// --- For the poll function.
// How much work there is: the whole budget, a data choice that falls so at most `full_polls` times in an execution, or less.
unsigned napi_work(Context& context, Napi& n, unsigned budget);
// false: it was scheduled meanwhile and is polled again; the device's interrupt stays off.
bool napi_complete_done(Context& context, Napi& n);

}  // namespace unplug::model
