#include "unplug/reports/page/layout.hpp"

#include <doctest/doctest.h>

#include "unfold.hpp"

namespace unplug::reports {

using Lines = std::vector<std::string>;

TEST_CASE("width counts columns, not bytes") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("Ger\u00e4t") == 5);
  CHECK(display_width("e\u0301") == 1);       // a combining accent
  CHECK(display_width("\u8a2d\u5099") == 4);  // two wide characters
  CHECK(display_width("\xff\xfe") == 2);      // what printable() will make of it
  CHECK(pad_right("\u8a2d", 4) == "\u8a2d  ");
  CHECK(pad_left("ab", 4) == "  ab");
  CHECK(pad_left("abcde", 4) == "abcde");
}

TEST_CASE("no control character reaches a page") {
  CHECK(printable("a\x1b[31mb\tc\nd") == "a?[31mb c d");
  CHECK(printable("\xff") == "\ufffd");
  CHECK(printable("\xc0\x80\xed\xa0\x80") == "\ufffd\ufffd\ufffd\ufffd\ufffd");  // overlong, surrogate
  CHECK(printable("safe\u202Eevil") == "safeevil");                              // right-to-left override
  CHECK(printable("\u0085") == "?");                                             // a C1 control
  CHECK(printable("Gr\u00f6\u00dfe") == "Gr\u00f6\u00dfe");
}

TEST_CASE("ASCII keeps what can be kept") {
  CHECK(ascii("Gr\u00f6\u00dfe \u2013 \u201cx\u201d \u2026") == "Grosse - \"x\" ...");
  CHECK(ascii("\u8a2d e\u0301 \u2264") == "? e <=");
  CHECK(ascii("plain < & >") == "plain < & >");
}

TEST_CASE("lines break at spaces, then after punctuation, then anywhere") {
  CHECK(wrap("one two three", 7) == Lines{"one two", "three"});
  CHECK(wrap("rcu-revoke-batched", 11) == Lines{"rcu-revoke-", "batched"});
  CHECK(wrap("abcdefghij", 4) == Lines{"abcd", "efgh", "ij"});
  CHECK(wrap("", 4) == Lines{""});
  CHECK(wrap("  a   b  ", 10) == Lines{"a b"});
  CHECK(wrap("ab cd", 5, 4) == Lines{"", "ab cd"});
  CHECK(wrap("\u8a2d\u5099\u306e", 3) == Lines{"\u8a2d", "\u5099", "\u306e"});
  CHECK(wrap("x", 0) == Lines{"x"});
}

TEST_CASE("no line is wider than asked for") {
  const std::string text = "a/rather/long/path.with_every-kind:of;break plus \u8a2d\u5099 and some words of different lengths";
  for (std::size_t width = 2; width < 60; ++width) {
    for (const std::string& line : wrap(text, width)) CHECK(display_width(line) <= width);
  }
}

TEST_CASE("a folded command is the same command") {
  const std::string command = "unplug replay 'out dir/failures/nova-timer.use-after-free.5eed.json' --lenient --trace text --param a=b";
  for (std::size_t width = 24; width < 120; ++width) {
    std::string folded;
    for (const std::string& line : wrap_command(command, width, 6)) {
      CHECK(display_width(line) <= width);
      folded += line + "\n";
    }
    CHECK(test::unfold(folded) == command);
  }
  CHECK(wrap_command("unplug run x.json", 72, 2) == Lines{"  unplug run x.json"});
}

TEST_CASE("join") {
  CHECK(join({}, ", ").empty());
  CHECK(join({"a"}, ", ") == "a");
  CHECK(join({"", "b"}, ", ") == ", b");
}

}  // namespace unplug::reports
