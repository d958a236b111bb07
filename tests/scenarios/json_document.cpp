#include "unplug/scenarios/json/document.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "json_text.hpp"
#include "support/golden.hpp"

using namespace unplug::scenarios;
using namespace unplug::scenarios::test;
using Kind = Node::Kind;

namespace {

std::string position(Node node) { return std::to_string(node.position().line) + ":" + std::to_string(node.position().column); }

// A directory of its own that goes away.
struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("unplug-json-" + std::to_string(getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return (path / name).string();
  }
};

}  // namespace

TEST_CASE("a JSON document gives its values in the order of the file") {
  const auto doc = parsed(R"({"z": [1, -2, 9223372036854775807, -9223372036854775808, 0, -0], "a": "x", "t": true, "f": false,
                              "n": null, "r": 1.5, "e": 1e3, "o": {}, "l": []})");
  const Node root = doc->root();
  REQUIRE(root.is(Kind::object));
  CHECK(root.size() == 9);
  CHECK(root.key(0) == "z");
  CHECK(root.key(8) == "l");
  const Node z = root.at(0);
  REQUIRE(z.is(Kind::array));
  REQUIRE(z.size() == 6);
  CHECK(z.at(0).integer() == 1);
  CHECK(z.at(1).integer() == -2);
  CHECK(z.at(2).integer() == INT64_MAX);
  CHECK(z.at(3).integer() == INT64_MIN);
  CHECK(z.at(5).integer() == 0);
  CHECK(root.find("a").string() == "x");
  CHECK(root.find("t").boolean());
  CHECK_FALSE(root.find("f").boolean());
  CHECK(root.find("n").is(Kind::null));
  CHECK(root.find("r").is(Kind::real));
  CHECK(root.find("e").is(Kind::real));
  CHECK(root.find("o").size() == 0);
  CHECK(root.find("l").size() == 0);
  CHECK_FALSE(root.find("missing"));
  CHECK_FALSE(root.find(""));
  CHECK_FALSE(Node().is(Kind::null));
}

TEST_CASE("a JSON document may be a single value of any kind") {
  CHECK(parsed("7")->root().integer() == 7);
  CHECK(parsed(" -7 ")->root().integer() == -7);
  CHECK(parsed("\"x\"")->root().string() == "x");
  CHECK(parsed("null // nothing")->root().is(Kind::null));
  CHECK(parsed("[]")->root().size() == 0);
}

TEST_CASE("a JSON string is decoded") {
  const auto doc = parsed(R"(["a\"b\\\/\b\f\n\r\t", "\u00e9\ud83d\ude00", "é😀", "a\u0000b", "", "\\"])");
  CHECK(doc->root().at(0).string() == "a\"b\\/\b\f\n\r\t");
  CHECK(doc->root().at(1).string() == doc->root().at(2).string());
  CHECK(doc->root().at(3).string() == std::string_view("a\0b", 3));
  CHECK(doc->root().at(4).string().empty());
  CHECK(doc->root().at(5).string() == "\\");
  CHECK(parsed(R"(["a  b", "\"  //  \"/* x", "\\"   ,  "  "])")->root().at(1).string() == "\"  //  \"/* x");  // blanks are blanks
}

TEST_CASE("a JSON document knows where each value and key stands") {
  const auto doc = parsed("// é\n{ \"a\" /* : */ : [ 1 ,\r\n  \"é\", {}, 12.5],\r\t\"b\" : \"x\" // \"\n,\"c\"\n:\ntrue}");
  const Node root = doc->root();
  CHECK(position(root) == "2:1");
  CHECK(position(root.key_node(std::size_t{0})) == "2:3");
  CHECK(position(root.at(0)) == "2:17");
  CHECK(position(root.at(0).at(0)) == "2:19");
  CHECK(position(root.at(0).at(1)) == "3:3");
  CHECK(position(root.at(0).at(2)) == "3:8");  // a code point is one column, however many bytes
  CHECK(position(root.at(0).at(3)) == "3:12");
  CHECK(position(root.key_node("b")) == "4:2");  // a lone CR ends a line
  CHECK(position(root.find("b")) == "4:8");
  CHECK(position(root.key_node("c")) == "5:2");
  CHECK(position(root.find("c")) == "7:1");
}

TEST_CASE("columns are right on very long lines") {
  std::string text = "[";
  for (int i = 0; i < 20000; ++i) text += "\"é\",";
  const auto doc = parsed(text + "7]");
  CHECK(position(doc->root().at(20000)) == "1:80002");
  CHECK(position(doc->root().at(19999)) == "1:79998");
}

