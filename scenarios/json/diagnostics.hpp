// Messages about input files. Errors are part of the interface: each has file:line:column, the JSON pointer, what was found and what
// was expected, the nearest valid word where one exists, and where a name was defined before. Many are collected before anyone gives up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unplug::scenarios {

struct Position {
  std::uint32_t line = 1, column = 1;  // 1-based; column counts Unicode code points
};

struct Diagnostic {
  enum class Severity { error, warning };
  Severity severity = Severity::error;
  std::string file;
  std::optional<Position> at;       // none: the file as a whole (missing, a directory, unreadable)
  std::string pointer;              // RFC 6901; "" is the whole document
  std::string message;              // lower case, names the object in quotes, no full stop: "unknown verb 'readll'"
  std::string expected;             // "a verb (unplug list verbs)"; may be empty
  std::string nearest;              // "readl"; may be empty
  std::optional<Position> earlier;  // where the same name was defined before
  std::string source_line;          // the line of text, for the caret; "..." stands for what a very long line has left out; may be empty
  std::uint32_t caret = 0;          // code point of source_line, from 1, that the caret stands under; 0: at->column
};

// Collects diagnostics in the order they are reported; render() sorts by file (in order of first appearance) and position, errors and
// warnings together, what concerns a whole file first.
class Diagnostics {
 public:
  // A file may be nothing but mistakes, and a word of it as long as it likes: so many are kept, and so much of each text, in bytes.
  static constexpr std::size_t most = 1000, longest_text = 2000;

  // Keeps `d`, unless full().
  void add(Diagnostic d);
  // Nothing more is kept, so there is no use in looking for more.
  [[nodiscard]] bool full() const { return items_.size() >= most; }
  [[nodiscard]] bool has_errors() const;
  [[nodiscard]] std::size_t errors() const;
  [[nodiscard]] std::size_t warnings() const;
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return items_; }

  // Text for a terminal or a log: "FILE:LINE:COL: error: MESSAGE", the line with a caret, "  at POINTER", "  expected ...",
  // "  did you mean 'X'?", "  first defined at FILE:L:C". `color` adds ANSI sequences and changes nothing else. At most `limit` errors
  // and as many warnings, then a line that counts the rest. Control characters of the input come out as "\u001b", never raw.
  [[nodiscard]] std::string render(bool color = false, std::size_t limit = 20) const;

 private:
  std::vector<Diagnostic> items_;
};

// The candidate nearest to `word` by Damerau-Levenshtein distance (ASCII case folded, in bytes), if it is near enough to be what was
// meant: distance at most max(1, length of word / 3), and something of the word left. Ties go to the alphabetically first. Empty if none
// is.
[[nodiscard]] std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace unplug::scenarios
