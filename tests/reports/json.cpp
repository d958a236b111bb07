#include "unplug/reports/json/json.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "sample.hpp"
#include "support/golden.hpp"
#include "unplug/scenarios/json/document.hpp"

namespace unplug::reports {

namespace {

// What read_json says about `text`, as a person would see it; empty if it reads.
std::string complaint(std::string_view text) {
  scenarios::Diagnostics out;
  const auto result = read_json(text, "r.json", out);
  CHECK(result.has_value() == !out.has_errors());
  return result ? "" : out.render();
}

// The smallest document after `change`.
template <typename Change> std::string changed(Change change) {
  nlohmann::ordered_json json = to_json(test::smallest_result());
  change(json);
  return json.dump(2);
}

}  // namespace

TEST_CASE("a result and its document are the same bytes again") {
  for (const scenarios::Result& result : {test::sample_result(), test::smallest_result(), scenarios::Result{}}) {
    const std::string text = write_json(result);
    scenarios::Diagnostics out;
    const auto back = read_json(text, "r.json", out);
    CHECK(out.render() == "");
    REQUIRE(back);
    CHECK(write_json(*back) == text);
    CHECK(write_json(result) == text);
  }
}

TEST_CASE("what is read is what was written") {
  const scenarios::Result result = test::sample_result();
  scenarios::Diagnostics out;
  const auto back = read_json(write_json(result), "r.json", out);
  REQUIRE(back);
  const scenarios::Cell& before = result.scenarios[0].cells[0];
  const scenarios::Cell& after = back->scenarios[0].cells[0];
  CHECK(after.seed == 0x7edc'ba98'7654'3210);
  CHECK(after.evidence.bounds == before.evidence.bounds);
  CHECK(after.violations.at(2).offender.time_ns == before.violations.at(2).offender.time_ns);
  CHECK_FALSE(after.violations.at(0).note);
  CHECK(after.violations.at(0).created_by.has_value());
  CHECK_FALSE(after.violations.at(1).created_by.has_value());
  CHECK_FALSE(after.unbind_ns.has_value());
  CHECK(back->scenarios[0].cells[11].unload.refused == 10000);
  CHECK(back->scenarios[0].cells[10].notes.at(0).note);
  CHECK(back->scenarios[2].cells[1].unbind_ns->max == INT64_MAX);
}

TEST_CASE("the document has the keys that scripts rely on, in a fixed order") {
  const nlohmann::ordered_json json = to_json(test::sample_result());
  CHECK(json.begin().key() == "unplug");
  CHECK(json["unplug"] == "result/2");
  const auto& cell = json["scenarios"][0]["cells"][0];
  for (const char* key : {"executions", "evidence", "violations", "notes", "remove_ns", "unbind_ns", "expectations"})
    CHECK(cell.contains(key));
  CHECK(cell["evidence"]["kind"] == "sampled");
  CHECK(cell["remove_ns"].is_null());
  CHECK(json["scenarios"][0]["cells"][1]["remove_ns"]["p50"] == 40'000);
  CHECK(cell["violations"][0]["class"] == "execute-after-free");
  CHECK(cell["violations"][0].contains("failure_file"));
  CHECK(cell["expectations"]["met"].size() == 1);
}

TEST_CASE("the document conforms to the published schema") {
  for (const scenarios::Result& result : {test::sample_result(), test::smallest_result(), scenarios::Result{}}) {
    scenarios::Diagnostics out;
    const auto document = scenarios::Document::parse(write_json(result), "r.json", out);
    REQUIRE(document);
    CHECK(scenarios::check_schema(*document, result_schema(), out));
    CHECK(out.render() == "");
  }
}

TEST_CASE("the schema knows every key: one that is missing, misspelt or of another type does not conform") {
  const auto conforms = [](const nlohmann::ordered_json& json) {
    scenarios::Diagnostics out;
    const auto document = scenarios::Document::parse(json.dump(), "r.json", out);
    return document && scenarios::check_schema(*document, result_schema(), out);
  };
  // Every object and scalar of one cell that has everything, changed one at a time.
  nlohmann::ordered_json json = to_json(test::sample_result());
  nlohmann::ordered_json& scenario = json["scenarios"][0];
  scenario["cells"] = nlohmann::ordered_json::array({scenario["cells"][0]});
  json["scenarios"] = nlohmann::ordered_json::array({scenario});
  REQUIRE(conforms(json));
  const nlohmann::ordered_json flat = json.flatten();
  std::size_t tried = 0;
  for (const auto& [pointer, value] : flat.items()) {
    const std::string place = pointer;  // Clang 14 captures no structured binding
    const nlohmann::ordered_json::json_pointer at(place);
    nlohmann::ordered_json other = json;
    other[at] = value.is_number() ? nlohmann::ordered_json("text") : nlohmann::ordered_json(1.5);
    INFO(place);
    CHECK_FALSE(conforms(other));
    if (!json[at.parent_pointer()].is_object()) continue;
    other = json;
    other[at.parent_pointer()].erase(at.back());
    CHECK_FALSE(conforms(other));
    other = json;
    other[at.parent_pointer()]["unknown"] = value;
    CHECK_FALSE(conforms(other));
    ++tried;
  }
  CHECK(tried > 100);
}

TEST_CASE("a file that is no result of this version is refused with the reason") {
  std::string said;
  const auto ask = [&said](const char* what, const std::string& text) {
    said += std::string("== ") + what + "\n" + complaint(text) + "\n";
  };
  ask("empty", "");
  ask("not JSON", "{\n  \"unplug\": \"result/2\",\n  oops\n}");
  ask("truncated", write_json(test::smallest_result()).substr(0, 300));
  ask("comments", "// a comment\n" + write_json(test::smallest_result()));
  ask("an array", "[]");
  ask("no kind", "{\"name\": 1}");
  ask("another kind", "{\n  \"unplug\": \"failure/1\"\n}");
  ask("a scenario", "{\"unplug\": \"scenario/1\"}");
  ask("a policy", "{\"unplug\": \"policy/1\"}");
  ask("something else", "{\"unplug\": \"cake/1\"}");
  ask("another version", changed([](auto& j) { j["unplug"] = "result/2"; }));
  ask("missing key", changed([](auto& j) { j["scenarios"][0]["cells"][0].erase("evidence"); }));
  ask("wrong type", changed([](auto& j) { j["scenarios"][0]["cells"][0]["executions"] = "many"; }));
  ask("negative", changed([](auto& j) { j["scenarios"][0]["cells"][0]["seed"] = -1; }));
  ask("not an integer", changed([](auto& j) { j["scenarios"][0]["cells"][0]["seed"] = 1.5; }));
  ask("too large", changed([](auto& j) { j["engine_semantics"] = 3'000'000'000; }));
  ask("unknown word", changed([](auto& j) { j["scenarios"][0]["cells"][0]["evidence"]["kind"] = "guessed"; }));
  ask("null", changed([](auto& j) { j["scenarios"][0]["cells"][0]["violations"] = nullptr; }));
  ask("expectations", changed([](auto& j) { j["scenarios"][0]["cells"][0]["expectations"] = nlohmann::ordered_json::array(); }));
  test::check_golden("reports/json_errors.txt", said);
}

TEST_CASE("keys of a later tool are ignored, those of optional values may be null") {
  CHECK(complaint(changed([](auto& j) { j["scenarios"][0]["cells"][0]["new"] = 1; })) == "");
  CHECK(complaint(changed([](auto& j) { j["scenarios"][0]["cells"][0]["unbind_ns"] = nullptr; })) == "");
}

TEST_CASE("damaged text never gets through, and never throws") {
  const std::string text = write_json(test::smallest_result());
  for (std::size_t cut = 0; cut + 2 < text.size(); cut += 7) {
    scenarios::Diagnostics out;
    CHECK_FALSE(read_json(text.substr(0, cut), "r.json", out));
    CHECK(out.has_errors());
  }
}

TEST_CASE("a seed has 64 bits, in a file that is otherwise wrong too") {
  scenarios::Result result = test::smallest_result();
  result.scenarios[0].cells[0].seed = UINT64_MAX;
  scenarios::Diagnostics out;
  const auto back = read_json(write_json(result), "r.json", out);
  REQUIRE(back);
  CHECK(back->scenarios[0].cells[0].seed == UINT64_MAX);
  nlohmann::ordered_json json = to_json(result);
  json["scenarios"][0]["cells"][0]["executions"] = "many";
  CHECK(complaint(json.dump(2)).find("a string here") != std::string::npos);
}

TEST_CASE("strings that are not UTF-8 are written as replacement characters") {
  scenarios::Result result = test::smallest_result();
  result.command = "\xff";
  const std::string text = write_json(result);
  CHECK(text.find("\ufffd") != std::string::npos);
  CHECK(complaint(text) == "");
}

TEST_CASE("golden document") {
  scenarios::Result result = test::sample_result();
  result.scenarios.erase(result.scenarios.begin());  // the largest says nothing that the others don't
  test::check_golden("reports/result.json", write_json(result));
}

}  // namespace unplug::reports
