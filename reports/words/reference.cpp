#include "unplug/reports/words/reference.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "unplug/model/core/violation_class.hpp"
#include "unplug/model/mechanisms/registry.hpp"
#include "unplug/scenarios/language/shape.hpp"
#include "unplug/scenarios/reference/schema.hpp"

namespace unplug::reports {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view definitions = "#/definitions/";

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c == '\n' ? ' ' : c);
  return out;
}

std::string row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& c : cells) out += " " + cell(c) + " |";
  return out + "\n";
}

std::string head(const std::vector<std::string>& cells) {
  std::string out = row(cells) + "|";
  for (std::size_t i = 0; i < cells.size(); ++i) out += " --- |";
  return out + "\n";
}

std::string code(std::string_view text) { return fmt::format("`{}`", text); }

// The keys of a schema and what may stand there.
class Keys {
 public:
  explicit Keys(std::string_view schema) : root_(Json::parse(schema)) {}

  // Every key, from the outermost in; NAME is a name of the author's, [] an element of an array.
  const std::vector<FileKey>& list() {
    if (list_.empty()) walk(root_, "");
    return list_;
  }
  std::string table() {
    std::string out = head({"key", "value", "meaning"});
    for (const FileKey& k : list()) out += row({code(k.path), k.value, k.meaning});
    return out;
  }
  // The kinds of values that the table names.
  std::string kinds() const {
    std::string out = head({"kind", "value", "meaning"});
    for (const auto& [name, schema] : root_.at("definitions").items())
      if (name != "step") out += row({name, value(schema), schema.value("description", "")});
    return out;
  }

 private:
  static std::string value(const Json& schema) {
    if (schema.contains("$ref")) return schema.at("$ref").get<std::string>().substr(definitions.size());
    if (schema.contains("const")) return code(schema.at("const").dump());
    if (schema.contains("enum")) {
      std::vector<std::string> words;
      for (const Json& word : schema.at("enum")) words.push_back(code(word.dump()));
      return fmt::format("{}", fmt::join(words, ", "));
    }
    if (schema.contains("anyOf")) {
      std::vector<std::string> ways;
      for (const Json& branch : schema.at("anyOf"))
        if (const std::string way = value(branch); std::ranges::find(ways, way) == ways.end()) ways.push_back(way);
      return fmt::format("{}", fmt::join(ways, ", or "));
    }
    if (!schema.contains("type")) return "anything";
    const Json& type = schema.at("type");
    if (type.is_array()) {
      std::vector<std::string> words;
      for (const Json& word : type) words.push_back(word.get<std::string>());
      return fmt::format("{}", fmt::join(words, ", "));
    }
    if (type == "array" && schema.contains("items")) return fmt::format("array of {}", value(schema.at("items")));
    if (schema.contains("minimum")) return fmt::format("{} from {}", type.get<std::string>(), schema.at("minimum").dump());
    return type.get<std::string>();
  }

  void walk(const Json& schema, const std::string& path) {
    const Json required = schema.value("required", Json::array());
    if (schema.contains("properties")) {
      for (const auto& [key, inner] : schema.at("properties").items()) {
        const bool needed = std::find(required.begin(), required.end(), key) != required.end();
        entry(inner, path.empty() ? key : path + "." + key, needed);
      }
    }
    if (schema.contains("additionalProperties") && schema.at("additionalProperties").is_object())
      entry(schema.at("additionalProperties"), path + ".NAME", false);
    if (schema.contains("items") && schema.at("items").is_object()) walk(schema.at("items"), path + "[]");
    if (schema.contains("anyOf"))
      for (const Json& branch : schema.at("anyOf")) walk(branch, path);
  }
  void entry(const Json& schema, const std::string& path, bool required) {
    list_.push_back({path, value(schema), fmt::format("{}{}", required ? "Required. " : "", schema.value("description", ""))});
    walk(schema, path);
  }

  Json root_;
  std::vector<FileKey> list_;
};

// What the words in capitals of forms stand for.
std::string placeholders() {
  std::string out = head({"in forms", "stands for"});
  std::set<std::string> said;
  for (const scenarios::Verb& v : scenarios::verbs()) {
    const scenarios::Shape s = scenarios::operand_shape(v);
    if (v.operand != scenarios::OperandKind::declaration && !s.meaning.empty() && said.insert(s.placeholder).second)
      out += row({s.placeholder, s.meaning});
  }
  return out;
}

