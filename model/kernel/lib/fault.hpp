// Fault injection: calls that may fail for want of memory.
//
// lib/fault-inject.c and mm/failslab.c, v6.18 (should_fail()). Whether a call fails is a data choice, and calls fail at most as often in
// one execution as KernelConfig::faults says: that bound belongs to the program. With none, nothing is asked and no step taken. With the
// task filter only calls of tasks that are marked ask. Left out: probabilities, intervals, filters by stack.
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

// While it lives, the task is marked: /proc/PID/make-it-fail.
class MakeItFail {
 public:
  explicit MakeItFail(Context& context) : context_(context), before_(context.make_it_fail) { context.make_it_fail = true; }
  ~MakeItFail() { context_.make_it_fail = before_; }
  MakeItFail(const MakeItFail&) = delete;
  MakeItFail& operator=(const MakeItFail&) = delete;

 private:
  Context& context_;
  bool before_;
};

// Asked by a function that allocates, before it does: whether it is to fail here.
[[nodiscard]] bool should_fail(Context& context);
// The same of a call that may fail whatever is configured, because whoever wrote it wants to know.
[[nodiscard]] bool may_fail(Context& context);

}  // namespace unplug::model
