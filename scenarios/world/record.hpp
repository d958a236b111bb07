// What an execution went through besides its steps: what was called, what was removed, what was asked for. For whoever says afterwards what
// met what and what never happened; nothing in it feeds a guard or a value.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "unplug/sim/ids.hpp"

namespace unplug::scenarios {

// A stretch of an execution: the steps of `task` among the events first .. last-1. Not ended yet: last is UINT32_MAX.
struct Interval {
  sim::TaskId task;
  std::uint32_t first = 0, last = UINT32_MAX;
};

struct Record {
  // A call of driver code by the kernel: a file operation, work, a handler, a callback.
  struct Call {
    std::uint32_t function = 0;  // in Program::functions
    Interval when;
  };
  // Something that a task of user space asked the kernel for.
  struct Asked {
    std::uint32_t site = 0;                                                           // in Program::sites
    enum class Answer : std::uint8_t { none, success, error } answer = Answer::none;  // none: it was still under way at the end
  };

  std::vector<Call> calls;
  std::vector<Asked> asked;
  std::vector<Interval> removals;    // from the call of remove() to the end of devres, and from that of exit() to its return, each time
  std::vector<Interval> files_open;  // of descriptors of tasks
  std::vector<Interval> unloads;     // the step with which the module went, each time
  std::vector<Interval> refusals;    // the step with which rmmod was refused, each time
  std::vector<bool> began;           // by number among Program::tasks: it has got beyond waiting for what it opens
  // The first step of the task from that event on is one that its task takes when it likes: user space calls, the administrator acts.
  // In the order of the execution.
  std::vector<std::pair<sim::TaskId, std::uint32_t>> at_leisure;

  // Before each execution; `tasks`: how many there are in the program.
  void begin(std::size_t tasks) {
    calls.clear();
    asked.clear();
    removals.clear();
    files_open.clear();
    unloads.clear();
    refusals.clear();
    began.assign(tasks, false);
    at_leisure.clear();
  }
};

}  // namespace unplug::scenarios
