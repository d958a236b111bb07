#include "unplug/scenarios/run/verify.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "unplug/scenarios/run/tally.hpp"
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

// Visits every execution of every cell: its line without the digest, and its steps.
using Visit = std::function<bool(const std::string& what, const std::vector<std::string>& steps)>;
void walk(const Scenario& s, const VerifyOptions& options, unsigned rounds, const Visit& visit) {
  for (std::size_t m = 0; m < s.members.size(); ++m) {
    for (std::size_t f = 0; f < s.forms.size(); ++f) {
      for (std::size_t p = 0; p < s.policies.size(); ++p) {
        const PolicyFile& policy = s.policies[p];
        for (const std::string& name : options.strategies) {
          sim::Engine engine(engine_limits);
          World world(s.program(m, f, p), policy.spec, engine);
          model::Checker checker;
          for (unsigned round = 1; round <= rounds; ++round) {
            const auto strategy = sim::make_strategy(name);
            sim::run_trials(engine, world, *strategy, options.seed);
            for (std::uint64_t i = 0; i < options.executions; ++i) {
              const sim::ExecutionInfo info{i, sim::execution_seed(options.seed, i), &engine.names()};
              strategy->begin(info);
              const sim::Outcome outcome = engine.run(world, *strategy, info);
              if (round < rounds) continue;
              std::vector<model::Violation> violations;
              judge(world, checker, engine.trace(), outcome, strategy->obeys_time(), violations);
              const std::string what =
                  fmt::format("{} | {} | {} | {} | {} | execution {}", s.name, s.members[m].name, s.forms[f], policy.name, name, i);
              if (!visit(what, lines_of(world, engine.trace(), outcome, violations))) return;
            }
          }
        }
      }
    }
  }
}

}  // namespace

std::vector<std::string> digests(const Scenario& scenario, const VerifyOptions& options, unsigned rounds) {
  std::vector<std::string> out;
  walk(scenario, options, rounds, [&](const std::string& what, const std::vector<std::string>& steps) {
    std::uint64_t h = 0;
    for (const std::string& line : steps) h = sim::combine(h, sim::hash_bytes(line));
    out.push_back(fmt::format("{} | {} steps | 0x{:016x}", what, steps.size(), h));
    return true;
  });
  return out;
}

std::vector<std::string> steps_of(const Scenario& scenario, const VerifyOptions& options, std::size_t number) {
  std::vector<std::string> out;
  std::size_t n = 0;
  walk(scenario, options, 1, [&](const std::string&, const std::vector<std::string>& steps) {
    if (n++ != number) return true;
    out = steps;
    return false;
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
