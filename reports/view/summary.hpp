// What every report for people says, computed once: cells brought together by form, member and policy.
//
// A cell is one strategy's view of a policy; a reader asks about the policy. So the cells of one (form, member, policy) become one
// Verdict: a signature counts once however many strategies saw it, times come from the cell that has them, evidence stays apart per
// strategy because it can't be added up. Everything here points into the Result, which must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

// What may be said about a policy. The order is that of how much is known; `broken` is first.
enum class Standing { broken, vacuous, sampled, bounded, exhaustive };

// One signature in one verdict, over the strategies that saw it.
struct Seen {
  const scenarios::Finding* finding = nullptr;  // the copy with the fewest preemptions
  const scenarios::Cell* cell = nullptr;        // ... and the cell it stands in
};

struct ClassCount {
  std::string violation_class;
  std::size_t signatures = 0;
};

struct Verdict {
  std::string policy;
  const scenarios::PolicyLabel* label = nullptr;  // null if the result doesn't introduce it
  std::vector<const scenarios::Cell*> cells;      // one per member and strategy, as stored
  Standing standing = Standing::sampled;
  std::vector<Seen> violations, notes;  // sorted by class, then signature
  std::vector<ClassCount> classes;      // of the violations
  // Over several members: the least p50 and the greatest of the others.
  std::optional<scenarios::Quantiles> remove_ns, unbind_ns, rmmod_ns;
  scenarios::Quantiles grace_periods;
  std::vector<scenarios::Wait> waits;               // merged over the strategies, in the order removal meets them
  scenarios::Operations operations;                 // summed over the strategies; branches: the most any of them needed
  scenarios::Unload unload;                         // summed
  bool refused = false;                             // clean, and in some executions because the module was not let go
  std::vector<std::string> never_reached;           // by none of the strategies
  std::vector<std::string> never;                   // what never happened, as sentences; nothing that the file accepts
  std::vector<std::string> accepted;                // the same with the file's reason
  std::vector<std::string> kept_apart, not_judged;  // facts, as sentences
  std::uint64_t unreplayed_predictions = 0;
};

// Policies beside each other: one table of a report.
struct Group {
  std::string form;
  std::string member;                // as a title: "bars=3, removal=unbind", or "bars=1, 3, 6; removal=unbind" of several
  std::vector<std::string> members;  // as the cells name them
  std::vector<Verdict> verdicts;     // in the order of the scenario's policies, then of the cells
};

// One signature of a scenario, and everyone who shows it.
struct FindingView {
  struct Under {
    const Group* group = nullptr;
    const Verdict* verdict = nullptr;
    Seen seen;
  };
  std::size_t number = 0;                    // from 1, as reports refer to it
  const scenarios::Finding* best = nullptr;  // fewest preemptions of all
  std::vector<Under> under;                  // by group, then policy
};

// An expectation that wasn't met, with every cell that misses it in the same way.
struct UnmetExpectation {
  const scenarios::Expectation* expectation = nullptr;
  std::vector<const scenarios::Cell*> cells;
};

// Moved, never copied: findings point into groups.
struct ScenarioView {
  ScenarioView() = default;
  ScenarioView(ScenarioView&&) = default;
  ScenarioView& operator=(ScenarioView&&) = default;

  const scenarios::ScenarioResult* scenario = nullptr;
  std::vector<std::string> policies;         // in order
  std::vector<Group> groups;                 // by form, then member, as they first appear
  std::vector<Group> tables;                 // the same, members of one form with the same verdicts brought together
  std::vector<FindingView> findings, notes;  // by what is feared most, then fewest preemptions first, then signature
  std::size_t expectations = 0, unmet_count = 0;
  std::vector<UnmetExpectation> unmet;
};

// The view of one scenario.
[[nodiscard]] ScenarioView summarise(const scenarios::ScenarioResult& scenario);

// Is `a` simpler to get than `b`: with fewer preemptions (unknown is more than any number), or with as many and a failure file?
[[nodiscard]] bool simpler(const scenarios::Finding& a, const scenarios::Finding& b);

}  // namespace unplug::reports
