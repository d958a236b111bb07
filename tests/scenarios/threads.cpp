// Threads outside of any module: what their verbs do, what the state that they leave is asked, and what is counted.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "files.hpp"
#include "unplug/sim/strategy.hpp"

using namespace unplug;
using namespace unplug::scenarios;

namespace {

// The sections of a scenario that consists of threads.
struct Threads {
  std::string shared{}, threads{}, final_state{}, more{};
  [[nodiscard]] std::string text() const {
    return fmt::format(R"({{"name": "t", "shared": {{{}}}, "run": {{"threads": {{{}}}}}, "final": {{{}}}{}}})", shared, threads,
                       final_state, more);
  }
};

std::unique_ptr<Scenario> load(const std::string& text) {
  Diagnostics out;
  auto s = parse_scenario(text, "t", {}, out);
  INFO(out.render());
  REQUIRE(s != nullptr);
  return s;
}

// All executions there are.
ScenarioResult explore_file(const std::string& text) {
  RunOptions options;
  options.strategies = {std::string(sim::exhaustive_strategy)};
  options.strategies_given = true;
  ScenarioResult r = scenarios::test::run(*load(text), options);
  for (const Cell& c : r.cells) CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
  return r;
}
Cell explore(const Threads& t) { return explore_file(t.text()).cells.at(0); }

// "executions/blocked/failing/final states"
std::string counts(const Cell& c) { return fmt::format("{}/{}/{}/{}", c.executions, c.blocked, c.failing, c.final_states); }

std::string found(const Cell& c) {
  std::string out;
  for (const Finding& f : c.violations) out += fmt::format("[{}({})@{}]", f.violation_class, f.object, f.offender.function);
  return out;
}

// What is not as expected.
std::string unmet(const Cell& c) {
  std::string out;
  for (const Expectation& e : c.expectations)
    if (!e.met) out += fmt::format("[{}: {}]", e.text, e.detail);
  return out;
}

std::string messages_of(const std::string& text) {
  Diagnostics out;
  CHECK(parse_scenario(text, "t", {}, out) == nullptr);
  std::string all;
  for (const Diagnostic& d : out.all()) all += "[" + d.message + "]";
  return all;
}

}  // namespace

TEST_CASE("await is enabled exactly while its condition holds") {
  // The word goes 0, 1, 2: an execution for each of these that the waiter may see, and one that ends blocked if 2 is none of them.
  const auto waits = [](const std::string& condition) {
    return counts(explore({.shared = R"("x": 0)",
                           .threads = R"("setter": [{"WRITE_ONCE": "x", "value": 1}, {"WRITE_ONCE": "x", "value": 2}],
                                         "waiter": [{"await": ")" +
                                      condition + R"(", "to": "v"}])",
                           .final_state = R"("observe": ["waiter.v"])"}));
  };
  CHECK(waits("x == 0") == "2/1/1/1");
  CHECK(waits("x == 1") == "2/1/1/1");
  CHECK(waits("x == 2") == "1/0/0/1");
  CHECK(waits("x != 1") == "2/0/0/2");
  CHECK(waits("x < 2") == "3/1/1/2");
  CHECK(waits("x <= 1") == "3/1/1/2");
  CHECK(waits("x > 0") == "2/0/0/2");
  CHECK(waits("x >= 1") == "2/0/0/2");
  CHECK(waits("x < 0") == "1/1/1/0");
  CHECK(waits("x > 2") == "1/1/1/0");
}

TEST_CASE("await compares with what a local holds") {
  const Cell c = explore({.shared = R"("x": 0)",
                          .threads = R"("P": [{"let": "n", "value": 3}, {"await": "x == n"}], "Q": [{"WRITE_ONCE": "x", "value": 3}])"});
  CHECK(counts(c) == "1/0/0/1");
}

TEST_CASE("a wait that nobody ends is a deadlock of the thread, at the word it waits for") {
  const Cell c = explore({.shared = R"("x": 0)", .threads = R"("P": [{"await": "x == 1"}])"});
  CHECK(counts(c) == "1/1/1/0");
  CHECK(found(c) == "[deadlock(x)@P]");
}

TEST_CASE("update: sets, adds, takes away, sets bits and masks them, and hands out what was there before") {
  const Cell c = explore({.shared = R"("x": 12)",
                          .threads = R"("P": [{"update": "x", "and": 10, "to": "a"}, {"update": "x", "or": 3, "to": "b"},
                                              {"update": "x", "sub": 1, "to": "c"}, {"update": "x", "add": "a", "to": "d"},
                                              {"update": "x", "set": 7, "to": "e"}])",
                          .final_state = R"("require": ["x == 7 && P.a == 12 && P.b == 8 && P.c == 11 && P.d == 10 && P.e == 22"])"});
  CHECK(unmet(c).empty());
  CHECK(counts(c) == "1/0/0/1");
}

