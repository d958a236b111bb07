#include "unplug/scenarios/json/diagnostics.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include <boost/locale/utf.hpp>
#include <fmt/format.h>

#include "unplug/scenarios/json/text_map.hpp"

namespace unplug::scenarios {

namespace {

using Severity = Diagnostic::Severity;
using Utf8 = boost::locale::utf::utf_traits<char>;

// Controls, what shows nothing, and what changes the direction of other text.
bool is_hidden(boost::locale::utf::code_point c) {
  return c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x2069) || c == 0xfeff;
}

// Display cells of `text`, one code point each, what is hidden written out: the text comes from a stranger's file and goes to
// somebody's terminal.
std::vector<std::string> cells(std::string_view text) {
  std::vector<std::string> out;
  for (const char *at = text.data(), *end = at + text.size(); at != end;) {
    const char* const begin = at;
    const auto code = Utf8::decode(at, end);
    if (code == boost::locale::utf::illegal || code == boost::locale::utf::incomplete) {
      at = begin + 1;
      out.emplace_back("\uFFFD");
    } else if (code == '\t') {
      out.emplace_back("  ");
    } else if (is_hidden(code)) {
      out.push_back(fmt::format("\\u{:04x}", static_cast<unsigned>(code)));
    } else {
      out.emplace_back(begin, at);
    }
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const std::string& cell : cells(text)) out += cell;
  return out;
}

bool is_word(const std::string& cell) {
  const char c = cell.front();
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' || c == '.' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// How many cells the thing at `from` covers: a string to its closing quote, a word or number to its end, otherwise one.
std::size_t extent(const std::vector<std::string>& line, std::size_t from) {
  std::size_t to = from;
  if (to < line.size() && line[to] == "\"") {
    do {
      to += to < line.size() && line[to] == "\\" ? 2 : 1;
    } while (to < line.size() && line[to] != "\"");
    if (to < line.size()) return to + 1 - from;
    return 1;  // not closed on this line: the opening quote is the place to look at
  }
  while (to < line.size() && is_word(line[to])) ++to;
  return std::max<std::size_t>(to - from, 1);
}

struct Style {
  std::string_view bold, error, warning, caret, quiet, end;
};

constexpr std::size_t longest_pointer = 130;  // in text; the diagnostic has it all
constexpr std::size_t longest_word = 200;     // nobody mistypes more, and the distance takes time and space of its square

constexpr Style plain{};
constexpr Style ansi{"\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;32m", "\033[2m", "\033[0m"};

std::string place(const std::string& file, const std::optional<Position>& at) {
  return at ? fmt::format("{}:{}:{}", printable(file), at->line, at->column) : printable(file);
}

void render_line(const Diagnostic& d, const Style& style, std::string& out) {
  const std::vector<std::string> line = cells(d.source_line);
  const std::size_t caret = std::min<std::size_t>(std::max(d.caret != 0 ? d.caret : d.at->column, 1U) - 1, line.size());
  std::string text, padding;
  for (std::size_t i = 0; i < line.size(); ++i) {
    text += line[i];
    if (i < caret) padding.append(line[i].size() > 1 && static_cast<unsigned char>(line[i].front()) < 0x80 ? line[i].size() : 1, ' ');
  }
  const std::string number = fmt::format("{:5}", d.at->line);
  out += fmt::format("{}{} | {}{}\n", style.quiet, number, style.end, text);
  out += fmt::format("{}{:{}} | {}{}{}^{:~<{}}{}\n", style.quiet, "", number.size(), style.end, padding, style.caret, "",
                     extent(line, caret) - 1, style.end);
}

void render_one(const Diagnostic& d, const Style& style, std::string& out) {
  const bool error = d.severity == Severity::error;
  out += fmt::format("{}{}:{} {}{}:{} {}{}{}\n", style.bold, place(d.file, d.at), style.end, error ? style.error : style.warning,
                     error ? "error" : "warning", style.end, style.bold, printable(d.message), style.end);
  if (d.at && d.source_line.find_first_not_of(" \t") != std::string::npos) render_line(d, style, out);
  if (!d.pointer.empty()) out += fmt::format("  at {}\n", clipped(printable(d.pointer), longest_pointer));
  if (!d.expected.empty()) out += fmt::format("  expected {}\n", printable(d.expected));
  if (!d.nearest.empty()) out += fmt::format("  did you mean '{}'?\n", printable(d.nearest));
  if (d.earlier) out += fmt::format("  first defined at {}\n", place(d.file, d.earlier));
}

std::string counted(std::size_t n, std::string_view what) { return fmt::format("{} more {}{}", n, what, n == 1 ? "" : "s"); }

// The unrestricted distance (Lowrance and Wagner): insert, delete, replace, swap neighbours, each costs 1.
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 2, far = a.size() + b.size();
  std::vector<std::size_t> table((a.size() + 2) * width, far);
  const auto cell = [&](std::size_t i, std::size_t j) -> std::size_t& { return table[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) cell(i + 1, 1) = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cell(1, j + 1) = j;
  std::array<std::size_t, 256> last_row{};  // where each byte was last seen in a
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t last_column = 0;  // where a[i - 1] was last seen in b
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      const std::size_t row = last_row[static_cast<unsigned char>(b[j - 1])], column = last_column;
      const std::size_t swapped = cell(row, column) + (i - row - 1) + 1 + (j - column - 1);
      cell(i + 1, j + 1) = std::min({cell(i, j) + (same ? 0 : 1), cell(i + 1, j) + 1, cell(i, j + 1) + 1, swapped});
      if (same) last_column = j;
    }
    last_row[static_cast<unsigned char>(a[i - 1])] = i;
  }
  return cell(a.size() + 1, b.size() + 1);
}

