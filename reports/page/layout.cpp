#include "unplug/reports/page/layout.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "unplug/reports/page/utf8.hpp"

namespace unplug::reports {

namespace {

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

// Bidirectional overrides can make a line read as something else than what it says: they are dropped from all output.
bool is_hostile(char32_t c) { return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069); }

constexpr std::string_view breaks_after = "-_/.,:;)+@";

struct Spelling {
  char32_t from;
  std::string_view to;
};

constexpr std::array<Spelling, 24> spellings{
    {{0xA0, " "},   {0xA7, "section "}, {0xAB, "<<"},   {0xB0, " deg"},  {0xB5, "u"},    {0xB7, "."},    {0xBB, ">>"},   {0xC6, "AE"},
     {0xD7, "x"},   {0xD8, "O"},        {0xDF, "ss"},   {0xE6, "ae"},    {0xF8, "o"},    {0x2013, "-"},  {0x2014, "--"}, {0x2018, "'"},
     {0x2019, "'"}, {0x201C, "\""},     {0x201D, "\""}, {0x2026, "..."}, {0x2190, "<-"}, {0x2192, "->"}, {0x2264, "<="}, {0x2265, ">="}}};

// U+00C0..U+00FF without their accents; '?' where the table above or nothing applies.
constexpr std::string_view latin = "AAAAAA?CEEEEIIIIDNOOOOO??UUUUYT?aaaaaa?ceeeeiiiidnooooo??uuuuyty";
static_assert(latin.size() == 0x40);

// The length in bytes of the longest prefix of `word` that fits `width` columns, breaking after punctuation if that leaves a third.
std::size_t prefix_that_fits(std::string_view word, std::size_t width) {
  std::size_t at = 0;
  std::size_t used = 0;
  std::size_t good = 0;
  while (at < word.size()) {
    const CodePoint point = decode(word, at);
    const std::size_t columns = columns_of(point.value);
    if (used + columns > width) break;
    used += columns;
    at += point.length;
    if (used * 3 >= width && breaks_after.find(word[at - 1]) != std::string_view::npos) good = at;
  }
  if (at == word.size()) return at;
  return good != 0 ? good : std::max<std::size_t>(at, decode(word, 0).length);
}

// What a shell takes as one word at the start of `text`: a quoted space doesn't end it.
std::string_view shell_word(std::string_view text) {
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (quote == 0 && text[at] == ' ') return text.substr(0, at);
    if (text[at] == '\'' || text[at] == '"') {
      if (quote == 0) {
        quote = text[at];
      } else if (quote == text[at]) {
        quote = 0;
      }
    }
  }
  return text;
}

}  // namespace

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const CodePoint point = decode(utf8, at);
    width += point.valid ? columns_of(point.value) : 1;
    at += point.length;
  }
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode(text, at);
    if (!point.valid) {
      out += "\xEF\xBF\xBD";
    } else if (point.value == '\n' || point.value == '\t') {
      out += ' ';
    } else if (is_control(point.value)) {
      out += '?';
    } else if (!is_hostile(point.value)) {
      out += text.substr(at, point.length);
    }
    at += point.length;
  }
  return out;
}

std::string ascii(std::string_view text) {
  const std::string clean = printable(text);
  std::string out;
  for (std::size_t at = 0; at < clean.size();) {
    const CodePoint point = decode(clean, at);
    at += point.length;
    if (point.value < 0x80) {
      out += static_cast<char>(point.value);
      continue;
    }
    const auto known = std::find_if(spellings.begin(), spellings.end(), [&](const Spelling& s) { return s.from == point.value; });
    if (known != spellings.end()) {
      out += known->to;
    } else if (point.value >= 0xC0 && point.value <= 0xFF) {
      out += latin[point.value - 0xC0];
    } else if (columns_of(point.value) != 0) {
      out += '?';
    }
  }
  return out;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width, std::size_t first_used) {
  width = std::max<std::size_t>(width, 1);
  std::vector<std::string> lines(1);
  std::size_t used = std::min(first_used, width);  // of the current line
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    std::string_view word = text.substr(at, text.find(' ', at) - at);
    at += word.size();
    const std::size_t space = lines.back().empty() ? 0 : 1;
    if (const std::size_t columns = display_width(word); used + space + columns <= width) {
      if (space != 0) lines.back() += ' ';
      lines.back() += word;
      used += space + columns;
      continue;
    }
    if (!lines.back().empty() || used != 0) {
      lines.emplace_back();
      used = 0;
    }
    while (display_width(word) > width) {
      const std::size_t bytes = prefix_that_fits(word, width);
      lines.back() = word.substr(0, bytes);
      lines.emplace_back();
      word.remove_prefix(bytes);
    }
    lines.back() = word;
    used = display_width(word);
  }
  return lines;
}

std::vector<std::string> wrap_command(std::string_view command, std::size_t width, std::size_t indent) {
  indent = std::min(indent, width / 2);
  std::vector<std::string> lines;
  std::string line(indent, ' ');
  bool fresh = true;  // no word on this line yet
  for (std::size_t at = 0; at < command.size();) {
    std::string_view word = shell_word(command.substr(at));
    at += word.size() + 1;
    const std::size_t room = width - (at < command.size() ? 2 : 0);  // " \" must still fit behind all but the last word
    if (display_width(line) + (fresh ? 0 : 1) + display_width(word) <= room) {
      line += fresh ? "" : " ";
      line += word;
      fresh = false;
      continue;
    }
    if (!fresh) {
      lines.push_back(line + " \\");
      line = std::string(indent + 2, ' ');
    }
    while (display_width(line) + display_width(word) > room) {
      const std::size_t bytes = prefix_that_fits(word, width - 1 - display_width(line));
      lines.push_back(line + std::string(word.substr(0, bytes)) + "\\");
      line.clear();
      word.remove_prefix(bytes);
    }
    line += word;
    fresh = false;
  }
  lines.push_back(line);
  return lines;
}

std::string pad_right(std::string text, std::size_t width) {
  const std::size_t columns = display_width(text);
  if (columns < width) text.append(width - columns, ' ');
  return text;
}

std::string pad_left(const std::string& text, std::size_t width) {
  const std::size_t columns = display_width(text);
  return columns < width ? std::string(width - columns, ' ') + text : text;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i != 0) out += separator;
    out += parts[i];
  }
  return out;
}

}  // namespace unplug::reports
