// The published schemas: they know every verb, and judge the structure of a file as the loader does.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "support/golden.hpp"
#include "unplug/embedded/scenarios.hpp"
#include "unplug/scenarios/language/shape.hpp"
#include "unplug/scenarios/load/scenario.hpp"
#include "unplug/scenarios/reference/schema.hpp"

using namespace unplug::scenarios;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

// A scenario whose only step is `step`.
std::string file_with(const Json& step) {
  const Json file{{"name", "f"},
                  {"modules", {{"m", Json::object()}}},
                  {"functions", {{"m_probe", Json::array({step})}}},
                  {"run", {{"removal", "unbind"}, {"tasks", Json::object()}}}};
  return file.dump();
}

std::string verdict(const Document* d, std::string_view kind) {
  Diagnostics quiet;
  if (d == nullptr) return "unreadable";
  if (published_schema(kind).empty()) return "another kind of file";
  return check_schema(*d, published_schema(kind), quiet) ? "conforms" : "fails";
}

std::string verdict(const Json& step) {
  Diagnostics quiet;
  return verdict(Document::parse(file_with(step), "step", quiet).get(), "scenario");
}

bool loads(const Json& step) {
  Diagnostics quiet;
  return parse_scenario(file_with(step), "step", {}, quiet) != nullptr;
}

std::string kind_of(const Document* d) {
  const Node n = d != nullptr && d->root().is(Node::Kind::object) ? d->root().find("unplug") : Node{};
  return n.is(Node::Kind::string) ? std::string(n.string().substr(0, n.string().find('/'))) : "scenario";
}

// The places of properties that an editor has nothing to show for. In the closed lists of verbs, an empty schema stands for a key that is
// described beside them.
void undescribed(const Json& schema, const std::string& at, std::vector<std::string>& into) {
  if (!schema.is_structured()) return;
  for (const auto& [key, inner] : schema.items()) {
    undescribed(inner, at + "/" + key, into);
    if (key != "properties") continue;
    for (const auto& [name, property] : inner.items())
      if (property.value("description", "").empty() && !(property.empty() && at.find("/dependencies/") != std::string::npos))
        into.push_back(at + "/" + name);
  }
}

// A step that is an object, even if a bare string would do.
Json as_object(const Verb& v) {
  Json step = minimal_step(v);
  if (step.is_object()) return step;
  Json object;
  object[std::string(v.name)] = nullptr;
  return object;
}

}  // namespace

TEST_CASE("the published schemas are committed, for editors") {
  const auto all = schemas();
  CHECK(all.size() == 2);
  for (const SchemaInfo& s : all) {
    CHECK_FALSE(s.title.empty());
    unplug::test::check_generated("docs/schema/" + s.file, published_schema(s.kind));
  }
  CHECK(published_schema("no such kind").empty());
}

TEST_CASE("of every key an editor shows what it means") {
  for (const SchemaInfo& s : schemas()) {
    std::vector<std::string> places;
    undescribed(Json::parse(published_schema(s.kind)), {}, places);
    CHECK_MESSAGE(places.empty(), s.kind, " ", fmt::format("{}", fmt::join(places, " ")));
  }
  std::vector<std::string> places;
  undescribed(Json::parse(R"({"properties": {"a": {"type": "string"}, "b": {"description": "x", "properties": {"c": {}}}}})"), {}, places);
  CHECK(places == std::vector<std::string>{"/properties/b/c", "/a"});
}

TEST_CASE("the steps of a policy are checked as those of a driver") {
  const Json scenario = Json::parse(published_schema("scenario")), policy = Json::parse(published_schema("policy"));
  CHECK(policy["definitions"]["step"] == scenario["definitions"]["step"]);
  const auto judged = [](const char* step) {
    Diagnostics quiet;
    const auto d = Document::parse(
        fmt::format(R"({{"name": "p", "parts": {{}}, "functions": {{"f": [{0}]}}, "hooks": {{"enter": [{0}]}}}})", step), "p", quiet);
    return verdict(d.get(), "policy");
  };
  CHECK(judged(R"({"READ_ONCE": "binding.gone", "to": "gone"})") == "conforms");
  CHECK(judged(R"({"READ_ONCE": "binding.gone", "too": "gone"})") == "fails");
  CHECK(judged(R"("no_such_verb")") == "fails");
}

TEST_CASE("registers are lists of what may be read, or have contents") {
  CHECK(verdict(
            Json::parse(R"({"ioremap": "b", "regs": {"A": [0, 1], "B": 0, "C": {"initial": 1}, "D": {"initial": 0, "doorbell": "e"}}})")) ==
        "conforms");
  for (const char* wrong : {"[]", "-1", "{}", R"({"doorbell": "e"})", R"({"initial": 0, "rings": "e"})", R"("x")"}) {
    CAPTURE(wrong);
    const Json step = Json::parse(fmt::format(R"({{"ioremap": "b", "regs": {{"A": {}}}}})", wrong));
    CHECK(verdict(step) == "fails");
    CHECK_FALSE(loads(step));
  }
}

