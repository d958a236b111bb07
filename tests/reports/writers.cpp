#include "unplug/reports/writer.hpp"

#include <set>
#include <string>

#include <doctest/doctest.h>

#include "sample.hpp"
#include "support/golden.hpp"
#include "unfold.hpp"
#include "unplug/reports/page/layout.hpp"

namespace unplug::reports {

namespace {

std::string write(std::string_view format, const scenarios::Result& result, WriterOptions options = {}) {
  const Writer* writer = find_writer(format);
  REQUIRE(writer != nullptr);
  return writer->write(result, options);
}

scenarios::Result only(const scenarios::ScenarioResult& scenario) {
  scenarios::Result result = test::sample_result();
  result.scenarios = {scenario};
  return result;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

std::string without_colour(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\x1b') {
      at = text.find('m', at) + 1;
    } else {
      out += text[at++];
    }
  }
  return out;
}

constexpr const char* green = "\x1b[32m";

}  // namespace

TEST_CASE("formats are found by name, each once") {
  std::set<std::string_view> names, extensions;
  for (const Writer& writer : writers()) {
    CHECK(names.insert(writer.name).second);
    CHECK(extensions.insert(writer.extension).second);
    CHECK(writer.extension.starts_with("."));
    CHECK(!writer.what.empty());
    CHECK(find_writer(writer.name) == &writer);
  }
  for (const char* name : {"terminal", "text", "html", "json"}) CHECK(names.contains(name));
  CHECK(find_writer("cake") == nullptr);
  CHECK(find_writer("") == nullptr);
}

TEST_CASE("every format writes the same bytes again, ends its last line, and takes any result") {
  for (const Writer& writer : writers()) {
    for (const scenarios::Result& result : {test::sample_result(), test::smallest_result(), scenarios::Result{}}) {
      const std::string text = writer.write(result, {});
      CHECK(text == writer.write(result, {}));
      CHECK(text.ends_with("\n"));
    }
  }
}

TEST_CASE("terminal: golden pages") {
  test::check_golden("reports/terminal-80.txt", write("terminal", test::sample_result()));
  test::check_golden("reports/terminal-132.txt", write("terminal", only(test::sample_nova()), {.width = 132}));
  test::check_golden("reports/terminal-smallest.txt", write("terminal", test::smallest_result()));
  test::check_golden("reports/terminal-colour.txt", write("terminal", only(test::sample_forms()), {.colour = true}));
}

TEST_CASE("terminal: only commands are wider than the page") {
  for (std::size_t width = 72; width <= 200; width += 8) {
    for (const std::string& line : lines_of(write("terminal", test::sample_result(), {.width = width}))) {
      if (line.find("  unplug ") == 0 || line.find("      unplug replay ") == 0) continue;
      INFO(width, ": ", line);
      CHECK(display_width(line) <= width);
    }
  }
}

TEST_CASE("terminal: colour changes nothing but colour") {
  const scenarios::Result result = test::sample_result();
  CHECK(without_colour(write("terminal", result, {.colour = true})) == write("terminal", result));
  CHECK(write("terminal", result).find('\x1b') == std::string::npos);
}

TEST_CASE("terminal: what is merely sampled or bounded is never green") {
  scenarios::Result result = test::smallest_result();
  scenarios::Evidence& evidence = result.scenarios[0].cells[0].evidence;
  CHECK(write("terminal", result, {.colour = true}).find(green) == std::string::npos);
  evidence.kind = scenarios::Evidence::Kind::bounded;
  CHECK(write("terminal", result, {.colour = true}).find(green) == std::string::npos);
  evidence.kind = scenarios::Evidence::Kind::exhaustive;
  CHECK(write("terminal", result, {.colour = true}).find(green) != std::string::npos);
  evidence.kind = scenarios::Evidence::Kind::sampled;
  CHECK(write("html", result).find("class=\"proved\"") == std::string::npos);
  CHECK(write("html", result).find("class=\"answer exhaustive\"") == std::string::npos);
}

TEST_CASE("terminal: no control character of a name gets through") {
  scenarios::ScenarioResult hostile = test::sample_hostile();
  REQUIRE(hostile.cells[0].violations[0].ended_by);
  hostile.cells[0].violations[0].ended_by->function = "cleared\x1b[2J";
  const std::string text = write("terminal", only(hostile), {});
  CHECK(text.find("cleared?[2J") != std::string::npos);
  for (const char c : text) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
}

TEST_CASE("text: golden mail") { test::check_golden("reports/mail.txt", write("text", test::sample_result())); }

TEST_CASE("text: ASCII of at most 72 columns that survives quoting and mail programs") {
  for (const std::size_t width : {200U, 80U, 72U, 60U}) {
    const std::string text = write("text", test::sample_result(), {.width = width, .colour = true});
    for (const std::string& line : lines_of(text)) {
      INFO(line);
      CHECK(line.size() <= std::min<std::size_t>(width, 72));
      CHECK_FALSE(line.ends_with(" "));
      CHECK_FALSE(line.starts_with("From "));
      CHECK(line != "--");
      for (const char c : line) CHECK((c >= 0x20 && c < 0x7f));
    }
  }
  // A path is the first thing on a line only when it is folded there.
  scenarios::Result result = test::smallest_result();
  result.self_check = "From here on";
  CHECK(write("text", result).find("\n From here on\n") != std::string::npos);
}

TEST_CASE("text: each command can be pasted into a shell") {
  const scenarios::Result result = test::sample_result();
  const std::string unfolded = test::unfold(write("text", result));
  std::size_t findings = 0;
  for (const scenarios::ScenarioResult& scenario : result.scenarios) {
    for (const scenarios::Cell& cell : scenario.cells) {
      for (const scenarios::Finding& finding : cell.violations) {
        ++findings;
        INFO(finding.replay_command);
        CHECK(unfolded.find(finding.replay_command) != std::string::npos);
      }
    }
  }
  CHECK(findings > 0);
  CHECK(unfolded.find(result.command) != std::string::npos);
}

}  // namespace unplug::reports
