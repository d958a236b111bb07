// Tasks that are alike, explored by order of start: against brute force, up to renaming; and additions together with data choices,
// literally.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "sim/dpor/alike_programs.hpp"
#include "sim/dpor/by_turns.hpp"
#include "sim/explore.hpp"
#include "sim/pairs.hpp"
#include "sim/random_programs.hpp"
#include "unplug/sim/dpor/dpor.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

using Renaming = std::vector<std::uint32_t>;  // of t0, t1, ...: whom each becomes

std::vector<Renaming> renamings(const std::vector<std::uint32_t>& groups) {
  std::vector<Renaming> out;
  Renaming r(groups.size());
  std::iota(r.begin(), r.end(), 0U);
  do {
    bool within = true;
    for (std::uint32_t t = 0; t < r.size(); ++t) within = within && groups[t] == groups[r[t]] && (groups[t] != 0 || r[t] == t);
    if (within) out.push_back(r);
  } while (std::ranges::next_permutation(r).found);
  return out;
}

// What a name is when "t1" and what is called after it have become another's.
std::uint64_t renamed(const NameTable& names, NameId name, const Renaming& r) {
  if (!name) return 0;
  const std::string_view text = names.text(name);
  if (text[0] != 't') return hash_bytes(text);
  return combine(r[static_cast<std::size_t>(text[1] - '0')], hash_bytes(text.substr(2)));
}

// A finished execution under one renaming: its trace, and the state that it ends in.
struct Key {
  std::uint64_t trace = 0, state = 0;
};
Key key_of(const Trace& trace, const NameTable& names, const Renaming& r) {
  struct Run {
    AccessKind kind = AccessKind::none;
    std::uint64_t before = 0, members = 0;
  };
  std::vector<Run> runs(trace.objects.size());
  Key key;
  for (const Event& e : trace.events) {
    const std::uint64_t event = mix(combine(renamed(names, trace.tasks[e.task.index()].name, r), e.ordinal));
    if (e.alternatives > 1) key.trace += combine(event, e.choice + 1);
    if (e.access.kind == AccessKind::none) continue;
    Run& run = runs[e.access.object.index()];
    if (run.kind != e.access.kind || run.kind == AccessKind::write) run = {e.access.kind, combine(run.before, run.members), 0};
    run.members += event;
  }
  for (std::uint32_t o = 0; o < runs.size(); ++o) {
    const std::uint64_t name = renamed(names, trace.objects[o].name, r);
    key.trace += combine(name, combine(runs[o].before, runs[o].members));
    key.state += combine(name, trace.objects[o].word);
  }
  for (const TaskRecord& t : trace.tasks) {
    const std::uint64_t end = combine(renamed(names, t.name, r), static_cast<std::uint64_t>(t.end));
    key.trace += combine(end, t.steps);
    key.state += end;
  }
  return key;
}

std::uint64_t key_of(const Pair& p, const NameTable& names, const Renaming& r) {
  const std::uint64_t use = combine(renamed(names, p.use_task, r), p.use_ordinal);
  const std::uint64_t end = combine(renamed(names, p.end_task, r), p.end_ordinal);
  return combine(combine(static_cast<std::uint64_t>(p.kind), renamed(names, p.lifetime, r)), combine(use, end));
}

using Keys = std::set<std::uint64_t>;

// What executions show: literally, and up to renaming.
struct SeenUpTo {
  std::uint64_t visits = 0, blocked = 0;
  Keys traces, states, faults;
  Keys orbits, fingerprints, orbits_of_states, orbits_of_faults;
  bool keys_differ = false;  // fingerprints and keys don't tell the same traces apart

  void add(Engine& engine, const std::vector<Renaming>& all, const Outcome& outcome) {
    const Trace& trace = engine.trace();
    const NameTable& names = engine.names();
    ++visits;
    if (!traces.insert(trace.fingerprint).second) return;
    blocked += outcome.kind == Outcome::Kind::blocked ? 1 : 0;
    Key least = key_of(trace, names, all.front());
    keys_differ = !keys.insert(least.trace).second || keys_differ;
    states.insert(least.state);
    for (const Renaming& r : all) {
      const Key k = key_of(trace, names, r);
      least = {std::min(least.trace, k.trace), std::min(least.state, k.state)};
    }
    orbits.insert(least.trace);
    Symmetry symmetry;
    symmetry.begin(engine);
    fingerprints.insert(symmetry.orbit(trace));
    orbits_of_states.insert(least.state);
    for (const Pair& p : judged(trace)) {
      std::uint64_t fault = UINT64_MAX;
      for (const Renaming& r : all) fault = std::min(fault, key_of(p, names, r));
      faults.insert(key_of(p, names, all.front()));
      orbits_of_faults.insert(fault);
    }
  }

