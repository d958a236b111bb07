// What a word of the language or of a report means, and what a failure file shows: text for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/file/policy_file.hpp"
#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/run/failure_file.hpp"

namespace unplug::reports {

// Every word that explain_word() knows: verbs, classes of violations, built-in policies, strategies, keys of files and of
// steps, kinds of things, words of reports. A word that is two of these stands
// there once.
[[nodiscard]] std::vector<std::string> words_to_explain();

// What a word means, all of its meanings one after the other, on lines of at most `width` columns. Empty if it means nothing.
[[nodiscard]] std::string explain_word(std::string_view word, std::size_t width);

// Who ships a policy, since when, and what its parts do.
[[nodiscard]] std::string explain_policy(const scenarios::PolicyFile& policy, std::size_t width);

// What a failure file shows and how to replay it; `path` is its own.
[[nodiscard]] std::string explain_failure(const scenarios::FailureFile& failure, const std::string& path, std::size_t width);

// A step of a shipped file that uses the verb, and where it stands; if none does, a made-up one that stands nowhere.
struct Example {
  std::string step, where;
};
[[nodiscard]] Example example_of(const scenarios::Verb& verb);

}  // namespace unplug::reports
