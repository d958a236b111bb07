// The reference models under exhaustive exploration: the numbers of traces that independent explorers count, none of them visited twice,
// and larger ones where a formula or brute force gives the number.
#include "sim/models.hpp"
#include "sim/explore.hpp"
#include "unplug/sim/dpor/dpor.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

using Mode = DporOptions::Mode;

struct Row {
  const char* name;
  StepModel (*make)(unsigned);
  unsigned n;
  std::uint64_t traces, blocked, bad;
};

// The reference's table, then larger ones: closed forms (2^N, (N+1)!, 3^N), the rest from breadth first over classes of prefixes.
constexpr Row rows[] = {
    {"readers", readers, 2, 4, 0, 0},
    {"readers", readers, 8, 256, 0, 0},
    {"readers", readers, 12, 4096, 0, 0},
    {"lastzero", lastzero, 2, 5, 0, 0},
    {"lastzero", lastzero, 4, 28, 0, 0},
    {"lastzero", lastzero, 5, 64, 0, 0},
    {"flag_mutex", flag_mutex, 1, 2, 0, 0},
    {"flag_mutex", flag_mutex, 2, 6, 0, 0},
    {"flag_mutex", flag_mutex, 3, 24, 0, 0},
    {"flag_mutex", flag_mutex, 4, 120, 0, 0},
    {"flag_mutex", flag_mutex, 6, 5040, 0, 0},
    {"flag_nolock", flag_nolock, 1, 3, 0, 1},
    {"flag_nolock", flag_nolock, 2, 9, 0, 5},
    {"flag_nolock", flag_nolock, 3, 27, 0, 19},
    {"flag_nolock", flag_nolock, 7, 2187, 0, 2059},
    {"kref", kref, 1, 3, 0, 0},
    {"kref", kref, 2, 22, 0, 0},
    {"kref", kref, 3, 354, 0, 0},
    {"drain", drain, 1, 2, 0, 0},
    {"drain", drain, 2, 10, 0, 0},
    {"drain", drain, 3, 120, 0, 0},
    {"drain_nolock", drain_nolock, 1, 4, 0, 1},
    {"drain_nolock", drain_nolock, 2, 39, 0, 20},
    {"drain_nolock", drain_nolock, 3, 874, 0, 609},
    {"srcu2", srcu2, 1, 6, 0, 0},
    {"srcu2", srcu2, 2, 84, 0, 0},
    {"work_cancel", work_cancel, 1, 6, 0, 0},
    {"work_cancel", work_cancel, 2, 24, 0, 0},
    {"work_cancel", work_cancel, 3, 120, 0, 0},
    {"irq_choice", irq_choice, 1, 3, 0, 0},
    {"irq_choice", irq_choice, 2, 11, 0, 0},
    {"irq_choice", irq_choice, 3, 49, 0, 0},
    {"missed_wake", missed_wake, 1, 2, 1, 0},
    {"missed_wake", missed_wake, 2, 5, 3, 0},
    {"missed_wake", missed_wake, 3, 16, 10, 0},
    {"abba", abba, 1, 3, 1, 0},
    {"abba", abba, 2, 44, 20, 0},
};

struct Counts {
  std::uint64_t traces = 0, blocked = 0, bad = 0;
  std::set<std::uint64_t> fingerprints;
  void add(const Engine& engine, const StepModel& model, const Outcome& outcome) {
    ++traces;
    fingerprints.insert(engine.trace().fingerprint);
    blocked += outcome.kind == Outcome::Kind::blocked ? 1 : 0;
    bad += model.bad ? 1 : 0;
  }
};

void check(const Counts& counts, const Row& row) {
  CHECK(counts.traces == row.traces);
  CHECK(counts.fingerprints.size() == row.traces);  // none twice
  CHECK(counts.blocked == row.blocked);
  CHECK(counts.bad == row.bad);
}

}  // namespace

TEST_CASE("dpor: every trace of the reference models once, in optimal mode without a redundant execution") {
  Engine engine;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.n);
    for (const Mode mode : {Mode::optimal, Mode::source}) {
      StepModel model = row.make(row.n);
      Counts counts;
      DporOptions options;
      options.mode = mode;
      const Dpor::Result r = Dpor::explore(engine, model, options, [&](const Outcome& o) {
        counts.add(engine, model, o);
        return true;
      });
      CHECK(r.kind == Dpor::Result::Kind::complete);
      CHECK(r.executions == row.traces);
      if (mode == Mode::optimal) CHECK(r.redundant == 0);
      check(counts, row);
    }
  }
}

