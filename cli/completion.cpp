// unplug completion SHELL: what makes the tab key know verbs, options and what may stand for their values.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/cli/candidates.hpp"
#include "unplug/cli/common.hpp"
#include "unplug/cli/shells.hpp"

namespace unplug::cli {
namespace {

int print_script(const std::string& name) {
  const std::vector<Shell> all = shells();
  const auto found = std::ranges::find(all, name, &Shell::name);
  if (found != all.end()) {
    say(found->script);
    return as_expected;
  }
  std::vector<std::string> known;
  for (const Shell& s : all) known.emplace_back(s.name);
  return unknown_word("completion", name, fmt::format("one of: {}", fmt::join(known, ", ")), known);
}

void answer(const CLI::App& app, const std::vector<std::string>& words) {
  const Candidates found = candidates(app, words);
  for (const Candidate& c : found.words) say(fmt::format("{}\t{}\n", c.word, c.what));
  if (found.paths == Paths::files) say(":files\n");
  if (found.paths == Paths::folders) say(":folders\n");
}

}  // namespace

void add_completion(CLI::App& app, int& exit) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("completion", "a script that makes a shell complete verbs, options and their values");
  verb->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  verb->footer("Until you log out:  source <(unplug completion bash)\n"
               "For good:  unplug completion bash > ~/.local/share/bash-completion/completions/unplug");
  verb->callback([shell, &exit] { exit = print_script(*shell); });

  CLI::App* ask = app.add_subcommand(std::string(asking))->group("")->prefix_command();
  ask->set_help_flag();
  ask->callback([ask, &app, &exit] {
    answer(app, ask->remaining());
    exit = as_expected;
  });
}

}  // namespace unplug::cli
