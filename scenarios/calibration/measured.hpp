// What a real kernel took, for `unplug calibrate`: the rows that the model has to predict, and the inputs it may use. measured.json, which
// is compiled in, says where they come from. Times are in nanoseconds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/model/core/config.hpp"
#include "unplug/sim/hash.hpp"
#include "unplug/sim/time.hpp"

namespace unplug::scenarios::calibration {

// A distribution by five of its quantiles.
struct Spread {
  sim::Duration min = 0, p10 = 0, median = 0, p90 = 0, max = 0;
  // The value at `per_mille` of it, on straight lines between the five.
  [[nodiscard]] sim::Duration at(std::uint64_t per_mille) const;
  [[nodiscard]] sim::Duration draw(sim::Random& random) const { return at(random.below(1001)); }
};

// The machine a row was measured on, as far as the model has it: its configuration, and what waking somebody costs there.
struct Machine {
  std::string name, title;
  bool counted = false;  // its clock counts instructions, so that nothing but the guest takes time
  model::KernelConfig kernel;
  struct Range {
    sim::Duration low = 0, high = 0;
  };
  Range wake_up;                     // until somebody runs again whose wait has ended
  Range kick;                        // until somebody runs who slept and was woken early, or was started
  sim::Duration there_and_back = 0;  // CPU time of switching to a thread and back
  Spread unbind;                     // all that an unbind does besides waiting
};

// One row: what the kernel took, over `n` samples.
struct MeasuredRow {
  std::string experiment;
  const Machine* machine = nullptr;
  std::uint64_t at = 0;  // calls, callers or windows; or microseconds that a reader, handler or ioctl takes
  std::uint64_t n = 0;
  sim::Duration p10 = 0, median = 0, p90 = 0;
  Machine::Range lies;              // the median, at 95 %: by order statistics of the samples, else by those of p10, median and p90
  std::optional<Spread> remaining;  // of that reader, handler or ioctl, as the wait began
};

struct Measured {
  std::string kernel;
  std::vector<Machine> machines;
  std::vector<MeasuredRow> rows;
};
[[nodiscard]] const Measured& measured();

// Where the median of a distribution lies at 95 % that `n` samples gave these three quantiles.
[[nodiscard]] Machine::Range median_lies(std::uint64_t n, sim::Duration p10, sim::Duration median, sim::Duration p90);

}  // namespace unplug::scenarios::calibration
