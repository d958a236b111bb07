// One variant of a file (a member under a policy), and how much of that the compiler takes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "unplug/scenarios/language/reader.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// By node: the step, and whether some way leads to it.
using Reached = std::map<std::uint32_t, std::pair<Node, bool>>;

// What is fixed for one compilation.
struct Variant {
  Parameters parameters;
  std::string form;  // empty: the file has no forms
  std::vector<RemovalStage> removal;
  std::size_t* work = nullptr;                      // steps and words compiled so far, of all variants
  Reached* reached = nullptr;                       // steps that some schedule can reach, of all variants
  const std::vector<std::string>* forms = nullptr;  // all that the file has
};

// Of a file: repeats unrolled, all variants together. Of a variant: tasks and threads; functions that call each other (their stack).
inline constexpr std::size_t most_work = 20'000, most_variants = 1000, most_tasks = 1000, deepest_calls = 10;

}  // namespace unplug::scenarios
