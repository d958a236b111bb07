#include "unplug/reports/words/calibration.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"

namespace unplug::reports {

namespace {

using namespace scenarios::calibration;
using Json = nlohmann::ordered_json;

std::string point(const Experiment& e, std::uint64_t at) {
  return e.axis == Experiment::Axis::count ? std::to_string(at) : duration(at * sim::microsecond);
}

// Two decimals, rounded to the nearest.
std::string ratio(sim::Duration a, sim::Duration b) {
  const std::uint64_t hundredths = (a * 200 + b) / (2 * b);
  return fmt::format("{}.{:02}", hundredths / 100, hundredths % 100);
}

Style style(Verdict v) {
  switch (v) {
    case Verdict::within: return Style::good;
    case Verdict::missed: return Style::bad;
    case Verdict::spread:
    case Verdict::at_least: return Style::plain;
    default: return Style::faint;
  }
}

void write_inputs(Page& page, const std::vector<Machine>& machines) {
  page.gap();
  page.line("inputs", Style::strong);
  page.entry("-", "single grace periods of normal RCU and their sharing, the polls of an SRCU grace period, the jiffy (4 ms)");
  for (const Machine& m : machines) {
    std::string text = fmt::format("{}: switching to a thread and back takes {}", m.title, duration(m.there_and_back));
    if (m.wake_up.high != 0)
      text += fmt::format("; who waited runs again after {}, who slept or was started after {}",
                          duration_range(m.wake_up.low, m.wake_up.high), duration_range(m.kick.low, m.kick.high));
    text += fmt::format("; an unbind without any wait takes {}, p10..p90 {}", duration(m.unbind.median),
                        duration_range(m.unbind.p10, m.unbind.p90));
    page.entry("-", text);
  }
  page.entry("-", "how far a reader, handler or ioctl was from its end when a wait began: as measured");
}

void write_rows(Page& page, const std::vector<Comparison>& rows) {
  for (std::size_t i = 0; i < rows.size();) {
    const Experiment& e = *rows[i].experiment;
    page.gap();
    page.line(e.title, Style::strong);
    Table table;
    table.columns = {{{e.axis == Experiment::Axis::count ? "N" : "D"}, true, 7},
                     {{"machine"}, false, 8},
                     {{"measured"}, true, 8},
                     {{"where its median", "lies at 95 %"}, true, 16},
                     {{"predicted"}, true, 9},
                     {{"ratio"}, true, 5},
                     {{"verdict"}, false, 9}};
    bool bound = false;
    for (; i < rows.size() && rows[i].experiment == &e; ++i) {
      const Comparison& r = rows[i];
      const MeasuredRow& m = *r.measured;
      bound = bound || r.verdict == Verdict::at_least;
      table.rows.push_back({{{{point(e, m.at)}},
                             {{m.machine->name}},
                             {{duration(m.median)}},
                             {{duration_range(m.lies.low, m.lies.high)}},
                             {{duration(r.median)}},
                             {{ratio(r.median, m.median)}},
                             {{std::string(word(r.verdict)), style(r.verdict)}}},
                            {}});
    }
    page.table(table);
    if (bound) page.line(fmt::format("at least: {}", e.beyond.what), Style::plain, 2);
  }
}

void write_slopes(Page& page, const std::vector<Slope>& slopes) {
  if (slopes.empty()) return;
  page.gap();
  page.line("what each further one costs, from the first to the last N", Style::strong);
  Table table;
  table.columns = {
      {{"experiment"}, false, 30}, {{"machine"}, false, 8}, {{"measured"}, true, 8}, {{"predicted"}, true, 9}, {{"verdict"}, false, 7}};
  for (const Slope& s : slopes) {
    const auto run = static_cast<std::int64_t>(s.to - s.from);
    table.rows.push_back({{{{std::string(s.experiment->title)}},
                           {{s.machine->name}},
                           {{duration_slope(s.measured, run)}},
                           {{duration_slope(s.predicted, run)}},
                           {{s.met ? "ok" : "MISSED", s.met ? Style::good : Style::bad}}},
                          {}});
  }
  page.table(table);
}

void write_rules(Page& page, const Calibration& c) {
  page.gap();
  page.line("verdicts", Style::strong);
  const auto of = [&](Verdict v, const std::string& text) { page.entry_at(word(v), 12, text); };
  of(Verdict::within, fmt::format("the medians differ by at most {} %", limit_percent));
  of(Verdict::spread, "they differ by more, but the predicted one lies where the measured one does at 95 %, given its samples");
  of(Verdict::at_least, "less, and below the table is what was waited for besides: the predicted one is a lower bound");
  of(Verdict::missed, "none of these");
  of(Verdict::cost, "not judged: besides what the row takes whatever the wait (an unbind's own work, the rest of a handler) it measured at "
                    "most 0.3 ms a wait, CPU time under emulation");
  of(Verdict::host, "not judged: that is so of the same case on the counted clock, so what it takes in real time is the host's");
  of(Verdict::no_reader, "not judged: at most one call in ten found the reader inside, so nothing was in the way");
  of(Verdict::input, "not judged: the model has it from this row");
  page.gap();
  page.line("not compared", Style::strong);
  page.entry("-", fmt::format("{} of at most 0.3 ms", counted(c.too_short, "row")));
  page.entry("-",
             "busy machines (host contention), timers and threaded handlers (the remaining time is a lower bound there), SRCU fences in a "
             "row (short or long by 25 us), rcu_tasks");
}

Json spread(const Spread& s) { return Json::array({s.min, s.p10, s.median, s.p90, s.max}); }

}  // namespace

std::string write_calibration(const Calibration& calibration, const PageOptions& options) {
  Page page(options);
  page.line(fmt::format("the model beside {}", measured().kernel), Style::strong);
  page.line(fmt::format("predicted: medians of {} under 'timed', seed {}", counted(calibration.executions, "execution"), calibration.seed),
            Style::faint);
  write_inputs(page, measured().machines);
  write_rows(page, calibration.rows);
  write_slopes(page, calibration.slopes);
  write_rules(page, calibration);
  const std::uint64_t within = calibration.count(Verdict::within), spread = calibration.count(Verdict::spread),
                      bounds = calibration.count(Verdict::at_least), missed = calibration.count(Verdict::missed),
                      all = within + spread + bounds + missed;
  page.gap();
  page.line(fmt::format("{} judged: {} within {} %, {} as near as the measurement tells, {} at least, {} missed; {} of {} met",
                        counted(all, "row"), within, limit_percent, spread, bounds, missed,
                        calibration.slopes.size() - calibration.slopes_missed(), counted(calibration.slopes.size(), "slope")),
            calibration.good() ? Style::good : Style::bad);
  return page.take();
}

std::string write_calibration_json(const Calibration& calibration) {
  Json j;
  j["unplug"] = "calibration/1";
  j["kernel"] = measured().kernel;
  j["seed"] = calibration.seed;
  j["executions"] = calibration.executions;
  j["limit_percent"] = limit_percent;
  j["good"] = calibration.good();
  j["machines"] = Json::array();
  for (const Machine& m : measured().machines)
    j["machines"].push_back({{"name", m.name},
                             {"title", m.title},
                             {"cpus", m.kernel.cpus},
                             {"wake_up_ns", Json::array({m.wake_up.low, m.wake_up.high})},
                             {"kick_ns", Json::array({m.kick.low, m.kick.high})},
                             {"there_and_back_ns", m.there_and_back},
                             {"unbind_ns", spread(m.unbind)}});
  j["rows"] = Json::array();
  for (const Comparison& r : calibration.rows) {
    const MeasuredRow& m = *r.measured;
    j["rows"].push_back({{"experiment", r.experiment->name},
                         {"machine", m.machine->name},
                         {r.experiment->axis == Experiment::Axis::count ? "n" : "d_us", m.at},
                         {"samples", m.n},
                         {"measured_ns", {{"p10", m.p10}, {"median", m.median}, {"p90", m.p90}}},
                         {"median_lies_ns", Json::array({m.lies.low, m.lies.high})},
                         {"remaining_ns", m.remaining ? spread(*m.remaining) : Json(nullptr)},
                         {"predicted_ns", {{"p10", r.p10}, {"median", r.median}, {"p90", r.p90}}},
                         {"judged", judged(r.verdict)},
                         {"verdict", word(r.verdict)},
                         {"beyond", r.verdict == Verdict::at_least ? Json(r.experiment->beyond.what) : Json(nullptr)}});
  }
  j["slopes"] = Json::array();
  for (const Slope& s : calibration.slopes)
    j["slopes"].push_back({{"experiment", s.experiment->name},
                           {"machine", s.machine->name},
                           {"from", s.from},
                           {"to", s.to},
                           {"measured_ns", s.measured},
                           {"predicted_ns", s.predicted},
                           {"met", s.met}});
  j["rows_too_short"] = calibration.too_short;
  return j.dump(2) + "\n";
}

}  // namespace unplug::reports
