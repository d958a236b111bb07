// Files to start from. That each validates and meets its expectations is tested in tests/cli.
#include <algorithm>
#include <set>

#include <doctest/doctest.h>

#include "unplug/scenarios/load/scenario.hpp"
#include "unplug/scenarios/reference/templates.hpp"

using namespace unplug::scenarios;

TEST_CASE("each template has a title, and shows a form that breaks and one that doesn't") {
  const auto all = templates();
  CHECK(all.size() >= 6);
  for (const Template& t : all) {
    CAPTURE(t.name);
    CHECK_FALSE(t.title.empty());
    if (t.kind != "scenario") continue;
    Diagnostics out;
    const auto s = parse_scenario(std::string(t.text), t.name, {}, out);
    REQUIRE(s);
    CHECK(s->forms == std::vector<std::string>{"buggy", "fixed"});
    std::set<std::string> expected;
    for (const ExpectRow& row : s->expect)
      for (const std::string& form : row.forms) expected.insert(form + (row.must.empty() ? " holds" : " breaks"));
    CHECK(expected == std::set<std::string>{"buggy breaks", "fixed holds"});
  }
}

TEST_CASE("a name takes the place of the template's own everywhere, and the schema is the one beside the file, or the installed one") {
  for (const Template& t : templates()) {
    CAPTURE(t.name);
    CHECK(t.text.find(template_name) != std::string_view::npos);
    const std::string text = instantiate(t, "foo_card", "");
    CHECK(text.find(template_name) == std::string::npos);
    CHECK(text.find("\"$schema\": \"" + t.kind + "-1.json\"") != std::string::npos);
    CHECK(text.find("foo_card") != std::string::npos);
    CHECK(instantiate(t, "", "").find(template_name) != std::string::npos);
    const std::string installed = instantiate(t, "foo_card", "/usr/share/unplug/schema/" + t.kind + "-1.json");
    CHECK(installed.find("\"$schema\": \"/usr/share/unplug/schema/" + t.kind + "-1.json\"") != std::string::npos);
    CHECK(installed.find("unplug schema") == std::string::npos);  // nobody has to put one beside it
    CHECK(std::ranges::count(installed, '\n') == std::ranges::count(text, '\n') - 1);
  }
}

TEST_CASE("a name is a C identifier: functions are called after it") {
  for (const char* good : {"foo", "foo_card", "_x", "r592", "Foo2"}) CHECK(may_be_a_name(good));
  for (const char* bad : {"", "2foo", "foo-card", "foo card", "foo\"", "f\xc3\xb6o", "../foo"}) CHECK_FALSE(may_be_a_name(bad));
}
