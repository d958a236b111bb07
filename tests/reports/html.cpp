#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "sample.hpp"
#include "support/golden.hpp"
#include "unplug/reports/html/markup.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::reports {

namespace {

std::string page_of(const scenarios::Result& result) { return find_writer("html")->write(result, {}); }

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Every value of an attribute, in order.
std::vector<std::string> attributes(const std::string& page, const std::string& name) {
  std::vector<std::string> out;
  const std::string start = " " + name + "=\"";
  for (std::size_t at = page.find(start); at != std::string::npos; at = page.find(start, at + 1)) {
    const std::size_t from = at + start.size();
    out.push_back(page.substr(from, page.find('"', from) - from));
  }
  return out;
}

// What is wrong with the nesting of the tags; empty if nothing is.
std::string nesting_error(const std::string& page) {
  static const std::set<std::string> empty_elements{"meta", "br", "input", "!DOCTYPE"};
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "a tag that never ends";
    const std::string tag = page.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(tag.starts_with("/") ? 1 : 0, tag.find_first_of(" \n", 1) - (tag.starts_with("/") ? 1 : 0));
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != name) return "</" + name + "> inside <" + (open.empty() ? "" : open.back()) + ">";
      open.pop_back();
    } else if (!tag.ends_with("/") && !empty_elements.contains(name)) {
      open.push_back(name);
      // Raw text: nothing in it is a tag.
      if (name == "script" || name == "style") at = page.find("</" + name + ">", end) - 1;
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> never closed";
}

}  // namespace

TEST_CASE("golden page") { test::check_golden("reports/compare.html", page_of(test::sample_result())); }

TEST_CASE("a page needs nothing but itself") {
  const std::string page = page_of(test::sample_result());
  for (const char* outside : {"http:", "https:", "src=", "@import", "url(", "<link", "<iframe", "fetch(", "XMLHttpRequest"}) {
    INFO(outside);
    CHECK(page.find(outside) == std::string::npos);
  }
  CHECK(count_of(page, "<script") == 1);
}

TEST_CASE("names are text, whatever they hold") {
  const std::string page = page_of(test::sample_result());
  CHECK(page.find("<script>alert") == std::string::npos);
  CHECK(page.find("<b>bold</b>") == std::string::npos);
  CHECK(page.find("&lt;script&gt;alert(&apos;name&apos;)&lt;/script&gt;") != std::string::npos);
  CHECK(page.find("an entity &amp;amp;") != std::string::npos);
  CHECK(page.find("{{mustache}} and {{{raw}}} are text, too") != std::string::npos);
  CHECK(page.find("M\u00fcller &amp; S\u00f6hne") != std::string::npos);
  CHECK(page.find('\x1b') == std::string::npos);
  CHECK(escape_markup("<a href=\"x\">'&'</a>") == "&lt;a href=&quot;x&quot;&gt;&apos;&amp;&apos;&lt;/a&gt;");
}

TEST_CASE("a page is well formed: tags nest, anchors exist once, links lead somewhere") {
  for (const scenarios::Result& result : {test::sample_result(), test::smallest_result(), scenarios::Result{}}) {
    const std::string page = page_of(result);
    CHECK(nesting_error(page) == "");
    const std::vector<std::string> ids = attributes(page, "id");
    const std::set<std::string> known(ids.begin(), ids.end());
    CHECK(known.size() == ids.size());
    for (const std::string& link : attributes(page, "href")) {
      INFO(link);
      CHECK(link.starts_with("#"));
      CHECK(known.contains(link.substr(1)));
    }
    CHECK(page.find("{{") == page.find("{{mustache}}"));  // no tag of the template is left over
  }
}

TEST_CASE("every table has headings") {
  const std::string page = page_of(test::sample_result());
  CHECK(count_of(page, "<table") > 0);
  CHECK(count_of(page, "<table") == count_of(page, "<thead"));
  CHECK(count_of(page, "<th ") > 0);
  CHECK(count_of(page, "<th ") == count_of(page, "<th scope="));
}

TEST_CASE("every signature is there with each failure file and replay command") {
  const scenarios::Result result = test::sample_result();
  const std::string page = page_of(result);
  std::size_t findings = 0;
  for (const scenarios::ScenarioResult& scenario : result.scenarios) {
    for (const scenarios::Cell& cell : scenario.cells) {
      for (const scenarios::Finding& finding : cell.violations) {
        ++findings;
        CHECK(page.find(escape_markup(finding.violation_class)) != std::string::npos);
        CHECK(page.find(escape_markup(finding.replay_command)) != std::string::npos);
        CHECK(page.find(escape_markup(finding.message)) != std::string::npos);
      }
    }
  }
  CHECK(findings > 0);
}

TEST_CASE("a missing text shows nothing, never a neighbour's") {
  // A template looks names up in enclosing scopes: a finding without a message must not show the page's or another's.
  scenarios::Result result = test::smallest_result();
  result.scenarios[0].title = "TITLE";
  scenarios::Cell& cell = result.scenarios[0].cells[0];
  cell.violations.resize(2);
  cell.violations[0].signature = "a";
  cell.violations[1].signature = "b";
  cell.violations[0].message = "MESSAGE";
  const std::string page = page_of(result);
  CHECK(count_of(page, "TITLE") == 1);
  CHECK(count_of(page, "MESSAGE") == 1);
}

}  // namespace unplug::reports
