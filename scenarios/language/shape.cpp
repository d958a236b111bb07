#include "unplug/scenarios/language/shape.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "unplug/scenarios/language/entities.hpp"

namespace unplug::scenarios {
namespace {

using Json = nlohmann::ordered_json;

// "sysfs attribute" -> "sysfs_attribute"
std::string member(std::string_view words) {
  std::string out(words);
  std::ranges::replace(out, ' ', '_');
  return out;
}

// "sysfs attribute" -> "SYSFS_ATTRIBUTE"
std::string placeholder(std::string_view words) {
  std::string out = member(words);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

Json text() { return {{"type", "string"}}; }
Json scalar() { return {{"type", {"string", "integer", "boolean", "null"}}}; }
Json steps() { return {{"$ref", "#/definitions/steps"}}; }
Json either(std::initializer_list<Json> branches) { return {{"anyOf", Json::array_t(branches)}}; }
// "$name" in the place of a number, or of a word.
Json parameter() { return {{"type", "string"}, {"pattern", R"(^\$[A-Za-z0-9_]+$)"}}; }
Json with_parameter() { return {{"type", "string"}, {"pattern", R"(\$[A-Za-z0-9_])"}}; }
Json integer_from(int least) { return either({{{"type", "integer"}, {"minimum", least}}, parameter()}); }
Json object_of(const Json& values) { return {{"type", "object"}, {"additionalProperties", values}}; }

Json duration() {
  static const std::string one = "[0-9]+(ns|us|ms|s)";
  return {{"type", "string"}, {"pattern", fmt::format(R"(^{0}(\.\.{0})?$|\$[A-Za-z0-9_])", one)}};
}

Json owners() {
  Json names = Json::array();
  for (const model::Owner o :
       {model::Owner::driver, model::Owner::core, model::Owner::other_driver, model::Owner::hardware, model::Owner::user})
    names.push_back(model::name(o));
  return either({{{"enum", names}}, with_parameter()});
}

constexpr std::string_view duration_meaning = "\"250us\", \"10ms\", or a range \"1ms..5ms\"";

Shape custom_key(const KeySpec& key) {
  if (key.name == "do") return {"STEPS", {}, steps(), Json::array()};
  if (key.name == "else") return {"LABEL or STEPS", {}, either({text(), steps()}), "out"};
  return {"VALUE", {}, scalar(), "x"};
}

// "IRQF_SHARED IRQF_ONESHOT": a word, or several.
Shape words_key(const KeySpec& key) {
  Json names = Json::array();
  for (std::size_t at = 0; at < key.choices.size();) {
    const std::size_t end = std::min(key.choices.find(' ', at), key.choices.size());
    names.push_back(key.choices.substr(at, end - at));
    at = end + 1;
  }
  const Json one = either({{{"enum", names}}, with_parameter()});
  Json sample = names.front();
  return {"WORDS", {}, either({one, {{"type", "array"}, {"items", one}}}), std::move(sample)};
}

}  // namespace

Shape operand_shape(const Verb& verb) {
  const std::string kind(name(verb.entity));
  switch (verb.operand) {
    case OperandKind::none: return {"null", "nothing", {{"type", "null"}}, nullptr};
    case OperandKind::entity:
      return {placeholder(kind),
              fmt::format("{}; or a member by way of a local that points to its memory: \"p.x\"", declared_by(verb.entity)), text(),
              "priv.x"};
    case OperandKind::declaration:
      return {
          placeholder(kind),
          fmt::format("a new name for the {}{}", kind, verb.entity == EntityKind::allocation ? "" : "; \"priv.x\" lives in memory 'priv'"),
          text(), "x"};
    case OperandKind::field: return {"FIELD", "\"priv.dead\", \"p.dead\" by way of a local, or \"file.private_data\"", text(), "priv.dead"};
    case OperandKind::reg: return {"MAPPING.REGISTER", "a register of a mapping: \"bar0.CTRL\"", text(), "bar0.CTRL"};
    case OperandKind::local: return {"LOCAL", "a local variable of the function", text(), "x"};
    case OperandKind::function: return {"FUNCTION", "a function of the file", text(), "f"};
    case OperandKind::duration: return {"DURATION", std::string(duration_meaning), duration(), "10ms"};
    case OperandKind::module:
      return {"MODULE", "a module of the file; null, or the verb alone: THIS_MODULE", {{"type", {"string", "null"}}}, nullptr};
    case OperandKind::memory: return {"MEMORY", "memory that a step allocates, or a local that points to some", text(), "priv"};
    case OperandKind::custom: return {verb.takes.empty() ? "VALUE" : std::string(verb.takes), {}, scalar(), "x"};
  }
  return {};
}

Shape key_shape(const KeySpec& key) {
  switch (key.kind) {
    case KeyKind::to:
    case KeyKind::local: return {"LOCAL", {}, text(), "x"};
    case KeyKind::value:
    case KeyKind::old: return {"VALUE", {}, {{"type", {"string", "integer", "null"}}}, 0};
    case KeyKind::function: return {"FUNCTION", {}, text(), "f"};
    case KeyKind::otherwise: return {"LABEL or STEPS", {}, either({text(), steps()}), "out"};
    case KeyKind::fields: return {"{NAME: INTEGER}", {}, object_of(either({integer_from(0), {{"type", "null"}}})), {{"dead", 0}}};
    case KeyKind::registers: {
      const Json values{{"type", "array"}, {"minItems", 1}, {"maxItems", 16}, {"items", integer_from(0)}};
      const Json initial{{"description", "What it holds at first."}, {"anyOf", integer_from(0)["anyOf"]}};
      const Json doorbell{{"description", "The DMA engine that a write starts."}, {"type", "string"}};
      const Json contents{{"type", "object"},
                          {"required", {"initial"}},
                          {"additionalProperties", false},
                          {"properties", {{"initial", initial}, {"doorbell", doorbell}}}};
      return {"{REGISTER: [INTEGER]}", {}, object_of(either({values, integer_from(0), contents})), {{"CTRL", {0, 1}}}};
    }
    case KeyKind::owner: return {"OWNER", {}, owners(), "driver"};
    case KeyKind::at_most: return {"COUNT", {}, integer_from(1), 1};
    case KeyKind::refused: return {"ERROR or INTEGER", {}, either({text(), {{"type", "integer"}}}), "-EBUSY"};
    case KeyKind::duration: return {"DURATION", {}, duration(), "10ms"};
    case KeyKind::members: return {"{NAME: KIND}", {}, {{"type", "object"}}, {{"rcu", "rcu_head"}}};
    case KeyKind::number: return {"INTEGER", {}, integer_from(0), 0};
    case KeyKind::words: return words_key(key);
    case KeyKind::thing: return {placeholder(name(key.entity)), {}, text(), "x"};
    case KeyKind::fops: return {"FILE_OPERATIONS", {}, text(), "fops"};
    case KeyKind::arguments: return {"{LOCAL: VALUE}", {}, {{"type", "object"}}, {{"p", 0}}};
    case KeyKind::custom: return custom_key(key);
  }
  return {};
}

const std::vector<CommonKey>& common_keys() {
  static const std::vector<CommonKey> keys{
      {"line", "the line in the driver's source, for messages and stacks", {{"type", "integer"}, {"minimum", 1}}},
      {"id", "a name for the step in signatures, unique in its function", text()},
      {"form", "the forms that have this step; without it, all", either({text(), {{"type", "array"}, {"items", text()}}})},
      {"note", "a remark", text()}};
  return keys;
}

bool may_be_bare(const Verb& verb) {
  const bool nothing = verb.operand == OperandKind::none || verb.operand == OperandKind::module;
  return nothing && std::ranges::none_of(verb.keys, &KeySpec::required);
}

std::string form(const Verb& verb) {
  std::string out = fmt::format("{{\"{}\": {}", verb.name, operand_shape(verb).placeholder);
  for (const KeySpec& k : verb.keys)
    if (k.required) out += fmt::format(", \"{}\": {}", k.name, key_shape(k).placeholder);
  for (const KeySpec& k : verb.keys)
    if (!k.required) out += fmt::format(", [\"{}\": {}]", k.name, key_shape(k).placeholder);
  out += '}';
  if (!may_be_bare(verb)) return out;
  return verb.keys.empty() ? fmt::format("\"{}\"", verb.name) : fmt::format("\"{}\" or {}", verb.name, out);
}

Json minimal_step(const Verb& verb) {
  if (may_be_bare(verb)) return std::string(verb.name);
  Json step;
  step[std::string(verb.name)] = operand_shape(verb).sample;
  for (const KeySpec& k : verb.keys)
    if (k.required) step[std::string(k.name)] = key_shape(k).sample;
  return step;
}

std::string_view place_words(Where place) {
  switch (place) {
    case Where::module: return "functions of the driver";
    case Where::driver: return "functions of the driver, threads in \"run\", policies";
    case Where::thread: return "threads in \"run\"";
    case Where::policy: return "policies";
    case Where::task: return "tasks in \"run\"";
    case Where::outside: return "tasks and threads in \"run\"";
    case Where::anywhere: return "functions of the driver, tasks and threads in \"run\", policies";
  }
  return {};
}

std::string family_words(std::string_view family) {
  std::string out(family);
  std::ranges::replace(out, '_', ' ');
  return out;
}

std::vector<std::string> aliases(const Verb& verb) {
  std::vector<std::string> out;
  for (const Verb& v : verbs())
    if (v.alias_of == verb.name) out.emplace_back(v.name);
  return out;
}

bool takes_key(const Verb& verb, std::string_view key) { return std::ranges::find(verb.keys, key, &KeySpec::name) != verb.keys.end(); }

}  // namespace unplug::scenarios
