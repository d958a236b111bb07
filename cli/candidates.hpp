// What a shell offers where somebody presses the tab key, from the same tree of options that reads the command line.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "unplug/cli/placeholders.hpp"

namespace unplug::cli {

struct Candidates {
  std::vector<Candidate> words;
  Paths paths = Paths::none;
};
// `words`: those after the program's name up to the cursor; the last one is being written and may be empty.
[[nodiscard]] Candidates candidates(const CLI::App& app, std::span<const std::string> words);

// The verbs of `app`, without those that are not for people.
[[nodiscard]] std::vector<const CLI::App*> verbs_of(const CLI::App& app);

}  // namespace unplug::cli
