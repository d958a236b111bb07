// Reading UTF-8 one code point at a time, for layout and escaping.
#pragma once

#include <cstddef>
#include <string_view>

namespace unplug::reports {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 1;  // bytes
  bool valid = false;      // false: value is meaningless, skip one byte
};

// The code point at `at` (which is inside `text`). Overlong forms, surrogates and values past U+10FFFF are invalid.
[[nodiscard]] CodePoint decode(std::string_view text, std::size_t at);

// The columns one code point takes on a terminal: 0, 1 or 2.
[[nodiscard]] std::size_t columns_of(char32_t c);

}  // namespace unplug::reports