TEST_CASE("what ships conforms, and says where its schema is") {
  std::size_t seen = 0;
  for (const auto& f : embedded::files()) {
    if (f.name.starts_with("schema/") || f.name.starts_with("calibration/")) continue;
    CAPTURE(f.name);
    Diagnostics out;
    const auto d = Document::parse(std::string(f.text), std::string(f.name), out);
    CHECK(verdict(d.get(), kind_of(d.get())) == "conforms");
    const std::string schema(d->root().find("$schema").string());
    CHECK(fs::weakly_canonical(fs::path("scenarios") / f.name / ".." / schema) ==
          fs::weakly_canonical(fmt::format("docs/schema/{}-1.json", kind_of(d.get()))));
    ++seen;
  }
  CHECK(seen >= 16);
}

TEST_CASE("of every verb the schema knows the operand, the required keys and that the list is closed") {
  for (const Verb& v : verbs()) {
    CAPTURE(v.name);
    const Json step = as_object(v);
    CHECK(verdict(minimal_step(v)) == "conforms");
    CHECK(verdict(step) == "conforms");

    Json wrong = step;
    wrong[std::string(v.name)] = Json::array();
    CHECK(verdict(wrong) == "fails");
    CHECK_FALSE(loads(wrong));

    wrong = step;
    wrong["no_such_key"] = 1;
    CHECK(verdict(wrong) == "fails");
    CHECK_FALSE(loads(wrong));

    for (const KeySpec& k : v.keys) {
      CAPTURE(k.name);
      wrong = step;
      if (k.required) {
        wrong.erase(std::string(k.name));
        CHECK(verdict(wrong) == "fails");
        CHECK_FALSE(loads(wrong));
      }
      wrong = step;
      const bool object = k.kind == KeyKind::members || k.kind == KeyKind::arguments;
      wrong[std::string(k.name)] = object ? Json::array() : Json{{"a", Json::object()}};
      CHECK(verdict(wrong) == "fails");
      CHECK_FALSE(loads(wrong));
      wrong[std::string(k.name)] = key_shape(k).sample;
      CHECK(verdict(wrong) == "conforms");
    }
    for (const CommonKey& k : common_keys()) {
      wrong = step;
      wrong[std::string(k.name)] = Json::object();
      CHECK(verdict(wrong) == "fails");
      CHECK_FALSE(loads(wrong));
    }
  }
}

TEST_CASE("a verb is a bare string only if nothing is missing then") {
  for (const Verb& v : verbs()) {
    CAPTURE(v.name);
    const bool bare = verdict(Json(std::string(v.name))) == "conforms";
    const bool nothing = v.operand == OperandKind::none || v.operand == OperandKind::module;
    CHECK(bare == (nothing && std::ranges::none_of(v.keys, &KeySpec::required)));
    if (!bare) CHECK_FALSE(loads(Json(std::string(v.name))));
  }
  CHECK(loads("rcu_read_lock"));
}

TEST_CASE("the grammar is unambiguous: no two verbs are keys of each other") {
  for (const Verb& v : verbs())
    for (const KeySpec& k : v.keys)
      if (const Verb* other = find_verb(k.name)) CHECK_MESSAGE(!takes_key(*other, v.name), v.name, " and ", k.name);
}

TEST_CASE("a verb that is a key of another is the key there, and a step elsewhere") {
  CHECK(verdict(Json::parse(R"({"if": "x", "return": null})")) == "conforms");
  CHECK(verdict(Json::parse(R"({"return": null})")) == "conforms");
  CHECK(verdict(Json::parse(R"({"return": null, "do": []})")) == "fails");
  CHECK(verdict(Json::parse(R"({"if": "x", "return": null, "mutex_lock": "m"})")) == "fails");
  CHECK(verdict(Json::parse(R"({"goto": "a", "label": "a"})")) == "fails");
  CHECK(verdict(Json::parse(R"({"do": []})")) == "fails");
  CHECK(verdict(Json::parse(R"({"line": 3})")) == "fails");
}

TEST_CASE("steps inside of steps are looked at, at any depth, without taking long") {
  Json step = "rcu_read_lock", wrong = "no_such_verb";
  for (int depth = 0; depth < 40; ++depth) {
    step = Json{{"use", "bar0"}, {"do", Json::array({step})}, {"else", Json::array({step.is_string() ? step : Json("rcu_read_lock")})}};
    wrong = Json{{"maybe", "x"}, {"do", Json::array({{{"dma_fence_wait", "f"}, {"else", Json::array({wrong})}}})}};
  }
  CHECK(verdict(step) == "conforms");
  CHECK(verdict(wrong) == "fails");
}

TEST_CASE("which of the broken files an editor marks: those whose structure is wrong") {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator("tests/broken")) files.push_back(entry.path());
  std::ranges::sort(files);
  std::string list;
  for (const fs::path& path : files) {
    Diagnostics quiet;
    const auto d = Document::load(path.string(), quiet);
    list += fmt::format("{}: {}\n", path.stem().string(), verdict(d.get(), kind_of(d.get())));
  }
  unplug::test::check_golden("scenarios/schema_verdicts.txt", list);
}

TEST_CASE("a schema is laid out for people: what fits on a line stands on one") {
  Json wide = Json::array();
  for (int i = 0; i < 30; ++i) wide.push_back("a word");
  const Json j{{"small", {{"type", "string"}, {"items", {1, 2}}}}, {"wide", wide}, {"empty", Json::object()}};
  const std::string text = laid_out(j);
  CHECK(Json::parse(text) == j);
  CHECK(text.starts_with("{\n  \"small\": {\"type\": \"string\", \"items\": [1, 2]},\n  \"wide\": [\n    \"a word\",\n"));
  CHECK(text.ends_with("\n  ],\n  \"empty\": {}\n}"));
}