TEST_CASE("update is one step: no increment is lost, unlike with a read and a write") {
  const auto thread = [](const std::string& steps) { return fmt::format(R"("P": {{"count": 2, "do": [{}]}})", steps); };
  const Cell atomic =
      explore({.shared = R"("x": 0)", .threads = thread(R"({"update": "x", "add": 1})"), .final_state = R"("observe": ["x"])"});
  CHECK(counts(atomic) == "2/0/0/1");
  const Cell torn = explore({.shared = R"("x": 0)",
                             .threads = thread(R"({"READ_ONCE": "x", "to": "v"}, {"WRITE_ONCE": "x", "value": "v + 1"})"),
                             .final_state = R"("observe": ["x"], "require": ["x == 1", "x == 2"])"});
  CHECK(torn.final_states == 2);
  CHECK(unmet(torn).empty());
}

TEST_CASE("update with \"when\" waits like await: a lock of one word") {
  const auto locks = [](const std::string& unlock) {
    return counts(explore({.shared = R"("m": 0, "x": 0)",
                           .threads = R"("P": {"count": 2, "do": [{"update": "m", "set": 1, "when": "m == 0"},
                                                {"READ_ONCE": "x", "to": "v"}, {"WRITE_ONCE": "x", "value": "v + 1"})" +
                                      unlock + "]}",
                           .final_state = R"("observe": ["x"])"}));
  };
  CHECK(locks(R"(, {"WRITE_ONCE": "m", "value": 0})") == "2/0/0/1");
  CHECK(locks("") == "2/2/2/0");
}

TEST_CASE("choose takes each alternative") {
  const Cell c = explore({.shared = R"("x": 0)",
                          .threads = R"("P": [{"choose": 3, "to": "k"}])",
                          .final_state = R"("require": ["P.k == 0", "P.k == 1", "P.k == 2"], "forbid": ["P.k > 2", "P.k < 0"])"});
  CHECK(counts(c) == "3/0/0/3");
  CHECK(unmet(c).empty());
}

TEST_CASE("assert is no step, what fails is named with its condition, at the step before it, and the thread goes on") {
  const auto run = [](const std::string& check) {
    return explore(
        {.shared = R"("x": 0)", .threads = R"("P": [{"READ_ONCE": "x", "to": "v"})" + check + R"(, {"WRITE_ONCE": "x", "value": 2}],
                                  "Q": [{"WRITE_ONCE": "x", "value": 1}])"});
  };
  const Cell with = run(R"(, {"assert": "v == 0"})"), without = run("");
  CHECK(found(with) == "[assertion-failed(v == 0)@P]");
  CHECK(with.violations.at(0).offender.step == "READ_ONCE#1");
  CHECK(counts(with) == "3/0/1/3");
  CHECK(counts(without) == "3/0/0/3");
}

TEST_CASE("elements of an array are words of their own, by number or by a local") {
  const auto writes = [](const std::string& element) {
    return counts(explore({.shared = R"("a": [0, 0, 5])",
                           .threads = R"("P": {"count": 2, "as": "k", "do": [{"WRITE_ONCE": ")" + element + R"(", "value": "k + 1"}]})"}));
  };
  CHECK(writes("a[k]") == "1/0/0/1");  // each writes its own
  CHECK(writes("a[0]") == "2/0/0/2");
  const Cell c = explore({.shared = R"("a": [0, 0, 5])",
                          .threads = R"("P": [{"let": "i", "value": 1}, {"let": "j", "value": "i + 1"}, {"READ_ONCE": "a[j]", "to": "v"},
                                              {"update": "a[i]", "add": "v"}, {"await": "a[i] == 5", "to": "w"}])",
                          .final_state = R"("require": ["a[0] == 0 && a[1] == 5 && a[2] == 5 && P.w == 5"])"});
  CHECK(unmet(c).empty());
}

TEST_CASE("an element that there is not is a pointer that leads nowhere") {
  for (const std::string index : {"3", "-1"}) {
    CAPTURE(index);
    const Cell c = explore(
        {.shared = R"("a": [0, 0, 0], "b": 0)",
         .threads = R"("P": [{"let": "i", "value": )" + index + R"(}, {"READ_ONCE": "b", "to": "v"}, {"READ_ONCE": "a[i]", "to": "v"}])"});
    CHECK(found(c) == "[null-deref(a[i])@P]");
  }
}

