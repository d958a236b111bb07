#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/golden.hpp"
#include "unplug/scenarios/json/document.hpp"

using namespace unplug::scenarios;

namespace {

struct Outcome {
  bool conforms = false;
  Diagnostics found;
};

Outcome check(const std::string& text, const std::string& schema) {
  Outcome out;
  const auto doc = Document::parse(text, "f", out.found);
  INFO(out.found.render());
  REQUIRE(doc != nullptr);
  out.conforms = check_schema(*doc, schema, out.found);
  CHECK(out.conforms == !out.found.has_errors());
  return out;
}

// "POINTER: MESSAGE; EXPECTED; NEAREST" of the only error.
std::string only(const std::string& text, const std::string& schema) {
  const Outcome out = check(text, schema);
  CHECK(out.found.all().size() == 1);
  if (out.found.all().empty()) return "none";
  const Diagnostic& d = out.found.all().front();
  return d.pointer + ": " + d.message + "; " + d.expected + "; " + d.nearest;
}

const std::string scenario_schema = R"(
// The kind of schema that the scenario language has.
{ "$schema": "http://json-schema.org/draft-07/schema#", "$id": "scenario-1.json", "type": "object",
  "required": ["name", "functions"],
  "additionalProperties": false,
  "properties": {
    "$schema": {"const": "scenario-1.json"},
    "name": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "title": "a name of lower-case letters, digits and '-'"},
    "hz": {"enum": [100, 250, 300, 1000]},
    "cpus": {"type": "integer", "minimum": 1, "maximum": 64},
    "delay": {"title": "a duration like \"10ms\"", "type": "string", "pattern": "^[0-9]+(ns|us|ms|s)$"},
    "removal": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"enum": ["unbind", "unplug", "rmmod"]}},
    "functions": {"type": "object", "propertyNames": {"pattern": "^[a-z_]+$", "title": "a C identifier"},
                  "additionalProperties": {"$ref": "#/definitions/steps"}},
    "policy": {"anyOf": [{"type": "string"},
                         {"type": "object", "required": ["use"], "additionalProperties": false,
                          "properties": {"use": {"type": "string"}, "guards": {"type": "array", "items": {"type": "string"}}}}]}
  },
  "definitions": {
    "steps": {"type": "array", "items": {"$ref": "#/definitions/step"}},
    "step": {"title": "a step", "anyOf": [
      {"type": "string"},
      {"type": "object", "required": ["readl"], "additionalProperties": false,
       "properties": {"readl": {"type": "string"}, "to": {"type": "string"}, "line": {"type": "integer"}}},
      {"type": "object", "required": ["writel"], "additionalProperties": false,
       "properties": {"writel": {"type": "string"}, "value": {"type": "integer"}, "line": {"type": "integer"}}},
      {"type": "object", "required": ["use", "do"], "additionalProperties": false,
       "properties": {"use": {"type": "string"}, "do": {"$ref": "#/definitions/steps"}, "else": {"type": "string"}}}
    ]}
  } })";

}  // namespace

TEST_CASE("a document that conforms to its schema gives no message") {
  CHECK(check(R"({"name": "foo", "functions": {"probe": ["x", {"use": "bar0", "do": [{"readl": "bar0.ISR", "to": "isr"}]}]}, "cpus": 2,
                  "removal": ["unbind"], "policy": {"use": "srcu", "guards": ["a"]}, "hz": 250})",
              scenario_schema)
            .conforms);
  CHECK(check("1", "true").conforms);
  CHECK(check("1", "{}").conforms);
  CHECK(check("1.0", R"({"type": "number"})").conforms);
}

TEST_CASE("schema failures are told in words of the author of the file") {
  const Outcome out = check(R"({ "$schema": "scenario-2.json", "nmae": "x", "name": "Foo Bar",
  "hz": 251, "cpus": 0, "delay": "10 ms", "removal": ["unbind", "unplgu", "unbind"],
  "policy": {"use": "x", "gaurds": []},
  "functions": {
    "Foo-probe": [],
    "foo": [
      {"readll": "bar0"},
      {"readl": "bar0", "too": "v"},
      {"writel": "bar0", "value": "0"},
      17,
      {"use": "bar0", "do": [{"use": "b", "do": [{"readl": 3}, {"line": 3}]}]},
      {"readl": "a", "writel": "b"},
      {"use": "bar0", "do": {}}
    ],
    "bar": "x"
  } }
)",
                            scenario_schema);
  CHECK_FALSE(out.conforms);
  unplug::test::check_golden("scenarios/json_schema.txt", out.found.render(false, 100));
}

