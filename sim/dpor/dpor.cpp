#include "unplug/sim/dpor/dpor.hpp"

#include <algorithm>

#include "unplug/sim/dpor/walk.hpp"

namespace unplug::sim {
namespace {

constexpr std::uint64_t told_each = 256;  // executions

void count(std::vector<std::pair<Cause, std::uint64_t>>& causes, Cause c) {
  auto at = std::ranges::find(causes, c, &std::pair<Cause, std::uint64_t>::first);
  if (at == causes.end()) at = causes.insert(at, {c, 0});
  ++at->second;
}

}  // namespace

Dpor::Result Dpor::explore(Engine& engine, Program& program, const DporOptions& options, const Visit& visit) {
  DporWalk walk(engine, options);
  Result result;
  ExecutionInfo info{0, options.seed, &engine.names()};
  do {
    if ((options.stop && options.stop()) || result.executions == options.max_executions) {
      result.kind = Result::Kind::stopped;
      return result;
    }
    if (!run_once(engine, program, walk, info, result, visit)) return result;
    if (options.profile && result.executions > 1 && !walk.redundant()) count(result.causes, walk.cause());
    if (options.tell && info.index % told_each == 0) options.tell(result.executions, walk.estimate(result.executions));
  } while (walk.backtrack());
  return result;
}

bool Dpor::run_once(Engine& engine, Program& program, DporWalk& walk, ExecutionInfo& info, Result& result, const Visit& visit) {
  walk.begin(info);
  const Outcome outcome = engine.run(program, walk, info);
  ++info.index;
  if (outcome.kind == Outcome::Kind::failed || !walk.diverged().empty()) {
    result.kind = Result::Kind::failed;
    result.message = walk.diverged().empty() ? outcome.message : walk.diverged();
    return false;
  }
  if (walk.redundant()) {
    ++result.redundant;
  } else {
    ++result.executions;
    if (outcome.kind == Outcome::Kind::step_bound) ++result.step_bound;
  }
  // Where only first steps are kept, what executions that were cut have shown counts, too.
  walk.learn(engine.trace());
  result.wakeup_nodes = std::max(result.wakeup_nodes, walk.wakeup_nodes());
  if (!walk.redundant() && !visit(outcome)) {
    result.kind = Result::Kind::stopped;
    return false;
  }
  return true;
}

}  // namespace unplug::sim
