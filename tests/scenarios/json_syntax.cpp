// What a text that is not JSON, or too much of it, is answered with.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "json_text.hpp"
#include "support/golden.hpp"
#include "unplug/scenarios/json/document.hpp"

using namespace unplug::scenarios;
using namespace unplug::scenarios::test;

namespace {

// What is wrong, and examples of it.
const std::vector<std::pair<std::string, std::vector<std::string>>> mistakes{
    {"nothing there", {"", " \n ", "// x\n/* y */\n", "\xEF\xBB\xBF"}},
    {"cut short",
     {"{", "{\"a\": [1, 2\n\n", "{\"a\": [1,", "{\"a\": {\"b\"", "{\"a\":", "{\"a\": {\"b\": 1}, // x\n", "[[[[[[[[[[[[[[{",
      "{\"a\": \"foo", "[\"x\\", "[\"\\u12", "{\"a\": /* x", "{} /* x *", "[1 /*/"}},
    {"more than one value", {"{} {}", "{}}", "1 2", "[] x", "[1],", "true\"x\""}},
    {"wrong bracket", {"[1}", "{\"a\": 1]", "{\"a\":]", "]", "[1,}", "{\"a\": 1,]", "{]"}},
    {"words", {"{\"a\": foo}", "[True, 1]", "{\"a\": nulll}", "[nul", "[NaN]", "[-Infinity]", "[undefined]", "[größe]"}},
    {"numbers",
     {"[012]",
      "[-01]",
      "[0x10]",
      "[1.2.3]",
      "[+1]",
      "[.5]",
      "[-.5]",
      "[1.]",
      "[1.e5]",
      "[1e]",
      "[1e+]",
      "[10ms]",
      "[1-2]",
      "[-]",
      "--1",
      "[9223372036854775808, -9223372036854775809, 1, 123456789012345678901234567890]",
      "{\"a\": 18446744073709551616}",
      "[1e999]",
      "-1e999",
      "[1,\n" + std::string(320, '9') + "]"}},
    {"quotes",
     {"{'a': 1}", "{a: 1}", "{\"a\": 'x y'}", "['x\n]", "{1: 2}", "{{}}", "{\"a\": 1, b: 2}", "{“a”: 1}", "[‘x’]", "{\"a: 1\r\n}"}},
    {"commas",
     {"{\"a\": 1,}", "[1,2, // last\n]", "[,1]", "{,}", "[1,,2]", "{\"a\": 1,, \"b\": 2}", ",", "{\"a\": 1\n \"b\": 2}", "[1 2]",
      "[\"a\" \"b\"]", "[{} {}]", "[1 x]", "[\"abc\"def\"]", "{\"a\": \"b\" // c\n  \"c\": 1}", "{\"a\": 1; \"b\": 2}"}},
    {"colons",
     {"{\"a\" 1}", "{\"a\"}", "{\"a\", 1}", "{\"a\" = 1}", "{\"a\": }", "{\"a\":, \"b\": 1}", "{\"a\": \"b\": 1}", "[\"a\": 1]",
      "{\"a\":: 1}", ":"}},
    {"in strings",
     {"[\"a\tb\"]", "[\"a\n\"]", "[\"\\q\"]", "[\"\\é\"]", "[\"\\u12G4\"]", "[\"\\ud800\"]", "[\"\\ud800\\u0041\"]", "[\"\\udc00\"]",
      "[\"x\\\n\"]", "[\"\x01\"]"}},
    {"no JSON at all", {"# x\n{}", "/ x\n{}", "[1/2]", "[1, \u00a02]", "[\f1]", "[\u200b]", "[\x7f]"}},
    {"encodings",
     {std::string("[1]\0", 4), std::string("// \0\n[]", 7), "[\"\xff\"]", "// \xc3(\n[1]", "[\"\xed\xa0\x80\"]", "[\"\xc0\xaf\"]",
      "[\"\xe2\x82", std::string("\xff\xfe{\0", 4), std::string("{\0}\0", 4), "\xEF\xBB\xBF[x]"}},
    {"the same key twice", {"{\"a\":1,\"b\":2,\"a\":3,\"a\":4}", "{\"x\": {\"a\": 1,\n \"\\u0061\": 2}, \"y\": [{\"k\": 1, \"k\": 1}]}"}},
    {"pointers", {"{\"a\": {\"b/c\": [1, {\"d\": [2, x]}]}}"}},
};

}  // namespace

TEST_CASE("every mistake in JSON text has its message") {
  std::string report;
  for (const auto& [what, texts] : mistakes) {
    report += "## " + what + "\n\n";
    for (const std::string& text : texts) {
      Diagnostics out;
      CAPTURE(text);
      CHECK(Document::parse(text, "f", out) == nullptr);
      CHECK(out.has_errors());
      report += out.render() + "\n";
    }
  }
  unplug::test::check_golden("scenarios/json_syntax.txt", report);
}