TEST_CASE("a value of the wrong kind") {
  CHECK(only("[]", R"({"type": "object"})") == ": the document is an array; an object; ");
  CHECK(only("{\"a\": 1.5}", R"({"properties": {"a": {"type": "integer"}}})") == "/a: 'a' is a real number; an integer; ");
  CHECK(only("{\"a\": [true]}", R"({"properties": {"a": {"items": {"type": ["string", "null"]}}}})") ==
        "/a/0: element 0 of 'a' is a boolean; null or a string; ");
  CHECK(only("[[1]]", R"({"items": {"items": {"type": "string"}}})") == "/0/0: element 0 is an integer; a string; ");
  CHECK(only("{\"a\": null}", R"({"properties": {"a": {"type": "array", "title": "a list of tasks"}}})") ==
        "/a: 'a' is null; a list of tasks; ");
  // Nothing else is said about such a value.
  CHECK(only("{\"a\": 1}", R"({"properties": {"a": {"type": "string", "enum": ["x"], "const": "x"}}})") ==
        "/a: 'a' is an integer; a string; ");
}

TEST_CASE("a value out of bounds") {
  CHECK(only("-1", R"({"minimum": 0})") == ": the document is -1; at least 0; ");
  CHECK(only("0", R"({"exclusiveMinimum": 0})") == ": the document is 0; more than 0; ");
  CHECK(only("[65]", R"({"items": {"maximum": 64}})") == "/0: element 0 is 65; at most 64; ");
  CHECK(only("1.5", R"({"exclusiveMaximum": 1.5})") == ": the document is 1.5; less than 1.5; ");
  CHECK(only("7", R"({"multipleOf": 4})") == ": the document is 7; a multiple of 4; ");
  CHECK(only("0.7", R"({"multipleOf": 0.5})") == ": the document is 0.7; a multiple of 0.5; ");
  CHECK(only("\"\"", R"({"minLength": 1})") == ": the document is ''; at least 1 character; ");
  CHECK(only("\"éé\"", R"({"maxLength": 1})") == ": the document is 'éé'; at most 1 character; ");
  CHECK(check("\"é\"", R"({"maxLength": 1})").conforms);
  CHECK(only("[]", R"({"minItems": 2})") == ": the document has 0 elements; at least 2 elements; ");
  CHECK(only("[1, 2]", R"({"maxItems": 1})") == ": the document has 2 elements; at most 1 element; ");
  CHECK(only("{}", R"({"minProperties": 1})") == ": the document has 0 members; at least 1 member; ");
  CHECK(only("{\"a\": 1}", R"({"maxProperties": 0})") == ": the document has 1 member; at most 0 members; ");
}

TEST_CASE("a value that is none of those allowed") {
  CHECK(only("\"unplgu\"", R"({"enum": ["unbind", "unplug", 3]})") == ": the document is 'unplgu'; 'unbind', 'unplug' or 3; unplug");
  CHECK(only("[4]", R"({"items": {"enum": [1, null, true, "x", [], {}]}})") ==
        "/0: element 0 is 4; 1, null, true, 'x', an array or an object; ");
  CHECK(only("2", R"({"const": 1})") == ": the document is 2; 1; ");
  CHECK(only("{}", R"({"const": 1})") == ": the document is an object; 1; ");
  CHECK(only("\"zz\"", R"({"enum": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]})") ==
        ": the document is 'zz'; 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', ...; ");
  CHECK(only("\"" + std::string(100, 'y') + "\"", R"({"const": "x"})") == ": the document is '" + std::string(40, 'y') + "...'; 'x'; ");
}

TEST_CASE("a string that does not match") {
  CHECK(only("\"A\"", R"({"pattern": "^[a-z]+$"})") == ": the document is 'A'; a match of ^[a-z]+$; ");
  CHECK(only("\"A\"", R"({"pattern": "^[a-z]+$", "title": "lower case"})") == ": the document is 'A'; lower case; ");
  CHECK(only("{\"A\": 1}", R"({"propertyNames": {"pattern": "^[a-z]+$"}})") == "/A: key 'A' does not fit; a match of ^[a-z]+$; ");
  CHECK(only("{\"usr\": 1}", R"({"propertyNames": {"enum": ["user", "hw"]}})") == "/usr: unknown key 'usr'; 'user' or 'hw'; user");
  CHECK(only("\"A\"", R"({"format": "date"})") == ": the document is 'A'; a date; ");
  CHECK(only("[[1]]", R"({"items": {"format": "date"}})") == "/0: element 0 is an array; a date; ");
  CHECK(only("[[1]]", R"({"items": {"type": "string", "format": "date"}})") == "/0: element 0 is an array; a string; ");
}

