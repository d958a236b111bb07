// `urw`: interleavings as likely as each other, however long their tasks are.
#include <map>

#include "sim/support.hpp"
#include "unplug/sim/trial.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// How often each interleaving of the program comes up in `executions`.
std::map<std::string, int> interleavings(const char* strategy, Lambda program, std::uint64_t executions) {
  Engine engine;
  const auto s = make_strategy(strategy);
  run_trials(engine, program, *s, 1);
  std::map<std::string, int> seen;
  for (std::uint64_t i = 0; i < executions; ++i) {
    const ExecutionInfo info{i, execution_seed(1, i), &engine.names()};
    REQUIRE(s->begin(info));
    engine.run(program, *s, info);
    ++seen[text(engine.trace(), engine.names())];
  }
  return seen;
}

void steps(Engine& e, int n) {
  for (int i = 0; i < n; ++i) nop(e);
}

Lambda short_beside_long() {
  return Lambda([](Engine& e) {
    e.spawn("short", [&e] { steps(e, 1); });
    e.spawn("long", [&e] { steps(e, 5); });
  });
}

}  // namespace

TEST_CASE("urw: a short task comes at each place beside a long one as often as at any other, which in a walk it doesn't") {
  const auto uniform = interleavings("urw", short_beside_long(), 6'000);
  CHECK(uniform.size() == 6);
  for (const auto& found : uniform) CHECK_MESSAGE((found.second > 850 && found.second < 1'150), found.first);
  const auto walk = interleavings("random", short_beside_long(), 6'000);
  CHECK(walk.rbegin()->second > 2'800);  // short first
}

TEST_CASE("urw: the steps of a task that is yet to be made count as its creator's") {
  // Of the 10 interleavings of other's two steps with those of the other two, one after the other, none is favoured.
  const auto seen = interleavings("urw", Lambda([](Engine& e) {
                                    e.spawn("creator", [&e] {
                                      nop(e);
                                      e.spawn("child", [&e] { steps(e, 2); });
                                    });
                                    e.spawn("other", [&e] { steps(e, 2); });
                                  }),
                                  10'000);
  CHECK(seen.size() == 10);
  for (const auto& found : seen) CHECK_MESSAGE((found.second > 850 && found.second < 1'150), found.first);
}

TEST_CASE("urw: a task that no trial saw, or that goes on longer than in any, is not starved and starves nobody") {
  std::uint64_t executions = 0;
  const auto seen = interleavings("urw", Lambda([&executions](Engine& e) {
                                    const bool trial = executions++ < trials;
                                    e.spawn("known", [&e, trial] { steps(e, trial ? 1 : 3); });
                                    if (!trial) e.spawn("unknown", [&e] { steps(e, 1); });
                                  }),
                                  4'000);
  CHECK(seen.size() == 4);
  for (const auto& found : seen) CHECK_MESSAGE(found.second > 300, found.first);
}
