// The folder that a run writes to. Other people's files in it stay: what is written is kept in a list there, and only what an earlier run
// has put on that list is ever replaced or removed, and removed only when the new result is complete.
#pragma once

#include <mutex>
#include <set>
#include <string>

namespace unplug::scenarios {

class Output {
 public:
  // The name of the list, a file of kind "manifest/1".
  static constexpr const char* manifest = "unplug-manifest.json";

  explicit Output(std::string folder) : folder_(std::move(folder)) {}
  // Makes the folder and sees that it can be written to and has nobody else's result in it, before any work is done. False, with why, if
  // not. `command`: for the list.
  bool open(const std::string& command, std::string& error);

  // Writes `text` to `name`, a path below the folder, whole or not at all. False if that failed: the first time, problem() says why, and
  // from then on nothing is written any more. From any thread.
  bool write(const std::string& name, const std::string& text);
  // Removes what earlier runs have written and this one has not. Once everything is there.
  void complete();

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  // What went wrong; empty: nothing.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool write_list();
  bool may_write(const std::string& name, std::string& error) const;
  std::string folder_, command_, problem_;
  std::mutex mutex_;
  std::set<std::string> before_, now_;  // names on the list: of earlier runs, of this one
};

// Writes `text` to a temporary file beside `path` and renames it; nothing is left if that fails. `error` says why.
bool write_atomically(const std::string& path, const std::string& text, std::string& error);

}  // namespace unplug::scenarios
