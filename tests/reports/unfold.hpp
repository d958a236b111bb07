// Undoes what wrap_command does, by the rules of a shell: a backslash at the end of a line joins, spaces between words are one.
#pragma once

#include <string>
#include <string_view>

namespace unplug::test {

inline std::string unfold(std::string_view text) {
  std::string joined;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\\\n") {
      ++i;
    } else {
      joined += text[i] == '\n' ? ' ' : text[i];
    }
  }
  std::string out;
  for (const char c : joined) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace unplug::test
