// The format `csv`: a line for each cell with every figure of it, for spreadsheets and scripts (RFC 4180: a header, CRLF, fields quoted
// where they have to be). Times are virtual and in nanoseconds; what was not measured is empty. Lists are joined by "; ".
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/clean.hpp"
#include "unplug/reports/view/enum_names.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::reports {

namespace {

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

// "use-after-unmap(bar0)@foo_ioctl": as a row of `expect` would name it.
std::string csv_findings(const std::vector<scenarios::Finding>& findings) {
  std::vector<std::string> all;
  for (const scenarios::Finding& f : findings) {
    std::string text = f.violation_class;
    if (!f.object.empty()) text += fmt::format("({})", f.object);
    if (!f.offender.function.empty()) text += "@" + f.offender.function;
    if (std::ranges::find(all, text) == all.end()) all.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(all, "; "));
}

// One line of the file: what its columns are called and what stands in them, added in one place so that they can't disagree.
class CsvLine {
 public:
  void add(std::string_view name, std::string_view text) {
    names_ += (names_.empty() ? "" : ",") + std::string(name);
    fields_ += (first_ ? "" : ",") + csv_field(text);
    first_ = false;
  }
  void add(std::string_view name, std::uint64_t n) { add(name, fmt::format("{}", n)); }
  void add(std::string_view name, const std::optional<scenarios::Quantiles>& q) {
    const auto quantile = [&](std::string_view which, std::uint64_t scenarios::Quantiles::*value) {
      add(fmt::format("{}_{}", name, which), q && q->count != 0 ? fmt::format("{}", (*q).*value) : "");
    };
    quantile("p50", &scenarios::Quantiles::p50);
    quantile("p90", &scenarios::Quantiles::p90);
    quantile("p99", &scenarios::Quantiles::p99);
    quantile("max", &scenarios::Quantiles::max);
  }
  [[nodiscard]] const std::string& names() const { return names_; }
  [[nodiscard]] const std::string& fields() const { return fields_; }

 private:
  std::string names_, fields_;
  bool first_ = true;
};

CsvLine csv_line(const scenarios::ScenarioResult& s, const scenarios::Cell& c) {
  CsvLine out;
  out.add("scenario", s.name);
  out.add("file", s.path);
  out.add("member", c.member);
  out.add("form", c.form);
  out.add("policy", c.policy);
  out.add("strategy", c.strategy);
  out.add("seed", c.seed);
  out.add("verdict", enum_name(c.verdict));
  out.add("evidence", enum_name(c.evidence.kind));
  out.add("bounds", fmt::format("{}", fmt::join(c.evidence.bounds, "; ")));
  out.add("executions", c.executions);
  out.add("distinct_traces", c.evidence.distinct_traces);
  out.add("failing", c.failing);
  out.add("blocked", c.blocked);
  out.add("violations", csv_findings(c.violations));
  out.add("notes", csv_findings(c.notes));
  std::uint64_t met = 0;
  for (const scenarios::Expectation& e : c.expectations) met += e.met ? 1 : 0;
  out.add("expectations_met", met);
  out.add("expectations_unmet", c.expectations.size() - met);
  out.add("remove_ns", c.remove_ns);
  out.add("unbind_ns", c.unbind_ns);
  out.add("rmmod_ns", c.rmmod_ns);
  out.add("grace_periods", std::optional(c.grace_periods));
  out.add("operations_started", c.operations.started);
  out.add("operations_completed", c.operations.completed);
  out.add("operations_refused_at_entry", c.operations.refused_at_entry);
  out.add("operations_torn", c.operations.torn);
  out.add("operations_failed", c.operations.failed);
  out.add("operations_unfinished", c.operations.unfinished);
  out.add("rmmod_attempted", c.unload.attempted);
  out.add("rmmod_refused", c.unload.refused);
  out.add("rmmod_done_while_open", c.unload.done_while_open);
  return out;
}

}  // namespace

std::string write_csv(const scenarios::Result& result, const WriterOptions&) {
  const scenarios::Result clean = cleaned(result, printable);
  std::string out = csv_line({}, {}).names() + "\r\n";
  for (const scenarios::ScenarioResult& s : clean.scenarios)
    for (const scenarios::Cell& c : s.cells) out += csv_line(s, c).fields() + "\r\n";
  return out;
}

}  // namespace unplug::reports
