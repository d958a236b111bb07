// What the model leaves out: one table, limits.def. The comments of the headers say the same, word for word, docs/kernel-model.md is made
// of both, and a file that uses a verb in such a way is told so.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "files.hpp"
#include "support/golden.hpp"
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

// The comment that a header begins with, on one line.
std::string first_comment(const std::filesystem::path& header) {
  std::ifstream in(header);
  std::string comment, line;
  while (std::getline(in, line) && line.starts_with("//")) comment += line.substr(std::min<std::size_t>(3, line.size())) + " ";
  return comment;
}

// What it says after "Left out:".
std::string left_out(const std::string& comment) {
  const std::size_t at = comment.find("Left out:");
  return at == std::string::npos ? "" : words(comment.substr(at + 9));
}

// "kernel/irq/manage.c, kernel/softirq.c": the kernel's sources that it names, each once.
std::string sources(const std::string& comment) {
  static const std::regex path(R"(\b(arch|drivers|fs|include|kernel|lib|mm|net)/[\w/-]+\.[ch]\b)");
  std::vector<std::string> all;
  for (std::sregex_iterator i(comment.begin(), comment.end(), path), end; i != end; ++i)
    if (std::ranges::find(all, i->str()) == all.end()) all.push_back(i->str());
  return fmt::format("{}", fmt::join(all, ", "));
}

std::vector<std::filesystem::path> headers() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("model/kernel"))
    if (entry.path().extension() == ".hpp") all.push_back(entry.path());
  std::ranges::sort(all);
  return all;
}

// A table for each room of model/kernel/, a row for each header.
std::string kernel_tables() {
  std::string out;
  std::filesystem::path room;
  for (const std::filesystem::path& header : headers()) {
    if (std::exchange(room, header.parent_path()) != header.parent_path())
      out += fmt::format("\n## {0}/\n\nWhat the kernel does here: [{1}.md](kernel/{1}.md).\n\n"
                         "| header | what it is | kernel sources | left out |\n| --- | --- | --- | --- |\n",
                         header.parent_path().string(), room.filename().string());
    const std::string name = header.stem().string(), comment = first_comment(header);
    std::vector<std::string_view> limit;
    for (const Limit& l : limits())
      if (l.header == name) limit.push_back(l.what);
    out += fmt::format("| `{}` | {} | {} | {} |\n", name, comment.substr(0, comment.find(". ")), sources(comment), fmt::join(limit, ", "));
  }
  return out;
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
  std::size_t found = 0;
  for (const std::filesystem::path& header : headers()) {
    const std::string name = header.stem().string(), text = left_out(first_comment(header));
    CAPTURE(name);
    const auto row = rows.find(name);
    CHECK(text == (row == rows.end() ? "" : row->second));
    found += text.empty() ? 0 : 1;
  }
  CHECK(found == rows.size());
}

TEST_CASE("docs/kernel-model.md: its tables are the headers' own comments") {
  const std::string path = "docs/kernel-model.md", begin = "<!-- From the comments of the headers, by ./dev golden. -->\n",
                    end = "\n## What the checker finds";
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::size_t from = text.find(begin), to = text.find(end);
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  unplug::test::check_generated(path, text.substr(0, from + begin.size()) + kernel_tables() + text.substr(to));
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
