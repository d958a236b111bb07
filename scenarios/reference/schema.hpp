// The published schemas: scenarios/schema/KIND-1.json is what is written by hand, and what tables in the code know better is put in its
// place: the grammar of steps from the verb table, the parts of policies from the table of mechanisms.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace unplug::scenarios {

struct SchemaInfo {
  std::string kind;  // "scenario"
  std::string file;  // "scenario-1.json"
  std::string title;
};
// The kinds of files that have a schema in this library, by name.
[[nodiscard]] std::vector<SchemaInfo> schemas();

// The schema of a kind of file as text, laid out for people; "" if there is none of that name. Made once.
[[nodiscard]] const std::string& published_schema(std::string_view kind);

// A step: exactly one verb, with the closed list of its keys, each with its meaning.
[[nodiscard]] nlohmann::ordered_json step_schema();

// JSON with what fits on a line of 140 columns on one line.
[[nodiscard]] std::string laid_out(const nlohmann::ordered_json& json);

}  // namespace unplug::scenarios