// "SHARED" of "IRQF_SHARED", "ioctl" of "unlocked_ioctl": a part that stands for the whole.
bool part_of(std::string_view word, std::string_view whole) {
  constexpr std::size_t shortest = 4;
  if (word.size() < shortest || whole.size() <= word.size()) return false;
  const auto ends = [](char c) { return c == '_' || c == '-' || c == '.'; };
  return (whole.ends_with(word) && ends(whole[whole.size() - word.size() - 1])) || (whole.starts_with(word) && ends(whole[word.size()]));
}

std::string folded(std::string_view word) {
  std::string out(word);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

}  // namespace

void Diagnostics::add(Diagnostic d) {
  if (full()) return;
  for (std::string* text : {&d.message, &d.expected, &d.nearest})
    if (text->size() > longest_text) *text = clipped(*text, longest_text);
  items_.push_back(std::move(d));
}

bool Diagnostics::has_errors() const { return errors() != 0; }

std::size_t Diagnostics::errors() const {
  return static_cast<std::size_t>(
      std::count_if(items_.begin(), items_.end(), [](const Diagnostic& d) { return d.severity == Severity::error; }));
}

std::size_t Diagnostics::warnings() const { return items_.size() - errors(); }

std::string Diagnostics::render(bool color, std::size_t limit) const {
  std::map<std::string_view, std::size_t> file_rank;
  for (const Diagnostic& d : items_) file_rank.try_emplace(d.file, file_rank.size());

  std::vector<const Diagnostic*> order;
  std::transform(items_.begin(), items_.end(), std::back_inserter(order), [](const Diagnostic& d) { return &d; });
  const auto rank = [&](const Diagnostic* d) {
    const Position at = d->at.value_or(Position{0, 0});
    return std::tuple(file_rank.find(d->file)->second, at.line, at.column);
  };
  std::stable_sort(order.begin(), order.end(), [&](const Diagnostic* a, const Diagnostic* b) { return rank(a) < rank(b); });

  std::string out;
  std::size_t errors_left_out = 0, warnings_left_out = 0, errors_shown = 0, warnings_shown = 0;
  for (const Diagnostic* d : order) {
    const bool error = d->severity == Severity::error;
    if ((error ? errors_shown : warnings_shown) == limit) {
      ++(error ? errors_left_out : warnings_left_out);
      continue;
    }
    ++(error ? errors_shown : warnings_shown);
    render_one(*d, color ? ansi : plain, out);
  }
  if (errors_left_out != 0 || warnings_left_out != 0) {
    const std::string first = errors_left_out != 0 ? counted(errors_left_out, "error") : counted(warnings_left_out, "warning");
    const std::string second = errors_left_out != 0 && warnings_left_out != 0 ? " and " + counted(warnings_left_out, "warning") : "";
    out += fmt::format("... {}{}{}\n", first, second, full() ? ", and there may be others" : "");
  }
  return out;
}

std::string nearest_word(std::string_view word, std::span<const std::string> candidates) {
  if (word.size() > longest_word) return {};
  const std::string wanted = folded(word);
  const std::size_t limit = std::max<std::size_t>(1, wanted.size() / 3);
  std::size_t best = limit + 1;
  std::string_view found;
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(candidate.size(), wanted.size()), shorter = std::min(candidate.size(), wanted.size());
    if (longer - shorter > limit) continue;
    const std::size_t d = distance(wanted, folded(candidate));
    if (d > limit || d >= longer) continue;
    if (d < best || (d == best && candidate < found)) {
      best = d;
      found = candidate;
    }
  }
  if (!found.empty()) return std::string(found);
  // None is near: the only one that it is a part of.
  for (const std::string& candidate : candidates) {
    if (!part_of(wanted, folded(candidate))) continue;
    if (!found.empty()) return {};
    found = candidate;
  }
  return std::string(found);
}

}  // namespace unplug::scenarios
