// What a campaign gathers about one cell: sums, histograms and least indices only, so that it is the same however executions were split.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "unplug/scenarios/result/result.hpp"
#include "unplug/scenarios/run/judge.hpp"
#include "unplug/scenarios/run/meetings.hpp"
#include "unplug/scenarios/run/orbits.hpp"
#include "unplug/scenarios/run/signature.hpp"
#include "unplug/sim/dpor/symmetry.hpp"
#include "unplug/sim/histogram.hpp"

namespace unplug::scenarios {

// Every choice of an execution, by names that mean the same in every engine: (task, how its data choice fell).
using NamedSchedule = std::vector<std::pair<std::string, std::uint32_t>>;

struct Tally {
  struct Count {
    std::uint64_t count = 0, lowest = UINT64_MAX;  // lowest: index of an execution; of a bounded search, its preemptions
    bool note = false;
    // A search has no numbers to find an execution by. The one that is kept has the lowest index, then the fewest steps, then the least
    // fingerprint.
    std::uint64_t steps = UINT64_MAX, fingerprint = UINT64_MAX;
    std::optional<NamedSchedule> schedule;  // none: an execution that was drawn
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
  // Of an entry of the driver: whether any execution entered it, and whether it was ever under way while the driver was removed. If not,
  // what had removal wait until it was over, and what had it wait until removal was; and whether in some execution it came first, or
  // second, for another reason.
  struct Entry {
    bool entered = false, overlapped = false, first_otherwise = false, second_otherwise = false;
    std::set<std::string> waited_for, waits;
    // Whether it is removal that keeps the two apart.
    [[nodiscard]] bool kept_apart() const { return !waited_for.empty() || (!first_otherwise && !second_otherwise && !waits.empty()); }
  };
  // Of what a task of user space asks for, by number of the site.
  struct Asked {
    bool tried = false, succeeded = false, unanswered = false;
  };

  std::uint64_t executions = 0, blocked = 0, failing = 0, cut = 0;
  std::string cut_message;  // of the lowest cut execution
  std::uint64_t cut_index = UINT64_MAX;
  std::map<std::string, Count> signatures;                            // by text
  std::vector<std::pair<std::uint64_t, std::uint64_t>> fingerprints;  // sorted; each with the index of the first execution that had it
  sim::Histogram remove_ns, unbind_ns, rmmod_ns, grace_periods;
  std::map<WaitKey, WaitCount> waits;
  std::map<WaitKey, std::uint32_t> wait_order;  // least position among the waits of an execution
  model::OperationCounts operations;
  Unload unload;
  std::set<std::string> entry_branches, torn_branches;
  std::vector<bool> sites_seen;  // by number of the site
  std::vector<Entry> entries;    // by number of the function
  std::vector<Asked> asked;      // by number of the site
  std::vector<bool> began;       // by number of the task
  bool removal_began = false;
  bool rested = false;                                              // some execution came to rest, so that what is left could be looked at
  std::set<std::vector<std::uint64_t>> final_states, stuck_states;  // of the observed words and locals, where every thread has ended or not
  std::vector<bool> required;                                       // conditions on the final state that have been seen to hold

  void merge(const Tally& other);
};

// Gathers executions of one world. Buffers and keys by id; text is made once, by finish().
class Gatherer {
 public:
  enum class How : std::uint8_t { sampled, timed, bounded, exhaustive };
  // `orbits`: of an exhaustive search that visits traces up to renaming: what has been visited, by all who visit beside this one. Of an
  // orbit the first that is visited stands for all of its traces.
  Gatherer(World& world, How how, Orbits* orbits = nullptr)
      : world_(world), timed_(how == How::timed), bounded_(how == How::bounded), once_(how == How::exhaustive),
        searched_(once_ || bounded_), keeps_fingerprints_(!once_), orbits_(orbits),
        any_alike_(std::ranges::any_of(world.alike(), [](std::uint32_t group) { return group != 0; })) {}
  // Whether traces are told apart. An exhaustive search visits each once, and needs it only if others come beside them.
  void keep_fingerprints() { keeps_fingerprints_ = true; }
  // Adds the execution that has just ended. `index`: its number when they are drawn, its preemptions in a bounded search, 0 in an
  // exhaustive one. Throws std::runtime_error with a message if the engine failed.
  void add(std::uint64_t index, const sim::Trace& trace, const sim::Outcome& outcome);
  [[nodiscard]] Tally finish();

  // The violations of the last execution added, in the checker's order.
  [[nodiscard]] const std::vector<model::Violation>& violations() const { return violations_; }

 private:
  void add_signatures(std::uint64_t index, const sim::Trace& trace);
  void add_waits(const sim::Trace& trace);
  void add_meetings(const sim::Trace& trace);
  void add_apart(Tally::Entry& entry, const Interval& call, const Interval& removal, const sim::Trace& trace);
  void add_asked();
  void add_final_state();
  World& world_;
  [[nodiscard]] std::string cut_message(const sim::Trace& trace, const sim::Outcome& outcome) const;
  bool timed_, bounded_, once_, searched_, keeps_fingerprints_;  // once_: each trace is visited once
  Orbits* orbits_;
  bool any_alike_;
  sim::Symmetry symmetry_;
  std::uint64_t fingerprint_ = 0;  // of the execution at hand: of its orbit where there is one
  std::uint64_t traces_ = 1;       // that it stands for
  Meetings meetings_;
  model::Checker checker_;
  std::vector<model::Violation> violations_;
  std::vector<std::uint64_t> final_;
  std::vector<Signature> seen_;
  std::map<Signature, Tally::Count> counts_;
  std::map<std::pair<bool, sim::SiteId>, std::uint64_t> refusals_;
  Tally tally_;
  std::size_t many_fingerprints_ = 1U << 20U;  // above, those that are there twice are dropped
};

}  // namespace unplug::scenarios
