// Files to start from: scenarios/templates/NAME.json, compiled in. Each is a file like any other, valid and with expectations that are met.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unplug::scenarios {

struct Template {
  std::string name;       // "chardev"
  std::string title;      // of the file
  std::string kind;       // of the file: "scenario", "policy"
  std::string_view text;  // as it stands in the source tree
};

// All of them, by name.
[[nodiscard]] std::vector<Template> templates();

// What the driver, test or policy of a template is called; a name given by the user takes its place, wherever it stands.
inline constexpr std::string_view template_name = "mydrv";

// Whether a name can stand there, where functions are called after it: a C identifier.
[[nodiscard]] bool may_be_a_name(std::string_view name);

// The text of the file with that name (empty: the template's own). `schema`: the path of the published schema; empty: it lies beside the
// file.
[[nodiscard]] std::string instantiate(const Template& from, std::string_view name, std::string_view schema);

}  // namespace unplug::scenarios
