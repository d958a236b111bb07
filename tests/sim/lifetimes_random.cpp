// Judging by happens-before against brute force, on random programs: every interleaving is run, and what each shows directly is collected.
#include <algorithm>
#include <map>
#include <tuple>

#include "explore.hpp"
#include "pairs.hpp"
#include "random_programs.hpp"
#include "unplug/sim/strategies/replay.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

using Kind = LifetimeFault::Kind;

constexpr std::uint64_t longest = 500;

struct Tally {
  std::uint64_t programs = 0, skipped = 0, schedules = 0, traces = 0, blocked = 0, replays = 0;
  std::map<Kind, std::uint64_t> pairs;
};

// Where the event with this task and ordinal stands in `trace`.
std::size_t position(const Trace& trace, NameId task, std::uint32_t ordinal) {
  std::size_t i = 0;
  while (i < trace.events.size() && !(trace.tasks[trace.events[i].task.index()].name == task && trace.events[i].ordinal == ordinal)) ++i;
  return i;
}

// Of a trace's faults by use those alone that no other of them happens before: the end that came first in some order need not do so in all.
Pairs first_of(const Trace& trace, const Pairs& pairs) {
  Pairs out;
  for (const Pair& p : pairs) {
    const auto before = [&](const Pair& q) {
      if (q == p || q.kind != p.kind || q.lifetime != p.lifetime || q.use_task != p.use_task || q.use_ordinal != p.use_ordinal)
        return false;
      return past_of(trace, position(trace, p.end_task, p.end_ordinal))[position(trace, q.end_task, q.end_ordinal)] == true;
    };
    if (p.kind == Kind::double_end || std::ranges::none_of(pairs, before)) out.insert(p);
  }
  return out;
}

// The canonical schedule of a fault replays strictly, shows the fault directly, and is judged to have it.
bool replay_shows(Engine& engine, Program& program, const Trace& trace, const LifetimeFault& f, Outcome::Kind ended) {
  const Pair pair = pair_of(trace, f);
  // What is to come first: the end, or the use of what has not begun.
  const bool early = f.kind == Kind::use_before_begin;
  ScheduleReplay replay(canonical_schedule(trace, engine.names(), early ? f.use : f.end, early ? f.end : f.use));
  if (run(engine, program, replay).kind != ended || replay.diverged()) return false;
  const Trace& again = engine.trace();
  const bool end_first = position(again, pair.end_task, pair.end_ordinal) < position(again, pair.use_task, pair.use_ordinal);
  return again.fingerprint == trace.fingerprint && end_first == !early && judged(again).contains(pair);
}

// Empty if all is as it has to be.
std::string check(Engine& engine, std::uint64_t seed, bool additions, Tally& tally) {
  RandomProgram program(seed, additions);
  struct Known {
    Pairs judged, observed;
    Trace trace;
    Schedule canonical;
  };
  std::map<std::uint64_t, Known> traces;
  std::string wrong;
  const auto visit = [&](const Outcome& outcome) {
    if (outcome.kind != Outcome::Kind::completed && outcome.kind != Outcome::Kind::blocked) wrong += " outcome";
    const Pairs found = judged(engine.trace()), seen = observed(engine.trace());
    Schedule canonical = canonical_schedule(engine.trace(), engine.names());
    const auto [at, fresh] = traces.try_emplace(engine.trace().fingerprint, Known{found, {}, engine.trace(), canonical});
    at->second.observed.insert(seen.begin(), seen.end());
    if (!fresh) {
      if (at->second.judged != found) wrong += " verdict-depends-on-linearisation";
      if (at->second.canonical != canonical) wrong += " schedule-depends-on-linearisation";
      return;
    }
    tally.blocked += outcome.kind == Outcome::Kind::blocked ? 1 : 0;
    const Trace trace = engine.trace();
    for (const LifetimeFault& f : judge(trace)) {
      if (f.use == LifetimeFault::no_event || f.end == LifetimeFault::no_event) continue;
      ++tally.replays;
      if (!replay_shows(engine, program, trace, f, outcome.kind)) wrong += " replay";
    }
    ScheduleReplay replay(std::move(canonical));
    if (run(engine, program, replay).kind != outcome.kind || replay.diverged() || engine.trace().fingerprint != trace.fingerprint)
      wrong += " canonical-replay";
  };
  const std::uint64_t schedules = every_schedule(engine, program, longest, visit);
  const auto at_fault = [](const Pair& p) { return std::tuple(p.kind, p.lifetime, p.use_task, p.use_ordinal); };
  Pairs all_judged, all_observed;
  for (const auto& [fingerprint, known] : traces) {
    for (const Pair& p : known.observed)
      if (!std::ranges::any_of(known.judged, [&](const Pair& q) { return at_fault(p) == at_fault(q); })) wrong += " seen-but-not-judged";
    all_judged.insert(known.judged.begin(), known.judged.end());
    all_observed.insert(known.observed.begin(), known.observed.end());
    // What is judged of one trace is what its linearisations show, no more and no less.
    if (schedules != 0 && known.judged != first_of(known.trace, known.observed)) wrong += " judged-is-not-seen";
  }
  if (schedules == 0) {
    ++tally.skipped;
    return wrong;  // the unions are incomplete
  }
  ++tally.programs;
  tally.schedules += schedules;
  tally.traces += traces.size();
  for (const Pair& p : all_judged) ++tally.pairs[p.kind];

  // An execution cut short is judged soundly on its prefix.
  for (std::uint64_t cut = 0; cut < 4; ++cut) {
    Random draws(combine(seed, cut));
    struct Cut final : Strategy {
      Random& draws;
      std::uint64_t left;
      Cut(Random& r, std::uint64_t n) : draws(r), left(n) {}
      bool begin(const ExecutionInfo& /*info*/) override { return true; }
      TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
        return left-- == 0 ? TaskId{} : enabled[draws.below(enabled.size())].id;
      }
      std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t bound) override {
        return static_cast<std::uint32_t>(draws.below(bound));
      }
      [[nodiscard]] std::string describe() const override { return "cut"; }
    } strategy(draws, draws.below(8));
    run(engine, program, strategy);
    for (const Pair& p : judged(engine.trace()))
      if (p.end_task && !all_observed.contains(p)) wrong += " cut";
  }
  return wrong;
}

}  // namespace

TEST_CASE("random programs: what is judged is what some interleaving shows, and each fault replays") {
  Engine engine;
  Tally tally;
  const std::uint64_t programs = how_many_programs(4'000);
  for (std::uint64_t seed = 0; seed < programs; ++seed) {
    const bool additions = seed % 3 == 0;
    const std::string wrong = check(engine, combine(20'000, seed), additions, tally);
    if (!wrong.empty()) FAIL_CHECK("program " << seed << ":" << wrong);
  }
  // The generator must keep meeting every rule: a test that sees nothing passes too.
  MESSAGE(tally.programs << " programs, " << tally.skipped << " too big, " << tally.schedules << " schedules, " << tally.traces
                         << " traces, " << tally.blocked << " blocked, " << tally.replays << " replays");
  CHECK(tally.programs > programs / 2);
  CHECK(tally.blocked > programs / 8);
  CHECK(tally.pairs[Kind::use_after_end] > programs / 4);
  CHECK(tally.pairs[Kind::double_end] > programs / 8);
  CHECK(tally.pairs[Kind::use_before_begin] > programs / 8);
  CHECK(tally.pairs[Kind::blocked_use] > programs / 40);
}
