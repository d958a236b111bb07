#include "unplug/scenarios/program/alike.hpp"

#include <algorithm>

namespace unplug::scenarios {
namespace {

constexpr std::size_t most_alike = 12;

}  // namespace

std::vector<std::uint32_t> alike_tasks(const Program& program) {
  const std::vector<TaskSpec>& tasks = program.tasks;
  std::vector<std::uint32_t> out(tasks.size(), 0);
  const FinalState& final = program.final_state;
  if (!final.observed.empty() || !final.forbid.empty() || !final.require.empty()) return out;
  const auto spoken_of = [&](std::uint32_t i) {
    return std::ranges::any_of(tasks, [&](const TaskSpec& other) { return other.parent == i || other.cpu == i; });
  };
  const auto may_be = [&](std::uint32_t i) {
    const TaskSpec& t = tasks[i];
    return t.kind == TaskSpec::Kind::user && t.parent == UINT32_MAX && !t.number && t.cpu == TaskSpec::cpu_elsewhere && !spoken_of(i);
  };
  std::uint32_t groups = 0;
  for (std::uint32_t i = 0; i < tasks.size(); ++i) {
    if (out[i] != 0 || !may_be(i)) continue;
    std::vector<std::uint32_t> group{i};
    for (std::uint32_t k = i + 1; k < tasks.size(); ++k)
      if (tasks[k].role == tasks[i].role && tasks[k].function == tasks[i].function && may_be(k)) group.push_back(k);
    if (group.size() == 1) continue;
    // Of many some are alike: what is counted of a group is how many ways there are to name it.
    for (std::size_t k = 0; k < group.size(); ++k) out[group[k]] = groups + 1 + static_cast<std::uint32_t>(k / most_alike);
    groups += static_cast<std::uint32_t>((group.size() - 1) / most_alike) + 1;
  }
  return out;
}

}  // namespace unplug::scenarios
