// The shells that completion is made for, and the script of each: it asks the program for candidates, so it knows nothing itself.
#pragma once

#include <string_view>
#include <vector>

namespace unplug::cli {

struct Shell {
  std::string_view name, script;
};
// By name; a file of completions/ each.
[[nodiscard]] std::vector<Shell> shells();

// How the scripts ask: this word, then the words of the line from the verb to the cursor. The answer has a candidate a line, what it is
// behind a tab; and ":files" or ":folders" where paths may stand as well.
inline constexpr std::string_view asking = "__complete";

}  // namespace unplug::cli
