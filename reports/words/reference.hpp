// The reference of the scenario language as a page of Markdown, made from the published schemas and the tables in the code:
// docs/scenario-reference.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unplug::reports {

// A key of a scenario or policy file, outside of steps.
struct FileKey {
  std::string path, value, meaning;  // "run.threads.NAME.count", "count", what it says of it
  // The last word of the path; empty where that is a name of the author's.
  [[nodiscard]] std::string word() const;
};
// Every key of a kind of file ("scenario", "policy"), from the outermost in.
[[nodiscard]] const std::vector<FileKey>& keys_of_files(std::string_view kind);

[[nodiscard]] std::string reference_page();

}  // namespace unplug::reports