std::string sentence(std::string_view words) {
  if (words.empty()) return {};
  return fmt::format("{}{}.", static_cast<char>(std::toupper(static_cast<unsigned char>(words.front()))), words.substr(1));
}

std::string verb(const scenarios::Verb& v) {
  std::string out =
      fmt::format("#### {}\n\n{} In {}.\n\n    {}\n\n", v.name, sentence(v.summary), scenarios::place_words(v.place), scenarios::form(v));
  const std::size_t before = out.size();
  for (const scenarios::KeySpec& k : v.keys) out += fmt::format("- `{}`{}: {}\n", k.name, k.required ? " (required)" : "", k.meaning);
  if (!v.models.empty())
    out += fmt::format("- models {}{}\n", v.models, v.leaves_out.empty() ? "" : fmt::format("; leaves out: {}", v.leaves_out));
  if (const auto names = scenarios::aliases(v); !names.empty()) out += fmt::format("- other names: {}\n", fmt::join(names, ", "));
  return out.size() == before ? out : out + "\n";
}

std::string all_verbs() {
  std::string out;
  std::string_view family;
  for (const scenarios::Verb& v : scenarios::verbs()) {
    if (!v.alias_of.empty()) continue;
    if (v.family != family) out += fmt::format("### {}\n\n", scenarios::family_words(v.family));
    family = v.family;
    out += verb(v);
  }
  return out;
}

std::string mechanisms() {
  std::string out = head({"part", "mechanism", "what it does", "models"});
  for (const model::PartInfo& p : model::parts())
    for (const model::MechanismInfo& m : model::mechanisms())
      if (m.part == p.part) out += row({std::string(p.name), code(m.name), std::string(m.summary), std::string(m.models)});
  return out;
}

std::string classes() {
  std::string out = head({"class", "when", "weight"});
  for (const model::ViolationClassInfo& c : model::violation_classes())
    out += row({std::string(c.name), std::string(c.meaning), c.note ? "note" : "error"});
  return out;
}

std::string common() {
  std::string out = head({"key", "meaning"});
  for (const scenarios::CommonKey& k : scenarios::common_keys()) out += row({code(k.name), std::string(k.meaning)});
  return out;
}

}  // namespace

std::string FileKey::word() const {
  std::string last = path.substr(path.rfind('.') + 1);
  if (last.ends_with("[]")) last.resize(last.size() - 2);
  return last == "NAME" ? std::string{} : last;
}

const std::vector<FileKey>& keys_of_files(std::string_view kind) {
  static const std::vector<FileKey> scenario = Keys(scenarios::published_schema("scenario")).list();
  static const std::vector<FileKey> policy = Keys(scenarios::published_schema("policy")).list();
  return kind == "policy" ? policy : scenario;
}

std::string reference_page() {
  Keys scenario(scenarios::published_schema("scenario")), policy(scenarios::published_schema("policy"));
  return "# Reference of the scenario language\n\n"
         "Made from the schema and the tables in the code (`./dev golden` writes this page again; a test says when it has drifted). How "
         "to\n"
         "write a driver down is in [scenario-guide.md](scenario-guide.md). `unplug explain WORD` says of one word what stands here, with "
         "an\n"
         "example; editors show it for files whose `\"$schema\"` leads to [schema/scenario-1.json](schema/scenario-1.json).\n\n"
         "## Keys of a scenario file\n\nNAME is a name of your own, `[]` an element of an array. Comments (`//`, `/* */`) are "
         "allowed.\n\n" +
         scenario.table() + "\n### Kinds of values\n\n" + scenario.kinds() +
         "\n## Steps\n\n"
         "A step is one object with one verb and keys of that verb's closed list; a verb that needs neither operand nor keys may be a "
         "bare\n"
         "string. In forms, words in capitals are yours and keys in `[]` may be left out. Every step may carry:\n\n" +
         common() + "\n" + placeholders() + "\n## Verbs\n\n" + all_verbs() + "## Keys of a policy file\n\n" + policy.table() +
         "\n### Mechanisms\n\n" + mechanisms() + "\n## Classes of violations\n\n" + classes();
}

}  // namespace unplug::reports