TEST_CASE("a key has a node of its own") {
  const auto doc = parsed("{\n \"a/b\": 1}");
  const Node key = doc->root().key_node(std::size_t{0});
  CHECK(key.is_key());
  CHECK(key.is(Kind::string));
  CHECK(key.string() == "a/b");
  CHECK(position(key) == "2:2");
  CHECK(key.pointer() == "/a~1b");
  CHECK(key.id() == doc->root().at(0).id());
  CHECK_FALSE(doc->root().at(0).is_key());
  CHECK_FALSE(doc->root().key_node("b"));
}

TEST_CASE("JSON pointers lead to a node and back") {
  const auto doc = parsed(R"({"a/b": [1, {"~": [2, [3]]}], "": {"": 4}, "m~n": 5, "~1": 6})");
  for (const std::string pointer : {"", "/a~1b", "/a~1b/0", "/a~1b/1", "/a~1b/1/~0", "/a~1b/1/~0/1/0", "/", "//", "/m~0n", "/~01"}) {
    CAPTURE(pointer);
    const Node node = doc->resolve(pointer);
    REQUIRE(node);
    CHECK(node.pointer() == pointer);
  }
  CHECK(doc->resolve("/a~1b/1/~0/1/0").integer() == 3);
  CHECK(doc->resolve("/~01").integer() == 6);
  for (const std::string pointer : {"a", "/x", "/a~1b/2", "/a~1b/01", "/a~1b/-1", "/a~1b/", "/a~1b/0/0", "/m~n", "/~", "/~2", "/a~1b/+1",
                                    "/a~1b/1x", "/a~1b/99999999999999999999999"}) {
    CAPTURE(pointer);
    CHECK_FALSE(doc->resolve(pointer));
  }
}

TEST_CASE("members are found in small and large objects") {
  for (const int size : {1, 15, 16, 17, 18, 1000}) {
    std::string text = "[{\"k1\": 0}, {";
    for (int i = 0; i < size; ++i) text += (i == 0 ? "\"k" : ", \"k") + std::to_string(i * 7919 % size) + "\": " + std::to_string(i);
    const auto doc = parsed(text + "}, {\"k0\": 0}]");
    const Node object = doc->root().at(1);
    for (int i = 0; i < size; ++i) CHECK(object.find("k" + std::to_string(i * 7919 % size)).integer() == i);
    CHECK_FALSE(object.find("k"));
    CHECK_FALSE(object.find("k" + std::to_string(size)));
    CHECK_FALSE(object.find("~"));
    CHECK(object.at(static_cast<std::size_t>(size) - 1).pointer() == "/1/" + std::string(object.key(static_cast<std::size_t>(size) - 1)));
  }
}

TEST_CASE("a JSON document copies to what nlohmann::json makes of the text") {
  const std::string text =
      R"({"b": [1, -2, [], {}, [[1], {"x": [null, true, false, 1.25, "s"]}], 3], "a": {"c": {"d": 1}}, "e": "\u0000é"})";
  CHECK(parsed(text)->to_json() == nlohmann::json::parse(text));
  CHECK(parsed("3")->to_json() == nlohmann::json(3));
  CHECK(parsed("[[], 1]")->to_json().dump() == "[[],1]");
}

TEST_CASE("a byte order mark is no part of the first line") {
  const auto doc = parsed("\xEF\xBB\xBF[1]");
  CHECK(position(doc->root()) == "1:1");
  CHECK(position(doc->root().at(0)) == "1:2");
  CHECK(first_message("\xEF\xBB\xBF") == "1:1 file is empty");
  CHECK(first_message("\xEF\xBB\xBF[x]") == "1:2 unquoted word 'x'");
  CHECK(refused("\xEF\xBB\xBF[x]").front().source_line == "[x]");
  CHECK(first_message("\xEF\xBB\xBF\xEF\xBB\xBF[]") == "1:1 invisible character U+FEFF outside a string");
}

TEST_CASE("a node reports with pointer and excerpt") {
  const auto doc = parsed("{\n  \"a\": [true]}");
  Diagnostics out;
  doc->resolve("/a/0").error(out, "m", "e", "n", Position{7, 8});
  doc->root().key_node("a").warning(out, "w");
  REQUIRE(out.all().size() == 2);
  const Diagnostic& d = out.all()[0];
  CHECK(d.severity == Diagnostic::Severity::error);
  CHECK(d.file == "f");
  CHECK(place(d) == "2:9");
  CHECK(d.pointer == "/a/0");
  CHECK(d.message == "m");
  CHECK(d.expected == "e");
  CHECK(d.nearest == "n");
  CHECK(d.earlier->line == 7);
  CHECK(d.source_line == "  \"a\": [true]}");
  CHECK(out.all()[1].severity == Diagnostic::Severity::warning);
  CHECK(place(out.all()[1]) == "2:3");
}

