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

// The driver in the templates; a name given by the user takes its place, wherever it stands.
inline constexpr std::string_view template_driver = "mydrv";

// Whether the name can stand where the template's driver stands: a C identifier.
[[nodiscard]] bool may_name_a_driver(std::string_view name);

// The text of the file for a driver of that name (empty: the template's own), with "$schema" as in a folder that holds the schema.
[[nodiscard]] std::string instantiate(const Template& from, std::string_view name);

}  // namespace unplug::scenarios
