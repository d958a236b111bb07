#include "unplug/scenarios/json/diagnostics.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/golden.hpp"

using namespace unplug::scenarios;

namespace {

Diagnostic at(std::string file, std::uint32_t line, std::uint32_t column, std::string message) {
  Diagnostic d;
  d.file = std::move(file);
  d.at = Position{line, column};
  d.message = std::move(message);
  return d;
}

std::string without_ansi(std::string text) {
  for (std::size_t begin = text.find('\033'); begin != std::string::npos; begin = text.find('\033')) {
    text.erase(begin, text.find('m', begin) + 1 - begin);
  }
  return text;
}

Diagnostics sample() {
  Diagnostics out;
  Diagnostic verb = at("scenarios/foo.json", 12, 8, "unknown verb 'readll'");
  verb.pointer = "/functions/foo_probe/3";
  verb.expected = "a verb (unplug list verbs)";
  verb.nearest = "readl";
  verb.source_line = R"(      {"readll": "bar0.STATUS"},  // all ones after unplug)";
  out.add(verb);

  Diagnostic twice = at("scenarios/foo.json", 9, 2, "duplicate label 'out'");
  twice.earlier = Position{4, 5};
  twice.source_line = "\t\"out\"";
  out.add(twice);

  Diagnostic warning = at("scenarios/foo.json", 10, 3, "'use' has no 'else'");
  warning.severity = Diagnostic::Severity::warning;
  warning.source_line = "  42, x";
  out.add(warning);

  Diagnostic missing;
  missing.file = "policies/fence.json";
  missing.message = "file not found";
  out.add(missing);

  Diagnostic whole;
  whole.file = "scenarios/foo.json";
  whole.message = "file has no 'run'";
  out.add(whole);

  Diagnostic open = at("scenarios/foo.json", 100000, 3, "string '\"abc' is not closed on its line");
  open.source_line = R"(  "abc\", 1)";
  out.add(open);

  Diagnostic at_end = at("scenarios/foo.json", 100001, 4, "file ends inside the object opened at 1:1");
  at_end.source_line = "é {";
  out.add(at_end);

  Diagnostic cut = at("scenarios/foo.json", 100002, 4000, "unknown key 'x'");
  cut.source_line = R"(..."y": 1, "x": 2...)";
  cut.caret = 12;
  out.add(cut);
  return out;
}

}  // namespace

TEST_CASE("diagnostics read well") { unplug::test::check_golden("scenarios/json_render.txt", sample().render()); }

TEST_CASE("colour adds escape sequences to diagnostics and changes nothing else") {
  const std::string color = sample().render(true);
  CHECK(color != sample().render());
  CHECK(without_ansi(color) == sample().render());
}

TEST_CASE("diagnostics count errors and warnings apart") {
  const Diagnostics all = sample();
  CHECK(all.errors() == 7);
  CHECK(all.warnings() == 1);
  CHECK(all.has_errors());
  Diagnostics none;
  CHECK_FALSE(none.has_errors());
  CHECK(none.render() == "");
  Diagnostic warning = at("f", 1, 1, "w");
  warning.severity = Diagnostic::Severity::warning;
  none.add(warning);
  CHECK_FALSE(none.has_errors());
}

TEST_CASE("diagnostics come in the order of the text, files in the order of their first") {
  Diagnostics out;
  out.add(at("b", 2, 1, "third"));
  out.add(at("a", 1, 1, "fifth"));
  out.add(at("b", 1, 9, "second"));
  out.add(at("b", 1, 2, "first"));
  out.add(at("b", 2, 1, "fourth"));
  CHECK(out.render() == "b:1:2: error: first\nb:1:9: error: second\nb:2:1: error: third\nb:2:1: error: fourth\na:1:1: error: fifth\n");
}

TEST_CASE("diagnostics of one place stay in the order of their reports") {
  Diagnostics out;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    out.add(at("f", 1, 1, std::to_string(i)));
    expected += "f:1:1: error: " + std::to_string(i) + "\n";
  }
  CHECK(out.render(false, 100) == expected);
}

TEST_CASE("beyond the limit diagnostics are counted, errors and warnings apart") {
  Diagnostics out;
  for (std::uint32_t i = 1; i <= 5; ++i) {
    out.add(at("f", i, 1, "e" + std::to_string(i)));
    Diagnostic warning = at("f", i, 2, "w" + std::to_string(i));
    warning.severity = Diagnostic::Severity::warning;
    if (i <= 3) out.add(warning);
  }
  CHECK(out.render(false, 2) ==
        "f:1:1: error: e1\nf:1:2: warning: w1\nf:2:1: error: e2\nf:2:2: warning: w2\n... 3 more errors and 1 more warning\n");
  CHECK(out.render(false, 3).ends_with("f:3:2: warning: w3\n... 2 more errors\n"));
  CHECK(out.render(false, 4).ends_with("f:4:1: error: e4\n... 1 more error\n"));
  CHECK(out.render(false, 5).ends_with("f:5:1: error: e5\n"));
  CHECK(out.render(false, 0) == "... 5 more errors and 3 more warnings\n");
}

