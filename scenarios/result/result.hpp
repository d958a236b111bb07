// What a run has to say, as data: the one result model from which every report is written.
//
// The runner fills it, reports/ writes it (terminal, text, JSON, HTML) and reads it back; nothing in it depends on the wall clock, on
// --jobs or on how the work was split. Every time is virtual, in nanoseconds. Names are the words of docs/architecture.md.
// The JSON form (kind "result/2") is described by reports/schema/result-2.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace unplug::scenarios {

// Bumped when a field changes meaning; a reader refuses other versions.
inline constexpr int result_version = 2;

// Quantiles of a virtual time over the executions of one cell, by the nearest-rank rule (p50 of 1..100 is 50). `count` 0: nothing measured.
struct Quantiles {
  std::uint64_t count = 0;
  std::uint64_t p50 = 0, p90 = 0, p99 = 0, max = 0;
};

// What stands behind a verdict (design: evidence is a first-class result).
struct Evidence {
  enum class Kind { sampled, bounded, exhaustive };
  Kind kind = Kind::sampled;
  std::uint64_t executions = 0;       // maximal traces, if exhaustive; what was drawn, if sampled
  std::uint64_t searched = 0;         // sampled: traces that a search visited before it was given up, beside what was drawn
  std::uint64_t distinct_traces = 0;  // different fingerprints seen among them
  std::uint64_t new_at_the_end = 0;   // of these: first seen in the last tenth of what was drawn
  std::vector<std::string> bounds;    // what bounded it: "interrupt 'irq' arrives at most 2 times", "2 preemptions", ...
};

// One place in driver or kernel text, as reports show it: the maintainer's file:line first, where he gave one.
struct Place {
  std::string task;                      // "user.1"
  std::string role;                      // "user"
  std::string function;                  // "foo_ioctl"
  std::string step;                      // step id: "readl#2"
  std::string operation;                 // what the engine executed, for example "srcu: flip index"; equals the verb for most steps
  std::string source;                    // "drivers/misc/foo.c:120", or empty
  std::vector<std::string> call_chain;   // innermost first: "foo_ioctl", "core_ioctl"
  std::optional<std::uint64_t> time_ns;  // virtual, only from strategy `timed`
};

// A broken rule (or a note), once per signature.
struct Finding {
  std::string violation_class;  // "use-after-unmap"
  bool note = false;
  std::string object;              // as declared: "bar0"
  std::string signature;           // class, object, offending role and step, ending role and step: the key
  std::string message;             // one sentence for people, ASCII
  std::uint64_t count = 0;         // executions that show it
  std::uint64_t lowest_index = 0;  // of the execution whose failure file is kept
  Place offender;
  std::optional<Place> ended_by, created_by;
  std::string serves;       // function of the item that kernel code was busy with (a work item, a timer), where that is the offender
  std::string also_at;      // of two steps that are each at fault with the other: the other's function
  std::string feasibility;  // "task 'user.0' stalled for at least 12 ms, in preemptible context"; may be empty
  std::optional<unsigned> preemptions;  // of the schedule that is shown, up to the violation
  bool fewest = false;                  // a bounded search has shown that none with fewer reaches it
  std::string failure_file;             // path relative to the output directory; empty if none was written
  std::string replay_command;           // "unplug replay out/report/failures/....json"; empty if no file
};

// Something removal waited for.
struct Wait {
  enum class Phase { remove, devres, module_exit, module_free };
  Phase phase = Phase::remove;
  std::string what;                     // "synchronize_srcu(dev.srcu)"
  std::string function;                 // the function that waits: "foo_remove", or "policy srcu-fence"
  std::string owner;                    // who ends it: "driver", "core", "hardware", "user", "grace period"
  std::vector<std::string> waited_for;  // roles seen to end it, sorted: "user", "kworker poll"
  bool bounded = true;                  // false: only hardware or user space can end it
  std::uint64_t executions = 0;         // in which it was reached
  std::uint64_t blocked = 0;            // in which it really had to wait
  Quantiles ns;                         // timed only
};

// Operations user space asked for, and what became of them.
struct Operations {
  std::uint64_t started = 0, completed = 0;
  std::uint64_t refused_at_entry = 0;  // -ENODEV/-EIO before driver code ran
  std::uint64_t torn = 0;              // refused in mid-operation, after driver code had begun to act
  std::uint64_t failed = 0;            // any other error
  std::uint64_t unfinished = 0;        // still inside when the execution ended
  unsigned entry_branches = 0;         // distinct failure branches the policy forces on the driver: at entry ...
  unsigned torn_branches = 0;          // ... and in mid-operation
};

