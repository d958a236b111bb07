// Whether executions repeat exactly: a digest of each, and its steps as text where two digests differ.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "unplug/scenarios/load/scenario.hpp"

namespace unplug::scenarios {

struct VerifyOptions {
  std::vector<std::string> strategies;
  std::uint64_t executions = 20;  // of each cell
  std::uint64_t seed = 1;
  unsigned jobs = 1;
  std::function<void(std::uint64_t done, std::uint64_t all)> progress{};  // told how many cells are done, from any thread; may be empty
  std::function<bool()> stop{};                                           // asked before each cell; then what is there is not all
};

// One line an execution, over all cells of the scenario: what it was and a digest of every step of it: task, object, operation, choice,
// what the object held, virtual time, and the violations found. `rounds` times in the same engine; the digests are of the last.
std::vector<std::string> digests(const Scenario& scenario, const VerifyOptions& options, unsigned rounds = 1);
// The steps of the execution that line `number` of digests() stands for, a line each.
std::vector<std::string> steps_of(const Scenario& scenario, const VerifyOptions& options, std::size_t number);

// The first place at which two lists differ; their length if one is the beginning of the other, npos if they are equal.
[[nodiscard]] std::size_t first_difference(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace unplug::scenarios
