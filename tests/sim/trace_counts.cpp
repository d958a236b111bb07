// The reference models: the engine must have exactly the inequivalent executions that independent explorers count. This exercises steps,
// guards, data choices, blocking and fingerprints at once: a wrong one of them gives another number.
#include "explore.hpp"
#include "models.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

struct Row {
  const char* name;
  StepModel (*make)(unsigned);
  unsigned n;
  std::size_t traces, blocked, bad;  // inequivalent maximal executions; of these blocked; of these reading freed memory
  std::uint64_t classes;             // inequivalent prefixes, maximal ones and the empty one included
  bool literally;                    // few enough interleavings to run each
};

// The columns are the table "Expected counts" of the reference; classes come from its breadth-first engine, without the extra step that it
// takes to report a violation.
constexpr Row rows[] = {
    {"readers", readers, 2, 4, 0, 0, 13, true},
    {"readers", readers, 8, 256, 0, 0, 6817, true},
    {"lastzero", lastzero, 2, 5, 0, 0, 33, true},
    {"lastzero", lastzero, 4, 28, 0, 0, 499, true},
    {"lastzero", lastzero, 5, 64, 0, 0, 1890, false},
    {"flag_mutex", flag_mutex, 1, 2, 0, 0, 19, true},
    {"flag_mutex", flag_mutex, 2, 6, 0, 0, 73, true},
    {"flag_mutex", flag_mutex, 3, 24, 0, 0, 323, true},
    {"flag_mutex", flag_mutex, 4, 120, 0, 0, 1693, true},
    {"flag_nolock", flag_nolock, 1, 3, 0, 1, 12, true},
    {"flag_nolock", flag_nolock, 2, 9, 0, 5, 50, true},
    {"flag_nolock", flag_nolock, 3, 27, 0, 19, 216, true},
    {"kref", kref, 1, 3, 0, 0, 36, true},
    {"kref", kref, 2, 22, 0, 0, 322, true},
    {"kref", kref, 3, 354, 0, 0, 5226, false},
    {"drain", drain, 1, 2, 0, 0, 32, true},
    {"drain", drain, 2, 10, 0, 0, 242, true},
    {"drain", drain, 3, 120, 0, 0, 3438, false},
    {"drain_nolock", drain_nolock, 1, 4, 0, 1, 27, true},
    {"drain_nolock", drain_nolock, 2, 39, 0, 20, 301, true},
    {"drain_nolock", drain_nolock, 3, 874, 0, 609, 6254, false},
    {"srcu2", srcu2, 1, 6, 0, 0, 84, true},
    {"srcu2", srcu2, 2, 84, 0, 0, 1640, true},
    {"work_cancel", work_cancel, 1, 6, 0, 0, 111, true},
    {"work_cancel", work_cancel, 2, 24, 0, 0, 541, true},
    {"irq_choice", irq_choice, 1, 3, 0, 0, 29, true},
    {"irq_choice", irq_choice, 2, 11, 0, 0, 169, true},
    {"irq_choice", irq_choice, 3, 49, 0, 0, 1029, true},
    {"missed_wake", missed_wake, 1, 2, 1, 0, 7, true},
    {"missed_wake", missed_wake, 2, 5, 3, 0, 21, true},
    {"missed_wake", missed_wake, 3, 16, 10, 0, 77, true},
    {"abba", abba, 1, 3, 1, 0, 20, true},
    {"abba", abba, 2, 44, 20, 0, 317, true},
};

struct Counts {
  std::set<std::uint64_t> traces, blocked, bad;
  void add(const Engine& engine, const StepModel& model, const Outcome& outcome) {
    const std::uint64_t fingerprint = engine.trace().fingerprint;
    traces.insert(fingerprint);
    if (outcome.kind == Outcome::Kind::blocked) blocked.insert(fingerprint);
    if (model.bad) bad.insert(fingerprint);
  }
};

}  // namespace

TEST_CASE("every interleaving of a reference model, told apart by fingerprint, gives its number of traces") {
  Engine engine;
  for (const Row& row : rows) {
    if (!row.literally) continue;
    CAPTURE(row.name);
    CAPTURE(row.n);
    StepModel model = row.make(row.n);
    Counts counts;
    const std::uint64_t schedules = every_schedule(engine, model, 400'000, [&](const Outcome& o) { counts.add(engine, model, o); });
    CHECK(schedules != 0);
    CHECK(counts.traces.size() == row.traces);
    CHECK(counts.blocked.size() == row.blocked);
    CHECK(counts.bad.size() == row.bad);
  }
}

TEST_CASE("breadth first over classes of prefixes gives the number of traces and of classes") {
  Engine engine;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.n);
    StepModel model = row.make(row.n);
    Counts counts;
    const std::uint64_t classes = every_class(engine, model, [&](const Outcome& o) { counts.add(engine, model, o); });
    CHECK(classes == row.classes);
    CHECK(counts.traces.size() == row.traces);
    CHECK(counts.blocked.size() == row.blocked);
    CHECK(counts.bad.size() == row.bad);
  }
}

TEST_CASE("where counting is an addition, breadth first over classes of prefixes gives the fewer traces that the reference counts") {
  constexpr Row fewer[] = {{"drain", drain, 1, 2, 0, 0, 0, true},
                           {"drain", drain, 2, 6, 0, 0, 0, true},
                           {"drain", drain, 3, 24, 0, 0, 0, false},
                           {"drain_nolock", drain_nolock, 1, 4, 0, 1, 0, true},
                           {"drain_nolock", drain_nolock, 2, 16, 0, 7, 0, true},
                           {"drain_nolock", drain_nolock, 3, 64, 0, 37, 0, false},
                           {"srcu2", srcu2, 1, 6, 0, 0, 0, true},
                           {"srcu2", srcu2, 2, 36, 0, 0, 0, true},
                           {"srcu2", srcu2, 3, 216, 0, 0, 0, false},
                           {"kref", kref, 2, 22, 0, 0, 0, true}};
  Engine engine;
  for (const Row& row : fewer) {
    CAPTURE(row.name);
    CAPTURE(row.n);
    StepModel model = row.make(row.n);
    model.with_additions();
    Counts counts;
    const auto visit = [&](const Outcome& o) { counts.add(engine, model, o); };
    if (row.literally) {
      CHECK(every_schedule(engine, model, 400'000, visit) != 0);
    } else {
      every_class(engine, model, visit);
    }
    CHECK(counts.traces.size() == row.traces);
    CHECK(counts.blocked.size() == row.blocked);
    CHECK(counts.bad.size() == row.bad);
  }
}