 private:
  Keys keys;
};

struct OrbitTally {
  std::uint64_t programs = 0, skipped = 0, traces = 0, blocked = 0, orbits = 0, visited = 0, cut = 0, faults = 0, small = 0, small_cut = 0,
                turns = 0, turns_cut = 0;
};

class OrbitBench {
 public:
  std::string check(std::uint64_t seed, OrbitTally& tally) {
    AlikeProgram program(seed);
    all_ = renamings(program.groups());
    wrong_.clear();
    constexpr std::uint64_t most = 400;
    std::uint64_t n = 0;
    DporOptions plain;
    plain.symmetry = false;
    const auto count = [&](const Outcome& /*o*/) { return ++n < most; };
    if (const Dpor::Result r = Dpor::explore(engine_, program, plain, count); r.kind != Dpor::Result::Kind::complete) {
      if (r.kind != Dpor::Result::Kind::stopped) return " " + r.message;
      ++tally.skipped;
      return {};
    }
    SeenUpTo every;
    every_class(engine_, program, [&](const Outcome& o) { every.add(engine_, all_, o); });
    if (every.fingerprints.size() != every.orbits.size())
      wrong_ += fmt::format(" {} fingerprints of {} orbits", every.fingerprints.size(), every.orbits.size());
    if (every.keys_differ) wrong_ += " keys and fingerprints differ";

    std::uint64_t redundant = 0;
    const SeenUpTo found = explored(program, plain, redundant);
    if (found.traces != every.traces || found.visits != every.traces.size() || redundant != 0) wrong_ += " additions: traces";
    if (found.blocked != every.blocked) wrong_ += " additions: blocked";
    if (found.states != every.states) wrong_ += " additions: states";
    if (found.faults != every.faults) wrong_ += " additions: faults";

    const SeenUpTo fewer = explored(program, {}, tally.cut);
    compare(fewer, every, "symmetry");
    DporOptions small;
    small.max_wakeup_nodes = seed % 3 * 8;
    const SeenUpTo by_small = explored(program, small, tally.small_cut);
    compare(by_small, every, "small trees");
    SeenUpTo by_turns;
    const auto made = [&] { return std::make_unique<AlikeProgram>(seed); };
    wrong_ += explore_by_turns(
        1 + seed % 4, seed, {}, made, [&](Engine& e, Program&, const Outcome& o) { by_turns.add(e, all_, o); }, tally.turns_cut);
    compare(by_turns, every, "together");

    ++tally.programs;
    tally.traces += every.traces.size();
    tally.blocked += every.blocked;
    tally.faults += every.faults.size();
    tally.orbits += every.orbits.size();
    tally.visited += fewer.visits;
    tally.small += by_small.visits;
    tally.turns += by_turns.visits;
    return wrong_;
  }

 private:
  SeenUpTo explored(Program& program, const DporOptions& options, std::uint64_t& redundant) {
    SeenUpTo seen;
    const Dpor::Result r = Dpor::explore(engine_, program, options, [&](const Outcome& o) {
      seen.add(engine_, all_, o);
      return true;
    });
    if (r.kind != Dpor::Result::Kind::complete) wrong_ += " incomplete " + r.message;
    redundant += r.redundant;
    return seen;
  }
  void compare(const SeenUpTo& found, const SeenUpTo& every, const std::string& how) {
    if (found.orbits != every.orbits)
      wrong_ += " " + how + ": orbits " + std::to_string(found.orbits.size()) + "/" + std::to_string(every.orbits.size());
    if (found.fingerprints != every.fingerprints) wrong_ += " " + how + ": fingerprints of orbits";
    if (found.visits != found.traces.size()) wrong_ += " " + how + ": a trace twice";
    if (found.orbits_of_states != every.orbits_of_states) wrong_ += " " + how + ": states";
    if (found.orbits_of_faults != every.orbits_of_faults) wrong_ += " " + how + ": faults";
  }

  Engine engine_;
  std::vector<Renaming> all_;
  std::string wrong_;
};

}  // namespace

