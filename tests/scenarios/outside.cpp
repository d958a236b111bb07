// What tasks outside the driver do to each other: passed descriptors, waits for shared words and for calls of the driver; and what readers
// say to who frees.
#include "short_driver.hpp"

using namespace unplug::scenarios::test;

namespace {

// Two tasks of user space beside a driver whose ioctl reads memory that remove() frees; `release` runs at the last close.
std::string file(const std::string& tasks, const std::string& remove = R"({"kfree": "priv"})", const std::string& more = "",
                 const std::string& removal = R"("unbind")") {
  return fmt::format(
      R"({{"name": "t"{},
    "modules": {{"foo": {{"fops": {{"owner": "foo", "unlocked_ioctl": "foo_ioctl", "release": "foo_release"}}}}}},
    "functions": {{
      "foo_probe": [{{"kzalloc": "priv", "fields": {{"n": 0}}}},
        {{"init_completion": "closed", "owner": "user"}}, {{"misc_register": "foo"}}],
      "foo_ioctl": [{{"READ_ONCE": "priv.n", "to": "n"}}],
      "foo_release": [{{"complete_all": "closed"}}],
      "foo_remove": [{{"misc_deregister": "foo"}}, {}]}},
    "run": {{"removal": [{}], "shared_descriptors": ["passed"], "tasks": {{{}}}}}, "policies": ["none"], "strategies": ["dpor"]}})",
      more, remove, removal, tasks);
}

std::string found_in(const std::string& text) {
  using namespace unplug::scenarios;
  Diagnostics out;
  const auto s = parse_scenario(text, "t", {}, out);
  REQUIRE_MESSAGE(s != nullptr, out.render());
  RunOptions options;
  options.executions = 100'000;
  std::set<std::string> found;
  const ScenarioResult result = run(*s, options);
  CHECK(!result.cells.empty());
  for (const Cell& c : result.cells) {
    CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
    for (const Finding& f : c.violations) found.insert(fmt::format("{}({})@{}", f.violation_class, f.object, f.offender.function));
  }
  return fmt::format("{}", fmt::join(found, ", "));
}

}  // namespace

TEST_CASE("tasks: a descriptor that was passed on keeps the file after its first owner has closed it") {
  const std::string first = R"("first": {"do": [{"open": "foo", "to": "fd"}, {"dup": "fd", "to": "passed"}, {"close": "fd"}]})",
                    second = R"(, "second": {"do": [{"await_descriptor": "passed"}, {"ioctl": "passed"}, {"close": "passed"}]})",
                    waits = R"({"wait_for_completion": "closed"}, {"kfree": "priv"})";
  CHECK(found_in(file(first + second)) == "use-after-free(priv)@foo_ioctl");
  CHECK(found_in(file(first)) == "");
  // A remove() that waits for the last close waits for the second task's; of a file that nobody has opened it would wait for ever.
  CHECK(found_in(file(first + second, waits)) == "unbounded-remove(closed)@foo_remove");
}

TEST_CASE("tasks: one that closes once remove() has been called lets it go on, one that waits for its return does not") {
  const auto closes_after = [](const std::string& wait) {
    return file(R"("user": {"do": [{"open": "foo", "to": "fd", "await": true}, )" + wait + R"(, {"close": "fd"}]})",
                R"({"wait_for_completion": "closed"}, {"kfree": "priv"})");
  };
  // Where the node goes before it is opened, there is no close to wait for: that is why the rest is said by how often.
  const std::string call = closes_after(R"({"await_call": "foo_remove"})"), back = closes_after(R"({"await_return": "foo_remove"})");
  using namespace unplug::scenarios;
  const auto blocked = [](const std::string& text) {
    Diagnostics out;
    const auto s = parse_scenario(text, "t", {}, out);
    REQUIRE_MESSAGE(s != nullptr, out.render());
    RunOptions options;
    options.executions = 100'000;
    const ScenarioResult r = run(*s, options);
    REQUIRE(r.cells[0].evidence.kind == Evidence::Kind::exhaustive);
    return std::pair{r.cells[0].blocked, r.cells[0].executions};
  };
  const auto [call_blocked, call_all] = blocked(call);
  const auto [back_blocked, back_all] = blocked(back);
  CHECK(call_blocked < call_all);
  CHECK(back_blocked == back_all);
}

