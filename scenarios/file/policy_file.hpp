// Policies as files: which mechanism for each part, who ships it, since when.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unplug/model/mechanisms/policy.hpp"
#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/program/hooks.hpp"
#include "unplug/scenarios/result/result.hpp"

namespace unplug::scenarios {

struct PolicyFile {
  std::string name, title, shipped_by, since, description;
  model::PolicySpec spec;
  // A policy in steps: its file, which is compiled with each scenario, and the hooks that are in use.
  std::shared_ptr<const Document> steps;
  std::vector<Hook> hooks;

  [[nodiscard]] bool has(Hook h) const { return std::ranges::find(hooks, h) != hooks.end(); }
  // Whether access to a resource can be refused: a driver then needs a path for it.
  [[nodiscard]] bool can_refuse() const { return has(Hook::acquire) || model::Policy(spec).resource().can_refuse(); }
  // Whether it has anything to do with resources.
  [[nodiscard]] bool guards_resources() const;
  // Whether it does anything at all.
  [[nodiscard]] bool does_nothing() const;
};

// Reads a policy from a parsed file. None if anything is wrong; then it has been reported.
std::optional<PolicyFile> read_policy(std::shared_ptr<const Document> document, Diagnostics& out);

// The built-in policies' names, in the order of documentation.
[[nodiscard]] std::vector<std::string> builtin_policies();
// A built-in policy by name, or a policy file by path (anything with a '/' or ending in ".json"; relative to `directory` first). `at`:
// where it was asked for, for messages; may be an empty Node.
std::optional<PolicyFile> find_policy(const std::string& name, const std::string& directory, Node at, Diagnostics& out);

// What can be left out of a policy: its parts, and the hooks of one in steps.
[[nodiscard]] std::vector<std::string> removable_parts(const PolicyFile& policy);
// The same policy with a part left out (mechanism "none", or no such hook), named "NAME without PART". `part` must be removable.
[[nodiscard]] PolicyFile without(PolicyFile policy, std::string_view part);

// The hooks of a part that it has, in steps: " bind acquire"; those of no part for none.
[[nodiscard]] std::string steps_at(const PolicyFile& policy, std::optional<model::Part> part);

[[nodiscard]] PolicyLabel label(const PolicyFile& policy);

}  // namespace unplug::scenarios
