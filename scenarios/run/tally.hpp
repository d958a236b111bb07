// What a campaign gathers about one cell: sums, histograms and least indices only, so that it is the same however executions were split.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "unplug/scenarios/result.hpp"
#include "unplug/scenarios/run/meetings.hpp"
#include "unplug/scenarios/run/signature.hpp"
#include "unplug/scenarios/world.hpp"
#include "unplug/sim/histogram.hpp"

namespace unplug::scenarios {

// Every choice of an execution, by names that mean the same in every engine: (task, how its data choice fell).
using NamedSchedule = std::vector<std::pair<std::string, std::uint32_t>>;

struct Tally {
  struct Count {
    std::uint64_t count = 0, lowest = UINT64_MAX;  // lowest: index of an execution
    bool note = false;
    // Of a bounded search: the fewest preemptions of an execution in which it can be seen, end before use. (What a trace tells of its other
    // executions may need more than that trace.)
    std::uint64_t shown_with = UINT64_MAX;
    // A search has no numbers to find an execution by. The one that is kept has the lowest index, then the fewest steps, then the least
    // fingerprint.
    std::uint64_t steps = UINT64_MAX, fingerprint = UINT64_MAX;
    NamedSchedule schedule;
    void add(const Count& other);
  };
  struct WaitCount {
    std::uint64_t executions = 0, blocked = 0;
    bool bounded = true;
    std::set<std::string> waited_for;
    sim::Histogram ns;
  };
  // Phase, place in the order removal meets it (see order), what, function, owner.
  using WaitKey = std::tuple<model::RemovalPhase, std::string, std::string, std::string>;

  std::uint64_t executions = 0, blocked = 0, failing = 0, cut = 0;
  std::string cut_message;  // of the lowest cut execution
  std::uint64_t cut_index = UINT64_MAX;
  std::map<std::string, Count> signatures;  // by text
  std::vector<std::uint64_t> fingerprints;
  sim::Histogram remove_ns, unbind_ns, rmmod_ns, grace_periods;
  std::map<WaitKey, WaitCount> waits;
  std::map<WaitKey, std::uint32_t> wait_order;  // least position among the waits of an execution
  model::OperationCounts operations;
  Unload unload;
  std::set<std::string> entry_branches, torn_branches;
  std::vector<bool> sites_seen, entered, overlapped;  // by number of the site, the function
  std::set<std::vector<std::uint64_t>> final_states;  // of the observed words and locals, where every thread has ended
  std::vector<bool> required;                         // conditions on the final state that have been seen to hold

  void merge(const Tally& other);
};

// Gathers executions of one world. Buffers and keys by id; text is made once, by finish().
class Gatherer {
 public:
  enum class How : std::uint8_t { sampled, timed, bounded, exhaustive };
  Gatherer(World& world, How how)
      : world_(world), timed_(how == How::timed), bounded_(how == How::bounded), once_(how == How::exhaustive),
        searched_(once_ || bounded_), meetings_(searched_) {}
  // Adds the execution that has just ended. `index`: its number when they are drawn, its preemptions in a bounded search, 0 in an
  // exhaustive one. Throws std::runtime_error with a message if the engine failed.
  void add(std::uint64_t index, const sim::Trace& trace, const sim::Outcome& outcome);
  [[nodiscard]] Tally finish();

  // The violations of the last execution added, in the checker's order.
  [[nodiscard]] const std::vector<model::Violation>& violations() const { return violations_; }

 private:
  void add_waits(const sim::Trace& trace);
  void add_meetings();
  void add_final_state();
  World& world_;
  bool timed_, bounded_, once_, searched_;  // once_: each trace is visited once
  Meetings meetings_;
  model::Checker checker_;
  std::vector<model::Violation> violations_;
  std::vector<std::uint64_t> final_;
  std::vector<std::pair<Signature, bool>> seen_;  // true: only told of another execution of the trace
  std::map<Signature, Tally::Count> counts_;
  std::map<std::pair<bool, sim::SiteId>, std::uint64_t> refusals_;
  Tally tally_;
  std::size_t many_fingerprints_ = 1U << 20U;  // above, those that are there twice are dropped
};

// Everything that is wrong with the execution that has just ended in `world`: the checker's violations, and slow-remove if `timed`. false:
// it was cut, and there is nothing to say about it.
bool judge(World& world, model::Checker& checker, const sim::Trace& trace, const sim::Outcome& outcome, bool timed,
           std::vector<model::Violation>& out);

}  // namespace unplug::scenarios
