// Fault injection: calls that may fail for want of memory.
//
// lib/fault-inject.c and mm/failslab.c, v6.18 (should_fail()). Whether a call fails is a data choice, and calls fail at most as often in
// one execution as KernelConfig::faults says: that bound belongs to the program. With none, nothing is asked and no step taken. Left out:
// probabilities, intervals, filters by task or by stack.
#pragma once

#include "unplug/model/context.hpp"

namespace unplug::model {

// Asked by a function that allocates, before it does: whether it is to fail here.
[[nodiscard]] bool should_fail(Context& context);

}  // namespace unplug::model
