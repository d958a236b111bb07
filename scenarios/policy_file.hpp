// Policies as files: which mechanism for each part, who ships it, since when.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unplug/model/policy.hpp"
#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/result.hpp"

namespace unplug::scenarios {

struct PolicyFile {
  std::string name, title, shipped_by, since, description;
  model::PolicySpec spec;
};

// Reads a policy from a parsed file. None if anything is wrong; then it has been reported.
std::optional<PolicyFile> read_policy(const Document& document, Diagnostics& out);

// The built-in policies' names, in the order of documentation.
[[nodiscard]] std::vector<std::string> builtin_policies();
// A built-in policy by name, or a policy file by path (anything with a '/' or ending in ".json"; relative to `directory` first). `at`:
// where it was asked for, for messages; may be an empty Node.
std::optional<PolicyFile> find_policy(const std::string& name, const std::string& directory, Node at, Diagnostics& out);

// The same policy with parts left out (mechanism "none"), named "NAME without PART". `part` must be one of model::parts().
[[nodiscard]] PolicyFile without(PolicyFile policy, std::string_view part);

[[nodiscard]] PolicyLabel label(const PolicyFile& policy);

}  // namespace unplug::scenarios