// What rmmod was answered, where the scenario tries it: "does it work with the file descriptor open?" is asked of every policy.
struct Unload {
  std::uint64_t attempted = 0;        // executions in which rmmod was tried
  std::uint64_t refused = 0;          // ... and answered -EWOULDBLOCK, because something still pinned the module
  std::uint64_t done_while_open = 0;  // ... and succeeded although user space still held a file open
};

struct Expectation {
  std::string text;  // "must use-after-unmap(bar0)@foo_ioctl"
  std::string why;   // from the scenario; may be empty
  bool met = false;
  std::string detail;  // what was found instead; empty if met
};

// What a cell's executions say of the driver under a policy.
enum class CellVerdict {
  fails,    // a violation
  vacuous,  // none, and something that was to be judged never happened: nothing is said
  refused,  // none, and in some executions because the module was not let go
  clean     // none
};

// Something that was to be judged and never happened, in any execution of a cell.
struct Never {
  std::string what;  // as a file accepts it: "foo_ioctl", "user", "user/open#1", "unbind", "foo_ioctl with foo_remove"
  std::string how;   // "was never entered"
  std::string why;   // the reason for which the file accepts it; empty: it doesn't
};

// An entry that removal itself keeps from being under way meanwhile: a fact, no blemish.
struct KeptApart {
  std::string what;  // "foo_open with foo_remove"
  std::string by;    // "misc_deregister() in foo_remove"
};

// One cell of a comparison: scenario x member x form x policy x strategy.
struct Cell {
  std::string member;    // "bars=3, removal=unbind"; empty if the scenario has no parameters
  std::string form;      // empty if the scenario has no forms
  std::string policy;    // "srcu-fence", "srcu-fence without waiters"
  std::string strategy;  // "timed", "random"
  std::uint64_t seed = 0;
  std::uint64_t executions = 0;
  std::uint64_t blocked = 0;  // of these: ended with a task that waits for ever
  std::uint64_t failing = 0;  // of these: with a violation
  CellVerdict verdict = CellVerdict::clean;
  Evidence evidence;
  std::vector<Finding> violations, notes;                   // what is feared most first, then by signature
  std::optional<Quantiles> remove_ns, unbind_ns, rmmod_ns;  // timed only
  Quantiles grace_periods;  // RCU grace periods that removal paid for in series, per execution (a count, not ns)
  std::vector<Wait> waits;  // in the order removal meets them
  Operations operations;
  Unload unload;
  // Of threads and shared words: how many different final states were seen, of executions in which every thread has ended and of those that
  // end with one that waits for ever; and the conditions that some execution has to meet.
  std::uint64_t final_states = 0, stuck_states = 0;
  struct Required {
    std::string text;
    bool seen = false;
  };
  std::vector<Required> required;
  std::vector<Expectation> expectations;
  std::vector<std::string> never_reached;  // steps that no execution took: "foo_ioctl/readl#2"
  std::vector<Never> never;                // what makes it vacuous, or would if the file did not accept it
  std::vector<KeptApart> kept_apart;
  // Of an exhaustive search with a profile: how many traces were visited because of a race on an object, or of a data choice; most first.
  struct Races {
    std::string on;
    std::uint64_t traces = 0;
  };
  std::vector<Races> races;
  std::vector<std::string> not_judged;       // uses of verbs of which the model leaves something out, and what that could hide
  std::uint64_t unreplayed_predictions = 0;  // predictions that failed to replay: a bug of ours, always shown
};

// A policy as a report must introduce it (fairness: dated, and labelled with who ships it).
struct PolicyLabel {
  std::string name, title, shipped_by, since, description;
  std::vector<std::string> parts;  // "entry: srcu", "work: quiesced", ...
};

struct ScenarioResult {
  std::string name, path, title, source;
  std::string text_hash;                    // 16 hex digits
  std::vector<std::string> kernel;          // "version 6.18", "PREEMPT_RCU y", "HZ 250", grace-period preset
  std::vector<std::string> defaults_taken;  // where people argue and the file left it open
  std::vector<std::string> model_limits;    // sequential consistency, entry kinds not modelled, bounds of the workload
  std::vector<std::string> primitives;      // "synchronize_srcu: kernel/rcu/srcutree.c, v6.18; leaves out ..."
  std::vector<PolicyLabel> policies;
  std::vector<Cell> cells;
};

struct Result {
  std::string tool_version;
  int engine_semantics = 0;
  std::string command;     // how to run it again: "unplug compare scenarios/nova-timer.json --seed 1"
  std::string incomplete;  // "interrupted: 12 of 70 cells were run"; empty if all were
  std::string self_check;  // one line on the tool itself: litmus results, mutants killed, corpus; empty if not known
  std::vector<ScenarioResult> scenarios;
};

}  // namespace unplug::scenarios
