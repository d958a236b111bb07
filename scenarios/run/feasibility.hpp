// "That can't happen": which tasks have to be held up for how long, so that a schedule can be taken on a real machine.
#pragma once

#include <string>

#include "unplug/scenarios/run/judge.hpp"

namespace unplug::scenarios {

// Of the schedule that has just been run in `world` and shows `v`: "task 'irq' stalled for at least 12 ms before foo_irq/queue_work#1", "no
// task needs to be stalled"; empty if the violation is no pair of steps. Where a stall has to outlast a figure of the model (how long a
// grace period takes), it says so. Tasks run as fast as they can, and wait only for what happens before their steps; hardware, user space
// and the administrator act when they like.
[[nodiscard]] std::string feasibility(World& world, const sim::Trace& trace, const model::Violation& v);

}  // namespace unplug::scenarios
