#include <charconv>
#include <limits>
#include <memory>
#include <type_traits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/reports/json/json.hpp"
#include "unplug/reports/view/enum_names.hpp"
#include "unplug/reports/view/fields.hpp"
#include "unplug/scenarios/json/document.hpp"

namespace unplug::reports {

namespace {

using Json = nlohmann::ordered_json;

struct Problem {
  std::string pointer, message, expected;
};

std::string found(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "an array";
    case Json::value_t::string: return "a string";
    case Json::value_t::boolean: return "a boolean";
    case Json::value_t::number_float: return "a number that is not an integer in range";
    default: return json < 0 ? "a negative number" : "an integer";
  }
}

// Fills a model from a document. Stops at the first problem: a stored result is written by a program, so one wrong place usually means
// that the file was damaged or is another one.
class Reader {
 public:
  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

  void read(const Json& json, std::string& out) {
    if (json.is_string()) {
      out = json.get_ref<const std::string&>();
    } else {
      wrong(json, "a string");
    }
  }

  void read(const Json& json, bool& out) {
    if (json.is_boolean()) {
      out = json.get<bool>();
    } else {
      wrong(json, "true or false");
    }
  }

  template <typename T>
  requires std::is_integral_v<T>
  void read(const Json& json, T& out) {
    if (json.is_number_unsigned() && json.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<T>::max())) {
      out = static_cast<T>(json.get<std::uint64_t>());
    } else {
      wrong(json, fmt::format("an integer of 0 to {}", std::numeric_limits<T>::max()));
    }
  }

  template <typename T>
  requires std::is_enum_v<T>
  void read(const Json& json, T& out) {
    std::string expected;
    for (const auto& [value, name] : EnumNames<T>::all) {
      if (json.is_string() && json.get_ref<const std::string&>() == name) {
        out = value;
        return;
      }
      expected += fmt::format("{}\"{}\"", expected.empty() ? "one of " : ", ", name);
    }
    if (json.is_string()) {
      fail(fmt::format("unknown word '{}'", json.get_ref<const std::string&>()), expected);
    } else {
      wrong(json, expected);
    }
  }

  template <typename T> void read(const Json& json, std::optional<T>& out) {
    if (json.is_null()) {
      out.reset();
    } else {
      read(json, out.emplace());
    }
  }

  template <typename T> void read(const Json& json, std::vector<T>& out) { read_list(json, out); }

  void read(const Json& json, std::vector<scenarios::Expectation>& out) {
    std::vector<scenarios::Expectation> met, unmet;
    if (!json.is_object()) return wrong(json, "an object");
    member(json, "met", [&](const Json& list) { read_list(list, met); });
    member(json, "unmet", [&](const Json& list) { read_list(list, unmet); });
    for (scenarios::Expectation& expectation : met) expectation.met = true;
    out = std::move(met);
    out.insert(out.end(), unmet.begin(), unmet.end());
  }

  template <typename T>
  requires std::is_class_v<T>
  void read(const Json& json, T& out) {
    if (!json.is_object()) return wrong(json, "an object");
    Fields<T>::each(out, [&](const char* key, auto& field) { member(json, key, [&](const Json& value) { read(value, field); }); });
    if constexpr (std::is_same_v<T, scenarios::Cell>) {
      for (scenarios::Finding& finding : out.notes) finding.note = true;
    }
  }

 private:
  template <typename T> void read_list(const Json& json, std::vector<T>& out) {
    if (!json.is_array()) return wrong(json, "an array");
    out.resize(json.size());
    for (std::size_t i = 0; i < json.size() && !problem_; ++i) inside(fmt::format("/{}", i), [&] { read(json[i], out[i]); });
  }

  template <typename ReadValue> void member(const Json& json, const char* key, ReadValue read_value) {
    if (problem_) return;
    const auto value = json.find(key);
    if (value == json.end()) return fail(fmt::format("'{}' is missing", key), "a whole result, as 'unplug run --json' writes it");
    inside(fmt::format("/{}", key), [&] { read_value(*value); });
  }

  template <typename Body> void inside(const std::string& step, Body body) {
    const std::size_t before = pointer_.size();
    pointer_ += step;
    body();
    pointer_.resize(before);
  }

  void wrong(const Json& json, std::string expected) { fail(fmt::format("{} here", found(json)), std::move(expected)); }

  void fail(std::string message, std::string expected) {
    if (!problem_) problem_ = Problem{pointer_, std::move(message), std::move(expected)};
  }

  std::string pointer_;
  std::optional<Problem> problem_;
};

// The verb that takes a file of this kind, for a message.
std::string_view taken_by(std::string_view kind) {
  if (kind == "failure") return "; 'unplug replay' takes it";
  if (kind == "scenario") return "; 'unplug run' takes it";
  if (kind == "policy") return "; 'unplug run SCENARIO --policy' takes it";
  return "";
}

std::optional<Problem> check_kind(const Json& json) {
  const std::string expected = fmt::format("\"unplug\": \"result/{}\"", scenarios::result_version);
  if (!json.is_object()) return Problem{"", fmt::format("not a stored result: {}", found(json)), "an object with " + expected};
  const auto kind = json.find("unplug");
  if (kind == json.end() || !kind->is_string()) {
    return Problem{"", "not a stored result: it doesn't say what kind of file it is", expected};
  }
  const std::string& text = kind->get_ref<const std::string&>();
  const std::size_t slash = text.find('/');
  const std::string_view name = std::string_view(text).substr(0, slash);
  if (name != "result") {
    return Problem{"/unplug", fmt::format("a file of kind '{}', not a stored result{}", text, taken_by(name)), expected};
  }
  if (text != fmt::format("result/{}", scenarios::result_version)) {
    return Problem{"/unplug", fmt::format("'{}' is a version that this unplug doesn't read", text),
                   fmt::format("{}; run the scenario again, or use the unplug that wrote the file", expected)};
  }
  return {};
}

}  // namespace

std::optional<scenarios::Result> read_json(std::string_view text, const std::string& name, scenarios::Diagnostics& out) {
  const Json json = Json::parse(text, nullptr, false);
  // The positions of a damaged file, and of a problem in a good one, come from the document that remembers them.
  if (json.is_discarded()) {
    if (scenarios::Document::parse(std::string(text), name, out) && !out.has_errors()) {
      scenarios::Diagnostic diagnostic;
      diagnostic.file = name;
      diagnostic.message = "not a stored result: the text is not plain JSON";
      diagnostic.expected = "a file as 'unplug run --json' writes it, without comments";
      out.add(std::move(diagnostic));
    }
    return {};
  }
  std::optional<Problem> problem = check_kind(json);
  scenarios::Result result;
  if (!problem) {
    Reader reader;
    reader.read(json, result);
    problem = reader.problem();
  }
  if (!problem) return result;

  scenarios::Diagnostics ignored;  // what the document minds beyond JSON itself is not what is wrong here
  const std::unique_ptr<scenarios::Document> document = scenarios::Document::parse(std::string(text), name, ignored);
  const scenarios::Node node = document ? document->resolve(problem->pointer) : scenarios::Node{};
  if (node) {
    node.error(out, problem->message, problem->expected);
  } else {
    scenarios::Diagnostic diagnostic;
    diagnostic.file = name;
    diagnostic.pointer = problem->pointer;
    diagnostic.message = problem->message;
    diagnostic.expected = problem->expected;
    out.add(std::move(diagnostic));
  }
  return {};
}

}  // namespace unplug::reports