TEST_CASE("tasks: they wait for shared words that others set, in the driver or outside of it") {
  const auto tasks = [](const std::string& wait, const std::string& assertion) {
    return R"("one": {"do": [{"open": "foo", "to": "fd"}, {"ioctl": "fd"}, {"update": "done", "set": 1}]},
      "two": {"do": [)" +
           wait + R"({"update": "done", "add": 1, "to": "before"}, {"assert": ")" + assertion + R"("}]})";
  };
  const auto asserts = [&](const std::string& wait, const std::string& assertion) {
    const std::string shown = found_in(file(tasks(wait, assertion), R"({"udelay": "1us"})", R"(, "shared": {"done": 0})"));
    return shown.find("assertion-failed") != std::string::npos;
  };
  CHECK(asserts("", "before == 1"));
  CHECK(!asserts(R"({"await": "done == 1", "to": "n"}, )", "before == 1"));
  CHECK(asserts(R"({"await": "done == 1", "to": "n"}, )", "before == 0"));
}

TEST_CASE("shared words: there is one of each, however often a module is loaded") {
  ShortDriver s;
  s.sections = R"(, "shared": {"probes": 0, "lock": "mutex"})";
  s.probe =
      R"({"mutex_lock": "lock"}, {"READ_ONCE": "probes", "to": "n"}, {"let": "n", "value": "n + 1"}, {"WRITE_ONCE": "probes", "value": "n"},
    {"mutex_unlock": "lock"}, {"assert": "n < 2"})";
  s.users = 1;
  s.tasks = R"(, "late": {"do": [{"await": "probes == 2"}, {"open": "foo0", "to": "fd"}]})";
  s.removal = R"([["rmmod", "insmod"]])";
  CHECK(shows(s, "assertion-failed(n < 2)@foo_probe"));
  s.removal = R"([["unbind", "bind"]])";
  CHECK(shows(s, "assertion-failed(n < 2)@foo_probe"));
  s.removal = R"("unbind")";
  CHECK(shows(s) == "");
}

TEST_CASE("shazptr: who frees waits for readers of that pointer, if they say which before they look") {
  ShortDriver s;
  s.module = R"(, "static": {"slot": {"fields": {"p": 0}}})";
  s.probe =
      R"({"kzalloc": "priv", "fields": {"n": 0}}, {"kzalloc": "other", "fields": {"n": 0}}, {"WRITE_ONCE": "slot.p", "value": "priv"})";
  const auto reads = [](const std::string& what, bool again) {
    return R"({"READ_ONCE": "slot.p", "to": "p"}, {"if": "!p", "return": 0}, {"shazptr_acquire": ")" + what + R"(", "to": "g"}, )" +
           (again ? R"({"READ_ONCE": "slot.p", "to": "q"}, {"if": "q != p", "goto": "out"}, )" : "") +
           R"({"READ_ONCE": "p.n", "to": "n"}, {"label": "out"}, {"shazptr_clear": "g"})";
  };
  s.remove = R"({"WRITE_ONCE": "slot.p", "value": null}, {"synchronize_shazptr": "priv"}, {"kfree": "priv"}, {"kfree": "other"})";
  s.ioctl = reads("p", true);
  CHECK(shows(s) == "");
  s.ioctl = reads("p", false);
  CHECK(shows(s) == "use-after-free(priv)@foo_ioctl");
  s.ioctl = reads("other", true);
  CHECK(shows(s) == "use-after-free(priv)@foo_ioctl");
}
