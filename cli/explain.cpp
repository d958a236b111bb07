// unplug explain VERB|CLASS|POLICY|KEY|FAILURE: what a word means, what a failure shows.
#include <filesystem>

#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/words/explain.hpp"

namespace unplug::cli {
namespace {

constexpr std::size_t widest = 100;  // of a page that people read

int explain_file(const std::string& path) {
  scenarios::Diagnostics diagnostics;
  if (kind_of_file(path) == "policy") {
    if (const auto policy = scenarios::find_policy(path, {}, {}, diagnostics)) {
      say(reports::explain_policy(*policy, std::min(width(), widest)));
      return as_expected;
    }
  } else if (const auto failure = scenarios::read_failure(path, diagnostics)) {
    say(reports::explain_failure(*failure, path, std::min(width(), widest)));
    return as_expected;
  }
  print(diagnostics, "auto");
  return bad_input;
}

int explain(const std::string& what) {
  const std::string text = reports::explain_word(what, std::min(width(), widest));
  if (!text.empty()) {
    say(text);
    return as_expected;
  }
  if (what.find('/') != std::string::npos || what.ends_with(".json") || what == "-" || std::filesystem::exists(what))
    return explain_file(what);
  return unknown_word(
      "explain", what,
      "a verb, a class, a policy, a strategy, a word of a report (unplug list KIND), a key of files or steps, or a failure file",
      reports::words_to_explain());
}

}  // namespace

void add_explain(CLI::App& app, int& exit) {
  auto what = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("explain", "what a word of a file or a report means, what a failure file shows");
  verb->add_option("WORD", *what,
                   "a verb, a class of violation, a policy, a strategy, a key, a word of a report, or the path of a failure or policy file")
      ->required();
  verb->callback([what, &exit] { exit = explain(*what); });
}

}  // namespace unplug::cli
