// What stands for a value in help, man pages and completions ("--policy POLICY"), and which words can take its place.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unplug::cli {

struct Candidate {
  std::string word, what;  // what: one line, may be empty
};

// What of the file system a value may be, beside words.
enum class Paths : unsigned char { none, files, folders };

struct Placeholder {
  std::string_view name;  // "POLICY": a type name of an option, or the name of a positional
  Paths paths;
  // `files`: the scenario files that stand on the command line already. Null: there are none.
  std::vector<Candidate> (*words)(std::span<const std::string> files);
};

// Null if nothing is known of one with that name.
[[nodiscard]] const Placeholder* find_placeholder(std::string_view name);

}  // namespace unplug::cli