TEST_CASE("an excerpt of a long line keeps what surrounds the place") {
  const std::string fill(3000, ' ');
  const auto doc = parsed("[\"é\"," + fill + "1," + fill + "2]");
  Diagnostics out;
  doc->root().at(1).error(out, "m");
  doc->root().at(2).error(out, "m");
  doc->root().at(0).error(out, "m");
  const auto& all = out.all();
  CHECK(all[0].source_line == "..." + std::string(70, ' ') + "1," + std::string(58, ' ') + "...");
  CHECK(all[0].caret == 74);
  CHECK(all[1].source_line == "..." + std::string(70, ' ') + "2]");
  CHECK(all[2].source_line == "[\"é\"," + std::string(56, ' ') + "...");
  CHECK(all[2].caret == 2);
  CHECK(refused("[\"" + std::string(100000, '\x80')).front().source_line.size() < 1000);
  const std::string whole = "[\"" + std::string(136, 'x') + "\"]";
  CHECK(refused(whole + "]").front().source_line.size() == 3 + 70 + 1);
  CHECK(refused(whole.substr(0, 139)).front().source_line == whole.substr(0, 139));
}

TEST_CASE("a file that cannot be read has a message of ours") {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& path) {
    Diagnostics out;
    CHECK(Document::load(path, out) == nullptr);
    REQUIRE(out.all().size() == 1);
    CHECK(out.all()[0].file == path);
    CHECK_FALSE(out.all()[0].at);
    return out.all()[0].message;
  };
  CHECK(message((folder.path / "none.json").string()) == "file not found");
  CHECK(message((folder.path / "none" / "x.json").string()) == "file not found");
  CHECK(message(folder.path.string()) == "is a directory");
  CHECK(message(folder.file("x", "") + "/y.json") == "file not found: a part of its path is no directory");
  CHECK(message((folder.path / std::string(300, 'x')).string()) == "file name is too long");
  CHECK(message("") == "file not found");
  std::filesystem::create_symlink("loop", folder.path / "loop");
  CHECK(message((folder.path / "loop").string()) == "file not found: its symbolic links go in circles");
  if (std::filesystem::exists("/dev/zero")) CHECK(message("/dev/zero") == "file is larger than 64 MiB");
  if (geteuid() != 0) {  // root may read everything
    const std::string secret = folder.file("secret.json", "{}");
    std::filesystem::permissions(secret, std::filesystem::perms::none);
    CHECK(message(secret) == "file may not be read: permission denied");
  } else {
    MESSAGE("run by root, to whom no file is forbidden");
  }
}

TEST_CASE("a value asked for as what it is not is a mistake of ours that says which, and no crash") {
  const auto doc = parsed(R"([1, "x", {}])");
  const Node root = doc->root();
  CHECK_THROWS_WITH(static_cast<void>(root.at(0).string()), "a JSON node: not a string");
  CHECK_THROWS_WITH(static_cast<void>(root.at(1).integer()), "a JSON node: not an integer");
  CHECK_THROWS_WITH(static_cast<void>(root.at(1).boolean()), "a JSON node: not a boolean");
  CHECK_THROWS_WITH(static_cast<void>(root.at(1).size()), "a JSON node: neither array nor object");
  CHECK_THROWS_WITH(static_cast<void>(root.at(3)), "a JSON node: index out of range");
  CHECK_THROWS_WITH(static_cast<void>(root.find("a")), "a JSON node: not an object");
  CHECK_THROWS_WITH(static_cast<void>(root.at(2).find("a").kind()), "a JSON node: there is none");
}

TEST_CASE("a file name with a slip is answered with the file that exists") {
  const TemporaryFolder folder;
  const std::string path = folder.file("nova-timer.json", "{}");
  Diagnostics out;
  CHECK(Document::load((folder.path / "nova-tmier.json").string(), out) == nullptr);
  CHECK(out.all().at(0).nearest == path);
}

TEST_CASE("a file and standard input are read whole") {
  const TemporaryFolder folder;
  const std::string text = "[\"" + std::string(200000, 'x') + "\"]\r\n";
  const std::string path = folder.file("x.json", text);
  Diagnostics out;
  const auto doc = Document::load(path, out);
  REQUIRE(doc != nullptr);
  CHECK(doc->name() == path);
  CHECK(doc->text() == text);

  REQUIRE(std::freopen(folder.file("in.json", "[x]").c_str(), "rb", stdin) != nullptr);
  CHECK(Document::load("-", out) == nullptr);
  CHECK(out.all().at(0).file == "<stdin>");
  CHECK(place(out.all().at(0)) == "1:2");
}
