// The program as a user meets it: started in a shell, from the source root.
#pragma once

#include <filesystem>
#include <string>

namespace unplug::test {

struct Ran {
  int code = -1;    // exit code; 128 and more: killed by a signal
  std::string out;  // what it printed: stdout, and stderr where the arguments say 2>&1
};

// Runs a script in the shell, in the source root.
Ran run_shell(const std::string& script);
// Runs "unplug ARGUMENTS" by way of the shell.
Ran run_unplug(const std::string& arguments, const std::string& environment = "");

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& text);

// A directory of its own beside the program, which goes away.
struct Folder {
  std::filesystem::path path;
  explicit Folder(const std::string& name);
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path / name).string(); }
};

}  // namespace unplug::test