TEST_CASE("an object with other keys than it should have") {
  const std::string schema =
      R"({"properties": {"name": {}, "run": {}}, "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false})";
  CHECK(only("{\"nmae\": 1}", schema) == "/nmae: unknown key 'nmae'; 'name' or 'run'; name");
  CHECK(only("{\"name\": 1, \"nmae\": 1}", schema) == "/nmae: unknown key 'nmae'; 'run'; ");  // 'name' is there already
  CHECK(only("{\"x-a\": 1}", schema) == "/x-a: 'x-a' is an integer; a string; ");
  CHECK(check("{\"x-a\": \"\"}", schema).conforms);
  CHECK(only("{\"a\": {}}", R"({"additionalProperties": {"required": ["do"]}})") == "/a: missing key 'do'; ; ");
  CHECK(only("{\"a\": {}}", R"({"properties": {"a": false}})") == "/a: 'a' is not allowed here; ; ");
  CHECK(only("{\"fd\": 1}", R"({"dependencies": {"fd": ["to"]}})") == ": key 'fd' needs key 'to' beside it; ; ");
  CHECK(only("{\"fd\": 1}", R"({"dependencies": {"fd": {"required": ["to"]}}})") == ": missing key 'to'; ; ");
  CHECK(check("{}", R"({"dependencies": {"fd": ["to"]}})").conforms);
}

TEST_CASE("an array with other elements than it should have") {
  CHECK(only("[1, 2]", R"({"items": [{}], "additionalItems": false})") == ": the document has 2 elements; at most 1 element; ");
  CHECK(only("[1, 2]", R"({"items": [{}], "additionalItems": {"type": "string"}})") == "/1: element 1 is an integer; a string; ");
  CHECK(only("[1, 2]", R"({"contains": {"const": 3, "title": "a 3"}})") == ": no element of the document fits; a 3; ");
  const Outcome twice = check("[1, [2], 3, [2]]", R"({"uniqueItems": true})");
  REQUIRE(twice.found.all().size() == 1);
  CHECK(twice.found.all()[0].message == "element 3 repeats element 1");
  CHECK(twice.found.all()[0].pointer == "/3");
  CHECK(twice.found.all()[0].earlier->column == 5);
}

TEST_CASE("of several forms the one that was meant is explained") {
  const std::string kinds = R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})";
  CHECK(only("1", kinds) == ": the document is an integer; a string or an array; ");
  CHECK(only("[1]", kinds) == "/0: element 0 is an integer; a string; ");
  CHECK(only("1", R"({"title": "a guard", "oneOf": [{"type": "string"}, {"type": "array"}]})") ==
        ": the document is an integer; a guard; ");

  const std::string count =
      R"({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^\\$", "title": "a parameter"}]})";
  CHECK(only("\"x\"", count) == ": the document is 'x'; a parameter or an integer; ");
  CHECK(only("0", count) == ": the document is 0; at least 1 or a parameter; ");
  CHECK(only("null", count) == ": the document is null; an integer or a parameter; ");

  const std::string tagged = R"({"oneOf": [
    {"properties": {"kind": {"const": "work"}, "fn": {"type": "string"}}, "required": ["kind", "fn"], "additionalProperties": false},
    {"properties": {"kind": {"const": "timer"}, "ns": {"type": "integer"}}, "required": ["kind", "ns"], "additionalProperties": false}]})";
  CHECK(only(R"({"kind": "timer", "ns": "x"})", tagged) == "/ns: 'ns' is a string; an integer; ");
  CHECK(only(R"({"kind": "work"})", tagged) == ": missing key 'fn'; ; ");
  CHECK(only(R"({"kind": "wrok"})", tagged) == "/kind: 'kind' is 'wrok'; 'work' or 'timer'; work");

  CHECK(only("3", R"({"oneOf": [{"type": "integer", "title": "a count"}, {"minimum": 0, "title": "a size"}]})") ==
        ": the document fits more than one form; a count or a size; ");
  CHECK(only("5", R"({"anyOf": [{"minimum": 10, "title": "large"}, {"multipleOf": 2, "title": "even"}]})") ==
        ": the document is 5; at least 10 or a multiple of 2; ");
  CHECK(only("{}", R"({"anyOf": [{"required": ["a"], "title": "an a"}, {"required": ["b"], "title": "a b"}]})") ==
        ": the document fits none of its forms; an a or a b; ");
  CHECK(
      only("[[1]]",
           R"({"items": {"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"type": "array", "maxItems": 0}]}})") ==
      "/0: element 0 fits none of its forms: element 0 is an integer; element 0 has 1 element; ; ");
  CHECK(only("{}", R"({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]})") ==
        ": the document fits none of its forms: missing key 'a'; missing key 'b'; ; ");
}

