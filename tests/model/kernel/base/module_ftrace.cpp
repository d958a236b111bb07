// kernel/module: what unloading waits for besides, with ftrace.
#include "model/steps.hpp"

namespace unplug::model::test {

// Fact: module-ftrace.
TEST_CASE("module: with ftrace another grace period comes before that of free_module, if there is a function that it knows") {
  Module m;
  bool traced = true, fails = false;
  KernelConfig config;
  const auto make = [&](Lab& l) {
    l.init(m, "foo", !fails);
    m.traced = traced;
    l.task("t", [&](Context& c) {
      if (fails) {
        must(do_init_module(c, m, l.rcu, [] { return -12; }) == -12);
      } else {
        must(delete_module(c, m, l.rcu, [&] { mark(c); }) == DeleteResult::gone);
      }
    });
  };
  const Steps period{"synchronize_rcu: grace period begins", "synchronize_rcu: grace period ends"};
  const auto steps = [&] {
    Lab lab(make, config);
    CHECK(every(lab).text().empty());
    return steps_of(lab, "t");
  };
  const auto with_another = [&](Steps s) {
    s.insert(s.end() - 3, period.begin(), period.end());
    return s;
  };
  const Steps plain = steps();
  fails = true;
  const Steps failed = steps();
  config.dynamic_ftrace = true;
  CHECK(steps() == with_another(failed));
  fails = false;
  CHECK(steps() == with_another(plain));
  traced = false;
  CHECK(steps() == plain);
}

}  // namespace unplug::model::test
