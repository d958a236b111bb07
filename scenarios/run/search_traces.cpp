#include "unplug/scenarios/run/search.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include <fmt/format.h>

#include "unplug/sim/dpor/dpor.hpp"

namespace unplug::scenarios {
namespace {

using DporEnd = sim::Dpor::Result::Kind;

sim::Dpor::Result explore(SearchBench& bench, const sim::DporOptions& options) {
  sim::Dpor::Result r = sim::Dpor::explore(bench.engine, bench.world, options, [&](const sim::Outcome& o) {
    bench.gatherer.add(0, bench.engine.trace(), o);
    return true;
  });
  if (r.kind == DporEnd::failed) throw std::runtime_error(r.message);
  return r;
}

class TraceWorker final : public sim::DporWorker {
 public:
  TraceWorker(std::shared_ptr<const Program> program, const model::PolicySpec& policy, sim::Reductions reductions, Orbits& orbits,
              Tally& into)
      : bench_(std::move(program), policy, Gatherer::How::exhaustive, reductions.symmetry ? &orbits : nullptr), into_(into) {
    bench_.engine.let_additions_commute(reductions.additions);
  }
  sim::Engine& engine() override { return bench_.engine; }
  sim::Program& program() override { return bench_.world; }
  bool visit(const sim::Outcome& o) override {
    bench_.gatherer.add(0, bench_.engine.trace(), o);
    return true;
  }
  void deliver() override { into_.merge(bench_.gatherer.finish()); }

 private:
  SearchBench bench_;
  Tally& into_;
};

}  // namespace

Searched search_traces(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, const SearchOptions& options,
                       Tally& into) {
  sim::DporOptions o;
  o.seed = sim::execution_seed(options.seed, 0);
  o.stop = options.stop;
  o.tell = options.progress;
  if (options.most) o.max_executions = *options.most;
  o.profile = options.profile;
  o.symmetry = options.reductions.symmetry;
  Orbits orbits;
  Searched out;
  // A limit means the first traces in the order of one thread.
  if (options.jobs > 1 && !options.most && !options.profile) {
    const sim::Dpor::Result r = sim::explore_together(
        options.jobs, o, [&] { return std::make_unique<TraceWorker>(program, policy, options.reductions, orbits, into); });
    if (r.kind == DporEnd::failed) throw std::runtime_error(r.message);
    out.complete = r.kind == DporEnd::complete;
    out.stopped = !out.complete;
    return out;
  }
  SearchBench bench(program, policy, Gatherer::How::exhaustive, o.symmetry ? &orbits : nullptr);
  bench.engine.let_additions_commute(options.reductions.additions);
  bool hopeless = false;
  if (options.may_give_up) {
    bench.gatherer.keep_fingerprints();
    o.tell = [&](std::uint64_t visited, std::uint64_t all) {
      hopeless = hopeless || (visited >= o.max_executions / 10 && all / 100 > o.max_executions);
      if (options.progress) options.progress(visited, all);
    };
    o.stop = [&] { return hopeless || (options.stop && options.stop()); };
  }
  const sim::Dpor::Result r = explore(bench, o);
  const Tally seen = bench.gatherer.finish();
  into.merge(seen);
  for (const auto& [object, traces] : r.causes)
    out.races.emplace_back(object ? std::string(bench.engine.names().text(object)) : "a data choice", traces);
  std::ranges::sort(out.races, [](const auto& a, const auto& b) { return std::tie(b.second, a.first) < std::tie(a.second, b.first); });
  out.complete = r.kind == DporEnd::complete;
  out.stopped = !out.complete && !hopeless && r.executions != o.max_executions;
  if (!out.complete && !out.stopped) out.why = fmt::format("the first {} traces", seen.executions);
  return out;
}

}  // namespace unplug::scenarios
