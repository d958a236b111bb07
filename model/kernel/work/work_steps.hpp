// What work items, delayed work and queues share of each other's steps. Not for drivers.
#pragma once

#include "unplug/model/kernel/work/workqueue.hpp"

namespace unplug::model::work_steps {

// What a look at the word of an item has found, and done about it.
struct Look {
  enum class Found : std::uint8_t {
    nothing,  // not pending; claimed, if asked for
    stolen,   // its own worker would have taken it
    listed,   // on the list of `queue`, or on its way from or to it: nothing done yet
    timer,    // a timer has it
    dropped   // a queue that drains would not have it
  } found = Found::nothing;
  Workqueue* queue = nullptr;
  std::uint64_t number = 0;  // which instance
};
// From the effect of a step on the item. `claim`: PENDING, if the caller keeps it, so that nobody queues the item meanwhile.
Look look(Work& w, std::uint64_t& word, std::uint64_t claim);
// Goes on from there as try_to_grab_pending() does, until the item has been taken back (stolen) or there is nothing to take (nothing,
// timer).
Look::Found take_back(Context& context, Work& w, Look l, std::uint64_t claim);

// From the effect of a step on the item: promises it to `q`, and answers its number. insert() keeps the promise, next.
std::uint64_t promise(Work& w, Workqueue& q, std::uint64_t& word);
void insert(Context& context, Workqueue& q, Work& w, std::uint64_t number);

// Calls the function of an item that the worker has just taken, and ends its run.
void run(Context& context, Work& w);
// From the effect of the step that takes it.
void start(Context& context, Work& w, std::uint64_t& word);
// The queue's count of what is under way goes down by this instance.
void leave(Context& context, Workqueue& q, Work& w, std::uint64_t number);

}  // namespace unplug::model::work_steps