TEST_CASE("conditions, negations and conjunctions of schemas") {
  const std::string schema = R"({"if": {"required": ["use"]}, "then": {"required": ["do"]}, "else": {"required": ["fn"]}})";
  CHECK(only("{\"use\": 1}", schema) == ": missing key 'do'; ; ");
  CHECK(only("{}", schema) == ": missing key 'fn'; ; ");
  CHECK(check("{\"fn\": 1}", schema).conforms);
  CHECK(only("null", R"({"not": {"type": "null", "title": "null"}})") == ": the document is null; anything but null; ");
  CHECK(only("\"a\"", R"({"allOf": [{"type": "string"}, {"minLength": 2}, {"minLength": 2}]})") ==
        ": the document is 'a'; at least 2 characters; ");
}

TEST_CASE("a schema failure deep in a recursive grammar is found where it is and in time") {
  std::string document = R"([{"readl": 1}])";
  for (int i = 0; i < 20; ++i) document = R"([{"use": "a", "do": )" + document + "}]";
  const Outcome out = check("{\"name\": \"a\", \"functions\": {\"f\": " + document + "}}", scenario_schema);
  REQUIRE(out.found.all().size() == 1);
  CHECK(out.found.all()[0].message == "'readl' is an integer");
  CHECK(out.found.all()[0].pointer.ends_with("/0/do/0/do/0/readl"));

  std::string deep = "1";
  for (std::uint32_t i = 0; i < Document::max_depth; ++i) deep = "[" + deep + "]";
  CHECK(check(deep, R"({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}})").conforms);
  deep[Document::max_depth] = '"';
  deep.insert(Document::max_depth + 1, "\"");
  CHECK_FALSE(check(deep, R"({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}})").conforms);
}

TEST_CASE("a thousand schema failures end after a hundred") {
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) text += "1,";
  CHECK(check(text + "1]", R"({"items": {"type": "string"}})").found.errors() == 100);
}

TEST_CASE("strings are not handed to a recursive matcher however long they are") {
  const std::string schema = R"({"additionalProperties": {"pattern": "^([a-z]|[0-9])*$"}})";
  CHECK(check("{\"a\": \"" + std::string(max_checked_string, 'x') + "\"}", schema).conforms);
  CHECK(only("{\"a\": \"" + std::string(max_checked_string + 1, 'x') + "\"}", schema) ==
        "/a: string 'xxxxxxxxxxxxxxxxxxxx...' is too long; at most 1000 bytes; ");
  CHECK(check("{\"a\": [\"" + std::string(10'000'000, 'x') + "\"]}", schema).found.errors() == 1);

  // Under all the nesting there may be.
  std::string deep = "\"" + std::string(max_checked_string, 'x') + "\"";
  for (std::uint32_t i = 0; i < Document::max_depth; ++i) deep = "[" + deep + "]";
  CHECK(
      check(deep, R"({"anyOf": [{"type": "string", "pattern": "^([a-z]|[0-9])*$"}, {"type": "array", "items": {"$ref": "#"}}]})").conforms);

  // Not even after many other errors.
  Diagnostics out;
  const auto doc = Document::parse("{\"a\": \"" + std::string(10'000'000, 'x') + "\"}", "f", out);
  REQUIRE(doc != nullptr);
  for (int i = 0; i < 999; ++i) doc->root().error(out, "something else");
  CHECK_FALSE(check_schema(*doc, schema, out));
  CHECK(out.errors() == 1000);
}

TEST_CASE("an unusable schema is an error of ours") {
  Diagnostics out;
  const auto doc = Document::parse("{\"a\": \"x\"}", "f", out);
  for (const std::string schema : {"", "{", "[]", "1", R"({"type": "text"})", R"({"properties": {"a": {"pattern": "("}}})",
                                   R"({"patternProperties": {"(": {}}})", R"({"$ref": "#/definitions/none"})", R"({"required": "a"})"}) {
    CAPTURE(schema);
    CHECK_THROWS_AS(check_schema(*doc, schema, out), std::logic_error);
  }
  CHECK(out.all().empty());
}
