// Tasks and threads that are there in some members of a family only.
#include <fmt/format.h>

#include "files.hpp"

using namespace unplug;
using namespace unplug::scenarios;

namespace {

// An interrupt and a thread, each in members of its own; what they do is wrong in both.
std::string family(const std::string& alert, const std::string& poller) {
  return fmt::format(R"({{"name": "t", "params": {{"event": ["alert", "poll"]}}, "modules": {{"foo": {{}}}}, "functions": {{
      "foo_probe": [{{"kzalloc": "priv", "fields": {{"n": null}}}}, {{"request_irq": "irq", "fn": "foo_irq"}}],
      "foo_irq": [{{"WRITE_ONCE": "priv.n", "value": 1}}],
      "foo_poll": [{{"udelay": "1us"}}, {{"READ_ONCE": "priv.n", "to": "n"}}],
      "foo_remove": [{{"kfree": "priv"}}, {{"free_irq": "irq"}}] }},
    "run": {{"removal": "unbind",
      "threads": {{"poller": {{"params": {}, "do": [{{"call": "foo_poll"}}]}}}},
      "tasks": {{"hw": {{"raise": "irq", "params": {}}}}}}},
    "policies": ["none"], "strategies": ["dpor"]}})",
                     poller, alert);
}

std::string messages(const std::string& text) {
  Diagnostics out;
  CHECK(parse_scenario(text, "t", {}, out) == nullptr);
  return out.render();
}

}  // namespace

TEST_CASE("members: a task or a thread with \"params\" is there only where the parameters have these values") {
  Diagnostics out;
  const auto s = parse_scenario(family(R"({"event": "alert"})", R"({"event": "poll"})"), "t", {}, out);
  REQUIRE_MESSAGE(s != nullptr, out.render());
  const ScenarioResult r = scenarios::test::run(*s, {});
  REQUIRE(r.cells.size() == 2);
  for (const Cell& c : r.cells) {
    CAPTURE(c.member);
    const std::string function = c.member == "event=alert" ? "foo_irq" : "foo_poll";
    for (const Finding& f : c.violations) CHECK(f.offender.function == function);
    CHECK(!c.violations.empty());
    // What only the other member's task does is reached there: nothing is missing.
    CHECK(c.never_reached.empty());
  }
}

TEST_CASE("members: what no member's task reaches is said of each") {
  Diagnostics out;
  const auto s = parse_scenario(family(R"({"event": "alert"})", R"({"event": "alert"})"), "t", {}, out);
  REQUIRE_MESSAGE(s != nullptr, out.render());
  const ScenarioResult both = scenarios::test::run(*s, {});
  REQUIRE(both.cells.size() == 2);
  CHECK(both.cells[0].never_reached.empty());
  CHECK(both.cells[1].violations.empty());  // nobody is there
  std::string text = family(R"({"event": "alert"})", R"({"event": "poll"})");
  text.replace(text.find(R"({"call": "foo_poll"})"), std::string_view(R"({"call": "foo_poll"})").size(), R"({"udelay": "1us"})");
  const auto idle = parse_scenario(text, "t", {}, out);
  REQUIRE_MESSAGE(idle != nullptr, out.render());
  for (const Cell& c : scenarios::test::run(*idle, {}).cells)
    CHECK(c.never_reached == std::vector<std::string>{"foo_poll/udelay#1", "foo_poll/READ_ONCE#1"});
}

TEST_CASE("members: a task of a parameter that nobody has, or of a value that is never taken, is a mistake") {
  CHECK(messages(family(R"({"evnt": "alert"})", R"({"event": "poll"})")).find("no parameter 'evnt'") != std::string::npos);
  CHECK(messages(family(R"({"event": "alert"})", R"({"event": "pol"})")).find("parameter 'event' is never \"pol\"") != std::string::npos);
}

TEST_CASE("fields: a wrong first value is one mistake, the field is known all the same") {
  std::string text = family(R"({"event": "alert"})", R"({"event": "poll"})");
  text.replace(text.find("null"), 4, "\"x\"");
  const std::string said = messages(text);
  CHECK(said.find("expected the initial value: an integer from 0, or null") != std::string::npos);
  CHECK(said.find("no field") == std::string::npos);
}
