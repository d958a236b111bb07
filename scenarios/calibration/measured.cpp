#include "unplug/scenarios/calibration/measured.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "unplug/embedded/scenarios.hpp"

namespace unplug::scenarios::calibration {
namespace {

using Json = nlohmann::json;

sim::Duration duration(const Json& microseconds) { return microseconds.get<std::uint64_t>() * sim::microsecond; }
Machine::Range range(const Json& pair) { return {duration(pair.at(0)), duration(pair.at(1))}; }
Spread spread(const Json& five) {
  return {duration(five.at(0)), duration(five.at(1)), duration(five.at(2)), duration(five.at(3)), duration(five.at(4))};
}

Machine machine(const Json& j) {
  Machine m;
  m.name = j.at("name");
  m.title = j.at("title");
  m.counted = j.at("counted");
  m.kernel.version = "6.1";
  m.kernel.cpus = j.at("cpus");
  m.kernel.grace_periods =
      j.at("grace_periods") == "idle-one-cpu" ? model::GracePeriodPreset::idle_one_cpu : model::GracePeriodPreset::idle;
  m.kernel.dynamic_ftrace = j.at("dynamic_ftrace");
  m.wake_up = range(j.at("wake_up"));
  m.kick = range(j.at("kick"));
  m.there_and_back = duration(j.at("there_and_back"));
  m.unbind = spread(j.at("unbind"));
  return m;
}

Measured load() {
  const Json j = Json::parse(embedded::find("calibration/measured.json")->text, nullptr, true, true);
  Measured out;
  out.kernel = j.at("kernel");
  for (const Json& m : j.at("machines")) out.machines.push_back(machine(m));
  for (const Json& r : j.at("rows")) {
    MeasuredRow row;
    row.experiment = r.at("experiment");
    row.at = r.at("at");
    row.n = r.at("n");
    row.p10 = duration(r.at("p10"));
    row.median = duration(r.at("median"));
    row.p90 = duration(r.at("p90"));
    row.lies = r.contains("lies") ? range(r.at("lies")) : median_lies(row.n, row.p10, row.median, row.p90);
    if (r.contains("remaining")) row.remaining = spread(r.at("remaining"));
    const std::string on = r.at("machine");
    row.machine = &*std::ranges::find(out.machines, on, &Machine::name);
    out.rows.push_back(std::move(row));
  }
  return out;
}

}  // namespace

sim::Duration Spread::at(std::uint64_t per_mille) const {
  struct Point {
    std::uint64_t per_mille;
    sim::Duration value;
  };
  const std::array<Point, 5> points{{{0, min}, {100, p10}, {500, median}, {900, p90}, {1000, max}}};
  std::size_t i = 1;
  while (i + 1 < points.size() && per_mille > points[i].per_mille) ++i;
  const Point &from = points[i - 1], &to = points[i];
  return from.value + (to.value - from.value) * (std::min(per_mille, to.per_mille) - from.per_mille) / (to.per_mille - from.per_mille);
}

Machine::Range median_lies(std::uint64_t n, sim::Duration p10, sim::Duration median, sim::Duration p90) {
  // A proportion of one half is known to 1.96 standard deviations of 1/2 over the root of n; in per mille, the root from above.
  std::uint64_t width = 0;
  while (width < 400 && width * width * n < 980 * 980) ++width;
  const Spread s{p10, p10, median, p90, p90};
  return {s.at(500 - width), s.at(500 + width)};
}

const Measured& measured() {
  static const Measured all = load();
  return all;
}

}  // namespace unplug::scenarios::calibration
