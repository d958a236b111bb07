#include "unplug/scenarios/reference/schema.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "unplug/embedded/scenarios.hpp"
#include "unplug/model/mechanisms/registry.hpp"
#include "unplug/scenarios/language/shape.hpp"
#include "unplug/scenarios/program/hooks.hpp"

namespace unplug::scenarios {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view schema_folder = "schema/", schema_ending = "-1.json";
constexpr std::size_t columns = 140;

std::string one_line(const Json& j) {
  std::string out;
  if (j.is_object()) {
    for (const auto& [key, value] : j.items()) out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", Json(key).dump(), one_line(value));
    return "{" + out + "}";
  }
  if (j.is_array()) {
    for (const Json& value : j) out += (out.empty() ? "" : ", ") + one_line(value);
    return "[" + out + "]";
  }
  return j.dump();
}

// `used`: columns of the line that are taken before the value, and behind it.
std::string lines(const Json& j, std::size_t indent, std::size_t used) {
  std::string flat = one_line(j);
  if (used + flat.size() <= columns || !j.is_structured() || j.empty()) return flat;
  const std::string inner(indent + 2, ' ');
  std::string out;
  for (const auto& [key, value] : j.items()) {
    const std::string start = j.is_object() ? fmt::format("{}{}: ", inner, Json(key).dump()) : inner;
    out += fmt::format("{}\n{}{}", out.empty() ? "" : ",", start, lines(value, indent + 2, start.size() + 1));
  }
  return fmt::format("{}{}\n{}{}", j.is_object() ? "{" : "[", out, std::string(indent, ' '), j.is_object() ? "}" : "]");
}

std::string sentence(std::string_view words) {
  if (words.empty()) return {};
  return fmt::format(" {}{}.", static_cast<char>(std::toupper(static_cast<unsigned char>(words.front()))), words.substr(1));
}

// What an editor shows when the pointer rests on the verb.
std::string hover(const Verb& v) {
  std::string out =
      fmt::format("{}\n\n{}{}\nIn {}.", form(v), v.name, v.summary.empty() ? "" : fmt::format(": {}.", v.summary), place_words(v.place));
  if (!v.alias_of.empty()) out += fmt::format("\nAnother name of {}.", v.alias_of);
  if (!v.models.empty()) out += fmt::format("\nModels {}.", v.models);
  if (!v.leaves_out.empty()) out += fmt::format("\nLeaves out: {}.", v.leaves_out);
  return out;
}

Json described(Json schema, std::string description) {
  Json out{{"description", std::move(description)}};
  out.update(schema);
  return out;
}

Json keys_of(const Verb& v) {
  Json required = Json::array(), properties;
  properties[std::string(v.name)] = Json::object();
  for (const KeySpec& k : v.keys) {
    properties[std::string(k.name)] = described(key_shape(k).schema, std::string(k.meaning));
    if (k.required) required.push_back(k.name);
  }
  for (const CommonKey& k : common_keys()) properties[std::string(k.name)] = Json::object();
  Json out;
  if (!required.empty()) out["required"] = required;
  out["properties"] = properties;
  out["additionalProperties"] = false;
  return out;
}

// Of a step that has the verb's name: the verb's closed list, unless the name is a key of another verb there ("return" of "if").
Json if_its_step(const Verb& v) {
  Json others = Json::array();
  for (const Verb& other : verbs())
    if (takes_key(other, v.name) && !takes_key(v, other.name)) others.push_back({{"required", Json::array({other.name})}});
  if (others.empty()) return keys_of(v);
  return {{"if", {{"not", {{"anyOf", others}}}}}, {"then", keys_of(v)}};
}

// The parts of a policy and the mechanisms that each may have.
Json parts_schema() {
  Json properties;
  for (const model::PartInfo& part : model::parts()) {
    Json names = Json::array(), meanings = Json::array();
    for (const model::MechanismInfo& m : model::mechanisms()) {
      if (m.part != part.part) continue;
      names.push_back(m.name);
      meanings.push_back(m.summary);
    }
    properties[std::string(part.name)] = {{"description", part.meaning}, {"enum", names}, {"enumDescriptions", meanings}};
  }
  return properties;
}

// Where a policy's own steps run.
Json hooks_schema() {
  Json properties;
  for (const HookInfo& h : hooks())
    properties[std::string(h.name)] = {{"description", sentence(h.meaning).substr(1)}, {"$ref", "#/definitions/steps"}};
  return properties;
}

std::string publish(std::string_view text) {
  Json schema = Json::parse(text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
  if (schema.contains(Json::json_pointer("/definitions/step"))) schema["definitions"]["step"] = step_schema();
  if (const Json::json_pointer parts("/properties/parts/properties"); schema.contains(parts)) schema[parts] = parts_schema();
  if (const Json::json_pointer list("/properties/hooks/properties"); schema.contains(list)) schema[list] = hooks_schema();
  return laid_out(schema) + "\n";
}

}  // namespace

std::string laid_out(const Json& json) { return lines(json, 0, 0); }

// Dependencies, not anyOf: validators try the branches of anyOf in full, which takes time exponential in the depth of nested steps, and
// then complain about all of them. Of dependencies they look only at those of the keys that are there.
Json step_schema() {
  Json bare = Json::array(), names = Json::array(), properties, closed;
  for (const Verb& v : verbs()) {
    if (may_be_bare(v)) bare.push_back(v.name);
    names.push_back(v.name);
    properties[std::string(v.name)] = described(operand_shape(v).schema, hover(v));
    closed[std::string(v.name)] = if_its_step(v);
  }
  for (const CommonKey& k : common_keys()) properties[std::string(k.name)] = described(k.schema, "Of any step:" + sentence(k.meaning));
  // Some name is a verb: not all are none.
  const Json has_verb{{"not", {{"propertyNames", {{"not", {{"enum", names}}}}}}}};
  Json object{{"type", "object"}};
  object.update(has_verb);
  object["properties"] = properties;
  object["dependencies"] = closed;
  return {{"description", "Exactly one verb and keys of that verb's closed list. A verb that needs neither may be a bare string."},
          {"anyOf", Json::array({{{"enum", bare}}, object})}};
}

std::vector<SchemaInfo> schemas() {
  std::vector<SchemaInfo> out;
  for (const auto& f : embedded::files()) {
    if (!f.name.starts_with(schema_folder) || !f.name.ends_with(schema_ending)) continue;
    const std::string file(f.name.substr(schema_folder.size()));
    const Json schema = Json::parse(f.text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
    out.push_back({file.substr(0, file.size() - schema_ending.size()), file, schema.value("description", "")});
  }
  return out;
}

const std::string& published_schema(std::string_view kind) {
  static const std::map<std::string, std::string, std::less<>> all = [] {
    std::map<std::string, std::string, std::less<>> made;
    for (const SchemaInfo& s : schemas()) made[s.kind] = publish(embedded::find(std::string(schema_folder) + s.file)->text);
    return made;
  }();
  static const std::string none;
  const auto found = all.find(kind);
  return found == all.end() ? none : found->second;
}

}  // namespace unplug::scenarios
