#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "unplug/scenarios/run/search.hpp"
#include "unplug/sim/bounded.hpp"
#include "unplug/sim/campaign.hpp"

namespace unplug::scenarios {
namespace {

// The search is split into as many jobs, however many threads there are.
constexpr std::size_t wanted_jobs = 256;

using BoundedEnd = sim::BoundedResult::Kind;
using Prefixes = std::vector<std::vector<std::uint32_t>>;

sim::BoundedResult explore(SearchBench& bench, const sim::BoundedOptions& options) {
  sim::BoundedResult r = sim::explore_bounded(bench.engine, bench.world, options, [&](const sim::Outcome& o) {
    bench.gatherer.add(options.preemptions, bench.engine.trace(), o);
    return true;
  });
  if (r.kind == BoundedEnd::failed) throw std::runtime_error(r.message);
  return r;
}

class PrefixWorker final : public sim::CampaignWorker {
 public:
  PrefixWorker(std::shared_ptr<const Program> program, const model::PolicySpec& policy, const Prefixes& prefixes,
               const sim::BoundedOptions& options, std::vector<char>& withheld, Tally& into)
      : bench_(std::move(program), policy, Gatherer::How::bounded), prefixes_(prefixes), options_(options), withheld_(withheld),
        into_(into) {}
  void run(std::uint64_t index) override {
    sim::BoundedOptions o = options_;
    o.prefix = prefixes_[index];
    o.tell = {};
    withheld_[index] = explore(bench_, o).withheld ? 1 : 0;
  }
  void deliver() override { into_.merge(bench_.gatherer.finish()); }

 private:
  SearchBench bench_;
  const Prefixes& prefixes_;
  const sim::BoundedOptions& options_;
  std::vector<char>& withheld_;  // by prefix
  Tally& into_;
};

std::string up_to(std::uint32_t preemptions) {
  return preemptions == 1 ? "up to 1 preemption" : fmt::format("up to {} preemptions", preemptions);
}

}  // namespace

Searched search_bounded(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, std::uint32_t preemptions,
                        const SearchOptions& options, Tally& into) {
  Searched out;
  sim::BoundedOptions o;
  o.seed = sim::execution_seed(options.seed, 0);
  o.stop = options.stop;
  o.tell = options.progress;
  const auto stopped = [&] { return options.stop && options.stop(); };
  SearchBench bench(program, policy, Gatherer::How::bounded);
  std::uint64_t left = options.most.value_or(UINT64_MAX);
  for (o.preemptions = 0;; ++o.preemptions) {
    bool withheld = false;
    // A limit means the first schedules in the order of one thread.
    if (options.jobs <= 1 || options.most) {
      o.max_executions = left;
      const sim::BoundedResult r = explore(bench, o);
      left -= r.executions;
      withheld = r.withheld;
      out.stopped = r.kind == BoundedEnd::stopped && left != 0;
      if (r.kind == BoundedEnd::stopped && !out.stopped)
        out.why = fmt::format("the first {} schedules with {}", *options.most, up_to(o.preemptions));
    } else {
      Prefixes prefixes;
      const std::string failed = sim::split_bounded(bench.engine, bench.world, o, wanted_jobs, prefixes);
      if (!failed.empty()) throw std::runtime_error(failed);
      std::vector<char> by_prefix(prefixes.size());
      const bool whole = sim::run_campaign(
          prefixes.size(), options.jobs, [&] { return std::make_unique<PrefixWorker>(program, policy, prefixes, o, by_prefix, into); }, {},
          options.stop, 1);
      withheld = std::ranges::find(by_prefix, 1) != by_prefix.end();
      out.stopped = !whole || stopped();
    }
    if (out.stopped || !out.why.empty()) break;
    out.complete = !withheld;
    if (out.complete) break;
    if (o.preemptions == preemptions) {
      out.why = up_to(preemptions);
      break;
    }
  }
  into.merge(bench.gatherer.finish());
  return out;
}

}  // namespace unplug::scenarios
