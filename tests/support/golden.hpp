// Expected outputs, kept as files: tests/golden/NAME.
#pragma once

#include <string>
#include <string_view>

namespace unplug::test {

// Checks that `actual` is what tests/golden/NAME holds, and shows the lines that differ if not. With UNPLUG_UPDATE_GOLDEN set in the
// environment it writes the file instead: look at the change before you commit it. NAME may have folders ("scenarios/x.txt").
void check_golden(std::string_view name, std::string_view actual);

// The same of a generated file that is committed elsewhere: PATH from the source root ("docs/x.md").
void check_generated(std::string_view path, std::string_view actual);

// The lines in which `actual` differs from `expected`, with a few around them; empty if they are the same.
[[nodiscard]] std::string golden_diff(std::string_view expected, std::string_view actual);

}  // namespace unplug::test
