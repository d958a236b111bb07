#include "unplug/scenarios/calibration/calibrate.hpp"

#include <algorithm>
#include <cstdlib>

#include "unplug/sim/campaign.hpp"

namespace unplug::scenarios::calibration {
namespace {

// Waits or threads that a row's time is spent on.
std::uint64_t parts(const Experiment& e, std::uint64_t at) { return e.axis == Experiment::Axis::count && !e.shared ? at : e.threads; }

// What the row took whatever the wait.
sim::Duration condition(const Experiment& e, const MeasuredRow& row) {
  sim::Duration sum = e.unbinds ? row.machine->unbind.median : 0;
  if (row.remaining && !e.kicks) sum += row.remaining->median;
  return sum;
}

bool only_cost(const Experiment& e, const MeasuredRow& row) { return row.median <= condition(e, row) + resolution * parts(e, row.at); }

const MeasuredRow* on_counted_clock(const MeasuredRow& row) {
  const auto& rows = measured().rows;
  const auto same = [&](const MeasuredRow& r) { return r.experiment == row.experiment && r.at == row.at && r.machine->counted; };
  const auto found = row.machine->counted ? rows.end() : std::ranges::find_if(rows, same);
  return found == rows.end() ? nullptr : &*found;
}

bool near(std::uint64_t a, std::uint64_t b, std::uint64_t of) { return (a > b ? a - b : b - a) * 100 <= of * limit_percent; }

bool has_beyond(const Experiment& e, const Machine& m) { return !e.beyond.what.empty() && m.kernel.cpus >= e.beyond.from_cpus; }

// Fills in the predictions of the rows it is given.
class Worker final : public sim::CampaignWorker {
 public:
  Worker(const CalibrateOptions& options, std::vector<Comparison>& rows) : options_(options), rows_(rows) {}
  void run(std::uint64_t index) override {
    Comparison& row = rows_[index];
    const MeasuredRow& m = *row.measured;
    Bench bench(*m.machine, *row.experiment, m.at, m.remaining);
    const std::uint64_t seed =
        sim::combine(sim::combine(options_.seed, sim::hash_bytes(m.experiment)), sim::combine(sim::hash_bytes(m.machine->name), m.at));
    std::vector<sim::Duration> took;
    took.reserve(options_.executions);
    for (std::uint64_t i = 0; i < options_.executions; ++i) took.push_back(bench.run(sim::execution_seed(seed, i)));
    std::sort(took.begin(), took.end());
    const auto quantile = [&](std::uint64_t percent) { return took[(took.size() - 1) * percent / 100]; };
    row.p10 = quantile(10);
    row.median = quantile(50);
    row.p90 = quantile(90);
    row.verdict = judge(*row.experiment, m, row.median);
  }
  void deliver() override {}

 private:
  const CalibrateOptions& options_;
  std::vector<Comparison>& rows_;  // each is written by who runs it
};

std::vector<Slope> slopes(const std::vector<Comparison>& rows) {
  std::vector<Slope> out;
  for (std::size_t i = 0; i < rows.size();) {
    const Comparison& first = rows[i];
    std::size_t end = i;
    while (end < rows.size() && rows[end].experiment == first.experiment && rows[end].measured->machine == first.measured->machine) ++end;
    const Comparison& last = rows[end - 1];
    if (first.experiment->axis == Experiment::Axis::count && end - i > 1) {
      Slope s{first.experiment, first.measured->machine, first.measured->at, last.measured->at};
      s.measured = static_cast<std::int64_t>(last.measured->median) - static_cast<std::int64_t>(first.measured->median);
      s.predicted = static_cast<std::int64_t>(last.median) - static_cast<std::int64_t>(first.median);
      const auto off = static_cast<std::uint64_t>(std::abs(s.measured - s.predicted));
      s.met = off * 100 <= static_cast<std::uint64_t>(std::abs(s.measured)) * limit_percent || off <= resolution * (s.to - s.from);
      out.push_back(s);
    }
    i = end;
  }
  return out;
}

}  // namespace

Verdict judge(const Experiment& e, const MeasuredRow& row, sim::Duration predicted) {
  if (e.name == "unbind" && row.at == 1) return Verdict::input;
  if (row.remaining && row.remaining->p90 == 0) return Verdict::no_reader;
  if (only_cost(e, row)) return Verdict::cost;
  if (const MeasuredRow* counted = on_counted_clock(row); counted != nullptr && only_cost(e, *counted)) return Verdict::host;
  if (near(predicted, row.median, row.median)) return Verdict::within;
  if (row.lies.low <= predicted && predicted <= row.lies.high) return Verdict::spread;
  return predicted < row.median && has_beyond(e, *row.machine) ? Verdict::at_least : Verdict::missed;
}

std::string_view word(Verdict v) {
  switch (v) {
    case Verdict::within: return "ok";
    case Verdict::spread: return "spread";
    case Verdict::at_least: return "at least";
    case Verdict::missed: return "MISSED";
    case Verdict::input: return "input";
    case Verdict::cost: return "cost";
    case Verdict::host: return "host";
    case Verdict::no_reader: return "no reader";
  }
  return "";
}

std::uint64_t Calibration::count(Verdict v) const { return static_cast<std::uint64_t>(std::ranges::count(rows, v, &Comparison::verdict)); }

std::uint64_t Calibration::slopes_missed() const { return static_cast<std::uint64_t>(std::ranges::count(slopes, false, &Slope::met)); }

std::optional<Calibration> calibrate(const CalibrateOptions& options) {
  Calibration out;
  out.seed = options.seed;
  out.executions = options.executions;
  for (const auto list : {grace_period_experiments(), handler_experiments(), removal_experiments()})
    for (const Experiment& e : list)
      for (const MeasuredRow& row : measured().rows) {
        if (row.experiment != e.name) continue;
        if (row.median <= resolution) {
          ++out.too_short;
        } else {
          out.rows.push_back({&e, &row});
        }
      }
  std::function<void(std::uint64_t)> told;
  if (options.progress) told = [&](std::uint64_t done) { options.progress(done, out.rows.size()); };
  if (!sim::run_campaign(
          out.rows.size(), options.jobs, [&] { return std::make_unique<Worker>(options, out.rows); }, told, options.stop, 1))
    return {};
  out.slopes = slopes(out.rows);
  return out;
}

}  // namespace unplug::scenarios::calibration
