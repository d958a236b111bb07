#include "unplug/scenarios/json/text_map.hpp"

#include <algorithm>
#include <utility>

#include <boost/locale/utf.hpp>

namespace unplug::scenarios {

namespace {

using Utf8 = boost::locale::utf::utf_traits<char>;

constexpr std::size_t block_bytes = 4096;
constexpr std::size_t excerpt_width = 140, excerpt_before = 70, excerpt_after = 60;  // code points: of a whole line, around a place

bool begins_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_code_point));
}

// "\n", "\r\n" and a lone "\r" end a line, as they end a "//" comment.
bool ends_line(std::string_view text, std::size_t at) {
  return text[at] == '\n' || (text[at] == '\r' && (at + 1 == text.size() || text[at + 1] != '\n'));
}

}  // namespace

TextMap::TextMap(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
  std::size_t lines = 1;
  for (std::size_t i = 0; i < text_.size(); ++i) lines += ends_line(text_, i) ? 1 : 0;
  line_starts_.reserve(lines);
  line_starts_.push_back(text_.starts_with("\xEF\xBB\xBF") ? 3 : 0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (ends_line(text_, i)) line_starts_.push_back(static_cast<std::uint32_t>(i + 1));
  }
  std::size_t seen = 0;
  for (std::size_t i = 0; i <= text_.size(); i += block_bytes) {
    code_points_.push_back(static_cast<std::uint32_t>(seen));
    seen += count_code_points(std::string_view(text_).substr(i, block_bytes));
  }
}

std::size_t TextMap::code_points(std::size_t offset) const {
  const std::size_t block = offset / block_bytes;
  return code_points_[block] + count_code_points(std::string_view(text_).substr(block * block_bytes, offset - block * block_bytes));
}

Position TextMap::position(std::size_t offset) const {
  offset = std::clamp(offset, begin(), text_.size());
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const std::size_t column = code_points(offset) - code_points(*(next - 1)) + 1;
  return {static_cast<std::uint32_t>(next - line_starts_.begin()), static_cast<std::uint32_t>(column)};
}

bool TextMap::ends_text_line(std::size_t at) const { return at == text_.size() || text_[at] == '\n' || text_[at] == '\r'; }

std::size_t TextMap::end_of_excerpt(std::size_t from, std::size_t width) const {
  const std::size_t stop = std::min(text_.size(), from + 4 * width);  // malformed UTF-8 may not begin another code point for long
  while (from < stop && !ends_text_line(from) && (width != 0 || !begins_code_point(text_[from]))) {
    width -= begins_code_point(text_[from]) ? 1 : 0;
    ++from;
  }
  return from;
}

Diagnostic TextMap::diagnostic(std::size_t offset, std::string message) const {
  offset = std::clamp(offset, begin(), text_.size());
  Diagnostic d;
  d.file = name_;
  d.at = position(offset);
  d.message = std::move(message);

  // The whole line if it is short enough, or what surrounds the place.
  const std::size_t line_start = line_starts_[d.at->line - 1];
  std::size_t from = line_start, before = d.at->column - 1, to = end_of_excerpt(from, excerpt_width);
  if (!ends_text_line(to)) {
    if (before > excerpt_width - excerpt_after) {
      from = offset;
      for (before = 0; before < excerpt_before && from > line_start; --from) before += begins_code_point(text_[from - 1]) ? 1 : 0;
      d.source_line = "...";
    }
    to = end_of_excerpt(offset, excerpt_after);
  }
  d.caret = static_cast<std::uint32_t>(d.source_line.size() + before + 1);
  d.source_line.append(text_, from, to - from);
  if (!ends_text_line(to)) d.source_line += "...";
  return d;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  const char *at = text.data(), *const end = at + text.size();
  while (at != end) {
    const char* const begin = at;
    const auto code = Utf8::decode(at, end);
    if (code == boost::locale::utf::illegal || code == boost::locale::utf::incomplete) {
      return static_cast<std::size_t>(begin - text.data());
    }
  }
  return {};
}

char32_t first_code_point(std::string_view text) {
  const char* at = text.data();
  return static_cast<char32_t>(Utf8::decode(at, at + text.size()));
}

std::string clipped(std::string_view text, std::size_t count) {
  std::size_t end = 0, seen = 0;
  for (; end < text.size(); ++end) {
    if (begins_code_point(text[end]) && ++seen > count) return std::string(text.substr(0, end)) + "...";
  }
  return std::string(text);
}

}  // namespace unplug::scenarios
