#include "program.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

namespace unplug::test {

Ran run_unplug(const std::string& arguments, const std::string& environment) {
  return run_shell(environment + " timeout 100 '" UNPLUG_BINARY "' " + arguments);
}

Ran run_shell(const std::string& script) {
  const std::string command = "cd '" UNPLUG_SOURCE_DIR "' && " + script;
  Ran ran;
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) != 0;) ran.out.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.is_open(), path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text << std::flush;
  REQUIRE_MESSAGE(out.good(), path.string());
}

Folder::Folder(const std::string& name)
    : path(std::filesystem::path(UNPLUG_BINARY).parent_path() / ("test-" + name + "-" + std::to_string(::getpid()))) {
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace unplug::test