TEST_CASE("dpor: of random programs with tasks that are alike every orbit of traces, states and faults is visited, with small trees and by "
          "several, too") {
  const std::uint64_t count = how_many_programs(250);
  OrbitBench bench;
  OrbitTally t;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    const std::string wrong = bench.check(combine(70'000, seed), t);
    if (!wrong.empty()) FAIL_CHECK("program " << seed << ":" << wrong);
  }
  MESSAGE(t.programs << " programs, " << t.skipped << " too big, " << t.traces << " traces, " << t.blocked << " blocked, " << t.faults
                     << " faults, " << t.orbits << " orbits, " << t.visited << " visited, " << t.cut << " cut, small trees " << t.small
                     << " and " << t.small_cut << " cut, together " << t.turns << " and " << t.turns_cut << " cut");
  CHECK(t.programs > count * 8 / 10);
}

namespace {

// How many traces are visited of a program that setup makes.
std::uint64_t visited(const std::function<void(Engine&)>& setup, bool symmetry = true) {
  Engine engine;
  Lambda program(setup);
  DporOptions options;
  options.symmetry = symmetry;
  const Dpor::Result r = Dpor::explore(engine, program, options, [](const Outcome&) { return true; });
  CHECK(r.kind == Dpor::Result::Kind::complete);
  return r.executions;
}
ObjectId object(Engine& e, std::string_view name) { return e.new_object(e.names().intern(name)); }

}  // namespace

TEST_CASE("dpor: tasks of one group start in one order, those of two groups in every order, those of none as well") {
  const auto writers = [](std::array<std::uint32_t, 4> groups) {
    return [groups](Engine& e) {
      const ObjectId x = object(e, "x");
      for (std::uint32_t i = 0; i < 4; ++i)
        e.spawn(
            fmt::format("t{}", i), [&e, x] { write(e, x, 1); }, false, groups[i]);
    };
  };
  CHECK(visited(writers({0, 0, 0, 0})) == 24);
  CHECK(visited(writers({1, 1, 1, 1})) == 1);
  CHECK(visited(writers({1, 1, 1, 1}), false) == 24);
  CHECK(visited(writers({1, 1, 0, 0})) == 12);
  CHECK(visited(writers({1, 1, 2, 2})) == 6);
  CHECK(visited(writers({1, 2, 1, 2})) == 6);
  CHECK(visited(writers({1, 2, 3, 4})) == 24);  // each alone
}

TEST_CASE("dpor: what a task owns is told of it, what it made on the way and what others made of it alike") {
  // Each counts in an object of its own, by a task that it makes, before or after it writes.
  const auto parents = [](std::uint32_t group) {
    return [group](Engine& e) {
      const ObjectId x = object(e, "x");
      for (std::uint32_t i = 0; i < 2; ++i) {
        const NameId name = e.names().intern(fmt::format("t{}", i));
        const ObjectId own = e.new_object(e.names().child(name, "own", 1));
        const auto body = [&e, x, own] {
          e.spawn(e.names().text(e.own_name("child")), [&e, own] { add(e, own, 1); });
          write(e, x, 1);
          add(e, own, 1);
        };
        e.spawn(fmt::format("t{}", i), body, false, group);
      }
    };
  };
  CHECK(visited(parents(0)) == 8);  // two orders each of the writes and of either's own
  CHECK(visited(parents(1)) == 6);  // four up to renaming, two of them twice
}

TEST_CASE("dpor: tasks that another makes are explored in every order, whatever they say") {
  const auto program = [](Engine& e) {
    const ObjectId x = object(e, "x");
    e.spawn("parent", [&e, x] {
      for (const char* const name : {"a", "b", "c"})
        e.spawn(
            name, [&e, x] { write(e, x, 1); }, false, 1);
    });
  };
  CHECK(visited(program) == 6);
}

TEST_CASE("dpor: a task called after one that is alike to others goes with that one, and is alike to nobody itself") {
  const auto program = [](Engine& e) {
    const ObjectId x = object(e, "x");
    for (const char* const name : {"t1", "t10"}) {
      e.spawn(
          name, [&e, x] { write(e, x, 1); }, false, 1);
      e.spawn(
          fmt::format("{}/irq", name), [&e, x] { write(e, x, 2); }, false, 2);
    }
  };
  CHECK(visited(program, false) == 24);
  CHECK(visited(program) == 12);
}
