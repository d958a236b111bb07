// What the model of the kernel leaves out, and which files that concerns: one table, limits.def.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

struct Limit {
  std::string_view header, what;                                           // of model/kernel/; as its comment says it
  std::string_view verbs;                                                  // that lead there, separated by spaces
  bool (*when)(const Program& program, std::string_view verbs) = nullptr;  // in which use of them
  std::string_view hides;                                                  // what a verdict could miss; empty: nothing
};
[[nodiscard]] std::span<const Limit> limits();

// What concerns a program, as sentences: "errors of a resume (pm_runtime_get_sync): a leak of the usage count, ...".
[[nodiscard]] std::vector<std::string> not_judged(const Program& program);

}  // namespace unplug::scenarios
