// unplug schema [KIND]: the published schema of a kind of file.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/json/json.hpp"
#include "unplug/scenarios/reference/schema.hpp"

namespace unplug::cli {

std::vector<std::pair<std::string, std::string>> schema_list() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const scenarios::SchemaInfo& s : scenarios::schemas()) out.emplace_back(s.kind, s.title);
  out.emplace_back("result", "What run, compare and prove print with --json, and compare stores.");
  std::ranges::sort(out);
  return out;
}

void add_schema(CLI::App& app, int& exit) {
  auto kind = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("schema", "the published schema of a kind of file, for editors and other tools");
  verb->add_option("KIND", *kind, "scenario, policy, result; without it: what there is");
  verb->callback([kind, &exit] {
    exit = as_expected;
    if (kind->empty()) {
      for (const auto& [name, what] : schema_list()) row(name, what);
      return;
    }
    const std::string_view text = *kind == "result" ? reports::result_schema() : std::string_view(scenarios::published_schema(*kind));
    if (!text.empty()) {
      say(text);
      return;
    }
    std::vector<std::string> known;
    for (const auto& [name, what] : schema_list()) known.push_back(name);
    exit = unknown_word("schema", *kind, fmt::format("one of: {}", fmt::join(known, ", ")), known);
  });
}

}  // namespace unplug::cli
