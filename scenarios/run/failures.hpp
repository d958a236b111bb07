// The failure files of a run: of each signature, under each form and policy, the simplest schedule that was found, whatever member and
// strategy found it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "unplug/scenarios/run/failure_file.hpp"
#include "unplug/scenarios/run/output.hpp"

namespace unplug::scenarios {

class FailureStore {
 public:
  // Files are written to `folder` of the output.
  FailureStore(Output& output, std::string folder) : output_(output), folder_(std::move(folder)) {}

  // How simple a schedule is: preemptions (unknown: the most), steps, place of its cell in the run.
  using Simplicity = std::tuple<unsigned, std::uint64_t, std::size_t>;
  // Writes the file unless there is a simpler one; answers the path of the file that is kept, or nothing if it could not be written. From
  // any thread.
  std::string offer(const FailureFile& failure, const Finding& finding, const std::string& scenario, const Simplicity& simplicity);
  // Whether the file at `path` shows what was found in cell number `cell`: of the cells that share it, one does.
  [[nodiscard]] bool shows(const std::string& path, std::size_t cell);

 private:
  Output& output_;
  std::string folder_;
  std::mutex mutex_;
  std::map<std::string, Simplicity> kept_;  // by path of the file
};

}  // namespace unplug::scenarios
