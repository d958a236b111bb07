// Whether the order of two independent steps can be seen: the check behind the commutation tests.
//
// A primitive family has a lab in commutation/, made known by a CommutationLab; commutation.cpp runs them all and then asks whether some
// operation of the model was in none of them.
#pragma once

#include "support.hpp"

namespace unplug::model::test {

// The names of operations that were in a pair taken in both orders.
using Covered = std::set<std::string>;

// From `places` states on each of `walks` random walks of `lab`: takes every pair of steps that is declared independent in both orders,
// then everything else in one fixed order. Fails the running test where anything tells the orders apart: what is enabled, what a later step
// finds, the violations, the end. Answers the number of pairs; adds the names of their operations to `covered`.
std::uint64_t commute(Lab& lab, std::uint64_t walks, std::uint64_t places, Covered& covered);

// Somebody who has nothing to do with the others: whatever they do next is independent of what he does.
inline void bystander(Lab& l, Allocation& own) {
  l.init(own, "bystander's", {"x"});
  l.task("bystander", [&](Context& c) {
    for (std::uint64_t i = 0; i < 40; ++i) set(c, own, i, 0, MemoryOrder::once);
  });
}

// A lab to be run by the commutation tests; registers itself. `run` answers the number of pairs, of which there must be `least`.
struct CommutationLab {
  CommutationLab(std::string_view title, std::uint64_t least, std::uint64_t (*run)(Covered&));
  std::string_view title;
  std::uint64_t least;
  std::uint64_t (*run)(Covered&);
};
// All of them, by title.
[[nodiscard]] const std::vector<CommutationLab>& commutation_labs();

}  // namespace unplug::model::test
