// The run set: sorted by id whatever comes and goes, and each task where the set thinks it is.
#include "unplug/sim/run_set.hpp"

#include <set>
#include <vector>

#include <doctest/doctest.h>

#include "unplug/sim/hash.hpp"

using namespace unplug::sim;

namespace {

TaskView view(std::uint32_t id, Time eligible = 0) { return {TaskId{id}, {}, nullptr, {}, eligible}; }

std::vector<std::uint32_t> ids(const RunSet& set) {
  std::vector<std::uint32_t> out;
  for (const TaskView& v : set.views()) out.push_back(v.id.index());
  return out;
}

}  // namespace

TEST_CASE("tasks come and go in any order, and stand sorted by id") {
  RunSet set;
  for (std::uint32_t i = 0; i < 5; ++i) set.add_task(TaskId{i});
  CHECK(set.views().empty());
  for (const std::uint32_t i : {3U, 0U, 4U, 1U}) set.put(view(i));
  CHECK(ids(set) == std::vector<std::uint32_t>{0, 1, 3, 4});
  CHECK(!set.has(TaskId{2}));
  set.put(view(3, 7));  // its next step
  CHECK(ids(set) == std::vector<std::uint32_t>{0, 1, 3, 4});
  CHECK(set.views()[2].eligible == 7);
  set.erase(TaskId{1});
  CHECK(ids(set) == std::vector<std::uint32_t>{0, 3, 4});
  set.erase(TaskId{4});
  set.put(view(2));
  CHECK(ids(set) == std::vector<std::uint32_t>{0, 2, 3});
  set.clear();
  set.add_task(TaskId{0});
  CHECK(!set.has(TaskId{0}));
  CHECK(set.views().empty());
}

TEST_CASE("a write lets many in and shuts many out in one go") {
  RunSet set;
  constexpr std::uint32_t tasks = 40;
  for (std::uint32_t i = 0; i < tasks; ++i) set.add_task(TaskId{i});
  std::set<std::uint32_t> expected;
  Random draws(5);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<TaskView> fresh;
    for (std::uint32_t i = 0; i < tasks; ++i)
      if (!set.has(TaskId{i}) && draws.below(4) == 0) {
        fresh.push_back(view(i));
        expected.insert(i);
      }
    set.merge(fresh);
    CHECK(ids(set) == std::vector<std::uint32_t>(expected.begin(), expected.end()));
    for (std::uint32_t i = 0; i < tasks; ++i)
      if (set.has(TaskId{i}) && draws.below(4) == 0) {
        set.drop(TaskId{i});
        expected.erase(i);
      }
    set.close_ranks();
    CHECK(ids(set) == std::vector<std::uint32_t>(expected.begin(), expected.end()));
    if (const auto one = static_cast<std::uint32_t>(draws.below(tasks)); set.has(TaskId{one})) {
      set.erase(TaskId{one});
      expected.erase(one);
    } else {
      set.put(view(one));
      expected.insert(one);
    }
    for (std::uint32_t i = 0; i < tasks; ++i) CHECK(set.has(TaskId{i}) == expected.contains(i));
  }
}
