// What the model leaves out: one table, limits.def. The comments of the headers and docs/kernel-model.md say the same, word for word, and a
// file that uses a verb in such a way is told so.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "files.hpp"
#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/load/limits.hpp"
#include "unplug/scenarios/run/entry_kinds.hpp"

using namespace unplug;
using namespace unplug::scenarios;

namespace {

// Words without what joins them: "a, b (c) and d" is "a b c d".
std::string words(const std::string& text) {
  std::string out, word;
  const auto end = [&] {
    if (!word.empty() && word != "and") out += (out.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const char c : text + " ") {
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == ',' || c == ';' || c == '.') {
      if (c != '.') end();
    } else {
      word += c;
    }
  }
  return out;
}

std::map<std::string, std::string> table() {
  std::map<std::string, std::string> by_header;
  for (const Limit& l : limits()) by_header[std::string(l.header)] += std::string(l.what) + ", ";
  for (auto& [header, text] : by_header) text = words(text);
  return by_header;
}

// What the first comment of a header says after "Left out:".
std::string left_out(const std::filesystem::path& header) {
  std::ifstream in(header);
  std::string comment, line;
  while (std::getline(in, line) && line.starts_with("//")) comment += line.substr(2) + " ";
  const std::size_t at = comment.find("Left out:");
  return at == std::string::npos ? "" : words(comment.substr(at + 9));
}

std::string cell(const std::string& row, std::size_t number) {
  std::istringstream in(row);
  std::string text;
  for (std::size_t i = 0; i <= number; ++i)
    if (!std::getline(in, text, '|')) return {};
  return text;
}

std::vector<std::string> not_judged_in(const std::string& text) {
  Diagnostics out;
  const auto s = parse_scenario(text, "t", {}, out);
  REQUIRE_MESSAGE(s != nullptr, out.render());
  RunOptions options;
  options.strategies = {"auto"};
  return scenarios::test::run(*s, options).cells.at(0).not_judged;
}

std::string driver(const std::string& probe, const std::string& remove) {
  return fmt::format(R"({{"unplug": "scenario/1", "name": "t", "title": "t", "kernel": {{"version": "6.18"}}, "modules": {{"foo": {{}}}},
    "functions": {{"foo_probe": [{}], "foo_remove": [{}]}},
    "run": {{"removal": ["unbind"], "tasks": {{"cpu": {{"do": [{{"udelay": "1us"}}]}}}}}}, "policies": ["none"]}})",
                     probe, remove);
}

}  // namespace

TEST_CASE("limits: what each header leaves out is what the table says, in its order") {
  const auto rows = table();
  std::size_t headers = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("model/kernel")) {
    if (entry.path().extension() != ".hpp") continue;
    const std::string name = entry.path().stem().string();
    CAPTURE(name);
    const auto row = rows.find(name);
    CHECK(left_out(entry.path()) == (row == rows.end() ? "" : row->second));
    headers += left_out(entry.path()).empty() ? 0 : 1;
  }
  CHECK(headers == rows.size());
}

TEST_CASE("limits: docs/kernel-model.md says the same") {
  auto rows = table();
  std::ifstream in("docs/kernel-model.md");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string name = line.substr(3, line.find('`', 3) - 3);
    CAPTURE(name);
    const auto row = rows.find(name);
    CHECK(words(cell(line, 4)) == (row == rows.end() ? "" : row->second));
    if (row != rows.end()) rows.erase(row);
  }
  for (const auto& [header, text] : rows) FAIL_CHECK("no row of docs/kernel-model.md: ", header);
}

TEST_CASE("limits: every verb that is named there is one, and what could be hidden is said wherever a verb or a use is") {
  for (const Limit& l : limits()) {
    CAPTURE(l.what);
    std::istringstream in{std::string(l.verbs)};
    for (std::string verb; in >> verb;) CHECK_MESSAGE(find_verb(verb) != nullptr, verb);
    CHECK((l.when != nullptr));
    if (!l.verbs.empty()) CHECK(!l.hides.empty());
  }
}

TEST_CASE("limits: a file is told of what concerns it, and of nothing else") {
  CHECK(not_judged_in(driver(R"({"kzalloc": "priv"})", R"({"kfree": "priv"})")).empty());
  const auto pm = not_judged_in(driver(R"({"pm_runtime_enable": "pm"}, {"pm_runtime_get_sync": "pm"}, {"pm_runtime_put_sync": "pm"})",
                                       R"({"pm_runtime_disable": "pm"})"));
  CHECK(std::ranges::any_of(
      pm, [](const std::string& s) { return s.starts_with("callbacks of the driver (runtime_suspend(), runtime_resume())"); }));
  CHECK(std::ranges::any_of(pm, [](const std::string& s) { return s.find("pm_runtime_get_sync") != std::string::npos; }));
}

TEST_CASE("kinds of entries that a file lacks: poll alone is no other file operation") {
  const auto missing = [](const char* op) {
    Diagnostics out;
    const auto s = parse_scenario(fmt::format(R"({{"name": "t", "modules": {{"foo": {{"fops": {{"owner": null, "{}": "foo_op"}}}}}},
      "functions": {{"foo_probe": [{{"misc_register": "foo0"}}], "foo_op": [{{"udelay": "1us"}}],
                    "foo_remove": [{{"misc_deregister": "foo0"}}]}},
      "run": {{"removal": ["unbind"], "tasks": {{"cpu": {{"do": [{{"udelay": "1us"}}]}}}}}}}})",
                                              op),
                                  "t", {}, out);
    REQUIRE_MESSAGE(s != nullptr, out.render());
    return entry_kinds_missing(*s) + ",";
  };
  CHECK(missing("poll").find(" file operations,") != std::string::npos);
  CHECK(missing("poll").find(" poll,") == std::string::npos);
  CHECK(missing("read").find(" file operations,") == std::string::npos);
  CHECK(missing("read").find(" poll,") != std::string::npos);
}
