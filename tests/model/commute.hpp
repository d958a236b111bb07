// Whether the order of two independent steps can be seen: the check behind the commutation tests.
#pragma once

#include "support.hpp"

namespace unplug::model::test {

// From `places` states on each of `walks` random walks of `lab`: takes every pair of steps that is declared independent in both orders,
// then everything else in one fixed order. Fails the running test where anything tells the orders apart: what is enabled, what a later step
// finds, the violations, the end. Answers the number of pairs; adds the names of their operations to `covered`.
std::uint64_t commute(Lab& lab, std::uint64_t walks, std::uint64_t places, std::set<std::string>& covered);

}  // namespace unplug::model::test
