// A page of text being written: paragraphs, lists and tables on a fixed number of columns, with or without colour.
//
// Colour only repeats what the words already say: a page without it loses nothing, and goldens are taken without it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unplug::reports {

enum class Style { plain, strong, bad, warning, good, faint };

// One line of a table cell; cells may have several.
struct CellLine {
  std::string text;
  Style style = Style::plain;
};

struct Column {
  std::vector<std::string> head;  // lines of the heading
  bool right = false;             // aligned right, as numbers are
  std::size_t least = 8;          // narrower than this only if nothing else helps; columns give way from left to right
};

struct Row {
  std::vector<std::vector<CellLine>> cells;  // one per column
  std::vector<CellLine> below;               // sentences under the row, over the whole width
};

struct Table {
  std::vector<Column> columns;
  std::vector<Row> rows;
};

struct PageOptions {
  std::size_t width = 80;      // at least 40
  bool colour = false;         // ANSI sequences
  bool fold_commands = false;  // fold commands to the width; otherwise they run over it and stay copyable
};

class Page {
 public:
  explicit Page(PageOptions options);

  // An empty line, unless the page is empty or ends with one.
  void gap();
  // A sentence, folded at the width; all its lines start at `indent`.
  void line(std::string_view text, Style style = Style::plain, std::size_t indent = 0);
  // `label` and a text beside it that hangs under its own first column: "  evidence  sampled 10000 ...".
  void entry(std::string_view label, std::string_view text, Style style = Style::plain, std::size_t indent = 2);
  // The same with a fixed column for the text, so that several entries align.
  void entry_at(std::string_view label, std::size_t column, std::string_view text, Style style = Style::plain, std::size_t indent = 2);
  // A heading with a rule of `underline` below it.
  void heading(std::string_view text, char underline);
  // A command to copy.
  void command(std::string_view text, std::size_t indent);
  void table(const Table& table, std::size_t indent = 0);

  [[nodiscard]] std::size_t width() const { return options_.width; }
  // Everything written so far.
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void put(std::string line, Style style);
  void put_styled(const std::vector<CellLine>& parts);
  [[nodiscard]] std::string paint(std::string_view text, Style style) const;

  PageOptions options_;
  std::string text_;
};

}  // namespace unplug::reports