TEST_CASE("errors in JSON text have the position and pointer of what is wrong") {
  const auto check = [](const std::string& text, const std::string& where, const std::string& pointer) {
    CAPTURE(text);
    CHECK(place(refused(text).front()) == where);
    CHECK(refused(text).front().pointer == pointer);
  };
  check("{\"a\": [1,\r\n  {\"b\": foo}]}", "2:9", "/a/1/b");
  check("[1, 012]", "1:5", "/1");
  check("{\"a\": {\"b\": 012}}", "1:13", "/a/b");
  check("{\"a\": [1, 2", "1:12", "/a");
  check("{\"a\": [1, 2 }", "1:13", "/a");
  check("{\"a\": [[], \"\\q\"]}", "1:13", "/a/1");
  check("{\"é\": \"é\", \"é\": 1}", "1:12", "/é");
  check("[{}, {\"x\": 99999999999999999999}]", "1:12", "/1/x");
  check("[\"é\xff\"]", "1:4", "");
  check("\n\n[\xc3", "3:2", "");
  check(std::string("[\0\xff", 3), "1:2", "");
  check(std::string("[\xff\0", 3), "1:2", "");
}

TEST_CASE("many duplicate keys and numbers out of range are reported at once") {
  CHECK(refused("{\"a\": 99999999999999999999, \"b\": [99999999999999999999, -99999999999999999999]}").size() == 3);
  const std::vector<Diagnostic> twice = refused("{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}, \"a\": 2, \"a\": 3}");
  REQUIRE(twice.size() == 3);
  CHECK(twice[0].message == "duplicate key 'a'");
  CHECK(place(twice[0]) == "1:33");
  CHECK(twice[0].earlier->column == 2);
  CHECK(twice[1].earlier->column == 2);
  CHECK(twice[2].pointer == "/b/c");
  std::string endless = "[";
  for (int i = 0; i < 1000; ++i) endless += "99999999999999999999,";
  CHECK(refused(endless + "x]").size() == 100);
  std::string same = "{";
  for (int i = 0; i < 1000; ++i) same += "\"k\": 1,";
  CHECK(refused(same + "\"k\": 1}").size() == 100);
  for (const Diagnostic& d : refused(same + "\"k\": 1}")) {
    CHECK(d.at->column > 2);
    CHECK(d.earlier->column == 2);
  }
}

TEST_CASE("deep nesting is refused, not followed") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parsed(nested(Document::max_depth))->to_json().is_array());
  CHECK(first_message(nested(Document::max_depth + 1)) == "1:201 nesting is deeper than 200 levels");
  CHECK(first_message(nested(100000)) == "1:201 nesting is deeper than 200 levels");
  CHECK(first_message(std::string(100000, '[')) == "1:201 nesting is deeper than 200 levels");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK(first_message(objects) == "1:1001 nesting is deeper than 200 levels");
}

TEST_CASE("files of absurd size are refused") {
  std::string many = "[";
  for (std::size_t i = 0; i < Document::max_values - 1; ++i) many += "0,";
  CHECK(first_message(many + "0]") == "1:2000000 file has more than 1000000 values");
  many.pop_back();
  CHECK(parsed("{\"" + std::string(Document::max_key, 'k') + "\": 1}")->root().size() == 1);
  CHECK(first_message("{\"" + std::string(Document::max_key + 1, 'k') + "\": 1}") ==
        "1:2 key '" + std::string(40, 'k') + "...' is too long");
  CHECK(parsed(many + "]")->root().size() == Document::max_values - 1);
  CHECK(first_message(std::string(Document::max_bytes + 1, ' ')) == "file file is larger than 64 MiB");
}

TEST_CASE("mutated JSON gives a document or an error, and the same verdict as nlohmann::json") {
  const std::string seed_text =
      "{ \"a\": [1, -2.5e3, true, null], // c\n \"b/\": {\"\\u00e9\\n\": \"é\", \"\": []}, /* x */ \"n\": 0 }\r\n";
  const std::string alphabet = "{}[]:,\"'\\/*tfn01-.e \n\rxu#\xc3\xa9";
  std::uint32_t state = 1;
  const auto draw = [&](std::size_t n) {
    state = state * 1664525U + 1013904223U;
    return static_cast<std::size_t>(state >> 8U) % n;
  };
  std::map<bool, int> seen;
  for (int round = 0; round < 20000; ++round) {
    std::string text = seed_text;
    for (std::size_t edits = 1 + draw(3); edits > 0 && !text.empty(); --edits) {
      const std::size_t at = draw(text.size());
      switch (draw(4)) {
        case 0: text.erase(at, 1 + draw(4)); break;
        case 1: text.insert(at, 1, alphabet[draw(alphabet.size())]); break;
        case 2: text[at] = alphabet[draw(alphabet.size())]; break;
        default: text.resize(at + 1); break;
      }
    }
    CAPTURE(text);
    Diagnostics out;
    const auto doc = Document::parse(text, "f", out);
    bool accepted = nlohmann::json::accept(text, /*ignore_comments=*/true);
    for (const Diagnostic& d : out.all()) {
      REQUIRE(d.at);
      REQUIRE(!d.message.empty());
      // What is stricter here than there.
      if (d.message.starts_with("duplicate key") || d.message.starts_with("invalid UTF-8") || d.message.starts_with("integer"))
        accepted = false;
    }
    REQUIRE((doc != nullptr) == accepted);
    REQUIRE(out.has_errors() == !accepted);
    REQUIRE(!out.render(true).empty() == !accepted);
    if (doc) REQUIRE(doc->to_json() == nlohmann::json::parse(text, nullptr, true, true));
    ++seen[accepted];
  }
  CHECK(seen[true] > 1000);
  CHECK(seen[false] > 1000);
}
