// How far long work is: on a terminal, on stderr, and it leaves no trace there.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "unplug/cli/stopping.hpp"
#include "unplug/scenarios/run/runner.hpp"

namespace unplug::cli {

class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // What the next shows are about: the path of a file.
  void about(const std::string& what);
  // From any thread. At most a few times a second something is written.
  void show(const scenarios::Progress& p);
  void clear();

  // What is written: "scenarios/x.json: cell 3 of 12, 52,224 of about 300,000 traces (17 %), 48,000/s, 0:01". `elapsed_ms`: since the file
  // was begun; `rate`: units a second.
  [[nodiscard]] static std::string line(const std::string& about, const scenarios::Progress& p, std::uint64_t elapsed_ms,
                                        std::uint64_t rate);

 private:
  bool on_;
  std::mutex mutex_;
  std::string about_;
  Clock::time_point begun_ = Clock::now(), last_ = begun_;
  std::uint64_t last_visited_ = 0, rate_ = 0;
};

}  // namespace unplug::cli
