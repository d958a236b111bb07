#include "unplug/reports/page/page.hpp"

#include <algorithm>
#include <utility>

#include "unplug/reports/page/layout.hpp"

namespace unplug::reports {

namespace {

constexpr std::size_t least_width = 40;
constexpr std::size_t wide_gap = 2;
constexpr std::size_t narrow_gap = 1;
constexpr std::size_t narrowest_column = 4;

std::string_view sequence(Style style) {
  switch (style) {
    case Style::plain: return "";
    case Style::strong: return "\x1b[1m";
    case Style::bad: return "\x1b[1;31m";
    case Style::warning: return "\x1b[33m";
    case Style::good: return "\x1b[32m";
    case Style::faint: return "\x1b[2m";
  }
  return "";
}

void trim_right(std::string& text) {
  const std::size_t end = text.find_last_not_of(' ');
  text.erase(end == std::string::npos ? 0 : end + 1);
}

struct Grid {
  std::vector<std::size_t> widths;
  std::size_t gap = wide_gap;
  std::size_t total = 0;  // with the gaps
};

// Column widths: what the content wants. If that is too much the columns give way in order, each down to its least width; then the gaps
// between them; then every column, down to the narrowest that can show anything.
Grid lay_out(const Table& table, std::size_t width) {
  Grid grid;
  grid.widths.assign(table.columns.size(), 1);
  for (std::size_t c = 0; c < grid.widths.size(); ++c) {
    std::size_t& widest = grid.widths[c];
    for (const std::string& head : table.columns[c].head) widest = std::max(widest, display_width(head));
    for (const Row& row : table.rows) {
      for (const CellLine& line : row.cells[c]) widest = std::max(widest, display_width(line.text));
    }
  }
  const std::size_t gaps = grid.widths.empty() ? 0 : grid.widths.size() - 1;
  grid.total = gaps * grid.gap;
  for (const std::size_t w : grid.widths) grid.total += w;
  const auto give_way = [&](std::size_t c, std::size_t least) {
    if (grid.total <= width || grid.widths[c] <= least) return;
    const std::size_t taken = std::min(grid.total - width, grid.widths[c] - least);
    grid.widths[c] -= taken;
    grid.total -= taken;
  };
  for (std::size_t c = 0; c < grid.widths.size(); ++c) give_way(c, table.columns[c].least);
  if (grid.total > width) {
    grid.gap = narrow_gap;
    grid.total -= gaps * (wide_gap - narrow_gap);
  }
  for (std::size_t c = 0; c < grid.widths.size(); ++c) give_way(c, narrowest_column);
  return grid;
}

}  // namespace

Page::Page(PageOptions options) : options_(options) { options_.width = std::max(options_.width, least_width); }

std::string Page::paint(std::string_view text, Style style) const {
  if (!options_.colour || style == Style::plain || text.empty()) return std::string(text);
  std::string out(sequence(style));
  out += text;
  out += "\x1b[0m";
  return out;
}

void Page::put(std::string line, Style style) {
  trim_right(line);
  const std::size_t start = std::min(line.find_first_not_of(' '), line.size());
  text_ += line.substr(0, start);
  text_ += paint(std::string_view(line).substr(start), style);
  text_ += '\n';
}

void Page::put_styled(const std::vector<CellLine>& parts) {
  std::size_t last = parts.size();  // trailing spaces go, coloured or not
  while (last > 0 && parts[last - 1].text.find_first_not_of(' ') == std::string::npos) --last;
  for (std::size_t i = 0; i < last; ++i) {
    std::string text = parts[i].text;
    const std::size_t all = text.size();
    trim_right(text);
    const std::size_t start = std::min(text.find_first_not_of(' '), text.size());
    text_ += text.substr(0, start);
    text_ += paint(std::string_view(text).substr(start), parts[i].style);
    if (i + 1 < last) text_.append(all - text.size(), ' ');
  }
  text_ += '\n';
}

void Page::gap() {
  if (!text_.empty() && !text_.ends_with("\n\n")) text_ += '\n';
}

void Page::line(std::string_view text, Style style, std::size_t indent) {
  for (const std::string& part : wrap(text, options_.width - indent)) put(std::string(indent, ' ') + part, style);
}

void Page::entry(std::string_view label, std::string_view text, Style style, std::size_t indent) {
  entry_at(label, display_width(label) + 1, text, style, indent);
}

void Page::entry_at(std::string_view label, std::size_t column, std::string_view text, Style style, std::size_t indent) {
  const std::size_t limit = options_.width / 2;
  std::size_t hang = indent + column;
  if (hang > limit || display_width(label) >= column) {  // no room beside the label: under it
    if (!label.empty()) put(std::string(indent, ' ') + std::string(label), Style::plain);
    hang = indent + 2;
    for (const std::string& part : wrap(text, options_.width - hang)) put(std::string(hang, ' ') + part, style);
    return;
  }
  bool first = true;
  for (const std::string& part : wrap(text, options_.width - hang)) {
    const std::string before = first ? pad_right(std::string(indent, ' ') + std::string(label), hang) : std::string(hang, ' ');
    put_styled({{before, Style::plain}, {part, style}});
    first = false;
  }
}

void Page::heading(std::string_view text, char underline) {
  std::size_t widest = 0;
  for (const std::string& part : wrap(text, options_.width)) {
    widest = std::max(widest, display_width(part));
    put(part, Style::strong);
  }
  put(std::string(widest, underline), Style::faint);
}

void Page::command(std::string_view text, std::size_t indent) {
  if (!options_.fold_commands) {
    put(std::string(indent, ' ') + std::string(text), Style::plain);
    return;
  }
  for (const std::string& part : wrap_command(text, options_.width, indent)) put(part, Style::plain);
}

void Page::table(const Table& table, std::size_t indent) {
  const Grid grid = lay_out(table, options_.width - indent);
  const std::string margin(indent, ' ');

  // One visual line of the table from one cell line per column.
  const auto put_line = [&](const std::vector<CellLine>& cells) {
    std::vector<CellLine> parts{{margin, Style::plain}};
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string padded =
          table.columns[c].right ? pad_left(cells[c].text, grid.widths[c]) : pad_right(cells[c].text, grid.widths[c]);
      parts.push_back({padded, cells[c].style});
      if (c + 1 < cells.size()) parts.push_back({std::string(grid.gap, ' '), Style::plain});
    }
    put_styled(parts);
  };

