// experiment: what someone who links the model as a library sees of his driver.
#include "unplug/model/experiment.hpp"

#include <stdexcept>

#include "model/support.hpp"
#include "unplug/model/mechanisms/policy.hpp"

namespace unplug::model::test {
namespace {

// A reader and a driver that frees what he reads, after it has waited for him or not.
struct Small {
  Allocation priv;
  Waiter done;
  bool wait = false;
  Experiment experiment{[this](Experiment& e) {
    init_allocation(e.kernel, priv, e.name("priv"), e.name("priv"), {}, true);
    add_field(e.kernel, priv, e.name("x"), 0);
    init_waiter(e.kernel, done, e.name("done"), e.name("done"), {}, Owner::driver);
    e.task("reader", [this](Context& c) {
      get(c, priv);
      get(c, priv);
      complete(c, done);
    });
    e.remover("remover", [this](Context& c) {
      if (wait) wait_for_completion(c, done);
      kfree(c, priv);
    });
  }};
};

}  // namespace

TEST_CASE("experiment: every trace is visited once, and what is found is shown by steps in which the life ends before it is used") {
  Small s;
  const Findings f = explore(s.experiment);
  CHECK(f.exhaustive);
  CHECK(f.executions == 1);  // nothing in it conflicts: ends and uses are judged on the one trace
  REQUIRE(f.list.size() == 1);
  const Finding* found = f.find(ViolationClass::use_after_free, "priv", "reader");
  REQUIRE(found != nullptr);
  CHECK(found->executions == 1);
  REQUIRE(found->steps.size() == 4);
  CHECK(found->steps[0] == " * remover: kfree");
  CHECK(found->steps[1] == "-> reader: READ_ONCE (priv.x)");
  CHECK(describe(f).find("1 executions: all there are\nuse-after-free(priv) @ reader, in 1 of them\n") == 0);
  CHECK(f.find(ViolationClass::use_after_free, "priv", "remover") == nullptr);
}

TEST_CASE("experiment: a clean one says how much was explored, a sample does not call itself exhaustive") {
  Small s;
  s.wait = true;
  CHECK(describe(explore(s.experiment)) == "1 executions: all there are\nnothing found\n");
  const Findings few = sample(s.experiment, 20);
  CHECK(few.executions == 20);
  CHECK_FALSE(few.exhaustive);
  CHECK(describe(few) == "20 executions\nnothing found\n");
  CHECK_THROWS_AS(static_cast<void>(sample(s.experiment, 1, "no such strategy")), std::invalid_argument);
}

TEST_CASE("experiment: explored in part it is not exhaustive, a task that never ends is cut and not judged") {
  Mutex m;
  Experiment two([&](Experiment& e) {
    init_mutex(e.kernel, m, e.name("m"), e.name("m"), {});
    for (const auto* name : {"a", "b", "c"})
      e.task(name, [&](Context& c) {
        mutex_lock(c, m);
        mutex_unlock(c, m);
      });
  });
  CHECK(explore(two).executions == 6);
  const Findings part = explore(two, 4);
  CHECK(part.executions == 4);
  CHECK_FALSE(part.exhaustive);
  Experiment endless([&](Experiment& e) {
    e.task("spinner", [&](Context& c) {
      while (!c.aborting()) mark(c);
    });
  });
  const Findings cut = explore(endless);
  CHECK(cut.cut == 1);
  CHECK_FALSE(cut.exhaustive);
  CHECK(describe(cut).find("1 cut by the bound on steps") != std::string::npos);
}

TEST_CASE("experiment: samples of every strategy find what there is, and the same each time") {
  Small s;
  for (const char* strategy : {"random", "pct(3)", "pos", "surw", "mix", "timed"}) {
    CAPTURE(strategy);
    const Findings a = sample(s.experiment, 10, strategy), b = sample(s.experiment, 10, strategy);
    CHECK(a.list.size() == 1);
    CHECK(describe(a) == describe(b));
  }
}

TEST_CASE("mechanisms from outside: known by name to policies, of the part they are made for, once") {
  class Open final : public EntryGuard {
    void init(Kernel& /*kernel*/, NameId /*unique_name*/) override {}
    bool enter(Context& /*context*/, Token& token) override {
      token = 7;
      return true;
    }
    void exit(Context& /*context*/, Token /*token*/) override {}
    void fence(Context& /*context*/) override {}
  };
  const auto make = [] { return std::unique_ptr<EntryGuard>(std::make_unique<Open>()); };
  register_mechanism({Part::entry, "open to all", "lets everybody in", "a door"}, make);
  PolicySpec spec;
  spec.mechanism[static_cast<std::size_t>(Part::entry)] = "open to all";
  Policy policy(spec);
  Small s;
  Token token = 0;
  Context context(s.experiment.kernel, ContextKind::process);
  CHECK(policy.entry().enter(context, token));
  CHECK(token == 7);
  CHECK_THROWS_AS(register_mechanism({Part::entry, "open to all", "again", ""}, make), std::invalid_argument);
  CHECK_THROWS_AS(register_mechanism({Part::pin, "open", "a guard is no pin", ""}, make), std::invalid_argument);
}

}  // namespace unplug::model::test
