// Vector clocks and pasts against the definition, computed the slow way.
#include "unplug/sim/happens_before.hpp"

#include <functional>
#include <memory>

#include "models.hpp"
#include "random_programs.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// before[j][i]: event i precedes, or is, event j. By definition: the transitive closure of program order, conflict and creation.
std::vector<std::vector<bool>> closure(const Trace& t) {
  const std::size_t n = t.events.size();
  std::vector<std::vector<bool>> before(n, std::vector<bool>(n, false));
  // Whether `event` of the creator, or of whoever made the creator, precedes everything that `task` does.
  const auto creates = [&](const Event& event, TaskId task) {
    for (TaskRecord r = t.tasks[task.index()]; r.creator; r = t.tasks[r.creator.index()])
      if (event.task == r.creator && event.ordinal < r.creator_steps) return true;
    return false;
  };
  for (std::size_t j = 0; j < n; ++j) {
    before[j][j] = true;
    for (std::size_t i = 0; i < j; ++i) {
      const Event &a = t.events[i], &b = t.events[j];
      if (a.task != b.task && !conflict(a.access, b.access) && !creates(a, b.task)) continue;
      for (std::size_t k = 0; k < n; ++k)
        if (before[i][k]) before[j][k] = true;
    }
  }
  return before;
}

// Every event against up to 64 marked ones, in both directions.
void check_reach(const Trace& trace, const std::vector<std::vector<bool>>& before) {
  Reach reach;
  for (std::uint32_t stride = 1; stride < 4; ++stride) {
    std::vector<std::uint32_t> marks;
    for (std::uint32_t i = 0; i < trace.events.size() && marks.size() < Reach::capacity; i += stride) marks.push_back(i);
    std::vector<std::uint32_t> visited;
    reach.before(trace, marks, [&](std::uint32_t i, std::uint64_t mask) {
      visited.push_back(i);
      for (std::size_t k = 0; k < marks.size(); ++k)
        if (before[marks[k]][i] != ((mask >> k & 1U) != 0)) FAIL_CHECK("event " << i << " before mark " << marks[k]);
      if (marks.size() < 64 && mask >> marks.size() != 0) FAIL_CHECK("bits without a mark");
    });
    reach.after(trace, marks, [&](std::uint32_t i, std::uint64_t mask) {
      if (visited.empty() || visited.back() != i) FAIL_CHECK("event " << i << " is out of order");
      visited.pop_back();
      for (std::size_t k = 0; k < marks.size(); ++k)
        if (before[i][marks[k]] != ((mask >> k & 1U) != 0)) FAIL_CHECK("event " << i << " after mark " << marks[k]);
    });
    CHECK(visited.empty());
  }
}

void check(const Trace& trace) {
  const auto before = closure(trace);
  VectorClocks clocks;
  for (int round = 0; round < 2; ++round) {  // its buffers serve many traces
    clocks.begin(trace);
    for (std::size_t j = 0; j < trace.events.size(); ++j) {
      const VectorClocks::Clock clock = clocks.step(trace.events[j]);
      for (std::size_t i = 0; i < trace.events.size(); ++i)
        if (i <= j && VectorClocks::precedes(trace.events[i], clock) != before[j][i]) FAIL_CHECK("clock of event " << j << " about " << i);
    }
  }
  for (std::size_t j = 0; j < trace.events.size(); ++j)
    if (past_of(trace, j) != before[j]) FAIL_CHECK("past of event " << j);
  check_reach(trace, before);
}

}  // namespace

TEST_CASE("program order, conflicts and creation order events, and nothing else does") {
  Engine e;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    StepModel models[] = {readers(5), kref(3), drain(3), srcu2(2), work_cancel(3), irq_choice(3), abba(2), lastzero(5)};
    for (StepModel& m : models) {
      run(e, m, "random", seed);
      check(e.trace());
    }
  }
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    RandomProgram p(seed, seed % 2 == 1);
    run(e, p, "random", seed);
    check(e.trace());
  }
}

TEST_CASE("creation trees: a task made before its maker's first step descends from whoever made the maker") {
  // Every task makes others at random points of its life, before its first step too.
  Engine e;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Lambda p([seed](Engine& eng) {
      const ObjectId x = eng.new_object(eng.own_name("x")), y = eng.new_object(eng.own_name("y"));
      auto made = std::make_shared<int>(0);
      auto draws = std::make_shared<Random>(seed);
      auto body = std::make_shared<std::function<void()>>();
      const std::weak_ptr<std::function<void()>> weak = body;
      *body = [=, &eng] {
        for (std::uint64_t i = 0; i < 4; ++i) {
          const auto again = weak.lock();
          if (draws->below(3) == 0 && *made < 12 && again) eng.spawn("t" + std::to_string(++*made), *again);
          const std::uint64_t what = draws->below(6);
          if (what < 2) {
            read(eng, what == 0 ? x : y);
          } else if (what == 2) {
            write(eng, x, 1);
          } else {
            nop(eng);
          }
        }
      };
      eng.spawn("t0", [body] { (*body)(); });
      eng.spawn("root", [body] { (*body)(); });
    });
    run(e, p, "random", seed);
    REQUIRE(e.trace().tasks.size() >= 2);
    check(e.trace());
  }
}

TEST_CASE("an empty trace has no order") {
  Engine e;
  Lambda p([](Engine&) {});
  CHECK(run(e, p, "random").kind == Outcome::Kind::completed);
  check(e.trace());
}

TEST_CASE("more events marked than there are bits for are refused, not forgotten") {
  Reach reach;
  const std::vector<std::uint32_t> marks(Reach::capacity + 1);
  CHECK_THROWS_WITH(reach.before({}, marks, [](std::uint32_t, std::uint64_t) {}), "more events are marked than there are bits for");
  CHECK_THROWS_WITH(reach.after({}, marks, [](std::uint32_t, std::uint64_t) {}), "more events are marked than there are bits for");
}
