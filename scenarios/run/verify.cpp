#include "unplug/scenarios/run/verify.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include "unplug/scenarios/run/tally.hpp"
#include "unplug/sim/campaign.hpp"
#include "unplug/sim/trial.hpp"

namespace unplug::scenarios {
namespace {

std::vector<std::string> lines_of(World& world, const sim::Trace& t, const sim::Outcome& outcome,
                                  const std::vector<model::Violation>& violations) {
  const model::Kernel& k = world.kernel();
  std::vector<std::string> out;
  for (const sim::Event& e : t.events) {
    const bool touches = e.access.kind != sim::AccessKind::none;
    out.push_back(fmt::format("{} #{}: {}{}{} choice {}/{} before {} at {} ns", k.text(t.tasks[e.task.index()].name), e.ordinal,
                              e.operation->name, touches ? " on " : "", touches ? k.text(t.objects[e.access.object.index()].name) : "",
                              e.choice, e.alternatives, e.before, e.time));
  }
  for (const model::Violation& v : violations) out.push_back("violation " + text(k, signature_of(t, v)));
  out.push_back(fmt::format("ended: {} {}", static_cast<int>(outcome.kind), outcome.message));
  return out;
}

struct VerifiedCell {
  std::size_t member, form, policy;
  std::string strategy;
};

std::vector<VerifiedCell> cells_of(const Scenario& s, const VerifyOptions& options) {
  std::vector<VerifiedCell> out;
  for (std::size_t m = 0; m < s.members.size(); ++m)
    for (std::size_t f = 0; f < s.forms.size(); ++f)
      for (std::size_t p = 0; p < s.policies.size(); ++p)
        for (const std::string& name : options.strategies) out.push_back({m, f, p, name});
  return out;
}

// Visits every execution of a cell: its line without the digest, and its steps.
using Visit = std::function<void(const std::string& what, const std::vector<std::string>& steps)>;
void walk(const Scenario& s, const VerifiedCell& cell, const VerifyOptions& options, unsigned rounds, const Visit& visit) {
  const PolicyFile& policy = s.policies[cell.policy];
  sim::Engine engine(engine_limits);
  World world(s.program(cell.member, cell.form, cell.policy), policy.spec, engine);
  model::Checker checker;
  for (unsigned round = 1; round <= rounds; ++round) {
    const auto strategy = sim::make_strategy(cell.strategy);
    sim::run_trials(engine, world, *strategy, options.seed);
    for (std::uint64_t i = 0; i < options.executions; ++i) {
      const sim::ExecutionInfo info{i, sim::execution_seed(options.seed, i), &engine.names()};
      strategy->begin(info);
      const sim::Outcome outcome = engine.run(world, *strategy, info);
      if (round < rounds) continue;
      std::vector<model::Violation> violations;
      judge(world, checker, engine.trace(), outcome, strategy->obeys_time(), violations);
      visit(fmt::format("{} | {} | {} | {} | {} | execution {}", s.name, s.members[cell.member].name, s.forms[cell.form], policy.name,
                        cell.strategy, i),
            lines_of(world, engine.trace(), outcome, violations));
    }
  }
}

class DigestWorker final : public sim::CampaignWorker {
 public:
  DigestWorker(const Scenario& scenario, const std::vector<VerifiedCell>& cells, const VerifyOptions& options, unsigned rounds,
               std::vector<std::vector<std::string>>& into)
      : scenario_(scenario), cells_(cells), options_(options), rounds_(rounds), into_(into) {}
  void run(std::uint64_t index) override {
    walk(scenario_, cells_[index], options_, rounds_, [&](const std::string& what, const std::vector<std::string>& steps) {
      std::uint64_t h = 0;
      for (const std::string& line : steps) h = sim::combine(h, sim::hash_bytes(line));
      into_[index].push_back(fmt::format("{} | {} steps | 0x{:016x}", what, steps.size(), h));
    });
  }
  void deliver() override {}

 private:
  const Scenario& scenario_;
  const std::vector<VerifiedCell>& cells_;
  const VerifyOptions& options_;
  unsigned rounds_;
  std::vector<std::vector<std::string>>& into_;  // by cell: each is written by one worker
};

}  // namespace

std::vector<std::string> digests(const Scenario& scenario, const VerifyOptions& options, unsigned rounds) {
  const std::vector<VerifiedCell> cells = cells_of(scenario, options);
  std::vector<std::vector<std::string>> found(cells.size());
  std::function<void(std::uint64_t)> told;
  if (options.progress) told = [&](std::uint64_t done) { options.progress(done, cells.size()); };
  sim::run_campaign(
      cells.size(), options.jobs, [&] { return std::make_unique<DigestWorker>(scenario, cells, options, rounds, found); }, told,
      options.stop, 1);
  std::vector<std::string> out;
  for (std::vector<std::string>& lines : found) std::ranges::move(lines, std::back_inserter(out));
  return out;
}

std::vector<std::string> steps_of(const Scenario& scenario, const VerifyOptions& options, std::size_t number) {
  const std::vector<VerifiedCell> cells = cells_of(scenario, options);
  std::vector<std::string> out;
  if (number / options.executions >= cells.size()) return out;
  std::size_t n = 0;
  walk(scenario, cells[number / options.executions], options, 1, [&](const std::string&, const std::vector<std::string>& steps) {
    if (n++ == number % options.executions) out = steps;
  });
  return out;
}

std::size_t first_difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const std::size_t both = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < both; ++i)
    if (a[i] != b[i]) return i;
  return a.size() == b.size() ? std::string::npos : both;
}

}  // namespace unplug::scenarios
