// Closed lists of keys, and small helpers for messages.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios {

// "a, b, c"
[[nodiscard]] std::string join(std::span<const std::string> words);

// "a mutex", "an interrupt", "an MMIO mapping"
[[nodiscard]] std::string with_article(std::string_view noun);

// Reports every key of `object` that is not in `allowed`, and every one of `required` that is missing. `what`: "a policy". Also reports
// if it is no object. True if nothing was reported.
bool check_keys(Node object, std::initializer_list<std::string_view> allowed, std::initializer_list<std::string_view> required,
                std::string_view what, Diagnostics& out);

// Checks the document's "unplug" entry: missing is taken as `kind` for scenarios; another kind is an error that names the right verb.
bool check_kind(Node root, std::string_view kind, Diagnostics& out);

}  // namespace unplug::scenarios
