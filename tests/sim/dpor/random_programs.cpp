// Exhaustive exploration of random programs against brute force: the same set of traces, each once, and the same violating pairs, though
// uses and ends of lifetimes are no accesses and so never reversed.
#include <algorithm>

#include "sim/dpor/by_turns.hpp"
#include "sim/explore.hpp"
#include "sim/pairs.hpp"
#include "sim/random_programs.hpp"
#include "support/slower.hpp"
#include "unplug/sim/dpor/dpor.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

struct Seen {
  std::set<std::uint64_t> traces, blocked;
  std::uint64_t visits = 0;
  Pairs pairs;
  // Pairs by the names of the engine of `names`.
  void add(Engine& engine, const Outcome& outcome, NameTable* names = nullptr) {
    ++visits;
    if (outcome.kind == Outcome::Kind::blocked) blocked.insert(engine.trace().fingerprint);
    if (!traces.insert(engine.trace().fingerprint).second) return;
    for (Pair p : judged(engine.trace())) {
      for (NameId* const n : {&p.lifetime, &p.use_task, &p.end_task})
        if (names != nullptr && *n) *n = names->intern(engine.names().text(*n));
      pairs.insert(p);
    }
  }
};

struct Tally {
  std::uint64_t programs = 0, skipped = 0, traces = 0, blocked = 0, pairs = 0, cut = 0, unsettled = 0;
};

Seen explored(Engine& engine, Program& program, const DporOptions& options, std::string& wrong, std::uint64_t& redundant) {
  Seen seen;
  const Dpor::Result r = Dpor::explore(engine, program, options, [&](const Outcome& o) {
    seen.add(engine, o);
    return true;
  });
  if (r.kind != Dpor::Result::Kind::complete) wrong += " incomplete " + r.message;
  redundant += r.redundant;
  return seen;
}

void compare(const Seen& found, const Seen& all, const std::string& how, std::string& wrong) {
  if (found.traces != all.traces) wrong += " " + how + ": other traces";
  if (found.blocked != all.blocked) wrong += " " + how + ": others blocked";
  if (found.visits != all.traces.size()) wrong += " " + how + ": a trace twice";
  if (found.pairs != all.pairs) wrong += " " + how + ": other pairs";
}

std::string check(Engine& engine, std::uint64_t seed, bool additions, std::uint64_t longest, Tally& tally) {
  RandomProgram program(seed, additions);
  Seen all;
  std::string wrong;
  // Every interleaving, or where there are many, every class of prefixes.
  const auto visit = [&](const Outcome& o) { all.add(engine, o); };
  if (every_schedule(engine, program, longest, visit) == 0) {
    all = {};
    std::uint64_t n = 0;
    DporOptions first;
    first.max_executions = longest;
    const Dpor::Result r = Dpor::explore(engine, program, first, [&](const Outcome&) { return ++n < longest; });
    if (r.kind != Dpor::Result::Kind::complete) {
      if (r.kind != Dpor::Result::Kind::stopped) return " " + r.message;
      ++tally.skipped;
      return {};
    }
    every_class(engine, program, visit);
  }
  std::uint64_t redundant = 0;
  compare(explored(engine, program, {}, wrong, redundant), all, "optimal", wrong);
  if (redundant != 0) wrong += " redundant";
  DporOptions first_steps;
  first_steps.max_wakeup_nodes = seed % 3 * 8;
  compare(explored(engine, program, first_steps, wrong, tally.cut), all, "small trees", wrong);
  Seen by_turns;
  const auto made = [&] { return std::make_unique<RandomProgram>(seed, additions); };
  wrong += explore_by_turns(
      1 + seed % 4, seed, {}, made, [&](Engine& e, Program&, const Outcome& o) { by_turns.add(e, o, &engine.names()); }, tally.unsettled);
  compare(by_turns, all, "together", wrong);
  ++tally.programs;
  tally.traces += all.traces.size();
  tally.blocked += all.blocked.size();
  tally.pairs += all.pairs.size();
  return wrong;
}

void check_many(std::uint64_t from, std::uint64_t count, bool additions = false) {
  Engine engine;
  Tally tally;
  for (std::uint64_t seed = from; seed < from + count; ++seed) {
    const std::string wrong = check(engine, combine(50'000, seed), additions, 300, tally);
    if (!wrong.empty()) FAIL_CHECK("program " << seed << ":" << wrong);
  }
  MESSAGE(tally.programs << " programs, " << tally.skipped << " too big, " << tally.traces << " traces, " << tally.blocked << " blocked, "
                         << tally.pairs << " violating pairs, " << tally.cut << " executions cut with small trees, " << tally.unsettled
                         << " by several");
  CHECK(tally.programs > count * 9 / 10);
  CHECK(tally.blocked > count / 3);
  CHECK(tally.pairs > count);
  CHECK(tally.cut > 0);
}

}  // namespace

// 12,000 programs, fewer under sanitizers; in parts, so that they run at the same time.
TEST_CASE("dpor: random programs have the traces and the violating pairs that brute force finds, with small trees and by several, part 1") {
  check_many(0, 3'000 / unplug::test::slower);
}
TEST_CASE("dpor: random programs have the traces and the violating pairs that brute force finds, with small trees and by several, part 2") {
  check_many(3'000, 3'000 / unplug::test::slower);
}
TEST_CASE("dpor: random programs have the traces and the violating pairs that brute force finds, with small trees and by several, part 3") {
  check_many(6'000, 3'000 / unplug::test::slower);
}
TEST_CASE("dpor: random programs have the traces and the violating pairs that brute force finds, with small trees and by several, part 4") {
  check_many(9'000, 3'000 / unplug::test::slower);
}

TEST_CASE("dpor: random programs with additions, and guards on sums of them, have the traces and the violating pairs of brute force") {
  check_many(100'000, how_many_programs(2'000), true);
}
