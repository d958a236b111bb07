// What stands behind a verdict that is no failure: entries that never happened, leaks that could or couldn't be judged, names that mean one
// thing. The files of tests/faults have more of it.
#include "short_driver.hpp"
#include "small.hpp"

using namespace unplug;
using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

Cell proved(const std::string& text) {
  Diagnostics out;
  LoadOptions load;
  load.policies = {"none"};
  const auto s = parse_scenario(text, "t", load, out);
  REQUIRE_MESSAGE(s != nullptr, out.render());
  RunOptions options;
  options.strategies = {"auto"};
  const Cell c = test::run(*s, options, load).cells.at(0);
  CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
  return c;
}

std::string found(const Cell& c) {
  std::string all;
  for (const Finding& f : c.violations) all += fmt::format("[{}({})@{}]", f.violation_class, f.object, f.offender.function);
  return all;
}

// A file that stays open at the end, or with `closes` doesn't; `ops`: more of its operations, with their functions in `functions`.
Cell taken_in_ioctl(const std::string& ioctl, bool closes, const std::string& ops = "", const std::string& functions = "") {
  return proved(fmt::format(R"({{"name": "t", "modules": {{"foo": {{"fops": {{"owner": null, "unlocked_ioctl": "foo_ioctl"{}}}}}}},
    "functions": {{"foo_probe": [{{"misc_register": "foo0"}}], "foo_ioctl": [{}], {} "foo_remove": [{{"misc_deregister": "foo0"}}]}},
    "run": {{"removal": ["unbind"], "tasks": {{"user": {{"do": [{{"open": "foo0", "to": "fd"}}, {{"ioctl": "fd"}}{}]}}}}}}}})",
                            ops, ioctl, functions, closes ? R"(, {"close": "fd"})" : ""));
}

const std::string gets = R"({"try_module_get": null, "else": "out"}, {"label": "out"})";
const std::string release = R"("foo_release": [{"udelay": "1us"}],)";

}  // namespace

TEST_CASE("vacuous: a function that nothing in the file leads to") {
  Small s;
  s.functions = R"("foo_irq": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.tasks = R"("cpu": {"do": [{"udelay": "1us"}]})";
  const Cell c = explore(s).cell;
  CHECK(c.verdict == CellVerdict::vacuous);
  REQUIRE(c.never.size() == 1);
  CHECK(c.never[0].what == "foo_irq");
  CHECK(c.never[0].how == "was never entered: nothing in the file leads to it");
  s.probe = R"({"request_irq": "irq", "fn": "foo_irq"})";
  s.remove = R"({"free_irq": "irq"})";
  s.tasks = R"("hw": {"raise": "irq"})";
  CHECK(explore(s).cell.verdict == CellVerdict::clean);
}

TEST_CASE("leaks of counts: a file that is open hides none, unless closing it runs code that could give something back") {
  CHECK(found(taken_in_ioctl(gets, true)) == "[leak(foo)@foo_ioctl]");
  CHECK(found(taken_in_ioctl(gets, false)) == "[leak(foo)@foo_ioctl]");
  CHECK(found(taken_in_ioctl(gets, true, R"(, "release": "foo_release")", release)) == "[leak(foo)@foo_ioctl]");
  const Cell open = taken_in_ioctl(gets, false, R"(, "release": "foo_release")", release);
  CHECK(found(open).empty());
  CHECK(open.verdict == CellVerdict::vacuous);  // foo_release was never entered
}

TEST_CASE("leaks: a kernel thread that runs on, with nobody left to stop it") {
  Small s;
  s.functions = R"("foo_thread": [{"label": "again"}, {"set_current_state": "th", "state": "TASK_INTERRUPTIBLE"},
    {"kthread_should_stop": "th", "to": "stop"}, {"if": "stop", "return": 0}, {"schedule": "th"}, {"goto": "again"}])";
  s.probe = R"({"kthread_run": "th", "fn": "foo_thread"})";
  CHECK(explore(s).shows("leak(th)@foo_probe"));
  s.remove = R"({"kthread_stop": "th"})";
  CHECK(explore(s).clean());
  s.remove.clear();
  s.functions = R"("foo_thread": [{"udelay": "1us"}])";  // it ends by itself
  CHECK(explore(s).clean());
}

TEST_CASE("names: of memory that is allocated with \"to\" once in its life the name means that, in all functions") {
  Small s;
  s.probe = R"({"kzalloc": "ring", "to": "r", "fields": {"head": 0}}, {"WRITE_ONCE": "r.head", "value": 1})";
  s.op = R"({"READ_ONCE": "ring.head", "to": "h"}, {"assert": "h == 1"})";
  s.remove = R"({"kfree": "ring"})";
  const Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  s.remove.clear();
  CHECK(explore(s).shows("leak(ring)@foo_probe"));
}

TEST_CASE("names: of memory of which each time makes another one the name does not say which") {
  Small s;
  s.op = R"({"kzalloc": "req", "to": "r", "fields": {"n": 0}}, {"WRITE_ONCE": "req.n", "value": 1}, {"kfree": "r"})";
  const std::string said = mistakes(s);
  CHECK(said.find("'req' is another one each time that it is allocated (\"to\"): its name does not say which") != std::string::npos);
  CHECK(said.find("did you mean 'r.n'?") != std::string::npos);
  s.op = R"({"kzalloc": "req", "to": "r", "fields": {"n": 0}}, {"WRITE_ONCE": "r.n", "value": 1}, {"kfree": "r"})";
  CHECK(mistakes(s).empty());
  CHECK(explore(s).clean());
}