  std::size_t head_lines = 0;
  std::vector<std::vector<std::string>> heads;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::vector<std::string>& head = heads.emplace_back();
    for (const std::string& text : table.columns[c].head) {
      for (std::string& part : wrap(text, grid.widths[c])) head.push_back(std::move(part));
    }
    head_lines = std::max(head_lines, head.size());
  }
  for (std::size_t i = 0; i < head_lines; ++i) {  // headings stand on the rule, they don't hang from the top
    std::vector<CellLine> cells;
    for (const std::vector<std::string>& head : heads) {
      const std::size_t missing = head_lines - head.size();
      cells.push_back({i < missing ? "" : head[i - missing], Style::strong});
    }
    put_line(cells);
  }
  put(margin + std::string(grid.total, '-'), Style::faint);

  for (const Row& row : table.rows) {
    std::vector<std::vector<CellLine>> folded(row.cells.size());
    std::size_t height = 1;
    for (std::size_t c = 0; c < row.cells.size(); ++c) {
      for (const CellLine& cell : row.cells[c]) {
        for (std::string& part : wrap(cell.text, grid.widths[c])) folded[c].push_back({std::move(part), cell.style});
      }
      height = std::max(height, folded[c].size());
    }
    for (std::size_t i = 0; i < height; ++i) {
      std::vector<CellLine> cells;
      for (const std::vector<CellLine>& column : folded) cells.push_back(i < column.size() ? column[i] : CellLine{});
      put_line(cells);
    }
    for (const CellLine& sentence : row.below) {
      const std::size_t hang = indent + 4;
      bool first = true;
      for (const std::string& part : wrap(sentence.text, options_.width - hang - 2)) {
        put(std::string(first ? hang : hang + 2, ' ') + part, sentence.style);
        first = false;
      }
    }
  }
}

}  // namespace unplug::reports
