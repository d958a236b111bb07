// kernel/fault: calls that may fail, and how often.
#include "unplug/model/kernel/lib/fault.hpp"

#include <algorithm>

#include "model/steps.hpp"

namespace unplug::model::test {
namespace {

KernelConfig with_faults(std::uint32_t n) {
  KernelConfig config;
  config.faults = n;
  return config;
}

}  // namespace

TEST_CASE("fault: without faults in the configuration nothing fails, no step is taken and no object made") {
  Lab lab([](Lab& l) {
    l.task("t", [](Context& c) {
      for (int i = 0; i < 5; ++i) must(!should_fail(c));
    });
  });
  CHECK(every(lab).executions == 1);
  CHECK(steps_of(lab, "t").empty());
  CHECK(!lab.kernel.faults);
}

// Fact: should_fail-any.
TEST_CASE("fault: any call may fail, at most as many in one execution as there are faults, and then nothing is asked any more") {
  for (const std::uint32_t faults : {1U, 2U}) {
    std::vector<bool> failed;
    std::set<std::vector<bool>> seen;
    Lab lab(
        [&](Lab& l) {
          failed.clear();
          l.task("t", [&](Context& c) {
            for (int i = 0; i < 3; ++i) {
              const bool f = should_fail(c);
              failed.push_back(f);
            }
          });
        },
        with_faults(faults));
    const Found f = every(lab, [&] { seen.insert(failed); });
    CHECK(seen.size() == (faults == 1 ? 4 : 7));
    CHECK(f.executions == seen.size());  // no choice that decides nothing
    for (const auto& s : seen) CHECK(std::ranges::count(s, true) <= faults);
  }
}

// Fact: should_fail-any.
TEST_CASE("fault: with the task filter only calls of marked tasks fail, and only while they are") {
  std::vector<bool> failed;
  std::set<std::vector<bool>> seen;
  KernelConfig config = with_faults(2);
  config.fault_task_filter = true;
  Lab lab(
      [&](Lab& l) {
        failed.clear();
        l.task("t", [&](Context& c) {
          failed.push_back(should_fail(c));
          {
            const MakeItFail marked(c);
            failed.push_back(should_fail(c));
          }
          failed.push_back(should_fail(c));
        });
      },
      config);
  CHECK(every(lab, [&] { seen.insert(failed); }).executions == 2);
  CHECK(seen == std::set<std::vector<bool>>{{false, false, false}, {false, true, false}});
}

TEST_CASE("fault: what may fail by itself needs no faults in the configuration") {
  std::set<bool> seen;
  bool failed = false;
  Lab lab([&](Lab& l) { l.task("t", [&](Context& c) { failed = may_fail(c); }); });
  CHECK(every(lab, [&] { seen.insert(failed); }).executions == 2);
  CHECK(seen.size() == 2);
}

TEST_CASE("fault: tasks share the faults: who comes second to the last one does not fail") {
  std::array<bool, 2> failed{};
  std::set<std::array<bool, 2>> seen;
  Lab lab(
      [&](Lab& l) {
        failed = {};
        for (std::size_t i = 0; i < 2; ++i) l.task("t" + std::to_string(i), [&, i](Context& c) { failed[i] = should_fail(c); });
      },
      with_faults(1));
  every(lab, [&] { seen.insert(failed); });
  CHECK(seen == std::set<std::array<bool, 2>>{{false, false}, {true, false}, {false, true}});
}

}  // namespace unplug::model::test