// The reference's tables of reductions: breadth first over classes under the dependency in which additions commute, and as if each were a
// write; what symmetry leaves is what the reference visits.
namespace {

struct Reduced {
  Row row;
  std::uint64_t plain, orbits;
};
constexpr Reduced reduced[] = {
    {{"drain", drain, 3, 24, 0, 0}, 120, 4},
    {{"drain", drain, 4, 120, 0, 0}, 3'000, 5},
    {{"drain", drain, 5, 720, 0, 0}, 128'400, 6},
    {{"drain_nolock", drain_nolock, 2, 16, 0, 7}, 39, 13},
    {{"drain_nolock", drain_nolock, 3, 64, 0, 37}, 874, 40},
    {{"srcu2", srcu2, 2, 36, 0, 0}, 84, 25},
    {{"srcu2", srcu2, 3, 216, 0, 0}, 2'280, 90},
    {{"srcu2", srcu2, 4, 1'296, 0, 0}, 107'688, 301},
    {{"kref", kref, 2, 22, 0, 0}, 22, 11},
    {{"kref", kref, 3, 354, 0, 0}, 354, 59},
    {{"kref", kref, 4, 10'632, 0, 0}, 10'632, 443},
};

Counts count(Engine& engine, StepModel& model, const DporOptions& options) {
  Counts counts;
  const Dpor::Result r = Dpor::explore(engine, model, options, [&](const Outcome& o) {
    counts.add(engine, model, o);
    return true;
  });
  CHECK(r.kind == Dpor::Result::Kind::complete);
  if (options.mode == Mode::optimal) CHECK(r.redundant == 0);
  return counts;
}

}  // namespace

TEST_CASE("dpor: where counting is an addition, the reference models have the fewer traces that brute force gives, none visited twice") {
  Engine engine;
  for (const Reduced& entry : reduced) {
    const Row& row = entry.row;
    CAPTURE(row.name);
    CAPTURE(row.n);
    for (const Mode mode : {Mode::optimal, Mode::source}) {
      StepModel model = row.make(row.n);
      model.with_additions();
      DporOptions options;
      options.mode = mode;
      const Counts counts = count(engine, model, options);
      CHECK(counts.traces == row.traces);
      CHECK(counts.fingerprints.size() == row.traces);
      CHECK(counts.blocked == 0);
      CHECK(counts.bad == row.bad);
    }
  }
}

TEST_CASE("dpor: an engine in which additions don't commute has the traces of a model that writes instead, by the same fingerprints") {
  Engine engine;
  for (const Reduced& entry : reduced) {
    const Row& row = entry.row;
    CAPTURE(row.name);
    CAPTURE(row.n);
    StepModel writes = row.make(row.n), adds = row.make(row.n);
    adds.with_additions();
    engine.let_additions_commute(false);
    const Counts counts = count(engine, adds, {});
    engine.let_additions_commute(true);
    CHECK(counts.traces == entry.plain);
    CHECK(counts.fingerprints.size() == entry.plain);
    if (entry.plain < 5'000) CHECK(counts.fingerprints == count(engine, writes, {}).fingerprints);
  }
}

TEST_CASE("dpor: of tasks that are alike one order of start is visited, in the reference models without a redundant execution") {
  Engine engine;
  for (const Reduced& entry : reduced) {
    const Row& row = entry.row;
    CAPTURE(row.name);
    CAPTURE(row.n);
    StepModel model = row.make(row.n);
    model.with_additions().with_symmetry();
    const Counts counts = count(engine, model, {});
    CHECK(counts.traces == entry.orbits);
    CHECK(counts.fingerprints.size() == entry.orbits);
    CHECK((counts.bad != 0) == (row.bad != 0));
    DporOptions off;
    off.symmetry = false;
    CHECK(count(engine, model, off).traces == row.traces);
  }
}

TEST_CASE("dpor: jobs below a split see each trace once, whatever the depth") {
  Engine engine;
  for (const Row& row : rows) {
    if (row.traces > 500) continue;
    CAPTURE(row.name);
    CAPTURE(row.n);
    for (std::size_t depth = 0; depth <= 6; ++depth) {
      CAPTURE(depth);
      StepModel model = row.make(row.n);
      const DporSplit jobs = split(engine, model, SIZE_MAX, depth);
      CHECK(jobs.message.empty());
      Counts counts;
      for (const DporJob& job : jobs.jobs) {
        DporOptions options;
        options.mode = Mode::source;
        options.prefix = job.prefix;
        options.sleep = job.sleep;
        const Dpor::Result r = Dpor::explore(engine, model, options, [&](const Outcome& o) {
          counts.add(engine, model, o);
          return true;
        });
        CHECK(r.kind == Dpor::Result::Kind::complete);
      }
      check(counts, row);
    }
  }
}

TEST_CASE("dpor: a split stops at the depth that gives enough jobs, and at the end of the executions") {
  Engine engine;
  StepModel model = kref(3);
  CHECK(split(engine, model, 1, 100).jobs.size() == 1);
  const DporSplit enough = split(engine, model, 20, 100);
  CHECK(enough.jobs.size() >= 20);
  for (const DporJob& j : enough.jobs) CHECK(j.prefix.size() <= enough.jobs.back().prefix.size() + 1);
  StepModel small = flag_nolock(1);
  CHECK(split(engine, small, 1'000, 100).jobs.size() == 3);  // whole executions
}

TEST_CASE("dpor: it stops when it is told to, by the number of executions, the visitor, the flag or the size of the trees") {
  Engine engine;
  StepModel model = kref(3);
  const auto go = [&](const DporOptions& options, std::uint64_t visits = UINT64_MAX) {
    std::uint64_t n = 0;
    return Dpor::explore(engine, model, options, [&](const Outcome&) { return ++n < visits; });
  };
  DporOptions some;
  some.max_executions = 10;
  CHECK(go(some).kind == Dpor::Result::Kind::stopped);
  CHECK(go(some).executions == 10);
  CHECK(go({}, 7).kind == Dpor::Result::Kind::stopped);
  CHECK(go({}, 7).executions == 7);
  DporOptions stopped;
  stopped.stop = [] { return true; };
  CHECK(go(stopped).executions == 0);
  DporOptions small;
  small.max_wakeup_nodes = 3;
  CHECK(go(small).kind == Dpor::Result::Kind::memory);
  CHECK(go({}).wakeup_nodes > 3);
}

TEST_CASE("dpor: a program that does something else under the same choices is found out") {
  Engine engine;
  int executions = 0;
  Lambda program([&](Engine& e) {
    const ObjectId x = e.new_object(e.own_name("x"));
    const bool odd = ++executions % 2 == 0;
    e.spawn("a", [&e, x] { write(e, x, 1); });
    e.spawn(odd ? "b" : "c", [&e, x] { write(e, x, 2); });
  });
  const Dpor::Result r = Dpor::explore(engine, program, {}, [](const Outcome&) { return true; });
  CHECK(r.kind == Dpor::Result::Kind::failed);
  CHECK(r.message.find("could go on here before and cannot now") != std::string::npos);
}

TEST_CASE("dpor: a broken rule of the engine ends the exploration with its message") {
  Engine engine;
  Lambda program([](Engine& e) { e.spawn("a", [&e] { e.fail("on purpose"); }); });
  const Dpor::Result r = Dpor::explore(engine, program, {}, [](const Outcome&) { return true; });
  CHECK(r.kind == Dpor::Result::Kind::failed);
  CHECK(r.message == "on purpose");
}

TEST_CASE("dpor: who polls what another is to write is left for the other in the end, so that they meet") {
  Engine e(EngineLimits{.steps_per_task = 60});
  Lambda p([](Engine& eng) {
    const ObjectId x = eng.new_object(eng.own_name("x"));
    eng.spawn("poller", [&eng, x] {
      while (read(eng, x) == 0 && !eng.aborting()) {
      }
    });
    eng.spawn("writer", [&eng, x] { write(eng, x, 1); });
  });
  for (const Mode mode : {Mode::optimal, Mode::source}) {
    DporOptions o;
    o.mode = mode;
    o.fair_after = 10;
    std::set<std::uint32_t> polls;
    Dpor::Result r = Dpor::explore(e, p, o, [&](const Outcome&) {
      polls.insert(e.trace().tasks[0].steps);
      return true;
    });
    CHECK(r.kind == Dpor::Result::Kind::complete);
    CHECK(r.executions == 61);  // it is written after none of the polls, after 1 .. 59, or never
    CHECK(polls.size() == 60);
    CHECK(r.step_bound == 1);
    o.fair_after = 100;
    r = Dpor::explore(e, p, o, [](const Outcome&) { return true; });
    CHECK(r.executions == 1);
    CHECK(r.step_bound == 1);
  }
}
