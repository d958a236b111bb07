// Text on a grid of columns: how wide it is, how it breaks, and what of it may be printed at all.
//
// Names come from other people's files, so control characters never reach a terminal and invalid UTF-8 never reaches a file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace unplug::reports {

// The columns that `utf8` takes on a terminal: combining marks none, East Asian wide characters two.
[[nodiscard]] std::size_t display_width(std::string_view utf8);

// `text` with every control character as '?' (newline and tab as a space) and every invalid byte as U+FFFD.
[[nodiscard]] std::string printable(std::string_view text);

// `text` in printable ASCII: the common accented letters, quotes and dashes by their nearest ASCII spelling, anything else as '?'.
[[nodiscard]] std::string ascii(std::string_view text);

// Breaks `text` into lines of at most `width` columns (the first may be narrower by `first_used`): at spaces, else after one of
// "-_/.,:;)+@", else anywhere. Never empty; lines carry no trailing space.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width, std::size_t first_used = 0);

// Breaks a shell command into lines that a shell reads as one command: " \" at a space where possible, else a bare "\" in mid-word
// with the rest at column 0 (a shell joins them without a space).
[[nodiscard]] std::vector<std::string> wrap_command(std::string_view command, std::size_t width, std::size_t indent);

// `text` padded with spaces to `width` columns, on the right or on the left.
[[nodiscard]] std::string pad_right(std::string text, std::size_t width);
[[nodiscard]] std::string pad_left(const std::string& text, std::size_t width);

// `parts` with `separator` between them.
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace unplug::reports