TEST_CASE("nothing in a file reaches the terminal as a control sequence") {
  Diagnostics out;
  Diagnostic d = at("a\033[2Jb", 1, 10, "unknown key '\033]0;x\a\u009b\x7f'");
  d.pointer = "/\033c";
  d.expected = "x\ny";
  d.nearest = "\u202egnp.exe";
  d.source_line = "\033[31m \xff\xc3 x";
  out.add(d);
  const std::string text = out.render();
  CHECK(text == "a\\u001b[2Jb:1:10: error: unknown key '\\u001b]0;x\\u0007\\u009b\\u007f'\n"
                "    1 | \\u001b[31m \uFFFD\uFFFD x\n"
                "      |               ^\n"
                "  at /\\u001bc\n"
                "  expected x\\u000ay\n"
                "  did you mean '\\u202egnp.exe'?\n");
}

TEST_CASE("the nearest word is the one that was meant") {
  const std::vector<std::string> verbs{"readl", "writel", "mutex_lock", "mutex_unlock", "misc_register", "use", "x", "Kfree"};
  CHECK(nearest_word("readll", verbs) == "readl");
  CHECK(nearest_word("raedl", verbs) == "readl");  // swapped neighbours are one mistake
  CHECK(nearest_word("READL", verbs) == "readl");
  CHECK(nearest_word("kfre", verbs) == "Kfree");  // as it is written among the candidates
  CHECK(nearest_word("mutexlock", verbs) == "mutex_lock");
  CHECK(nearest_word("mutex_onlock", verbs) == "mutex_unlock");
  CHECK(nearest_word("misc_deregister", verbs) == "misc_register");
  CHECK(nearest_word("us", verbs) == "use");
  CHECK(nearest_word("es", verbs).empty());
  CHECK(nearest_word("y", verbs).empty());  // one letter for another has nothing in common
  CHECK(nearest_word("", verbs).empty());
  CHECK(nearest_word("ioremap", verbs).empty());
  CHECK(nearest_word("x", {}).empty());
}

TEST_CASE("the nearest word is within a third of the length, and ties go by the alphabet") {
  const std::vector<std::string> words{"abcdeX", "abcdeA", "abcXYZ"};
  CHECK(nearest_word("abcde", words) == "abcdeA");
  CHECK(nearest_word("abcXYZ", words) == "abcXYZ");
  CHECK(nearest_word("aXcYefghi", std::vector<std::string>{"abcdefghi"}) == "abcdefghi");  // 2 of 9
  CHECK(nearest_word("XbYdZfghi", std::vector<std::string>{"abcdefghi"}) == "abcdefghi");  // 3 of 9
  CHECK(nearest_word("XbYdZfVhi", std::vector<std::string>{"abcdefghi"}).empty());         // 4 of 9
  CHECK(nearest_word("ca", std::vector<std::string>{"abc"}).empty());                      // 2, of 2 letters
  CHECK(nearest_word("caaaaa", std::vector<std::string>{"abcaaaa"}) == "abcaaaa");         // 2: swap, and insert between
}

TEST_CASE("the nearest word to a very long one is not looked for") {
  const std::string longest(200, 'a');
  CHECK(nearest_word(longest, std::vector<std::string>{longest + "b"}) == longest + "b");
  CHECK(nearest_word(longest + "c", std::vector<std::string>{longest}).empty());
}

TEST_CASE("a golden difference shows the lines around it") {
  CHECK(unplug::test::golden_diff("a\nb\n", "a\nb\n").empty());
  CHECK(unplug::test::golden_diff("1\n2\n3\n4\nx\n5\n6\n7\n8\n", "1\n2\n3\n4\ny\nz\n5\n6\n7\n8\n") ==
        "@@ line 5: - expected, + actual @@\n 2\n 3\n 4\n-x\n+y\n+z\n 5\n 6\n 7\n");
  CHECK(unplug::test::golden_diff("a\n", "a") == "@@ line 1: - expected, + actual @@\n-a\n+a<no newline>\n");
  CHECK(unplug::test::golden_diff("a\r\n", "a\n") == "@@ line 1: - expected, + actual @@\n-a<CR>\n+a\n");
  CHECK(unplug::test::golden_diff("", "a\n") == "@@ line 1: - expected, + actual @@\n+a\n");
  CHECK(unplug::test::golden_diff("a\na\n", "a\n") == "@@ line 2: - expected, + actual @@\n a\n-a\n");
}
