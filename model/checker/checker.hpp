// The checker: turns a finished execution into violations.
//
// Verdicts change nothing while an execution runs; they are read off its trace afterwards. Every rule is a function of the trace's
// happens-before (or of what a task saw by itself), so a violation does not depend on which linearisation was visited.
// Adding a rule: a file in checker/ and a line in checker.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "unplug/model/core/kernel.hpp"
#include "unplug/sim/lifetimes.hpp"

namespace unplug::model {

struct Violation {
  static constexpr std::uint32_t no_event = UINT32_MAX;
  ViolationClass violation_class = ViolationClass::api_misuse;
  NameId object;                   // as declared
  TaskId task;                     // of the offending step
  std::uint32_t event = no_event;  // the offending step; none: `task` is still waiting (its pending step offends)
  std::uint32_t ended_by = no_event;
  std::uint32_t created_by = no_event;
  std::string detail;      // what a reader can't see from class and places; may be empty
  bool unordered = false;  // of two ends of a lifetime: nothing orders them, and each is at fault with the other
};

// A task that ran into its bound of steps, going round where nothing changes any more.
void livelock_rule(const Kernel& kernel, const sim::Trace& trace, TaskId task, std::vector<Violation>& out);

class Checker {
 public:
  // Appends what is wrong with the execution that has just ended on `kernel`'s engine, in a fixed order. Cut executions must not be given.
  void judge(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out);
  // The same of one that ended because `task` ran into its bound of steps: appends a livelock if it would have gone on for ever, and
  // nothing if that was just a bound. Of what it did before, nothing is said.
  static void judge_bound(const Kernel& kernel, const sim::Trace& trace, TaskId task, std::vector<Violation>& out) {
    livelock_rule(kernel, trace, task, out);
  }

 private:
  sim::LifetimeJudge lifetimes_;
  std::vector<sim::LifetimeFault> faults_;
};

// --- The rules, one file each.

// Lifetimes: of what kind the lifetime is decides the class. Of one task's faults on one lifetime the first in program order is named: what
// comes after it is the same accident.
void lifetime_rule(const Kernel& kernel, const sim::Trace& trace, const std::vector<sim::LifetimeFault>& faults,
                   std::vector<Violation>& out);
// Tasks that wait for ever: deadlock (or livelock, of those that poll), hung-remove, unbounded-remove.
void wait_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out);
// What an ended owner created and nobody released.
void leak_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out);
// What was counted up and not down again by an owner that has ended, and references on modules; rmmod that is refused for ever. Judged of
// an execution that has come to rest, and in which no open file has a release() of a driver: nobody is left then who could give anything
// back, but the removal of what is still bound. `may_put`: whether that, of a binding, drops references on a module. `devices`: whether to
// judge references on devices, which an open file may have by way of its cdev.
using MayPut = std::function<bool(LifetimeId binding, const Module& module)>;
void count_rule(const Kernel& kernel, const sim::Trace& trace, const MayPut& may_put, bool devices, std::vector<Violation>& out);
// Work promised, and neither done nor taken back.
void lost_work_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out);
// Plain accesses unordered by synchronisation.
void race_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out);
// Spinlocks that an interrupt takes, and somebody else with that interrupt on: a deadlock on one CPU.
void irq_lock_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out);
// Cycles in the order in which locks are taken under one another, whether or not this execution deadlocked on them.
void lock_cycle_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out);

// Whether the wait that `task` is blocked in can only be ended by user space or hardware, directly or through what it waits for.
[[nodiscard]] bool ends_outside(const Kernel& kernel, const sim::Trace& trace, TaskId task);
// Whether every task has run its course, or waits for something to do.
[[nodiscard]] bool at_rest(const Kernel& kernel, const sim::Trace& trace);
// Whether a task waits at the end whose timeout would end that: the execution goes on from there in another one (wait_limits.hpp).
[[nodiscard]] bool unfinished(const Kernel& kernel, const sim::Trace& trace);

// The event that began `lifetime`, or Violation::no_event. If it began more than once: the last time that happened before event `before`,
// the first by task's name of several.
[[nodiscard]] std::uint32_t begin_of(const Kernel& kernel, const sim::Trace& trace, LifetimeId lifetime, std::uint32_t before);

}  // namespace unplug::model
