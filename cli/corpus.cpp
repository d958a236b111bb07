// unplug corpus: the bugs of real drivers that ship, form by form.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/page/format.hpp"
#include "unplug/scenarios/json/shipped.hpp"
#include "unplug/scenarios/load/scenario.hpp"

namespace unplug::cli {
namespace {

// What a row of `expect` speaks of: "merged fix", "v6.9, removal rmmod, bars=1". A row that leaves it open: "all".
std::string speaks_of(const scenarios::ExpectRow& row) {
  std::vector<std::string> words;
  if (!row.forms.empty()) words.push_back(fmt::format("{}", fmt::join(row.forms, " | ")));
  if (!row.policies.empty()) words.push_back(fmt::format("policy {}", fmt::join(row.policies, " | ")));
  if (!row.removals.empty()) words.push_back(fmt::format("removal {}", fmt::join(row.removals, " | ")));
  for (const auto& [name, value] : row.params) words.push_back(fmt::format("{}={}", name, value));
  return words.empty() ? "all" : fmt::format("{}", fmt::join(words, ", "));
}

std::string found(const scenarios::ExpectRow& row) {
  std::vector<std::string> must;
  for (const scenarios::Pattern& p : row.must) must.push_back(p.text);
  return fmt::format("{}{}", must.empty() ? "nothing" : fmt::format("{}", fmt::join(must, ", ")),
                     row.evidence.empty() ? "" : fmt::format(" ({})", row.evidence));
}

struct Totals {
  std::size_t files = 0, broken = 0, sound = 0;
};

void show_file(const scenarios::ShippedFile& file, Totals& totals) {
  scenarios::Diagnostics quiet;
  const auto s = scenarios::parse_scenario(std::string(file.text), file.path, {}, quiet);
  if (s == nullptr) return;  // what ships is tested to load
  say(fmt::format("{}{}\n", totals.files++ == 0 ? "" : "\n", scenarios::short_name(file)));
  say(fmt::format("  {}\n  {}\n", s->title, s->source));
  for (const scenarios::ExpectRow& row : s->expect) {
    if (!row.must_given) continue;
    ++(row.must.empty() ? totals.sound : totals.broken);
    say(fmt::format("    {}: {}\n", speaks_of(row), found(row)));
  }
}

}  // namespace

void add_corpus(CLI::App& app, int& exit) {
  CLI::App* verb = app.add_subcommand("corpus", "the bugs of real drivers that ship: what each form of each file is known to show");
  verb->callback([&exit] {
    Totals totals;
    for (const scenarios::ShippedFile& file : scenarios::shipped_files())
      if (file.path.starts_with("scenarios/corpus/") || file.path.starts_with("scenarios/drivers/")) show_file(file, totals);
    say(fmt::format("\n{}: {} with findings, {} without; to see one: unplug run NAME\n", reports::counted(totals.files, "file"),
                    reports::counted(totals.broken, "expectation"), totals.sound));
    exit = as_expected;
  });
}

}  // namespace unplug::cli
