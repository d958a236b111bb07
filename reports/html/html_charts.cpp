#include <algorithm>

#include <fmt/format.h>

#include "unplug/reports/html/html_parts.hpp"
#include "unplug/reports/html/svg.hpp"
#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/phrases.hpp"
#include "unplug/reports/view/sweep.hpp"

namespace unplug::reports {

namespace {

std::vector<TimeRow> time_rows(const Group& group) {
  std::vector<TimeRow> rows;
  for (const Verdict& verdict : group.verdicts) {
    if (verdict.remove_ns || verdict.unbind_ns) rows.push_back({verdict.policy, verdict.remove_ns, verdict.unbind_ns});
  }
  return rows;
}

void add_quantiles(std::vector<Node>& rows, const Group& group, const Verdict& verdict, const char* what,
                   const std::optional<scenarios::Quantiles>& ns) {
  if (!ns) return;
  Node row;
  row.text("policy", verdict.policy).text("where", group_title(group.form, group.member)).text("what", what);
  row.text("p50", duration(ns->p50)).text("p90", duration(ns->p90)).text("p99", duration(ns->p99)).text("max", duration(ns->max));
  rows.push_back(row);
}

// The curves of one measure, one per policy, on one scale.
template <typename Text>
Node measure_node(const Sweep& sweep, const char* title, std::vector<std::optional<std::uint64_t>> Series::*values, Text text_of,
                  std::string (*values_text)(const std::vector<std::optional<std::uint64_t>>&),
                  std::string (*growth_text)(std::int64_t, std::int64_t)) {
  std::uint64_t highest = 0;
  for (const Series& series : sweep.series) {
    for (const auto& value : series.*values) highest = std::max(highest, value.value_or(0));
  }
  std::vector<Node> charts;
  for (const Series& series : sweep.series) {
    const std::optional<Growth> rise = growth(sweep.points, series.*values);
    if (!rise) continue;
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < sweep.points.size(); ++i) {
      const auto& value = (series.*values)[i];
      labels.push_back(fmt::format("{} at {}={}", value ? text_of(*value) : "not measured", sweep.parameter, sweep.points[i]));
    }
    const std::string each = growth_text(rise->rise, rise->run) + " each";
    charts.push_back(Node()
                         .text("policy", series.policy)
                         .text("svg", growth_chart(sweep.points, series.*values, highest, labels, values_text(series.*values), each)));
  }
  return Node().text("title", title).list("charts", charts);
}

}  // namespace

bool has_times(const ScenarioView& view) {
  return std::any_of(view.groups.begin(), view.groups.end(), [](const Group& group) { return !time_rows(group).empty(); });
}

Node times_node(const ScenarioView& view) {
  std::vector<TimeRow> all;
  for (const Group& group : view.groups) {
    for (TimeRow& row : time_rows(group)) all.push_back(std::move(row));
  }
  const TimeScale scale(all);
  std::vector<Node> charts, rows;
  for (const Group& group : view.groups) {
    const std::vector<TimeRow> own = time_rows(group);
    if (own.empty()) continue;
    charts.push_back(Node().text("title", group_title(group.form, group.member)).text("svg", time_chart(own, scale)));
    for (const Verdict& verdict : group.verdicts) {
      add_quantiles(rows, group, verdict, "remove()", verdict.remove_ns);
      add_quantiles(rows, group, verdict, "unbind", verdict.unbind_ns);
      add_quantiles(rows, group, verdict, "rmmod", verdict.rmmod_ns);
    }
  }
  return Node().list("charts", charts).list("rows", rows);
}

std::vector<Node> sweep_nodes(const ScenarioView& view) {
  std::vector<Node> out;
  for (const Sweep& sweep : sweeps(view)) {
    std::vector<std::string> points;
    for (const std::int64_t x : sweep.points) points.push_back(std::to_string(x));
    std::vector<std::string> rest;
    if (!sweep.form.empty()) rest.push_back("form " + sweep.form);
    if (!sweep.rest.empty()) rest.push_back(sweep.rest);
    std::vector<Node> measures;
    measures.push_back(measure_node(
        sweep, "Grace periods in series", &Series::grace_periods, [](std::uint64_t n) { return std::to_string(n); }, count_list, slope));
    measures.push_back(measure_node(
        sweep, "Unbind, median", &Series::unbind_ns, [](std::uint64_t ns) { return duration(ns); }, duration_list, duration_slope));
    for (Node& measure : measures) measure.text("points", join(points, ", "));
    out.push_back(Node().text("parameter", sweep.parameter).text("rest", join(rest, ", ")).list("measures", measures));
  }
  return out;
}

}  // namespace unplug::reports
