#include "unplug/scenarios/run/output.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace unplug::scenarios {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view unfinished = ".part", manifest_kind = "manifest/1";
constexpr std::size_t probe_bytes = 1U << 16U;  // a disk that takes no more than that is full

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Below the folder, and no way out of it: a list may have been edited.
bool is_inside(const std::string& name) {
  const fs::path p(name);
  if (name.empty() || p.is_absolute()) return false;
  for (const fs::path& step : p)
    if (step == "..") return false;
  return true;
}

// A result or a failure file says itself that it is one; an earlier version of the program wrote them without a list.
bool is_ours(const std::string& path) {
  const std::string text = read(path).substr(0, 4096);
  return text.find("\"unplug\": \"result/") != std::string::npos || text.find("\"unplug\": \"failure/") != std::string::npos ||
         text.find("name=\"generator\" content=\"unplug") != std::string::npos;
}

}  // namespace

bool write_atomically(const std::string& path, const std::string& text, std::string& error) {
  std::error_code ec;
  const fs::path target(path);
  if (target.has_parent_path()) fs::create_directories(target.parent_path(), ec);
  if (ec) {
    error = fmt::format("cannot make directory '{}': {}", target.parent_path().string(), ec.message());
    return false;
  }
  const std::string temporary = path + std::string(unfinished);
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) {
    fs::rename(temporary, target, ec);
    if (!ec) return true;
    error = fmt::format("cannot write '{}': {}", path, ec.message());
  } else {
    error = fmt::format("cannot write '{}': {}", path, std::strerror(errno));
  }
  fs::remove(temporary, ec);
  return false;
}

bool Output::open(const std::string& command, std::string& error) {
  command_ = command;
  const Json list = Json::parse(read(path(manifest)), nullptr, false);
  if (list.is_object() && list.value("unplug", "") == manifest_kind && list.contains("files") && list["files"].is_array())
    for (const Json& name : list["files"])
      if (name.is_string() && is_inside(name.get<std::string>())) before_.insert(name.get<std::string>());
  std::error_code ec;
  if (!may_write("result.json", error)) return false;
  for (const std::string& name : before_) fs::remove(path(name) + std::string(unfinished), ec);  // of a run that was killed
  if (!write_atomically(path(std::string(manifest) + ".probe"), std::string(probe_bytes, ' '), error)) return false;
  fs::remove(path(std::string(manifest) + ".probe"), ec);
  if (write_list()) return true;
  error = problem_;
  return false;
}

bool Output::write_list() {
  std::set<std::string> all = before_;
  all.insert(now_.begin(), now_.end());
  const Json list{{"unplug", manifest_kind}, {"written_by", command_}, {"files", all}};
  return write_atomically(path(manifest), list.dump(2) + "\n", problem_);
}

bool Output::may_write(const std::string& name, std::string& error) const {
  std::error_code ec;
  if (before_.contains(name) || !fs::exists(path(name), ec) || is_ours(path(name))) return true;
  error = fmt::format("'{}' is there, and is none of the files that unplug has written: another --out, or move it away", path(name));
  return false;
}

bool Output::write(const std::string& name, const std::string& text) {
  const std::scoped_lock lock(mutex_);
  if (!problem_.empty()) return false;
  if (!now_.contains(name)) {
    if (!may_write(name, problem_)) return false;
    now_.insert(name);
    if (!write_list()) return false;
  }
  return write_atomically(path(name), text, problem_);
}

void Output::complete() {
  const std::scoped_lock lock(mutex_);
  if (!problem_.empty()) return;
  std::error_code ec;
  for (const std::string& name : before_)
    if (!now_.contains(name)) fs::remove(path(name), ec);
  before_.clear();
  write_list();
}

}  // namespace unplug::scenarios
