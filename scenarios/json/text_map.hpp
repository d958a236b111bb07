// A text and where its lines begin: the step from byte offsets to lines, columns and excerpts, cheap even where one line is the whole file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/json/diagnostics.hpp"

namespace unplug::scenarios {

class TextMap {
 public:
  TextMap(std::string name, std::string text);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::size_t begin() const { return line_starts_.front(); }  // past a byte order mark

  [[nodiscard]] Position position(std::size_t offset) const;
  [[nodiscard]] Diagnostic diagnostic(std::size_t offset, std::string message) const;  // with the excerpt

 private:
  [[nodiscard]] bool ends_text_line(std::size_t at) const;
  [[nodiscard]] std::size_t end_of_excerpt(std::size_t from, std::size_t width) const;  // in code points
  [[nodiscard]] std::size_t code_points(std::size_t offset) const;                      // that begin before it

  std::string name_, text_;
  std::vector<std::uint32_t> line_starts_;
  std::vector<std::uint32_t> code_points_;  // before each block of the text
};

// The first byte that is not part of well-formed UTF-8.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// The code point at the start of `text`, which is valid UTF-8 and not empty.
[[nodiscard]] char32_t first_code_point(std::string_view text);

// `text` cut to at most `count` code points, "..." for the rest: what a message quotes of it.
[[nodiscard]] std::string clipped(std::string_view text, std::size_t count = 40);

}  // namespace unplug::scenarios