TEST_CASE("threads of one kind have numbers, by which the final state tells them apart") {
  const Cell c = explore({.shared = R"("x": 0)",
                          .threads = R"("P": {"count": 3, "as": "me", "do": [{"update": "x", "add": "me"}]})",
                          .final_state = R"("require": ["P.0.me == 0 && P.1.me == 1 && P.2.me == 2 && x == 3"])"});
  CHECK(unmet(c).empty());
  CHECK(counts(c) == "6/0/0/1");
}

TEST_CASE("a final state that is forbidden is a violation, one that is required and never comes is unmet") {
  const Threads race{.shared = R"("x": 0)",
                     .threads = R"("P": [{"WRITE_ONCE": "x", "value": 1}], "Q": [{"WRITE_ONCE": "x", "value": 2}])",
                     .final_state = R"("forbid": ["x == 1"], "require": ["x == 2", "x == 3"])"};
  const Cell c = explore(race);
  CHECK(found(c) == "[assertion-failed(x == 1)@P]");
  CHECK(counts(c) == "2/0/1/2");
  CHECK(unmet(c) == "[some execution ends with x == 3: none did]");
}

TEST_CASE("a final state of threads that never took a step is judged, too") {
  const Cell c =
      explore({.shared = R"("x": 4)", .threads = R"("P": [{"let": "a", "value": 1}])", .final_state = R"("forbid": ["x == 4"])"});
  CHECK(counts(c) == "1/0/1/1");
}

TEST_CASE("conditions on the final state join parts, and compare words with each other and with memory") {
  const Cell c = explore({.shared = R"("m": {"fields": {"v": 6}}, "p": {"points_to": "m"}, "q": null, "x": 6)",
                          .threads = R"("P": [{"READ_ONCE": "p", "to": "r"}, {"READ_ONCE": "r.v", "to": "s"}])",
                          .final_state = R"("require": ["P.r == m && P.s == x && m.v == P.s && q == NULL && x != p && x > 5 && x <= 6"])"});
  CHECK(unmet(c).empty());
}

TEST_CASE("only what is observed tells final states apart") {
  Threads t{.shared = R"("x": 0, "y": 0)",
            .threads = R"("P": [{"WRITE_ONCE": "x", "value": 1}, {"WRITE_ONCE": "y", "value": 1}], "Q": [{"READ_ONCE": "x", "to": "r"}])"};
  CHECK(explore(t).final_states == 2);  // by default: all locals and words
  t.final_state = R"("observe": ["y"])";
  CHECK(explore(t).final_states == 1);
}

TEST_CASE("a condition on the final state may be that of one form") {
  const ScenarioResult r =
      explore_file(Threads{.shared = R"("x": 0)",
                           .threads = R"("P": [{"WRITE_ONCE": "x", "value": 1, "form": ["one", "both"]},
                                                               {"WRITE_ONCE": "x", "value": 2, "form": ["two", "both"]}])",
                           .final_state = R"("forbid": [{"that": "x == 2", "form": "both"}, {"that": "x == 1", "form": "two"}])"}
                       .text());
  REQUIRE(r.cells.size() == 3);
  for (const Cell& c : r.cells) CHECK(found(c) == (c.form == "both" ? "[assertion-failed(x == 2)@P]" : ""));
}

TEST_CASE("counts that are wrong are unmet, and say what was found") {
  Threads t{.shared = R"("x": 0)", .threads = R"("P": {"count": 2, "do": [{"await": "x == 0"}, {"WRITE_ONCE": "x", "value": 1}]})"};
  t.more = R"(, "expect": [{"may": ["deadlock"], "executions": 4, "blocked": 2, "failing": 2, "states": 1}])";
  CHECK(counts(explore(t)) == "4/2/2/1");
  CHECK(unmet(explore(t)).empty());
  t.more = R"(, "expect": [{"may": ["deadlock"], "executions": 5, "blocked": 0, "failing": 1, "states": 3}])";
  CHECK(unmet(explore(t)) ==
        "[5 executions: found 4][0 blocked executions: found 2][1 failing executions: found 2][3 final states: found 1]");
}

TEST_CASE("counts need a search of everything") {
  Threads t{.shared = R"("x": 0)", .threads = R"("P": [{"WRITE_ONCE": "x", "value": 1}])"};
  t.more = R"(, "expect": [{"executions": 1}])";
  RunOptions options;
  options.strategies = {"random"};
  options.executions = 1;
  CHECK(unmet(scenarios::test::run(*load(t.text()), options).cells.at(0)) == "[1 executions: the search was not exhaustive]");
}

