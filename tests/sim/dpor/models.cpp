// The reference models under exhaustive exploration: the numbers of traces that independent explorers count, none of them visited twice,
// and larger ones where a formula or brute force gives the number.
#include "sim/models.hpp"
#include "sim/dpor/by_turns.hpp"
#include "sim/explore.hpp"
#include "unplug/sim/dpor/dpor.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

constexpr std::size_t small_trees = 0, large_trees = 1'000'000;

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

TEST_CASE("dpor: every trace of the reference models once, without a redundant execution where trees may be large") {
  Engine engine;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.n);
    for (const std::size_t trees : {large_trees, small_trees}) {
      StepModel model = row.make(row.n);
      Counts counts;
      DporOptions options;
      options.max_wakeup_nodes = trees;
      const Dpor::Result r = Dpor::explore(engine, model, options, [&](const Outcome& o) {
        counts.add(engine, model, o);
        return true;
      });
      CHECK(r.kind == Dpor::Result::Kind::complete);
      CHECK(r.executions == row.traces);
      if (trees == large_trees) CHECK(r.redundant == 0);
      check(counts, row);
    }
  }
}

// The reference's tables of reductions: breadth first over classes under the dependency in which additions commute, and as if each were a
// write. What symmetry leaves is the number of orbits; the reference visits some of them more often (srcu2 301 times, not 126).
namespace {

struct Reduced {
  Row row;
  std::uint64_t plain, orbits;
};
constexpr Reduced reduced[] = {
    {{"drain", drain, 3, 24, 0, 0}, 120, 4},
    {{"drain", drain, 4, 120, 0, 0}, 3'000, 5},
    {{"drain", drain, 5, 720, 0, 0}, 128'400, 6},
    {{"drain_nolock", drain_nolock, 2, 16, 0, 7}, 39, 10},
    {{"drain_nolock", drain_nolock, 3, 64, 0, 37}, 874, 20},
    {{"srcu2", srcu2, 2, 36, 0, 0}, 84, 21},
    {{"srcu2", srcu2, 3, 216, 0, 0}, 2'280, 56},
    {{"srcu2", srcu2, 4, 1'296, 0, 0}, 107'688, 126},
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
  if (options.max_wakeup_nodes == large_trees) CHECK(r.redundant == 0);
  return counts;
}

}  // namespace

TEST_CASE("dpor: where counting is an addition, the reference models have the fewer traces that brute force gives, none visited twice") {
  Engine engine;
  for (const Reduced& entry : reduced) {
    const Row& row = entry.row;
    CAPTURE(row.name);
    CAPTURE(row.n);
    for (const std::size_t trees : {large_trees, small_trees}) {
      StepModel model = row.make(row.n);
      model.with_additions();
      DporOptions options;
      options.max_wakeup_nodes = trees;
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
    Counts counts;
    Symmetry symmetry;
    std::set<std::uint64_t> orbits;
    std::uint64_t all = 0;
    const Dpor::Result r = Dpor::explore(engine, model, {}, [&](const Outcome& o) {
      counts.add(engine, model, o);
      symmetry.begin(engine);
      CHECK(orbits.insert(symmetry.orbit(engine.trace())).second);
      all += symmetry.traces_of_orbit();
      return true;
    });
    CHECK(r.kind == Dpor::Result::Kind::complete);
    CHECK(r.redundant == 0);
    CHECK(counts.traces == entry.orbits);
    CHECK(counts.fingerprints.size() == entry.orbits);
    CHECK(all == row.traces);  // each orbit for as many as it has
    CHECK((counts.bad != 0) == (row.bad != 0));
    DporOptions off;
    off.symmetry = false;
    CHECK(count(engine, model, off).traces == row.traces);
  }
}

TEST_CASE("dpor: several see each trace once, whoever takes what when") {
  for (const Row& row : rows) {
    if (row.traces > 500) continue;
    CAPTURE(row.name);
    CAPTURE(row.n);
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      CAPTURE(seed);
      Counts counts;
      std::uint64_t redundant = 0;
      const auto make = [&] { return std::make_unique<StepModel>(row.make(row.n)); };
      const std::string wrong = explore_by_turns(
          1 + seed, seed, {}, make, [&](Engine& e, Program& p, const Outcome& o) { counts.add(e, static_cast<StepModel&>(p), o); },
          redundant);
      CHECK(wrong == "");
      CHECK(redundant <= row.traces / 2 + 2);  // who hands over at every turn pays for it
      check(counts, row);
    }
  }
}
