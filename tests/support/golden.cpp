#include "support/golden.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

namespace unplug::test {

namespace {

constexpr std::size_t context_lines = 3;
constexpr std::size_t most_lines = 60;  // of each side; beyond, look at the files

// With their line ends made visible where they are not plain: a missing last newline is a difference too.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    if (!line.empty() && line.back() == '\r') line.replace(line.size() - 1, 1, "<CR>");
    if (end == std::string_view::npos) line += "<no newline>";
    out.push_back(std::move(line));
    text.remove_prefix(std::min(end, text.size() - 1) + 1);
  }
  return out;
}

void append(std::string& out, char mark, const std::vector<std::string>& lines, std::size_t from, std::size_t to) {
  const std::size_t shown = std::min(to, from + most_lines);
  for (std::size_t i = from; i < shown; ++i) out += std::string(1, mark) + lines[i] + "\n";
  if (shown < to) out += std::string(1, mark) + "... " + std::to_string(to - shown) + " more lines\n";
}

// `shown`: what messages call the file.
void check_file(const std::filesystem::path& path, const std::string& shown, std::string_view actual) {
  std::ifstream in(path, std::ios::binary);
  const bool exists = in.is_open();
  const std::string expected{std::istreambuf_iterator<char>(in), {}};

  const char* const update = std::getenv("UNPLUG_UPDATE_GOLDEN");
  if (update != nullptr && *update != '\0') {
    if (exists && expected == actual) return;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::ofstream out(path, std::ios::binary);
    out << actual << std::flush;
    CHECK_MESSAGE(out.good(), "cannot write golden file ", path.string());
    return;
  }
  CHECK_MESSAGE(exists, "no golden file ", path.string(), "; run again with UNPLUG_UPDATE_GOLDEN=1 to write it");
  if (!exists) return;
  const std::string diff = golden_diff(expected, actual);
  CHECK_MESSAGE(diff.empty(), "differs from ", shown, "; if the new text is right, run again with UNPLUG_UPDATE_GOLDEN=1\n", diff);
}

}  // namespace

std::string golden_diff(std::string_view expected, std::string_view actual) {
  if (expected == actual) return {};
  const std::vector<std::string> old_lines = lines_of(expected), new_lines = lines_of(actual);
  const std::size_t shorter = std::min(old_lines.size(), new_lines.size());
  std::size_t same = 0, tail = 0;
  while (same < shorter && old_lines[same] == new_lines[same]) ++same;
  while (tail < shorter - same && old_lines[old_lines.size() - 1 - tail] == new_lines[new_lines.size() - 1 - tail]) ++tail;
  const std::size_t old_end = old_lines.size() - tail, new_end = new_lines.size() - tail;

  std::string out = "@@ line " + std::to_string(same + 1) + ": - expected, + actual @@\n";
  append(out, ' ', old_lines, same - std::min(same, context_lines), same);
  append(out, '-', old_lines, same, old_end);
  append(out, '+', new_lines, same, new_end);
  append(out, ' ', old_lines, old_end, std::min(old_end + context_lines, old_lines.size()));
  return out;
}

void check_golden(std::string_view name, std::string_view actual) {
  check_file(std::filesystem::path(UNPLUG_GOLDEN_DIR) / name, "tests/golden/" + std::string(name), actual);
}

void check_generated(std::string_view path, std::string_view actual) {
  check_file(std::filesystem::path(UNPLUG_SOURCE_DIR) / path, std::string(path), actual);
}

}  // namespace unplug::test
