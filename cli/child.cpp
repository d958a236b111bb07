#include "unplug/cli/child.hpp"

#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include <fmt/format.h>

namespace unplug::cli {

Child run_self(const std::vector<std::string>& arguments, bool fixed_addresses) {
  Child child;
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return child;
  std::vector<std::string> words{"unplug"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    if (fixed_addresses) ::personality(ADDR_NO_RANDOMIZE);
    ::execv("/proc/self/exe", argv.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::string text;
  std::array<char, 65536> buffer{};
  for (ssize_t n = 0; (n = ::read(pipe[0], buffer.data(), buffer.size())) > 0;) text.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(pipe[0]);
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return child;
  child.code = WEXITSTATUS(status);
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    child.lines.push_back(text.substr(from, end == std::string::npos ? end : end - from));
    from = end == std::string::npos ? text.size() : end + 1;
  }
  return child;
}

std::string readable_again(const std::string& path, scenarios::Diagnostics& out) {
  const auto document = scenarios::Document::load(path, out);
  const int file = document ? ::memfd_create("stdin", 0) : -1;
  if (file < 0) return path;
  const std::string& text = document->text();
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(file, text.data() + at, text.size() - at);
    if (n <= 0) return path;
    at += static_cast<std::size_t>(n);
  }
  return fmt::format("/proc/self/fd/{}", file);
}

}  // namespace unplug::cli
