#include "unplug/scenarios/run/search.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <tuple>

#include <fmt/format.h>

#include "unplug/sim/campaign.hpp"
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

// Names are numbered by each engine for itself.
struct NamedMove {
  std::string task, object;
  std::uint32_t choice;
  sim::AccessKind kind;
};
using NamedMoves = std::vector<NamedMove>;
struct NamedJob {
  NamedMoves prefix, sleep;
};

NamedMoves named(const std::vector<sim::Move>& moves, const sim::NameTable& names) {
  NamedMoves out;
  for (const sim::Move& m : moves) {
    const bool touches = m.touch.kind != sim::AccessKind::none;
    out.push_back({names.text(m.label.task), touches ? names.text(m.touch.object) : std::string{}, m.label.choice, m.touch.kind});
  }
  return out;
}

std::vector<sim::Move> moves(const NamedMoves& list, sim::NameTable& names) {
  std::vector<sim::Move> out;
  for (const NamedMove& m : list) {
    sim::Move& x = out.emplace_back();
    x.label = {names.intern(m.task), m.choice};
    if (m.kind != sim::AccessKind::none) x.touch = {names.intern(m.object), m.kind};
  }
  return out;
}

class JobWorker final : public sim::CampaignWorker {
 public:
  JobWorker(std::shared_ptr<const Program> program, const model::PolicySpec& policy, const std::vector<NamedJob>& jobs,
            const sim::DporOptions& options, std::function<void(std::uint64_t)> count, Tally& into)
      : bench_(std::move(program), policy, Gatherer::How::exhaustive), jobs_(jobs), options_(options), count_(std::move(count)),
        into_(into) {}
  void run(std::uint64_t index) override {
    sim::DporOptions o = options_;
    o.mode = sim::DporOptions::Mode::source;
    o.prefix = moves(jobs_[index].prefix, bench_.engine.names());
    o.sleep = moves(jobs_[index].sleep, bench_.engine.names());
    o.tell = {};
    count_(explore(bench_, o).executions);
  }
  void deliver() override { into_.merge(bench_.gatherer.finish()); }

 private:
  SearchBench bench_;
  const std::vector<NamedJob>& jobs_;
  const sim::DporOptions& options_;
  std::function<void(std::uint64_t)> count_;  // told how many a job has visited
  Tally& into_;
};

// Enough that threads find work to the end; deep enough for any program that is worth splitting.
constexpr std::size_t deepest_split = 60;

}  // namespace

Searched search_traces(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, const SearchOptions& options,
                       Tally& into) {
  sim::DporOptions o;
  o.seed = sim::execution_seed(options.seed, 0);
  o.stop = options.stop;
  o.tell = options.progress;
  if (options.most) o.max_executions = *options.most;
  o.profile = options.profile;
  Searched out;
  // A limit means the first traces in the order of one thread.
  if (options.jobs <= 1 || options.most || options.profile) {
    for (const auto mode : {sim::DporOptions::Mode::optimal, sim::DporOptions::Mode::source}) {
      o.mode = mode;
      SearchBench bench(program, policy, Gatherer::How::exhaustive);
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
      if (r.kind == DporEnd::memory && mode == sim::DporOptions::Mode::optimal) continue;
      into.merge(bench.gatherer.finish());
      for (const auto& [object, traces] : r.causes)
        out.races.emplace_back(object ? std::string(bench.engine.names().text(object)) : "a data choice", traces);
      std::ranges::sort(out.races, [](const auto& a, const auto& b) { return std::tie(b.second, a.first) < std::tie(a.second, b.first); });
      out.complete = r.kind == DporEnd::complete;
      out.stopped = !out.complete && !hopeless && r.executions != o.max_executions;
      if (!out.complete && !out.stopped) out.why = fmt::format("the first {} traces", r.executions);
      break;
    }
    return out;
  }
  std::vector<NamedJob> jobs;
  {
    SearchBench bench(program, policy, Gatherer::How::exhaustive);
    const sim::DporSplit split = sim::split(bench.engine, bench.world, wanted_jobs, deepest_split, o.seed);
    if (!split.message.empty()) throw std::runtime_error(split.message);
    for (const sim::DporJob& j : split.jobs) jobs.push_back({named(j.prefix, bench.engine.names()), named(j.sleep, bench.engine.names())});
  }
  std::atomic<std::uint64_t> visited{0}, done{0};
  const auto count = [&](std::uint64_t executions) {
    visited += executions;
    ++done;
    // What is left is like what was seen, a job like another.
    if (options.progress) options.progress(visited, visited * jobs.size() / done);
  };
  const bool whole = sim::run_campaign(
      jobs.size(), options.jobs, [&] { return std::make_unique<JobWorker>(program, policy, jobs, o, count, into); }, {}, options.stop, 1);
  out.stopped = !whole || (options.stop && options.stop());
  out.complete = !out.stopped;
  return out;
}

}  // namespace unplug::scenarios
