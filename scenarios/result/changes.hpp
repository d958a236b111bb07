// What one set of verdicts has that another has not: two forms of a driver, or two stored results.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "unplug/scenarios/result/result.hpp"

namespace unplug::scenarios {

// A violation by what it is called everywhere, "class(object)@function": step ids move with the steps of a form.
struct Change {
  enum class Kind : std::uint8_t { fixes, introduces, leaves, moves } kind = Kind::leaves;
  std::string violation;
  bool note = false;
  // With how many preemptions it is reached, before and after; `fewest`: a search has found none with fewer.
  struct Reached {
    unsigned preemptions = 0;
    bool fewest = false;
    bool operator==(const Reached&) const = default;
  };
  std::optional<Reached> before, after;
};

struct Changes {
  std::string scenario, member, policy;
  std::string before, after;                    // what the two are called
  std::string evidence_before, evidence_after;  // what stands behind "not there"
  std::string but_before, but_after;            // what "nothing" does not say there: vacuous, clean by refusal; empty: nothing
  std::vector<std::string> not_judged;          // on either side
  std::vector<Change> list;                     // sorted by kind, then by what a reader fears, then by name
  [[nodiscard]] bool introduces() const;
};

// The cells of one scenario, member, form and policy, under whatever strategies, on each side.
[[nodiscard]] Changes changes(std::span<const Cell* const> before, std::span<const Cell* const> after);

// The same for two results, cell by cell of those that both have: by scenario, member, form and policy.
[[nodiscard]] std::vector<Changes> changes(const Result& before, const Result& after);

}  // namespace unplug::scenarios
