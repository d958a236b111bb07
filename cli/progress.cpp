#include "unplug/cli/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace unplug::cli {
namespace {

constexpr auto at_least = std::chrono::milliseconds(200);  // between two lines

// 1,234,567
std::string grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string elapsed(std::uint64_t ms) {
  const std::uint64_t s = ms / 1000;
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60) : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace

ProgressLine::ProgressLine(bool quiet) : on_(!quiet && ::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::about(const std::string& what) {
  const std::scoped_lock lock(mutex_);
  about_ = what;
  begun_ = last_ = Clock::now();
  last_visited_ = rate_ = 0;
}

std::string ProgressLine::line(const std::string& about, const scenarios::Progress& p, std::uint64_t elapsed_ms, std::uint64_t rate) {
  std::string out = about + ": ";
  if (p.cells != 0) out += fmt::format("{} of {} cells done", std::min(p.done, p.cells), p.cells);
  if (p.visited != 0 && !p.unit.empty()) {
    out += fmt::format("{}{}", p.cells != 0 ? ", " : "", grouped(p.visited));
    // An estimate is one: what it was too low for is done, and nothing is more than whole.
    if (p.all == 0) {
      out += fmt::format(" {}s, how many in all is unknown", p.unit);
    } else {
      const std::uint64_t all = std::max(p.all, p.visited);
      const bool searched = p.unit == "trace" || p.unit == "schedule";
      out += fmt::format(" of {}{} {}s ({} %)", searched ? "about " : "", grouped(all), p.unit,
                         p.visited < UINT64_MAX / 100 ? p.visited * 100 / all : 100);
    }
    if (rate != 0) out += fmt::format(", {}/s", grouped(rate));
  }
  return out + ", " + elapsed(elapsed_ms);
}

void ProgressLine::show(const scenarios::Progress& p) {
  if (!on_) return;
  const std::scoped_lock lock(mutex_);
  const auto now = Clock::now();
  if (now - last_ < at_least) return;
  const auto ms = [](auto d) { return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()); };
  if (p.visited >= last_visited_) rate_ = (p.visited - last_visited_) * 1000 / std::max<std::uint64_t>(ms(now - last_), 1);
  last_ = now;
  last_visited_ = p.visited;
  fmt::print(stderr, "\r\033[K{}", line(about_, p, ms(now - begun_), rate_));
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (on_) fmt::print(stderr, "\r\033[K");
}

}  // namespace unplug::cli
