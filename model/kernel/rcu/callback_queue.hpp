// Callbacks that wait for a grace period (struct rcu_head on a list): what call_rcu() and call_srcu() share.
//
// Each call runs in a task of its own. Lists are not modelled: callbacks run in any order, also those of one CPU.
#pragma once

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/lib/numbered.hpp"

namespace unplug::model {

struct CallbackQueue {
  Numbered calls;  // from the call to the end of the function
  struct Head {    // what has been queued in this execution
    const void* callback;
    ObjectId object;      // word: 1 while it is pending
    std::uint32_t count;  // calls; touched in steps on it only
  };
  std::vector<Head> heads;

  void reset(ObjectId object) {
    calls.reset(object);
    heads.clear();
  }
  // Queues `callback`, which `task_name` is the name of: a step on `head` marks it (debug_rcu_head_queue()), then one that takes and gives
  // what `s` says. No head: it gets one. The number of the call; 0: it is pending already, which is reported as misuse of `function` and
  // ignored, or the execution is over.
  std::uint64_t queue(Context& context, sim::Step s, const void* callback, ObjectId head, NameId task_name, NameId object,
                      std::string_view function);
  // Starts the task that runs call `number`. `callback` is its argument and has been filled in by now.
  void start(Context& context, void* callback, NameId task_name, std::uint64_t number, const StaticName& role, void (*run)(void*));
  // The task's step just before it calls the function (debug_rcu_head_unqueue()): from here on the head may be queued again.
  void invoked(Context& context, sim::Step s, const void* callback);
  // The task's step when the function has returned.
  void finished(Context& context, sim::Step s, std::uint64_t number);
};

}  // namespace unplug::model
