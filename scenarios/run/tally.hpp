// What a campaign gathers about one cell: sums, histograms and least indices only, so that it is the same however executions were split.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "unplug/scenarios/result.hpp"
#include "unplug/scenarios/run/signature.hpp"
#include "unplug/scenarios/world.hpp"
#include "unplug/sim/histogram.hpp"

namespace unplug::scenarios {

struct Tally {
  struct Count {
    std::uint64_t count = 0, lowest = UINT64_MAX;
    bool note = false;
  };
  struct WaitCount {
    std::uint64_t executions = 0, blocked = 0;
    bool bounded = true;
    std::set<std::string> waited_for;
    sim::Histogram ns;
  };
  // Phase, place in the order removal meets it (see order), what, function, owner.
  using WaitKey = std::tuple<model::RemovalPhase, std::string, std::string, std::string>;

  std::uint64_t executions = 0, cut = 0;
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

  void merge(const Tally& other);
};

// Gathers executions of one world. Buffers and keys by id; text is made once, by finish().
class Gatherer {
 public:
  explicit Gatherer(World& world, bool timed) : world_(world), timed_(timed) {}
  // Adds the execution that has just ended, number `index`. Throws std::runtime_error with a message if the engine failed.
  void add(std::uint64_t index, const sim::Trace& trace, const sim::Outcome& outcome);
  [[nodiscard]] Tally finish();

  // The violations of the last execution added, in the checker's order.
  [[nodiscard]] const std::vector<model::Violation>& violations() const { return violations_; }

 private:
  void add_waits(const sim::Trace& trace);
  World& world_;
  bool timed_;
  model::Checker checker_;
  std::vector<model::Violation> violations_;
  std::vector<Signature> seen_;
  std::map<Signature, Tally::Count> counts_;
  std::map<std::pair<bool, sim::SiteId>, std::uint64_t> refusals_;
  Tally tally_;
};

// Everything that is wrong with the execution that has just ended in `world`: the checker's violations, and slow-remove if `timed`.
void judge(World& world, model::Checker& checker, const sim::Trace& trace, bool timed, std::vector<model::Violation>& out);

}  // namespace unplug::scenarios