TEST_CASE("a final condition about a name that does not exist is an error of the file") {
  const std::string threads = R"("P": [{"READ_ONCE": "x", "to": "r0"}])";
  CHECK(messages_of(Threads{R"("x": 0)", threads, R"("forbid": ["P.r1 == 0"])", ""}.text()) == "[nothing 'P.r1' is left at the end]");
  CHECK(messages_of(Threads{R"("x": 0)", threads, R"("observe": ["y"])", ""}.text()) == "[nothing 'y' is left at the end]");
  CHECK(messages_of(R"({"name": "t", "shared": {"x": 0}, "run": {"threads": {}}, "final": {"forbid": ["x == 0"]}})") ==
        "[a final state without threads]");
}

TEST_CASE("threads stand beside a driver, and share words with it") {
  const ScenarioResult r = explore_file(R"({"name": "t", "shared": {"gone": 0}, "modules": {"foo": {}},
    "functions": {"foo_probe": [], "foo_remove": [{"WRITE_ONCE": "gone", "value": 1}]},
    "run": {"removal": ["unbind"], "tasks": {}, "threads": {"P": [{"await": "gone == 1", "to": "v"}]}},
    "final": {"require": ["P.v == 1"]}, "policies": ["none"]})");
  CHECK(found(r.cells.at(0)).empty());
  CHECK(unmet(r.cells.at(0)).empty());
  CHECK(r.cells.at(0).blocked == 0);
}

TEST_CASE("a callback runs a function of a file without modules, whose text never goes away") {
  const ScenarioResult r = explore_file(R"({"name": "t", "shared": {"done": 0, "head": "rcu_head"},
    "functions": {"callback": [{"WRITE_ONCE": "done", "value": 1}]},
    "run": {"threads": {"P": [{"call_rcu": "head", "fn": "callback"}, "rcu_barrier", {"READ_ONCE": "done", "to": "v"}]}},
    "final": {"forbid": ["P.v == 0"], "require": ["P.v == 1"]}})");
  CHECK(found(r.cells.at(0)).empty());
  CHECK(unmet(r.cells.at(0)).empty());
}

TEST_CASE("a thread gives values to the function that it calls") {
  const ScenarioResult r = explore_file(R"({"name": "t", "shared": {"x": 0}, "functions": {"f": [{"WRITE_ONCE": "x", "value": "n"}]},
    "run": {"threads": {"P": [{"call": "f", "with": {"n": 7}}]}}, "final": {"require": ["x == 7"]}})");
  CHECK(unmet(r.cells.at(0)).empty());
}

TEST_CASE("a loop that takes no step meets the bound on steps like any other") {
  RunOptions options;
  options.strategies = {"random"};
  options.executions = 1;
  const Threads t{.shared = R"("x": 0)", .threads = R"("P": [{"label": "again"}, {"goto": "again"}])"};
  CHECK(found(scenarios::test::run(*load(t.text()), options).cells.at(0)) == "[livelock(nothing)@P]");
}

TEST_CASE("a long loop over locals is no livelock") {
  const Cell c =
      explore({.shared = R"("x": 0)", .threads = R"("P": [{"let": "i", "value": 5000}, {"label": "again"}, {"let": "i", "value": "i - 1"},
                                              {"if": "i > 0", "goto": "again"}, {"WRITE_ONCE": "x", "value": 1}])"});
  CHECK(counts(c) == "1/0/0/1");
}

TEST_CASE("functions that call themselves, or each other too deep, are errors: a thread's stack is small") {
  const auto calls = [](int n, const std::string& last) {
    std::string functions;
    for (int i = 0; i < n; ++i) functions += fmt::format(R"("f{}": [{{"call": "f{}"}}], )", i, i + 1);
    return fmt::format(R"({{"name": "t", "functions": {{{}"f{}": [{}]}}, "run": {{"threads": {{"P": [{{"call": "f0"}}]}}}}}})", functions,
                       n, last);
  };
  CHECK(counts(explore_file(calls(9, "")).cells.at(0)) == "1/0/0/0");
  CHECK(messages_of(calls(10, "")) == "[calls are 10 deep here]");
  CHECK(messages_of(calls(0, R"({"call": "f0"})")) == "[function 'f0' comes to call itself]");
  CHECK(messages_of(calls(2, R"({"call": "f1"})")) == "[function 'f1' comes to call itself]");
}
