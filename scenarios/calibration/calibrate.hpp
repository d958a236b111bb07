// The model beside a measured kernel: each experiment run on the model at the points at which the kernel was measured.
//
// What is judged is decided by rules that look at the measurement alone:
// - A row, or what it took beyond its condition (an unbind's own work, the rest of a running handler), of at most 0.3 ms a wait says
//   nothing: that is CPU time under emulation. At most 0.3 ms in all: not shown.
// - The same case on the counted clock was such a row: what it took in real time is the host's doing.
// - At most one call in ten found the reader inside: nothing was in the way.
// A row is met if the predicted median is within 15 % of the measured one, or where the measured one lies at 95 % given its samples; less
// is a lower bound where the experiment names what was waited for besides.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "unplug/scenarios/calibration/experiments.hpp"

namespace unplug::scenarios::calibration {

inline constexpr std::uint64_t limit_percent = 15;
inline constexpr sim::Duration resolution = 300 * sim::microsecond;

enum class Verdict : std::uint8_t {
  within,    // 15 %
  spread,    // not, but the measured median is no more certain
  at_least,  // less, and something is named that was waited for besides
  missed,
  input,      // not judged: the model has it from here
  cost,       // not judged, by the rules above
  host,       // likewise
  no_reader,  // likewise
};
[[nodiscard]] constexpr bool judged(Verdict v) { return v <= Verdict::missed; }
[[nodiscard]] std::string_view word(Verdict v);
// By the rules above; `predicted` is a median.
[[nodiscard]] Verdict judge(const Experiment& e, const MeasuredRow& row, sim::Duration predicted);

struct Comparison {
  const Experiment* experiment = nullptr;
  const MeasuredRow* measured = nullptr;
  sim::Duration p10 = 0, median = 0, p90 = 0;  // predicted
  Verdict verdict = Verdict::within;
};

// What each further call, caller or window costs, from the first point to the last.
struct Slope {
  const Experiment* experiment = nullptr;
  const Machine* machine = nullptr;
  std::uint64_t from = 0, to = 0;
  std::int64_t measured = 0, predicted = 0;  // ns from the first point to the last
  bool met = false;                          // within 15 %, or 0.3 ms a call
};

struct Calibration {
  std::uint64_t seed = 0, executions = 0;
  std::vector<Comparison> rows;  // by experiment, machine and point
  std::vector<Slope> slopes;
  std::uint64_t too_short = 0;  // rows not shown
  [[nodiscard]] std::uint64_t count(Verdict v) const;
  [[nodiscard]] std::uint64_t slopes_missed() const;
  [[nodiscard]] bool good() const { return count(Verdict::missed) == 0 && slopes_missed() == 0; }
};

struct CalibrateOptions {
  std::uint64_t seed = 1, executions = 2000;
  unsigned jobs = 1;
  std::function<void(std::uint64_t done, std::uint64_t all)> progress{};  // told how many rows are done, from any thread; may be empty
  std::function<bool()> stop{};                                           // asked before each row, from any thread; may be empty
};
// The result depends on seed and number of executions alone. None: it was stopped.
[[nodiscard]] std::optional<Calibration> calibrate(const CalibrateOptions& options);

}  // namespace unplug::scenarios::calibration
